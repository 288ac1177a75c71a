"""A real Kafka takes over a copy of a closed directory of ours, and goes on from there."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from ours import CODECS, FOREVER, fill, mixed, records, uuid, without_type
from real_kafka import b64

import pykafkalite as pk

pytestmark = pytest.mark.interop

SMALL = {"internal_segment_bytes": 20_000, "index_interval_bytes": 1000}
CONFIGURED = {
    "cleanup.policy": ["compact", "delete"],
    "compression.gzip.level": 3,
    "flush.messages": 1000,
    "message.timestamp.before.max.ms": 10**12,
    "min.cleanable.dirty.ratio": 0.25,
    "preallocate": True,
    "retention.bytes": 10**9,
    "segment.bytes": "2097152",
    "segment.jitter.ms": 5,
    "unclean.leader.election.enable": "TRUE",
}


def write(directory):
    """A store with a bit of everything; what its owner knows about it."""
    with pk.open(directory) as log:
        for codec in CODECS:
            fill(log, f"packed-{codec}", 40, 7, 300, 1, compression_type=codec, **SMALL)
        fill(log, "spread", *[100] * 6, partitions=3, cleanup_policy="delete", max_message_bytes=500_000)
        fill(log, "stamped", 30, 30, message_timestamp_type="LogAppendTime")
        fill(log, "shortened", *[50] * 20, **SMALL).delete_records(333)
        log.create_topic("empty", partitions=2, config=FOREVER)
        log.create_topic("configured", config=CONFIGURED)
        log.create_topic("gone").append(b"gone")
        log.delete_topic("gone")
        for group, topics in {"g1": ["spread"], "g2": ["spread", "stamped"]}.items():
            with log.consumer(topics, group=group) as consumer:
                for _ in consumer.batches(timeout=0):
                    consumer.commit()
    with pk.open(directory, mode="r") as log:
        return known(log)


def moment(milliseconds):
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def known(log):
    topics = {name: (it.id, it.partitions) for name, it in log.topics(internal=True).items()}
    configs = {
        name: {config: str(value).lower() for config, value in it.overrides.items()}
        for name, it in log.topics().items()
    }
    groups = {
        name: sorted((it.topic, it.partition, it.committed) for it in group.describe() if it.committed)
        for name, group in log.groups().items()
    }
    starts = {(n, it.partition): it.start_offset for n, t in log.topics().items() for it in t.describe()}
    return {"topics": topics, "configs": configs, "records": records(log), "groups": groups, "starts": starts}


def told(kafka):
    """The same by Kafka's clients."""
    topics = kafka.ask("topics")
    partitions = kafka.partitions()
    starts = [first for first, _ in kafka.ask("offsets", partitions=partitions)]
    return {
        "topics": {name: (uuid(it["id"]), it["partitions"]) for name, it in topics.items()},
        "configs": {
            name: {config: value.lower() for config, value in it["config"].items()}
            for name, it in topics.items()
            if not name.startswith("__")
        },
        "records": without_type(kafka.records()),
        "groups": {
            name: sorted(tuple(it[:3]) for it in kafka.ask("committed", group=name)) for name in ("g1", "g2")
        },
        "starts": dict(zip(partitions, starts, strict=True)),
    }


def test_kafka_serves_a_closed_directory_of_ours_and_goes_on_from_there(new_kafka, oracle, tmp_path):
    ours = write(tmp_path / "data")
    data = shutil.copytree(tmp_path / "data", tmp_path / "copy")
    kafka = new_kafka(data)
    with kafka:
        adopted = told(kafka)
        assert adopted == ours
        for name in ("packed-zstd", "packed-uncompressed", "stamped"):
            at = [it["timestamp"] for it in ours["records"] if it["topic"] == name][::13]
            times = [time + late for time in at for late in (-1, 0, 1)]
            with pk.open(tmp_path / "data", mode="r") as log:
                found = [log.topic(name).offsets(moment(it))[0] for it in times]
                end = log.topic(name).describe()[0].end_offset
            kafkas = kafka.ask("offsets_at", partitions=[[name, 0]], timestamps=times)
            assert found == [end if it == -1 else it for it in kafkas]
        more = [
            {"topic": name, "partition": p, "key": b64(b"k"), "value": None} for name, p in kafka.partitions()
        ]
        kafka.ask("produce", batches=[more, more])
        transaction = [{"topic": "spread", "partition": 0, "value": b64(b"in a transaction")}]
        kafka.ask("produce", batches=[transaction], config={"transactional.id": "t"}, end="commit")
        kafka.ask("join", group="g1", topics=["spread"], records=6)
        grown = told(kafka)
        assert len(grown["records"]) == len(ours["records"]) + 2 * len(more) + 1
        assert grown["topics"].items() >= ours["topics"].items()
    assert "stray" not in kafka.log
    with kafka:
        assert told(kafka) == grown
    assert not list(data.glob("*-stray"))
    with pk.open(data, mode="r") as log:
        assert records(log) == grown["records"]


def test_kafka_takes_over_after_a_kill_and_a_recovery(new_kafka, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "torn", *[10] * 100, **SMALL)
    last = max((tmp_path / "data" / "torn-0").glob("*.log"))
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 5)
    (tmp_path / "data" / ".kafka_cleanshutdown").unlink()
    with pk.open(tmp_path / "data") as log:
        log.topic("torn").append_batch(mixed(20, 990))
        ours = records(log)
    with new_kafka(shutil.copytree(tmp_path / "data", tmp_path / "copy")) as kafka:
        assert without_type(kafka.records()) == ours
        kafka.ask("produce", batches=[[{"topic": "torn", "partition": 0, "value": b64(b"on")}]])
        assert kafka.records()[-1]["offset"] == 1010
