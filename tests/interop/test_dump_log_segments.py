"""Kafka's DumpLogSegments finds nothing wrong in directories that we wrote."""

import random
import re
import shutil
import signal
import subprocess
import sys

import pytest
from ours import CODECS, FOREVER, fill, mixed, records, without_type
from real_kafka import HERE, KafkaError

import pykafkalite as pk
from pykafkalite.storage.store import Store

pytestmark = pytest.mark.interop

SMALL = {"internal_segment_bytes": 20_000, "index_interval_bytes": 1000}


def offsets(dump):
    """Of the records, in a deep dump."""
    return [int(it) for it in re.findall(r"^\| offset: (\d+) ", dump, re.MULTILINE)]


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_passes_with_keys_nulls_and_headers_over_many_segments(codec, oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "mixed", *[1, 40, 7, 300] * 8, compression_type=codec, **SMALL)
    dump = oracle.check(tmp_path / "data" / "mixed-0")
    assert offsets(dump) == list(range(348 * 8))
    assert f"compresscodec: {codec.replace('uncompressed', 'none')} " in dump
    assert len(list((tmp_path / "data" / "mixed-0").glob("*.log"))) > (1 if codec == "uncompressed" else 0)


def test_log_append_time_passes(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "stamped", 5, 300, 1, message_timestamp_type="LogAppendTime", **SMALL)
        fill(
            log, "packed", 5, 300, 1, message_timestamp_type="LogAppendTime", compression_type="lz4", **SMALL
        )
    for name in ("stamped-0", "packed-0"):
        dump = oracle.check(tmp_path / "data" / name)
        assert "CreateTime" not in dump
        assert offsets(dump) == list(range(306))


