"""Groups over the wire: consumers of librdkafka, aiokafka and this process, an admin client, raw frames."""

import asyncio
import time
from datetime import timedelta

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from raw import Raw, entity

from pykafkalite.coordinator.consumer_protocol import (
    Subscription,
    decode_assignment,
    encode,
    encode_assignment,
)
from pykafkalite.coordinator.requests import Leaver

TIMEOUT = 10


@pytest.fixture
def consumer(broker):
    made = []

    def make(group="g", **config):
        config = {name.replace("_", "."): value for name, value in config.items()}
        defaults = {
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "heartbeat.interval.ms": 200,
        }
        made.append(
            Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": group} | defaults | config)
        )
        made[-1].subscribe(["events"])
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


@pytest.fixture
def topic(log):
    events = log.topic("events")
    for n in range(20):
        events.append(b"%d" % n, partition=n % 2)
    return events


def until(done, *consumers, seconds=15):
    """Polls until `done(messages)`; all that was read, by consumer."""
    read = {each: [] for each in consumers}
    end = time.monotonic() + seconds
    while not done(read):
        assert time.monotonic() < end, {each: len(found) for each, found in read.items()}
        for each in consumers:
            message = each.poll(0.05)
            if message is not None and message.error() is None:
                read[each].append(message)
    return read


def places(each):
    return sorted((place.topic, place.partition) for place in each.assignment())


BOTH = [("events", 0), ("events", 1)]


def test_a_consumer_reads_commits_and_resumes(topic, consumer):
    first = consumer()
    until(lambda read: len(read[first]) == 20, first)
    assert {each.offset for each in first.commit(asynchronous=False)} == {10}
    first.close()
    topic.append(b"new", partition=1)
    second = consumer()
    (message,) = until(lambda read: read[second], second)[second]
    assert message.value() == b"new"


def test_two_consumers_share_and_the_one_left_gets_all(topic, consumer):
    a, b = consumer(), consumer()
    until(lambda _: len(places(a)) == len(places(b)) == 1, a, b)
    assert sorted(places(a) + places(b)) == BOTH
    a.close()
    until(lambda _: places(b) == BOTH, b)


def test_cooperative_consumers_share_too(topic, consumer):
    strategy = {"partition_assignment_strategy": "cooperative-sticky"}
    a = consumer(**strategy)
    until(lambda _: places(a) == BOTH, a)
    b = consumer(**strategy)
    until(lambda _: len(places(a)) == len(places(b)) == 1, a, b)
    a.close()
    until(lambda _: places(b) == BOTH, b)


def test_a_static_consumer_that_comes_back_gets_the_same_without_a_rebalance(topic, consumer, log):
    a = consumer(group_instance_id="a")
    until(lambda _: places(a) == BOTH, a)
    before = log.group("g").members
    a.close()
    again = consumer(group_instance_id="a")
    until(lambda _: places(again) == BOTH, again)
    assert len(log.group("g").members) == len(before) == 1
    assert log.group("g").members != before


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_consumer_of_this_process_and_a_client_share_a_group(topic, consumer, log, ours_first):
    if ours_first:
        ours, theirs = log.consumer("events", group="g"), consumer()
    else:
        theirs = consumer()
        until(lambda _: places(theirs) == BOTH, theirs)
        ours = log.consumer("events", group="g")
    until(lambda _: len(places(theirs)) == len(ours.assignment) == 1, theirs)
    assert sorted([*places(theirs), *map(tuple, ours.assignment)]) == BOTH
    assert len(log.group("g").members) == 2
    read = {message.partition for message in ours.messages(timeout=0)}
    assert read == {place.partition for place in ours.assignment}
    ours.commit()
    ours.close()
    messages = until(lambda _: places(theirs) == BOTH, theirs)[theirs]
    assert not read & {message.partition() for message in messages}


def test_aiokafka_which_only_takes_turns_shares_with_a_consumer_of_this_process(topic, broker, log):
    from aiokafka import AIOKafkaConsumer

    ours = log.consumer("events", group="g")

    async def main():
        theirs = AIOKafkaConsumer(
            "events", bootstrap_servers=broker.bootstrap_servers, group_id="g", auto_offset_reset="earliest"
        )
        await theirs.start()
        try:
            message = await asyncio.wait_for(theirs.getone(), TIMEOUT)
            await theirs.commit()
            return message.partition
        finally:
            await theirs.stop()

    partition = asyncio.run(main())
    assert ours.committed("events", partition) == 1
    assert len(ours.assignment) == 2


