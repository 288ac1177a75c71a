"""confluent-kafka, that is librdkafka, against either broker."""

import time

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec

pytestmark = pytest.mark.interop

TIMEOUT = 20
T0 = 1_700_000_000_000


def send(broker, topic, records, **config):
    """Sends dicts of Producer.produce's arguments; the delivered messages, in order."""
    delivered, failed = [], []

    def report(error, message):
        (failed if error else delivered).append(error or message)

    producer = Producer({"bootstrap.servers": broker.servers, "linger.ms": 5, **config})
    for record in records:
        producer.produce(topic, on_delivery=report, **record)
    assert producer.flush(TIMEOUT) == 0
    assert not failed
    return sorted(delivered, key=lambda it: (it.partition(), it.offset()))


def consumer(broker, **config):
    return Consumer(
        {"bootstrap.servers": broker.servers, "group.id": "unused", "enable.auto.commit": False} | config
    )


def receive(broker, topic, count, *partitions, start=OFFSET_BEGINNING, **config):
    """`count` messages from `start` on."""
    reader = consumer(broker, **config)
    try:
        reader.assign([TopicPartition(topic, it, start) for it in partitions or (0,)])
        messages, deadline = [], time.monotonic() + TIMEOUT
        while len(messages) < count:
            assert time.monotonic() < deadline, f"{len(messages)} of {count} messages"
            got = reader.consume(count - len(messages), 1.0)
            assert [it.error() for it in got if it.error()] == []
            messages += got
        return sorted(messages, key=lambda it: (it.partition(), it.offset()))
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("codec", "idempotent"),
    [("none", False), ("gzip", False), ("lz4", False), ("none", True), ("snappy", True), ("zstd", True)],
)
def test_what_is_produced_with_every_codec_is_consumed(kafka_broker, codec, idempotent):
    topic = kafka_broker.topic("codec")
    values = [b"value %d " % n * 20 for n in range(500)]
    sent = send(
        kafka_broker,
        topic,
        [{"value": it} for it in values],
        **{"compression.type": codec, "enable.idempotence": idempotent},
    )
    assert [it.offset() for it in sent] == list(range(500))
    assert [it.value() for it in receive(kafka_broker, topic, 500)] == values


def test_keys_values_headers_and_times_come_back_as_they_were(kafka_broker):
    topic = kafka_broker.topic("shapes")
    records = [
        {"key": b"k", "value": b"v", "timestamp": T0, "headers": [("h", b"1"), ("h", None), ("", b"")]},
        {"key": None, "value": None, "timestamp": T0 - 5},
        {"key": b"", "value": b"", "timestamp": T0 + 5},
        {
            "key": "snow\N{SNOWMAN}".encode(),
            "value": bytes(range(256)),
            "timestamp": T0,
            "headers": [("x", b"\0")],
        },
    ]
    send(kafka_broker, topic, records)
    for record, message in zip(records, receive(kafka_broker, topic, 4), strict=True):
        assert (message.key(), message.value()) == (record["key"], record["value"])
        assert message.timestamp() == (TIMESTAMP_CREATE_TIME, record["timestamp"])
        assert (message.headers() or []) == record.get("headers", [])


