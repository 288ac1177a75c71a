"""The directory of a Kafka that runs, or was killed, is read beside it."""

import shutil
import threading
import time

import pytest
from ours import CODECS, records, rows, uuid, without_type
from real_kafka import KafkaError, b64

import pykafkalite as pk

pytestmark = pytest.mark.interop

KEEP = {"retention.ms": "-1"}


def batch(topic, count, start=0):
    return [
        {"topic": topic, "key": b64(b"%d" % n), "value": b64(b"value %d" % n), "headers": [["h", None]]}
        for n in range(start, start + count)
    ]


@pytest.mark.parametrize("codec", ["none", *CODECS[1:]])
def test_what_a_running_kafka_has_is_what_we_read(codec, kafka):
    name = f"running-{codec}"
    kafka.create(**{name: {"partitions": 2, "config": {**KEEP, "internal.segment.bytes": "3000"}}})
    config = {"compression.type": codec}
    kafka.ask("produce", batches=[batch(name, 50, 50 * n) for n in range(12)], config=config)
    with pk.open(kafka.data, mode="r") as log:
        assert records(log, name) == without_type(kafka.records(name))


def test_a_scan_follows_what_a_running_kafka_is_given(kafka):
    kafka.create(followed={"config": {**KEEP, "internal.segment.bytes": "2000"}})
    seen = []

    def follow():
        with pk.open(kafka.data, mode="r") as log:
            for it in log.topic("followed").scan(follow=True):
                seen.extend(rows(it))
                if len(seen) >= 200:
                    return

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    for n in range(10):
        kafka.ask("produce", batches=[batch("followed", 20, n * 20)])
        time.sleep(0.05)
    follower.join(20)
    assert seen == without_type(kafka.records("followed"))


def test_a_topic_that_is_created_while_we_read_appears(kafka):
    with pk.open(kafka.data, mode="r") as log:
        before = log.topics()
        kafka.create(later={"config": KEEP})
        kafka.ask("produce", batches=[batch("later", 3)])
        assert log.topics().keys() - before.keys() == {"later"}
        assert log.topic("later").id == uuid(kafka.ask("topics")["later"]["id"])
        assert records(log, "later") == without_type(kafka.records("later"))


def test_a_running_kafka_keeps_us_from_writing(kafka):
    with pytest.raises(pk.errors.StoreLocked):
        pk.open(kafka.data)


def test_what_a_killed_kafka_left_is_what_it_had(new_kafka, tmp_path):
    kafka = new_kafka(tmp_path / "data")
    kafka.format()
    kafka.start()
    kafka.create(killed={"config": {**KEEP, "internal.segment.bytes": "2000", "index.interval.bytes": "100"}})
    kafka.ask("produce", batches=[batch("killed", 9, n * 9) for n in range(30)])
    before = without_type(kafka.records())
    kafka.kill()
    with pk.open(tmp_path / "data", mode="r") as log:
        assert records(log) == before


def test_a_kafka_that_is_started_on_our_open_directory_refuses(new_kafka, tmp_path):
    with pk.open(tmp_path / "data") as log:
        topic = log.create_topic("ours")
        topic.append(b"before")
        with pytest.raises(KafkaError, match=r"Failed to acquire lock on file \.lock"):
            new_kafka(tmp_path / "data").start()
        topic.append(b"after")
        assert [it.value for it in topic.scan().messages()] == [b"before", b"after"]
    with pk.open(tmp_path / "data") as log:
        assert [it.value for it in log.topic("ours").scan().messages()] == [b"before", b"after"]
    # And what it left behind does not keep the next one, on a copy, from taking over.
    with new_kafka(shutil.copytree(tmp_path / "data", tmp_path / "copy")) as kafka:
        assert [it["value"] for it in kafka.records()] == [b64(b"before"), b64(b"after")]


def test_what_a_running_kafka_compacts_away_is_gone_for_us_too(new_kafka, tmp_path):
    kafka = new_kafka(tmp_path / "data", log_cleaner_backoff_ms=100)
    kafka.format()
    often = {**KEEP, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "100"}
    with kafka, pk.open(tmp_path / "data", mode="r") as log:
        kafka.create(compacted={"config": often})
        for n in range(8):
            kafka.ask("produce", batches=[batch("compacted", 10)])
            assert records(log)[-1]["offset"] == n * 10 + 9
            time.sleep(0.11)
        kafka.ask("produce", batches=[batch("compacted", 1)])
        deadline = time.monotonic() + 30
        theirs, ours = kafka.records(), []
        while len(theirs) > 30 or ours != without_type(theirs):
            assert time.monotonic() < deadline, f"of {len(theirs)} records we see {len(ours)}"
            time.sleep(0.1)
            theirs, ours = kafka.records(), records(log)


def test_what_a_running_kafka_deletes_is_gone_for_us_too(new_kafka, tmp_path):
    # Kafka would write the new log start once a minute, and first after half of one.
    often = {"log_flush_start_offset_checkpoint_interval_ms": 50, "log_initial_task_delay_ms": 0}
    kafka = new_kafka(tmp_path / "data", **often)
    kafka.format()
    with kafka, pk.open(tmp_path / "data", mode="r") as log:
        kafka.create(shortened={"config": {**KEEP, "internal.segment.bytes": "2000"}})
        kafka.ask("produce", batches=[batch("shortened", 10, n * 10) for n in range(40)])
        topic = log.topic("shortened")
        assert topic.describe()[0].start_offset == 0
        assert len(records(log)) == 400
        kafka.ask("delete_records", partitions=[["shortened", 0]], before=333)
        deadline = time.monotonic() + 10
        while topic.describe()[0].start_offset != 333:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert records(log) == without_type(kafka.records())