def test_an_administrator_sees_moves_and_deletes_groups(topic, consumer, admin):
    member = consumer(client_id="app")
    until(lambda read: len(read[member]) == 20, member)
    member.commit(asynchronous=False)
    described = admin.describe_consumer_groups(["g"])["g"].result(TIMEOUT)
    assert (described.state, described.partition_assignor) == (ConsumerGroupState.STABLE, "range")
    (shown,) = described.members
    assert (shown.client_id, shown.host) == ("app", "/127.0.0.1")
    assert [(place.topic, place.partition) for place in shown.assignment.topic_partitions] == BOTH
    listed = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(TIMEOUT)
    assert [group.group_id for group in listed.valid] == ["g"]
    with pytest.raises(KafkaException, match=r"(?i)not.empty"):
        admin.delete_consumer_groups(["g"])["g"].result(TIMEOUT)
    member.close()
    wanted = ConsumerGroupTopicPartitions("g", [TopicPartition("events", 0, 4)])
    admin.alter_consumer_group_offsets([wanted])["g"].result(TIMEOUT)
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("g")])["g"].result(TIMEOUT)
    assert [(place.partition, place.offset) for place in found.topic_partitions] == [(0, 4), (1, 10)]
    admin.delete_consumer_groups(["g"])["g"].result(TIMEOUT)
    assert admin.list_consumer_groups().result(TIMEOUT).valid == []


def test_a_deleted_topics_offsets_are_gone(topic, consumer, admin, log):
    member = consumer()
    until(lambda read: len(read[member]) == 20, member)
    member.commit(asynchronous=False)
    member.close()
    admin.delete_topics(["events"])["events"].result(TIMEOUT)
    assert log.coordinator.committed("g") == {}


# --- every version ----------------------------------------------------------

SECONDS = timedelta(seconds=30)
SUBSCRIPTION = encode(Subscription(topics=("events",)))


def joins(version, member_id=""):
    protocol = entity(11, version, "JoinGroupRequestProtocol", name="range", metadata=SUBSCRIPTION)
    fields = {
        "group_id": "g",
        "session_timeout": SECONDS,
        "member_id": member_id,
        "protocol_type": "consumer",
    }
    return fields | {"protocols": (protocol,)} | ({"rebalance_timeout": SECONDS} if version >= 1 else {})


@pytest.mark.parametrize("version", range(10))
def test_a_member_lives_its_life_in_every_version_of_the_requests(raw, version):
    joined = raw.ask(11, version, **joins(version))
    if version >= 4:
        assert joined.error_code.name == "member_id_required"
        joined = raw.ask(11, version, **joins(version, joined.member_id))
    assert (joined.error_code.value, joined.generation_id, joined.protocol_name) == (0, 1, "range")
    assert joined.leader == joined.member_id
    (member,) = joined.members
    assert bytes(member.metadata) == SUBSCRIPTION
    who = {"group_id": "g", "generation_id": 1, "member_id": joined.member_id}

    sync = min(version, 5)
    dealt = encode_assignment([("events", 1)])
    mine = entity(14, sync, "SyncGroupRequestAssignment", member_id=joined.member_id, assignment=dealt)
    synced = raw.ask(14, sync, **who, assignments=(mine,))
    assert (synced.error_code.value, decode_assignment(bytes(synced.assignment))) == (0, (("events", 1),))

    assert raw.ask(12, min(version, 4), **who).error_code.value == 0
    assert raw.ask(12, min(version, 4), **who | {"generation_id": 9}).error_code.name == "illegal_generation"

    describe = min(version, 6)
    operations = {"include_authorized_operations": False} if describe >= 3 else {}
    described = raw.ask(15, describe, groups=("g", "nobody"), **operations).groups
    assert [group.group_state for group in described] == ["Stable", "Dead"]
    assert described[1].error_code.value == (69 if version >= 6 else 0)
    (group,) = raw.ask(16, min(version, 5)).groups
    assert (group.group_id, group.protocol_type) == ("g", "consumer")

    assert raw.ask(42, min(version, 2), groups_names=("g", "nobody")).results[0].error_code.value == 68
    leave = min(version, 5)
    leaver = {"member_id": joined.member_id}
    if leave >= 3:
        leaver = {"members": (entity(13, leave, "MemberIdentity", **leaver, group_instance_id=None),)}
    left = raw.ask(13, leave, group_id="g", **leaver)
    assert left.error_code.value == 0
    assert [
        result.error_code.value for result in raw.ask(42, min(version, 2), groups_names=("g",)).results
    ] == [0]