def test_a_topic_with_log_append_time_stamps_what_comes(kafka_broker):
    topic = kafka_broker.topic("stamped", message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    (delivered,) = send(kafka_broker, topic, [{"value": b"now", "timestamp": T0}])
    (message,) = receive(kafka_broker, topic, 1)
    kind, timestamp = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert before <= timestamp <= int(time.time() * 1000)
    assert delivered.timestamp() == (kind, timestamp)


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement_delivers(kafka_broker, acks):
    topic = kafka_broker.topic("acks")
    send(kafka_broker, topic, [{"value": b"%d" % n} for n in range(100)], **{"acks": acks})
    assert [it.value() for it in receive(kafka_broker, topic, 100)] == [b"%d" % n for n in range(100)]


def test_many_partitions_keep_their_own_order(kafka_broker):
    topic = kafka_broker.topic("many", partitions=50)
    sent = [{"value": b"%d" % n, "partition": n % 50} for n in range(1000)]
    send(kafka_broker, topic, sent)
    got = receive(kafka_broker, topic, 1000, *range(50))
    assert [(it.partition(), it.offset(), it.value()) for it in got] == [
        (p, n, b"%d" % (n * 50 + p)) for p in range(50) for n in range(20)
    ]


def test_a_big_message_passes_whatever_the_fetch_sizes(kafka_broker):
    topic = kafka_broker.topic("big", max_message_bytes="9000000")
    big = bytes(range(256)) * 30_000
    send(
        kafka_broker,
        topic,
        [{"value": b"small"}, {"value": big}, {"value": b"after"}],
        **{"message.max.bytes": 9_000_000},
    )
    got = receive(
        kafka_broker,
        topic,
        3,
        **{"fetch.message.max.bytes": 1000, "fetch.max.bytes": 1000, "message.max.bytes": 1000},
    )
    assert [it.value() for it in got] == [b"small", big, b"after"]


def test_a_message_over_the_topics_limit_is_refused(kafka_broker):
    topic = kafka_broker.topic("limited", max_message_bytes="1000")
    errors = []
    producer = Producer({"bootstrap.servers": kafka_broker.servers})
    producer.produce(topic, b"x" * 2000, on_delivery=lambda error, message: errors.append(error.code()))
    assert producer.flush(TIMEOUT) == 0
    assert errors == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_a_record_without_a_key_is_refused_by_a_compacted_topic(kafka_broker):
    topic = kafka_broker.topic("compacted", cleanup_policy="compact")
    errors = []
    producer = Producer({"bootstrap.servers": kafka_broker.servers})
    producer.produce(topic, b"no key", on_delivery=lambda error, message: errors.append(error.code()))
    assert producer.flush(TIMEOUT) == 0
    assert errors == [KafkaError.INVALID_RECORD]
    send(kafka_broker, topic, [{"key": b"k", "value": b"v"}])


def test_reading_starts_at_any_offset(kafka_broker):
    topic = kafka_broker.topic("anywhere")
    send(kafka_broker, topic, [{"value": b"%d" % n} for n in range(100)], **{"linger.ms": 100})
    for start in (0, 1, 50, 99):
        got = receive(kafka_broker, topic, 100 - start, start=start)
        assert [it.offset() for it in got] == list(range(start, 100))


def test_an_offset_that_is_not_there_is_an_error_or_the_reset(kafka_broker):
    topic = kafka_broker.topic("outside")
    send(kafka_broker, topic, [{"value": b"0"}])
    reader = consumer(kafka_broker, **{"auto.offset.reset": "error"})
    reader.assign([TopicPartition(topic, 0, 1000)])
    assert reader.poll(TIMEOUT).error().code() == KafkaError._AUTO_OFFSET_RESET
    reader.close()
    (got,) = receive(kafka_broker, topic, 1, start=1000, **{"auto.offset.reset": "earliest"})
    assert got.value() == b"0"


def test_a_long_poll_ends_when_something_comes(kafka_broker):
    topic = kafka_broker.topic("poll")
    reader = consumer(kafka_broker, **{"fetch.wait.max.ms": 10_000})
    reader.assign([TopicPartition(topic, 0, 0)])
    assert reader.poll(0.5) is None
    started = time.monotonic()
    send(kafka_broker, topic, [{"value": b"news"}])
    assert reader.poll(TIMEOUT).value() == b"news"
    assert time.monotonic() - started < 5
    reader.close()


def test_a_poll_waits_for_as_many_bytes_as_it_wants(kafka_broker):
    topic = kafka_broker.topic("enough")
    reader = consumer(kafka_broker, **{"fetch.wait.max.ms": 1500, "fetch.min.bytes": 5000})
    reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    assert reader.poll(0.2) is None
    send(kafka_broker, topic, [{"value": b"x" * 1000}])
    assert reader.poll(0.2) is None
    send(kafka_broker, topic, [{"value": b"y" * 5000}])
    assert [it.value()[:1] for it in reader.consume(2, TIMEOUT)] == [b"x", b"y"]
    reader.close()


def test_watermarks_and_offsets_for_times(kafka_broker):
    topic = kafka_broker.topic("times", partitions=2)
    send(
        kafka_broker,
        topic,
        [{"value": b"%d" % n, "timestamp": T0 + n * 1000, "partition": 0} for n in range(10)],
    )
    reader = consumer(kafka_broker)
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), TIMEOUT) == (0, 10)
    assert reader.get_watermark_offsets(TopicPartition(topic, 1), TIMEOUT) == (0, 0)
    for timestamp, offset in ((T0 - 1, 0), (T0 + 3000, 3), (T0 + 3001, 4), (T0 + 9001, OFFSET_END)):
        (found,) = reader.offsets_for_times([TopicPartition(topic, 0, timestamp)], TIMEOUT)
        assert found.offset == offset
    reader.close()


def test_an_unknown_topic_is_made_when_something_is_produced_to_it(kafka_broker):
    topic = kafka_broker.name("automatic")
    send(kafka_broker, topic, [{"value": b"first"}])
    assert [it.value() for it in receive(kafka_broker, topic, 1)] == [b"first"]


