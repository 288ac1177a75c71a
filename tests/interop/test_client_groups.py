"""Consumer groups of every client against either broker."""

import asyncio
import contextlib
import threading
import time

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from kafka import KafkaConsumer
from kafka.structs import OffsetAndMetadata
from kafka.structs import TopicPartition as Partition
from running import wait_for

pytestmark = [pytest.mark.interop, pytest.mark.long]

TIMEOUT = 20


def fill(broker, hint, partitions=1, count=20):
    """A topic with `count` records, spread evenly."""
    topic = broker.topic(hint, partitions)
    producer = Producer({"bootstrap.servers": broker.servers})
    for n in range(count):
        producer.produce(topic, b"%d" % n, partition=n % partitions)
    assert producer.flush(TIMEOUT) == 0
    return topic


@contextlib.contextmanager
def member(broker, group, *topics, on_assign=lambda consumer, partitions: None, **config):
    """A member of confluent-kafka's; leaves at the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "heartbeat.interval.ms": 200,
            "session.timeout.ms": 6000,
            "topic.metadata.refresh.interval.ms": 500,
        }
        | config
    )
    consumer.subscribe(list(topics), on_assign=on_assign)
    try:
        yield consumer
    finally:
        consumer.close()


def take(consumer, count):
    """`count` messages."""
    messages, deadline = [], time.monotonic() + TIMEOUT
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages"
        message = consumer.poll(0.5)
        if message is not None:
            assert not message.error(), message.error()
            messages.append(message)
    return messages


def shares(members, count):
    """What each member has, once together they have `count` partitions and none is idle."""

    def owned():
        for it in members:
            it.poll(0.05)
        return [{at.partition for at in it.assignment()} for it in members]

    wait_for(lambda: sorted(p for share in owned() for p in share) == list(range(count)) and all(owned()))
    return owned()


def committed(broker, group):
    return [it[:3] for it in broker.ask("committed", group=group)]


# --- reading and committing ------------------------------------------------------


def test_a_member_goes_on_from_what_was_committed(kafka_broker):
    topic, group = fill(kafka_broker, "resumed"), kafka_broker.name("group")
    with member(kafka_broker, group, topic) as consumer:
        assert [it.offset() for it in take(consumer, 7)] == list(range(7))
        consumer.commit(offsets=[TopicPartition(topic, 0, 7, "how far")], asynchronous=False)
    with member(kafka_broker, group, topic) as consumer:
        assert [it.offset() for it in take(consumer, 13)] == list(range(7, 20))
        (at,) = consumer.committed([TopicPartition(topic, 0)], TIMEOUT)
        assert (at.offset, at.metadata) == (7, "how far")
    assert committed(kafka_broker, group) == [[topic, 0, 7]]


def test_what_is_committed_automatically_is_there_after_leaving(kafka_broker):
    topic, group = fill(kafka_broker, "automatic", 2), kafka_broker.name("group")
    with member(kafka_broker, group, topic, **{"enable.auto.commit": True}) as consumer:
        take(consumer, 20)
    assert committed(kafka_broker, group) == [[topic, 0, 10], [topic, 1, 10]]


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_the_partitions_and_one_takes_over(kafka_broker, strategy):
    topic, group = fill(kafka_broker, "shared", 4), kafka_broker.name("group")
    config = {"partition.assignment.strategy": strategy}
    with member(kafka_broker, group, topic, **config) as first:
        assert shares([first], 4) == [{0, 1, 2, 3}]
        with member(kafka_broker, group, topic, **config) as second:
            assert [len(it) for it in shares([first, second], 4)] == [2, 2]
        assert shares([first], 4) == [{0, 1, 2, 3}]


def test_a_topic_that_grows_is_shared_anew(kafka_broker):
    topic, group = fill(kafka_broker, "growing", 1), kafka_broker.name("group")
    with member(kafka_broker, group, topic) as consumer:
        assert shares([consumer], 1) == [{0}]
        kafka_broker.tool("kafka-topics", "--alter", "--topic", topic, "--partitions", "3")
        assert shares([consumer], 3) == [{0, 1, 2}]


def test_a_pattern_finds_topics_that_come_later(kafka_broker):
    prefix, group = kafka_broker.name("pattern"), kafka_broker.name("group")
    with member(kafka_broker, group, f"^{prefix}.*") as consumer:
        consumer.poll(0.1)
        topic = fill(kafka_broker, prefix, count=3)
        assert {it.topic() for it in take(consumer, 3)} == {topic}


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance(kafka_broker):
    topic, group = fill(kafka_broker, "static", 4), kafka_broker.name("group")
    assigned = []
    first = member(
        kafka_broker,
        group,
        topic,
        on_assign=lambda _, them: assigned.append(them),
        **{"group.instance.id": "a"},
    )
    with first as stays:
        with member(kafka_broker, group, topic, **{"group.instance.id": "b"}) as leaves:
            before = shares([stays, leaves], 4)
        assigned.clear()
        with member(kafka_broker, group, topic, **{"group.instance.id": "b"}) as returns:
            assert shares([stays, returns], 4) == before
        assert assigned == []


def test_a_member_that_is_silent_for_too_long_is_replaced(kafka_broker):
    topic, group = fill(kafka_broker, "silent", 2), kafka_broker.name("group")
    config = {"session.timeout.ms": 1000, "max.poll.interval.ms": 1000}
    with member(kafka_broker, group, topic, **config) as silent, member(kafka_broker, group, topic) as other:
        assert [len(it) for it in shares([silent, other], 2)] == [1, 1]
        assert shares([other], 2) == [{0, 1}]  # `silent` does not poll any more


def test_a_commit_of_a_generation_that_is_over_is_refused(kafka_broker):
    topic, group = fill(kafka_broker, "fenced", 2), kafka_broker.name("group")
    config = {"session.timeout.ms": 1000, "max.poll.interval.ms": 1000}
    with member(kafka_broker, group, topic, **config) as late:
        take(late, 1)
        with member(kafka_broker, group, topic) as other:
            assert shares([other], 2) == [{0, 1}]
            with pytest.raises(KafkaException):
                late.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert committed(kafka_broker, group) == []


# --- other clients ---------------------------------------------------------------


def test_javas_member_reads_commits_and_leaves(kafka_broker):
    topic, group = fill(kafka_broker, "java", 2), kafka_broker.name("group")
    for assignor in ("RangeAssignor", "CooperativeStickyAssignor"):
        config = {"partition.assignment.strategy": f"org.apache.kafka.clients.consumer.{assignor}"}
        kafka_broker.ask("join", group=group, topics=[topic], records=10, config=config)
    assert sum(it[2] for it in committed(kafka_broker, group)) == 20
    kafka_broker.ask("commit", group=group, offsets=[[topic, 1, 3, "back"]])
    assert kafka_broker.ask("committed", group=group)[1] == [topic, 1, 3, "back"]


def test_kafka_pythons_members_share_commit_and_resume(kafka_broker):
    topic, group = fill(kafka_broker, "kafka-python", 2), kafka_broker.name("group")
    config = {
        "bootstrap_servers": kafka_broker.servers, "group_id": group, "auto_offset_reset": "earliest",
        "enable_auto_commit": False, "heartbeat_interval_ms": 200, "session_timeout_ms": 6000,
    }  # fmt: skip
    with KafkaConsumer(topic, **config) as first:
        seen = []
        wait_for(
            lambda: seen.extend(it for some in first.poll(200).values() for it in some) or len(seen) == 20
        )
        with KafkaConsumer(topic, **config) as second:

            def are_shared():
                for it in (first, second):
                    it.poll(50)
                return sorted(len(it.assignment()) for it in (first, second)) == [1, 1]

            wait_for(are_shared)
        wait_for(lambda: first.poll(50) is not None and len(first.assignment()) == 2)
        first.commit({Partition(topic, 0): OffsetAndMetadata(4, "four", -1)})
        assert first.committed(Partition(topic, 0)) == 4
    assert kafka_broker.ask("committed", group=group) == [[topic, 0, 4, "four"]]


def test_aiokafkas_members_share_commit_and_resume(kafka_broker):
    topic, group = fill(kafka_broker, "aiokafka", 2), kafka_broker.name("group")
    config = {
        "bootstrap_servers": kafka_broker.servers, "group_id": group, "auto_offset_reset": "earliest",
        "enable_auto_commit": False, "heartbeat_interval_ms": 200, "session_timeout_ms": 6000,
    }  # fmt: skip

    async def both():
        async with AIOKafkaConsumer(topic, **config) as first:
            offsets = [(await first.getone()).offset for _ in range(20)]
            async with AIOKafkaConsumer(topic, **config) as second:
                while sorted(len(it.assignment()) for it in (first, second)) != [1, 1]:
                    await asyncio.sleep(0.05)
            while len(first.assignment()) != 2:
                await asyncio.sleep(0.05)
            await first.commit(dict.fromkeys(first.assignment(), 5))
            return offsets

    offsets = asyncio.run(asyncio.wait_for(both(), TIMEOUT))
    assert sorted(offsets) == sorted([*range(10)] * 2)
    assert committed(kafka_broker, group) == [[topic, 0, 5], [topic, 1, 5]]


def test_members_of_different_clients_share_a_group(kafka_broker):
    topic, group = fill(kafka_broker, "mixed", 2), kafka_broker.name("group")
    with member(kafka_broker, group, topic, **{"partition.assignment.strategy": "range"}) as librdkafka:
        assert shares([librdkafka], 2) == [{0, 1}]
        joined = threading.Thread(
            target=kafka_broker.ask,
            args=("join",),
            kwargs={"group": group, "topics": [topic], "records": 10, "config": {}},
        )
        joined.start()
        while joined.is_alive():
            librdkafka.poll(0.05)
        joined.join()
        assert shares([librdkafka], 2) == [{0, 1}]
    ((_, _, offset),) = committed(kafka_broker, group)
    assert offset == 10


# --- administration --------------------------------------------------------------


def test_groups_are_listed_described_and_deleted(kafka_broker):
    topic, group = fill(kafka_broker, "described", 2), kafka_broker.name("group")
    admin = AdminClient({"bootstrap.servers": kafka_broker.servers})
    with member(
        kafka_broker, group, topic, **{"client.id": "me", "partition.assignment.strategy": "range"}
    ) as consumer:
        take(consumer, 20)
        consumer.commit(asynchronous=False)
        listed = {it.group_id: it for it in admin.list_consumer_groups().result(TIMEOUT).valid}
        assert listed[group].state.name == "STABLE"
        described = admin.describe_consumer_groups([group])[group].result(TIMEOUT)
        (one,) = described.members
        assert (described.state.name, described.partition_assignor, one.client_id) == (
            "STABLE",
            "range",
            "me",
        )
        assert {(it.topic, it.partition) for it in one.assignment.topic_partitions} == {
            (topic, 0),
            (topic, 1),
        }
        with pytest.raises(Exception, match=r"NON_EMPTY_GROUP|not empty"):
            admin.delete_consumer_groups([group])[group].result(TIMEOUT)
    described = admin.describe_consumer_groups([group])[group].result(TIMEOUT)
    assert (described.state.name, described.members) == ("EMPTY", [])
    (offsets,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    assert sorted(it.offset for it in offsets.result(TIMEOUT).topic_partitions) == [10, 10]
    admin.delete_consumer_groups([group])[group].result(TIMEOUT)
    assert group not in {it.group_id for it in admin.list_consumer_groups().result(TIMEOUT).valid}


def test_kafka_consumer_groups_shows_resets_and_deletes(kafka_broker):
    topic, group = fill(kafka_broker, "tool", 2), kafka_broker.name("group")
    about = ["--group", group]
    with member(kafka_broker, group, topic, **{"client.id": "me"}) as consumer:
        take(consumer, 20)
        consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
        shown = kafka_broker.tool("kafka-consumer-groups", "--describe", *about)
        rows = {it.split()[2]: it.split() for it in shown.splitlines() if it.startswith(group)}
        assert rows["0"][3:6] == ["4", "10", "6"]
        assert rows["1"][3:6] == ["-", "10", "-"]
        assert "Stable" in kafka_broker.tool("kafka-consumer-groups", "--describe", "--state", *about)
        assert "me" in kafka_broker.tool(
            "kafka-consumer-groups", "--describe", "--members", "--verbose", *about
        )
        assert group in kafka_broker.tool("kafka-consumer-groups", "--list").split()
    kafka_broker.tool(
        "kafka-consumer-groups", "--reset-offsets", "--to-earliest", "--topic", topic, "--execute", *about
    )
    assert committed(kafka_broker, group) == [[topic, 0, 0], [topic, 1, 0]]
    kafka_broker.tool("kafka-consumer-groups", "--delete-offsets", "--topic", f"{topic}:1", *about)
    assert committed(kafka_broker, group) == [[topic, 0, 0]]
    kafka_broker.tool("kafka-consumer-groups", "--delete", *about)
    assert group not in kafka_broker.tool("kafka-consumer-groups", "--list").split()


def test_the_console_consumer_and_the_perf_test_read_in_groups(kafka_broker):
    topic = fill(kafka_broker, "console", 3, count=300)
    said = kafka_broker.tool(
        "kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "300",
        "--group", kafka_broker.name("group"),
    )  # fmt: skip
    assert sorted(map(int, said.split())) == list(range(300))
    said = kafka_broker.tool("kafka-consumer-perf-test", "--topic", topic, "--num-records", "300")
    figures = said.splitlines()[1].split(", ")
    assert figures[4] == "300"


def test_a_group_that_nobody_made_does_not_exist(kafka_broker):
    nobody = kafka_broker.name("nobody")
    said = kafka_broker.tool("kafka-consumer-groups", "--describe", "--group", nobody)
    assert f"Group {nobody} not found." in said
    assert committed(kafka_broker, nobody) == []