def topic_of(api_key, version, name, log, topic="events", **fields):
    by = {"topic_id": log.store.topic(topic).id} if version >= 10 else {"name": topic}
    return entity(api_key, version, name, **by, **fields)


@pytest.mark.parametrize("version", range(1, 11))
def test_offsets_are_committed_and_fetched_in_every_version(raw, log, version):
    commits = max(version, 2)
    item = entity(
        8,
        commits,
        "OffsetCommitRequestPartition",
        partition_index=1,
        committed_offset=7,
        committed_metadata="note",
    )
    nowhere = entity(
        8,
        commits,
        "OffsetCommitRequestPartition",
        partition_index=9,
        committed_offset=7,
        committed_metadata=None,
    )
    asked = topic_of(8, commits, "OffsetCommitRequestTopic", log, partitions=(item, nowhere))
    answer = raw.ask(
        8, commits, group_id="g", generation_id_or_member_epoch=-1, member_id="", topics=(asked,)
    )
    assert [each.error_code.value for each in answer.topics[0].partitions] == [0, 3]

    plural = "s" if version >= 8 else ""
    wanted = topic_of(9, version, f"OffsetFetchRequestTopic{plural}", log, partition_indexes=(0, 1))
    for topics in ((wanted,), None) if version >= 2 else ((wanted,),):
        fields = {"group_id": "g", "topics": topics}
        if version >= 8:
            fields = {"groups": (entity(9, version, "OffsetFetchRequestGroup", **fields),)}
        answer = raw.ask(9, version, **fields)
        (found,) = (answer.groups[0] if version >= 8 else answer).topics
        offsets = {each.partition_index: (each.committed_offset, each.metadata) for each in found.partitions}
        assert offsets == ({0: (-1, ""), 1: (7, "note")} if topics else {1: (7, "note")})


def test_topics_that_are_not_there_are_said_to_be_so(raw, log):
    item = entity(
        8, 9, "OffsetCommitRequestPartition", partition_index=0, committed_offset=7, committed_metadata=""
    )
    asked = entity(8, 9, "OffsetCommitRequestTopic", name="nowhere", partitions=(item,))
    answer = raw.ask(8, 9, group_id="g", generation_id_or_member_epoch=-1, member_id="", topics=(asked,))
    assert answer.topics[0].partitions[0].error_code.name == "unknown_topic_or_partition"
    assert log.coordinator.list_groups() == []


def test_offsets_are_deleted_unless_they_are_in_use(raw, log, consumer, topic):
    member = consumer()
    until(lambda read: len(read[member]) == 20, member)
    member.commit(asynchronous=False)
    item = entity(47, 0, "OffsetDeleteRequestPartition", partition_index=0)
    asked = {
        "group_id": "g",
        "topics": (entity(47, 0, "OffsetDeleteRequestTopic", name="events", partitions=(item,)),),
    }
    assert raw.ask(47, 0, **asked).topics[0].partitions[0].error_code.name == "group_subscribed_to_topic"
    member.close()
    assert raw.ask(47, 0, **asked).topics[0].partitions[0].error_code.value == 0
    assert list(log.coordinator.committed("g")) == [("events", 1)]
    assert raw.ask(47, 0, **asked | {"group_id": "nobody"}).error_code.name == "group_id_not_found"


def test_a_client_that_goes_while_its_join_waits_harms_nobody(raw, broker, consumer, log, topic):
    member = consumer(session_timeout_ms=6_000)
    until(lambda _: places(member) == BOTH, member)
    other = Raw(broker.bootstrap_servers)
    other.send(11, 3, **joins(3))
    until(lambda _: len(log.group("g").members) == 2)
    other.socket.close()
    assert raw.ask(16, 2).error_code.value == 0
    log.coordinator.leave("g", [_leaver(log, member)])
    until(lambda _: places(member), member)


def _leaver(log, member):
    (gone,) = set(log.group("g").members) - {member.memberid()}
    return Leaver(gone)


def test_a_broker_that_stops_keeps_no_join_waiting(broker, raw, consumer, topic, log):
    member = consumer()
    until(lambda _: places(member) == BOTH, member)
    raw.send(11, 3, **joins(3))
    until(lambda _: len(log.group("g").members) == 2)
    began = time.monotonic()
    broker.close()
    assert time.monotonic() - began < 2
    assert raw.receive(11, 3)[1].error_code.name == "not_coordinator"