def test_single_appends_and_a_writer_pass(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        topic = log.create_topic("single", config=FOREVER)
        topic.append(b"value", key=b"JFK", headers=[("h", b"v"), ("n", None)])
        topic.append(None, key=b"")
        with topic.writer() as writer:
            for n in range(1000):
                writer.append(b"%d" % n, headers=[("", b"")])
    dump = oracle.check(tmp_path / "data" / "single-0")
    assert offsets(dump) == list(range(1002))
    assert "headerKeys: [h,n]" in dump


def test_topics_that_are_still_open_for_writing_pass(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "open", *[50] * 20, **SMALL)
        for path in sorted((tmp_path / "data" / "open-0").glob("*.log")):
            oracle.dump("--deep-iteration", "--files", path)


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_preallocated_segments_pass(durability, oracle, tmp_path):
    with pk.open(tmp_path / "data", durability=durability) as log:
        fill(log, "reserved", *[50] * 20, **SMALL, preallocate=True)
    assert offsets(oracle.check(tmp_path / "data" / "reserved-0")) == list(range(1000))


def test_a_directory_written_in_several_sessions_passes(oracle, tmp_path):
    for session in range(5):
        with pk.open(tmp_path / "data") as log:
            topic = log.topic("grown") if session else fill(log, "grown", **SMALL)
            topic.append_batch(mixed(170, session * 170))
    assert offsets(oracle.check(tmp_path / "data" / "grown-0")) == list(range(850))


def kill_a_writer(directory, *, after):
    """Starts a process that appends, kills it after so many acknowledgements; the log end it was told last."""
    command = [sys.executable, HERE / "append_for_ever.py", directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(after):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        return max([acknowledged, *map(int, child.stdout.read().split("\n")[:-1])])


def test_a_directory_of_a_killed_process_passes_after_recovery(oracle, tmp_path):
    acknowledged = kill_a_writer(tmp_path / "data", after=30)
    pk.open(tmp_path / "data").close()
    found = offsets(oracle.check(tmp_path / "data" / "killed-0"))
    assert found == list(range(len(found)))
    assert len(found) >= acknowledged > 0


@pytest.mark.long
def test_a_directory_that_is_killed_again_and_again_passes_every_time(oracle, new_kafka, tmp_path):
    choose = random.Random(9)
    for _ in range(30):
        acknowledged = kill_a_writer(tmp_path / "data", after=choose.randrange(1, 40))
        pk.open(tmp_path / "data").close()
        found = offsets(oracle.check(tmp_path / "data" / "killed-0"))
        assert found == list(range(len(found)))
        assert len(found) >= acknowledged
    with pk.open(tmp_path / "data", mode="r") as log:
        ours = records(log)
    with new_kafka(tmp_path / "data") as kafka:
        assert without_type(kafka.records()) == ours


def test_a_directory_with_a_torn_tail_passes_after_recovery(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "torn", *[10] * 100, **SMALL)
    last = max((tmp_path / "data" / "torn-0").glob("*.log"))
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 5)
    (tmp_path / "data" / ".kafka_cleanshutdown").unlink()
    with pytest.raises(KafkaError):
        oracle.check(tmp_path / "data" / "torn-0")
    pk.open(tmp_path / "data").close()
    assert offsets(oracle.check(tmp_path / "data" / "torn-0")) == list(range(990))


def test_a_directory_after_records_were_deleted_passes(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        topic = fill(log, "shortened", *[50] * 40, **SMALL, file_delete_delay_ms=0)
        topic.delete_records(1234)
    found = offsets(oracle.check(tmp_path / "data" / "shortened-0"))
    assert 0 < found[0] <= 1234
    assert found == list(range(found[0], 2000))


def test_a_directory_after_retention_passes(oracle, tmp_path):
    with Store.open(tmp_path / "data") as store, pk.open(tmp_path / "data") as log:
        fill(log, "kept", *[50] * 40, **SMALL, retention_bytes=50_000, file_delete_delay_ms=0)
        store.check_retention()
    found = offsets(oracle.check(tmp_path / "data" / "kept-0"))
    assert found[0] > 1000
    assert found == list(range(found[0], 2000))


def test_the_oracle_does_find_a_wrong_index(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "spoilt", 500, 500, index_interval_bytes=100)
    index = tmp_path / "data" / "spoilt-0" / ("0" * 20 + ".index")
    index.write_bytes(b"\0\0\0\1" + index.read_bytes()[4:])
    with pytest.raises(KafkaError, match="Mismatches"):
        oracle.check(index.parent)


def test_the_oracle_does_find_a_flipped_bit(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "spoilt", 500)
    path = tmp_path / "data" / "spoilt-0" / ("0" * 20 + ".log")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(KafkaError, match="isvalid: false"):
        oracle.check(path.parent)


def test_committed_offsets_are_kafkas_records(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        fill(log, "read", 10)
        with log.consumer(["read"], group="g1") as consumer:
            for _ in consumer.batches(timeout=0):
                consumer.commit()
    partition = tmp_path / "data" / "__consumer_offsets-0"
    oracle.check(partition)
    dump = oracle.dump("--offsets-decoder", "--deep-iteration", "--files", partition / ("0" * 20 + ".log"))
    assert re.search(r'"group":"g1","topic":"read","partition":0', dump)
    assert re.search(r'"offset":10,', dump)


def test_the_metadata_snapshot_is_kafkas(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        log.create_topic("flights", partitions=3, config={"retention.ms": 86_400_000})
        log.create_topic("gone")
        log.delete_topic("gone")
    path = tmp_path / "data" / "bootstrap.checkpoint"
    dump = oracle.dump("--cluster-metadata-decoder", "--deep-iteration", "--files", path)
    assert "SnapshotHeader" in dump
    assert "SnapshotFooter" in dump
    assert re.search(r'"FEATURE_LEVEL_RECORD".*"name":"metadata.version","featureLevel":\d+', dump)
    assert re.search(r'"TOPIC_RECORD".*"name":"flights"', dump)
    assert len(re.findall(r'"PARTITION_RECORD"', dump)) == 3
    assert re.search(r'"resourceName":"flights","name":"retention.ms","value":"86400000"', dump)
    assert '"name":"gone"' not in dump


def test_the_metadata_log_is_kafkas(oracle, tmp_path):
    with pk.open(tmp_path / "data") as log:
        log.create_topic("flights", partitions=3).alter_config({"retention.ms": 1000})
        log.create_topic("gone")
        log.delete_topic("gone")
    # Kafka's tool goes by the name.
    copy = shutil.copy(tmp_path / "data" / "pykafkalite.metadata", tmp_path / ("0" * 20 + ".log"))
    dump = oracle.dump("--cluster-metadata-decoder", "--deep-iteration", "--files", copy)
    assert re.findall(r'"TOPIC_RECORD".*?"name":"(\w+)"', dump) == ["flights", "gone"]
    assert re.search(r'"name":"retention.ms","value":"1000"', dump)
    assert len(re.findall(r'"PARTITION_RECORD"', dump)) == 4
    assert len(re.findall(r'"REMOVE_TOPIC_RECORD"', dump)) == 1