# --- administration ------------------------------------------------------------


def one(futures):
    (future,) = futures.values()
    return future.result(TIMEOUT)


def refusal(futures):
    with pytest.raises(KafkaException) as caught:
        one(futures)
    return caught.value.args[0].name()


@pytest.fixture
def admin(kafka_broker):
    return AdminClient({"bootstrap.servers": kafka_broker.servers})


def test_a_topic_is_created_described_grown_and_deleted(kafka_broker, admin):
    name = kafka_broker.name("life")
    one(admin.create_topics([NewTopic(name, 3, 1, config={"retention.ms": "5000"})]))
    metadata = admin.list_topics(name, TIMEOUT).topics[name]
    assert sorted(metadata.partitions) == [0, 1, 2]
    assert all(it.leader in it.isrs for it in metadata.partitions.values())
    config = one(admin.describe_configs([ConfigResource("topic", name)]))
    assert (config["retention.ms"].value, config["retention.ms"].is_default) == ("5000", False)
    assert (config["cleanup.policy"].value, config["cleanup.policy"].is_default) == ("delete", True)
    one(admin.create_partitions([NewPartitions(name, 5)]))
    assert refusal(admin.create_partitions([NewPartitions(name, 2)])) == "INVALID_PARTITIONS"
    described = one(admin.describe_topics(TopicCollection([name])))
    assert len(described.partitions) == 5
    one(admin.delete_topics([name]))
    assert refusal(admin.delete_topics([name])) == "UNKNOWN_TOPIC_OR_PART"


@pytest.mark.parametrize(
    ("partitions", "replicas", "config", "error"),
    [
        (0, 1, {}, "INVALID_PARTITIONS"),
        (1, 3, {}, "INVALID_REPLICATION_FACTOR"),
        (1, 1, {"retention.ms": "soon"}, "INVALID_CONFIG"),
        (1, 1, {"retention.mss": "1"}, "INVALID_CONFIG"),
        (1, 1, {"cleanup.policy": "forget"}, "INVALID_CONFIG"),
    ],
    ids=["no partitions", "replicas", "value", "unknown config", "policy"],
)
def test_a_topic_that_cannot_be_is_refused(kafka_broker, admin, partitions, replicas, config, error):
    topic = NewTopic(kafka_broker.name("impossible"), partitions, replicas, config=config)
    assert refusal(admin.create_topics([topic])) == error


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 250, "a b"])
def test_a_name_that_cannot_be_is_refused(admin, name):
    assert refusal(admin.create_topics([NewTopic(name, 1, 1)])) == "TOPIC_EXCEPTION"


def test_a_topic_is_created_once(kafka_broker, admin):
    assert (
        refusal(admin.create_topics([NewTopic(kafka_broker.topic("once"), 1, 1)])) == "TOPIC_ALREADY_EXISTS"
    )


def test_validating_a_topic_creates_none(kafka_broker, admin):
    name = kafka_broker.name("only-asked")
    one(admin.create_topics([NewTopic(name, 1, 1)], validate_only=True))
    assert name not in admin.list_topics(timeout=TIMEOUT).topics


def test_records_are_deleted_up_to_an_offset(kafka_broker, admin):
    topic = kafka_broker.topic("shortened")
    send(kafka_broker, topic, [{"value": b"%d" % n} for n in range(10)])
    deleted = one(admin.delete_records([TopicPartition(topic, 0, 4)]))
    assert deleted.low_watermark == 4
    assert [it.offset() for it in receive(kafka_broker, topic, 6)] == [4, 5, 6, 7, 8, 9]
    assert refusal(admin.delete_records([TopicPartition(topic, 0, 40)])) == "OFFSET_OUT_OF_RANGE"


def test_offsets_of_every_kind_are_listed(kafka_broker, admin):
    topic = kafka_broker.topic("listed")
    times = [T0, T0 + 5000, T0 + 1000]
    send(kafka_broker, topic, [{"value": b"x", "timestamp": it} for it in times])
    for spec, offset in (
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), 3),
        (OffsetSpec.max_timestamp(), 1),
        (OffsetSpec.for_timestamp(T0 + 1), 1),
        (OffsetSpec.for_timestamp(T0 + 6000), -1),
    ):
        assert one(admin.list_offsets({TopicPartition(topic, 0): spec})).offset == offset


def test_the_cluster_is_described(kafka_broker, admin):
    cluster = admin.describe_cluster().result(TIMEOUT)
    (node,) = cluster.nodes
    assert f"{node.host}:{node.port}" == kafka_broker.servers
    assert cluster.controller.id == node.id
    assert len(cluster.cluster_id) == 22
