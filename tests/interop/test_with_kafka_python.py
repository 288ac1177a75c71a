"""kafka-python against either broker."""

import time

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

pytestmark = pytest.mark.interop

T0 = 1_700_000_000_000


def consume(broker, topic, count, *partitions, start=None, **config):
    """`count` records from the beginning, or from `start`."""
    with KafkaConsumer(
        bootstrap_servers=broker.servers, enable_auto_commit=False, consumer_timeout_ms=20_000, **config
    ) as consumer:
        assigned = [TopicPartition(topic, it) for it in partitions or (0,)]
        consumer.assign(assigned)
        if start is None:
            consumer.seek_to_beginning(*assigned)
        else:
            consumer.seek(assigned[0], start)
        records = []
        for record in consumer:
            records.append(record)
            if len(records) == count:
                break
        assert len(records) == count
        return sorted(records, key=lambda it: (it.partition, it.offset))


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_with_every_codec_is_consumed(kafka_broker, codec, idempotent):
    topic = kafka_broker.topic("codec")
    values = [b"value %d " % n * 20 for n in range(300)]
    with KafkaProducer(
        bootstrap_servers=kafka_broker.servers,
        compression_type=codec,
        enable_idempotence=idempotent,
        linger_ms=5,
    ) as producer:
        sent = [producer.send(topic, it) for it in values]
        assert [it.get(20).offset for it in sent] == list(range(300))
    assert [it.value for it in consume(kafka_broker, topic, 300)] == values


def test_keys_values_headers_and_times_come_back_as_they_were(kafka_broker):
    topic = kafka_broker.topic("shapes")
    shapes = [
        (b"k", b"v", [("h", b"1"), ("h", b""), ("", b"x")], T0),
        (b"key", None, [], T0 - 5),
        (None, b"", [], T0 + 5),
        ("snow\N{SNOWMAN}".encode(), bytes(range(256)), [("x", b"\0")], T0),
    ]
    with KafkaProducer(bootstrap_servers=kafka_broker.servers) as producer:
        for key, value, headers, timestamp in shapes:
            producer.send(topic, value, key, headers, 0, timestamp)
    records = consume(kafka_broker, topic, len(shapes))
    assert [(it.key, it.value, list(it.headers), it.timestamp) for it in records] == shapes


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_kind_of_acknowledgement_delivers(kafka_broker, acks):
    topic = kafka_broker.topic("acks", partitions=3)
    with KafkaProducer(
        bootstrap_servers=kafka_broker.servers, acks=acks, enable_idempotence=False
    ) as producer:
        for n in range(99):
            producer.send(topic, b"%d" % n, partition=n % 3)
    records = consume(kafka_broker, topic, 99, 0, 1, 2)
    assert [it.value for it in records] == [b"%d" % n for p in range(3) for n in range(p, 99, 3)]


def test_a_message_larger_than_every_fetch_size_is_fetched(kafka_broker):
    topic = kafka_broker.topic("big", max_message_bytes="3000000")
    with KafkaProducer(bootstrap_servers=kafka_broker.servers, max_request_size=3_000_000) as producer:
        for size in (10, 2_000_000, 20):
            producer.send(topic, b"x" * size)
    records = consume(kafka_broker, topic, 3, max_partition_fetch_bytes=1000, fetch_max_bytes=1000)
    assert [len(it.value) for it in records] == [10, 2_000_000, 20]


def test_reading_starts_in_the_middle_of_a_batch(kafka_broker):
    topic = kafka_broker.topic("middle")
    with KafkaProducer(bootstrap_servers=kafka_broker.servers, linger_ms=100) as producer:
        for n in range(20):
            producer.send(topic, b"%d" % n)
    assert [it.offset for it in consume(kafka_broker, topic, 7, start=13)] == list(range(13, 20))


def test_a_long_poll_ends_when_something_comes(kafka_broker):
    topic = kafka_broker.topic("poll")
    with (
        KafkaConsumer(bootstrap_servers=kafka_broker.servers, fetch_max_wait_ms=10_000) as consumer,
        KafkaProducer(bootstrap_servers=kafka_broker.servers) as producer,
    ):
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        assert not consumer.poll(500)
        started = time.monotonic()
        producer.send(topic, b"news").get(20)
        (records,) = consumer.poll(20_000).values()
        assert [it.value for it in records] == [b"news"]
        assert time.monotonic() - started < 5


def test_offsets_at_both_ends_and_by_time(kafka_broker):
    topic = kafka_broker.topic("offsets")
    at = TopicPartition(topic, 0)
    with KafkaProducer(bootstrap_servers=kafka_broker.servers) as producer:
        for n in range(10):
            producer.send(topic, b"x", timestamp_ms=T0 + n * 1000)
    with KafkaConsumer(bootstrap_servers=kafka_broker.servers) as consumer:
        assert consumer.beginning_offsets([at]) == {at: 0}
        assert consumer.end_offsets([at]) == {at: 10}
        found = consumer.offsets_for_times({at: T0 + 2500})[at]
        assert (found.offset, found.timestamp) == (3, T0 + 3000)
        assert consumer.offsets_for_times({at: T0 + 9001})[at] is None


def test_the_admin_client_creates_describes_alters_and_deletes(kafka_broker):
    with KafkaAdminClient(bootstrap_servers=kafka_broker.servers) as admin:
        name = kafka_broker.topic("admin", partitions=2)
        assert name in admin.list_topics()
        (described,) = admin.describe_topics([name])
        assert [it["partition_index"] for it in described["partitions"]] == [0, 1]
        with pytest.raises(KafkaError):
            admin.delete_topics([kafka_broker.name("none")])
        admin.delete_topics([name])
        assert name not in admin.list_topics()
