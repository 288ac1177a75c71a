"""Java's producer, consumer and admin client against either broker: the newest versions of every message."""

import pytest
from real_kafka import KafkaError, b64
from running import wait_for

pytestmark = pytest.mark.interop

T0 = 1_700_000_000_000
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def record(topic, value, **fields):
    return {"topic": topic, "value": b64(value), **fields}


def consume(broker, topic, partitions=1, **config):
    return broker.ask("consume", partitions=[[topic, it] for it in range(partitions)], config=config)


@pytest.mark.parametrize("idempotent", ["false", "true"])
@pytest.mark.parametrize("codec", CODECS)
def test_what_is_produced_with_every_codec_is_consumed(kafka_broker, codec, idempotent):
    topic = kafka_broker.topic("codec")
    batches = [[record(topic, b"value %d " % n * 20) for n in range(at, at + 50)] for at in range(0, 500, 50)]
    config = {"compression.type": codec, "enable.idempotence": idempotent}
    sent = kafka_broker.ask("produce", batches=batches, config=config)
    assert [it[2] for it in sent] == list(range(500))
    got = consume(kafka_broker, topic)
    assert [(it["offset"], it["value"]) for it in got] == [
        (n, b64(b"value %d " % n * 20)) for n in range(500)
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_a_topics_own_codec_changes_nothing_that_a_consumer_sees(kafka_broker, codec):
    name = "uncompressed" if codec == "none" else codec
    topic = kafka_broker.topic("recoded", compression_type=name)
    values = [b"%d " % n * 50 for n in range(100)]
    kafka_broker.ask(
        "produce", batches=[[record(topic, it) for it in values]], config={"compression.type": "gzip"}
    )
    assert [it["value"] for it in consume(kafka_broker, topic)] == [b64(it) for it in values]


def test_keys_values_headers_and_times_come_back_as_they_were(kafka_broker):
    topic = kafka_broker.topic("shapes")
    shapes = [
        {"key": b64(b"k"), "value": b64(b"v"), "headers": [["h", b64(b"1")], ["h", None], ["", b64(b"")]]},
        {"key": None, "value": None, "headers": []},
        {"key": b64(b""), "value": b64(b""), "headers": []},
        {
            "key": b64("snow\N{SNOWMAN}".encode()),
            "value": b64(bytes(range(256))),
            "headers": [["x", b64(b"\0")]],
        },
    ]
    times = [T0, T0 - 5, T0 + 5, T0]
    batch = [{"topic": topic, "timestamp": time, **it} for it, time in zip(shapes, times, strict=True)]
    kafka_broker.ask("produce", batches=[batch])
    got = consume(kafka_broker, topic)
    assert [{name: it[name] for name in ("key", "value", "headers")} for it in got] == shapes
    assert [(it["timestamp"], it["timestampType"]) for it in got] == [(it, "CreateTime") for it in times]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement_delivers(kafka_broker, acks):
    topic = kafka_broker.topic("acks", partitions=3)
    batches = [[record(topic, b"%d" % n, partition=n % 3) for n in range(99)]]
    kafka_broker.ask("produce", batches=batches, config={"acks": acks, "enable.idempotence": "false"})
    wait_for(
        lambda: kafka_broker.ask("offsets", partitions=[[topic, it] for it in range(3)]) == [[0, 33]] * 3
    )
    got = sorted((it["partition"], it["offset"], it["value"]) for it in consume(kafka_broker, topic, 3))
    assert got == [(p, n, b64(b"%d" % (n * 3 + p))) for p in range(3) for n in range(33)]


def test_a_hundred_partitions_are_read_in_one_session(kafka_broker):
    topic = kafka_broker.topic("hundred", partitions=100)
    batches = [
        [record(topic, b"%d" % n, partition=n % 100) for n in range(at, at + 500)] for at in (0, 500, 1000)
    ]
    # A hundred batches of the oracle's 1 MiB would not fit the producer's memory, and it would wait for half a minute.
    kafka_broker.ask("produce", batches=batches, config={"batch.size": 16384})
    for sizes in ({}, {"max.partition.fetch.bytes": 100, "fetch.max.bytes": 5000}):
        got = consume(kafka_broker, topic, 100, **sizes)
        assert sorted((it["partition"], it["offset"]) for it in got) == [
            (p, n) for p in range(100) for n in range(15)
        ]


def test_a_big_message_passes_whatever_the_fetch_sizes(kafka_broker):
    topic = kafka_broker.topic("big", max_message_bytes="3000000")
    batches = [[record(topic, b"small")], [record(topic, b"x" * 2_500_000)], [record(topic, b"after")]]
    kafka_broker.ask("produce", batches=batches, config={"max.request.size": 3_000_000})
    got = consume(kafka_broker, topic, **{"max.partition.fetch.bytes": 1000, "fetch.max.bytes": 1000})
    assert [len(it["value"]) for it in got] == [8, 3_333_336, 8]


def test_fetches_without_sessions_and_with_read_committed_see_the_same(kafka_broker):
    topic = kafka_broker.topic("committed")
    kafka_broker.ask("produce", batches=[[record(topic, b"%d" % n)] for n in range(10)])
    everything = consume(kafka_broker, topic)
    assert len(everything) == 10
    assert consume(kafka_broker, topic, **{"isolation.level": "read_committed"}) == everything
    assert consume(kafka_broker, topic, **{"check.crcs": "true", "fetch.min.bytes": 100_000}) == everything


@pytest.mark.parametrize(
    ("config", "value", "error"),
    [
        ({"max.message.bytes": "1000"}, b"x" * 2000, "RecordTooLargeException"),
        ({"cleanup.policy": "compact"}, b"no key", "InvalidRecordException"),
        ({"message.timestamp.before.max.ms": "1000"}, b"old", "InvalidTimestampException"),
    ],
)
def test_what_a_topic_does_not_take_is_refused(kafka_broker, config, value, error):
    topic = kafka_broker.topic("strict", **{name.replace(".", "_"): it for name, it in config.items()})
    with pytest.raises(KafkaError, match=error):
        kafka_broker.ask("produce", batches=[[record(topic, value, timestamp=T0)]])
    assert kafka_broker.ask("offsets", partitions=[[topic, 0]]) == [[0, 0]]


def test_offsets_by_time_and_after_deleting_records(kafka_broker):
    topic = kafka_broker.topic("offsets")
    kafka_broker.ask("produce", batches=[[record(topic, b"x", timestamp=T0 + n * 1000)] for n in range(10)])
    asked = {"partitions": [[topic, 0]], "timestamps": [0, T0, T0 + 1, T0 + 9000, T0 + 9001]}
    assert kafka_broker.ask("offsets_at", **asked) == [0, 0, 1, 9, -1]
    kafka_broker.ask("delete_records", partitions=[[topic, 0]], before=4)
    assert kafka_broker.ask("offsets", partitions=[[topic, 0]]) == [[4, 10]]
    assert kafka_broker.ask("offsets_at", **asked) == [4, 4, 4, 9, -1]
    assert [it["offset"] for it in consume(kafka_broker, topic)] == [4, 5, 6, 7, 8, 9]


def test_topics_have_their_ids_partitions_and_configs(kafka_broker):
    topic = kafka_broker.topic(
        "described", partitions=4, segment_bytes="1048576", cleanup_policy="compact,delete"
    )
    described = kafka_broker.ask("topics")[topic]
    assert described["partitions"] == 4
    assert described["config"] == {
        "retention.ms": "-1",
        "segment.bytes": "1048576",
        "cleanup.policy": "compact,delete",
    }
    with pytest.raises(KafkaError, match="TopicExistsException"):
        kafka_broker.ask("create", topics={topic: {}})
