"""Given the same batches and settings, real Kafka makes the same files as we do, byte for byte."""

import random

import pytest
from ours import CODECS, FOREVER, fill
from real_kafka import b64

import pykafkalite as pk

FILES = (".log", ".index", ".timeindex")


def contents(directory):
    return {it.name: it.read_bytes() for it in sorted(directory.iterdir()) if it.suffix in FILES}


def write_and_send(home, kafka, topics):
    """The same batches by us and by Kafka: {topic: (sizes of the batches, config)}."""
    with pk.open(home / "ours") as log:
        for name, (sizes, config) in topics.items():
            fill(log, name, *sizes, **config)
        configs = {name: dict(topic.overrides) for name, topic in log.topics().items()}
    kafka.format()
    with kafka:
        for name in topics:
            # What is compressed already must be taken as it is.
            kafka.create(**{name: {"config": {**configs[name], "compression.type": "producer"}}})
            for path in sorted((home / "ours" / f"{name}-0").glob("*.log")):
                kafka.ask("send", topic=name, partition=0, file=str(path))


def same(home, name):
    ours, kafkas = contents(home / "ours" / f"{name}-0"), contents(home / "kafkas" / f"{name}-0")
    assert list(ours) == list(kafkas), name
    assert [it for it in ours if ours[it] != kafkas[it]] == [], name
    return len(ours) // len(FILES)


@pytest.mark.interop
def test_our_batches_give_real_kafka_the_same_segments_and_indexes(new_kafka, tmp_path):
    sizes = [1, 2, 300, 5, 40, 1, 1, 70] * 15
    small = {"index_interval_bytes": 1000, "internal_segment_bytes": 60_000}
    topics = {codec: (sizes, {**small, "compression_type": codec}) for codec in CODECS}
    topics |= {
        "dense": (sizes, {**small, "index_interval_bytes": 0}),
        "usual": (sizes, {}),
        "timed": (sizes, {"segment_ms": 300_000}),
        "few-entries": (sizes, {"segment_index_bytes": 64, "index_interval_bytes": 0}),
    }
    write_and_send(tmp_path, new_kafka(tmp_path / "kafkas"), topics)
    segments = {name: same(tmp_path, name) for name in topics}
    assert segments["usual"] == 1
    assert min(segments[name] for name in ("uncompressed", "dense", "timed", "few-entries")) > 3


@pytest.mark.interop
@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_with_random_settings_we_roll_and_index_as_kafka_does(seed, new_kafka, tmp_path):
    choose = random.Random(seed)
    topics = {}
    for n in range(12):
        config = {
            "index_interval_bytes": choose.choice([0, 1, 300, 1000, 4096, 10_000]),
            "internal_segment_bytes": choose.choice([5_000, 12_345, 100_000, 1 << 30]),
            "segment_index_bytes": choose.choice([24, 50, 100, 400, 10 << 20]),
            "segment_ms": choose.choice([1, 2_000, 50_000, 10**10]),
            "compression_type": choose.choice(CODECS),
        }
        topics[f"t{n}"] = [choose.choice([1, 1, 2, 5, 30]) for _ in range(60)], config
    write_and_send(tmp_path, new_kafka(tmp_path / "kafkas"), topics)
    assert max(same(tmp_path, name) for name in topics) > 1


@pytest.mark.interop
def test_a_batch_of_ours_is_the_batch_that_javas_producer_builds(kafka, tmp_path):
    one = {"key": b64(b"k"), "value": b64(b"v" * 300), "headers": [["h", b64(b"1")], ["n", None]]}
    sent = [{**one, "topic": "java", "timestamp": 1_700_000_000_000 + n} for n in range(100)]
    kafka.create(java={"config": {"retention.ms": "-1"}})
    kafka.ask("produce", batches=[sent], config={"enable.idempotence": "false"})
    with pk.open(tmp_path / "ours") as log:
        topic = log.create_topic("java", config=FOREVER)
        with topic.writer(batch_size=1 << 20, linger_ms=60_000) as writer:
            for it in sent:
                writer.append(b"v" * 300, b"k", [("h", b"1"), ("n", None)], it["timestamp"])
    name = "java-0/00000000000000000000.log"
    assert (tmp_path / "ours" / name).read_bytes() == (kafka.data / name).read_bytes()
