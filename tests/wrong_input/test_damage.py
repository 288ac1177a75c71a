"""Bytes that rotted, disks that filled up, directories that somebody else had hands in."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import pykafkalite as pk
from pykafkalite.errors import CorruptBatch, DiskFull, NotAStore, StorageError, TopicExists
from pykafkalite.storage.verify import verify


def values(topic, start="earliest"):
    return [message.value for message in topic.scan(start).messages()]


@pytest.fixture
def damaged(log, topic, path):
    """Offset 1 of three, each in a batch of its own, has a flipped bit: found while the log is open."""
    segment = path / "events-0" / "00000000000000000000.log"
    data = bytearray(segment.read_bytes())
    data[len(data) // 3 + 65] ^= 1
    with open(segment, "r+b") as file:
        file.write(data)
    return topic


def test_a_scan_gives_what_comes_before_bad_bytes_then_says_where_it_can_go_on(damaged):
    seen = []
    with pytest.raises(CorruptBatch, match=r"reading can go on at offset 2 .*`pykafkalite verify`") as caught:  # noqa: PT012
        for batch in damaged.scan():
            seen += batch.column("offset").to_pylist()
    assert seen == [0]
    assert (caught.value.next_offset, caught.value.position) == (2, 69)
    assert values(damaged, caught.value.next_offset) == [b"c"]


def test_a_consumer_seeks_over_bad_bytes_and_goes_on(log, damaged):
    consumer = log.consumer("events", "g")
    messages = consumer.messages(timeout=0)
    assert next(messages).offset == 0
    with pytest.raises(CorruptBatch) as caught:
        next(messages)
    consumer.seek("events", 0, caught.value.next_offset)
    assert [message.offset for message in consumer.messages(timeout=0)] == [2]
    assert consumer.commit() == {("events", 0): 3}


def test_appends_go_on_behind_bad_bytes(damaged, log, path):
    assert damaged.append(b"d").offset == 3
    assert values(damaged, 2) == [b"c", b"d"]
    log.close()
    with pk.open(path) as again:
        assert values(again.topic("events"), 2) == [b"c", b"d"]


def test_without_the_values_bad_bytes_are_noticed_all_the_same(damaged):
    with pytest.raises(CorruptBatch):
        list(damaged.scan(columns=["offset"]))


def test_verify_lists_every_damaged_place(log, damaged, path):
    log.close()
    problems = [str(problem) for problem in verify(path).problems]
    assert len(problems) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 80, b"\0" * 4096, None], ids=["cut", "garbage", "zeros", "gone"]
)
def test_indexes_of_any_content_lose_and_invent_nothing(log, topic, path, content):
    log.close()
    for name in (".index", ".timeindex"):
        file = path / "events-0" / ("0" * 20 + name)
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
    with pk.open(path) as again:
        opened = again.topic("events")
        assert values(opened) == [b"a", b"b", b"c"]
        assert opened.offsets("2020-01-01") == {0: 0}
        assert opened.append(b"d").offset == 3


# --- directories -----------------------------------------------------------


def test_an_address_that_is_a_file_says_so(tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    for mode in ("a", "r"):
        with pytest.raises((StorageError, NotAStore), match=str(file)):
            pk.open(file, mode=mode)
    with pytest.raises(StorageError, match=str(file)):
        pk.open(file / "below")
    assert file.read_text() == "precious"


def test_other_peoples_files_are_left_alone(path):
    path.mkdir()
    (path / "notes.txt").write_text("precious")
    (path / "src").mkdir()
    (path / "src" / "main.py").write_text("precious")
    with pk.open(path) as log:
        log.create_topic("events").append(b"v")
        assert list(log.topics()) == ["events"]
    assert (path / "notes.txt").read_text() == (path / "src" / "main.py").read_text() == "precious"


def test_a_partition_is_never_written_through_a_link(log, path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    (path / "linked-0").symlink_to(elsewhere)
    linked = log.create_topic("linked")
    with pytest.raises(StorageError, match="link"):
        linked.append(b"v")
    assert os.listdir(elsewhere) == ["precious"]


def test_names_that_kafka_cannot_tell_apart_do_not_live_together(log):
    log.create_topic("a.b")
    with pytest.raises(TopicExists, match=r"'a_b'.*'a\.b'"):
        log.create_topic("a_b")
    log.create_topic("A.b")  # capitals are letters of their own
    assert set(log.topics()) == {"a.b", "A.b"}


def test_without_shared_memory_a_log_in_memory_lies_in_the_temporary_directory(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != "/dev/shm")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pk.open(":memory:") as log:
        log.create_topic("events").append(b"v")
        assert values(log.topic("events")) == [b"v"]
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


# --- room ------------------------------------------------------------------

LIMITED = """
import resource, signal, sys
import pykafkalite as pk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = pk.open(sys.argv[1], durability=sys.argv[2])
topic = log.create_topic("events", config={"retention.ms": -1})
written = [topic.append(b"%d" % n).offset for n in range(10)]
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
import pyarrow as pa
def write():
    with topic.writer() as writer:
        writer.append(bytes(200_000))
failed = 0
for attempt in (
    lambda: topic.append(bytes(200_000)),
    lambda: topic.append_batch(pa.table({"value": [bytes(200_000)] * 3})),
    write,
):
    try:
        attempt()
    except pk.errors.DiskFull as error:
        assert "events-0" in str(error), error
        failed += 1
assert [m.value for m in topic.scan().messages()] == [b"%d" % n for n in range(10)]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert topic.append(b"goes on").offset == 10
log.close()
print(failed)
"""


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_an_append_that_the_disk_has_no_room_for_is_refused_whole_and_the_next_goes_on(path, durability):
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), durability], capture_output=True, text=True, timeout=60
    )
    assert (ran.stdout, ran.returncode) == ("3\n", 0), ran.stderr
    with pk.open(path) as log:
        assert values(log.topic("events")) == [*(b"%d" % n for n in range(10)), b"goes on"]


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_full_file_system_is_an_error_and_appends_go_on_once_there_is_room(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mount], check=True)
    try:
        ballast = mount / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        with pk.open(mount / "log") as log:
            topic = log.create_topic("events", config={"retention.ms": -1})
            count = 0
            with pytest.raises(DiskFull, match="events-0"):  # noqa: PT012 (as many as there is room for)
                while True:
                    topic.append(bytes(200_000))
                    count += 1
            assert len(values(topic)) == count > 10
            ballast.unlink()
            assert topic.append(b"goes on").offset == count
            assert values(topic)[-1] == b"goes on"
    finally:
        subprocess.run(["umount", "-l", mount], check=True)
