"""Reading beside the writer: other processes, live, and real Kafka's directories."""

import subprocess
import sys
import threading
import time

import pytest
from disk import read_all, sealed

from pykafkalite.errors import NotAStore
from pykafkalite.storage.store import Store

WRITE_WHEN_TOLD = """
import sys
from pykafkalite import _core
from pykafkalite.storage.store import Store

store = Store.open(sys.argv[1])
store.create_topic("events", 1, {"internal.segment.bytes": 300})
print("ready", flush=True)
for line in sys.stdin:
    value = line.strip().encode()
    store.partition("events", 0).append(_core.build_batch([(None, value, None, -1)]))
    print("acknowledged", flush=True)
"""


class Writer:
    """A process that writes what it is told to."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WRITE_WHEN_TOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def write(self, value):
        self.process.stdin.write(f"{value}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "acknowledged\n"

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def writer(tmp_path):
    process = Writer(tmp_path)
    yield process
    process.kill()
    process.process.stdin.close()
    process.process.stdout.close()


def test_another_process_sees_each_record_once_it_is_acknowledged(writer, tmp_path):
    with Store.open(tmp_path, mode="r") as reader:
        for number in range(20):
            writer.write(f"{number}" * 50)
            assert read_all(reader, "events", 0)[-1] == (number, b"%d" % number * 50)
        assert len(read_all(reader, "events", 0)) == 20


def test_a_waiting_process_wakes_when_a_record_comes(writer, tmp_path):
    with Store.open(tmp_path, mode="r") as reader:
        seen = reader.sequence
        threading.Timer(0.05, writer.write, ["news"]).start()
        begun = time.monotonic()
        assert reader.wait(seen, 10) != seen
        assert time.monotonic() - begun < 5
        assert reader.wait(reader.sequence, 0.01) == reader.sequence


def test_a_reader_goes_on_after_its_writer_was_killed_and_another_one_came(writer, tmp_path):
    with Store.open(tmp_path, mode="r") as reader:
        writer.write("before")
        assert read_all(reader, "events", 0) == [(0, b"before")]
        writer.kill()
        assert read_all(reader, "events", 0) == [(0, b"before")]
        with Store.open(tmp_path) as successor:
            successor.partition("events", 0).append(sealed(b"after", timestamp=-1))
            assert read_all(reader, "events", 0) == [(0, b"before"), (1, b"after")]


def test_readers_see_topics_come_grow_and_go(disk):
    with Store.open(disk.path, mode="r") as reader:
        disk.store.create_topic("second", 2)
        assert reader.topic("second").partitions == 2
        disk.store.add_partitions("second", 5)
        disk.store.partition("second", 4).append(sealed(b"x"))
        assert read_all(reader, "second", 4) == [(0, b"x")]
        disk.store.delete_topic("second")
        assert "second" not in reader.topics()


def test_readers_follow_when_the_live_file_has_to_grow(disk, monkeypatch):
    with Store.open(disk.path, mode="r") as reader:
        disk.append(b"a")
        assert read_all(reader, "events", 0) == [(0, b"a")]
        disk.store.create_topic("wide", 1100)
        for index in range(1100):
            disk.store.partition("wide", index)
        disk.append(b"b")
        assert read_all(reader, "events", 0) == [(0, b"a"), (1, b"b")]


def test_a_closed_store_is_read_without_a_writer(disk):
    disk.append(b"a")
    disk.close()
    with Store.open(disk.path, mode="r") as reader:
        assert read_all(reader, "events", 0) == [(0, b"a")]


def test_a_reader_needs_the_live_file(disk):
    disk.close()
    (disk.path / "pykafkalite.live").unlink()
    with pytest.raises(NotAStore, match="open it once for writing"):
        Store.open(disk.path, mode="r")


def test_a_slot_that_was_anothers_does_not_speak_of_its_records(new_disk):
    disk = new_disk(durability="fsync")
    disk.append(b"old", b"older")
    disk.store.delete_topic("events")
    disk.store.create_topic("next")
    disk.store.partition("next", 0)
    with Store.open(disk.path, mode="r") as reader:
        assert reader.partition("next", 0).high_watermark == 0
        assert read_all(reader, "next", 0) == []
