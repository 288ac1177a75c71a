"""What the writer publishes reaches readers whole and at once, in this process and in others."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time

import pytest

from pykafkalite._core import Live
from pykafkalite.errors import Closed, NewerVersion, ReadOnly, StorageError

TOPIC = bytes(range(16))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "pykafkalite.live")


def test_what_is_published_is_read_by_everybody(path):
    writer = Live.create(path, 100)
    reader = Live.open(path)
    writer.publish(7, 1, 2, 3, 4, 5, 6)
    writer.name(7, TOPIC, 3)
    assert writer.read(7) == reader.read(7) == (1, 2, 3, 4, 5, 6)
    assert reader.named(7) == (TOPIC, 3)
    assert reader.named(8) == (bytes(16), 0)
    assert (reader.slots, reader.pid, reader.closed_cleanly, reader.moved) == (100, os.getpid(), False, False)


def test_every_publish_and_bump_moves_the_sequence(path):
    writer = Live.create(path, 2)
    reader = Live.open(path)
    seen = [reader.sequence]
    for change in (lambda: writer.publish(0, 0, 0, 0, 0, 0, 0), writer.bump, writer.mark_closed):
        change()
        seen.append(reader.sequence)
    assert len(set(seen)) == 4
    assert reader.closed_cleanly
    writer.take_over()
    assert not reader.closed_cleanly


def test_the_file_has_all_its_blocks_before_it_is_mapped(path):
    Live.create(path, 1_000)
    stat = os.stat(path)
    assert stat.st_size == 4096 + 1_000 * 128
    assert stat.st_blocks * 512 >= stat.st_size


def test_readers_of_a_replaced_file_are_told_and_woken(path):
    old = Live.create(path, 1)
    reader = Live.open(path)
    seen = reader.sequence
    Live.create(path, 2)
    assert reader.wait(seen, 0) != seen
    assert reader.moved
    assert (reader.slots, Live.open(path).slots) == (1, 2)
    assert old.read(0) == (0, 0, 0, 0, 0, 0)


def test_a_wait_without_news_ends_after_its_timeout(path):
    live = Live.create(path, 1)
    began = time.monotonic()
    assert live.wait(live.sequence, 0.12) == live.sequence
    assert 0.1 < time.monotonic() - began < 10


def test_a_wait_for_what_has_already_come_returns_at_once(path):
    live = Live.create(path, 1)
    seen = live.sequence
    live.bump()
    began = time.monotonic()
    assert live.wait(seen, 60) == live.sequence
    assert time.monotonic() - began < 10


ECHO = """
import sys
from pykafkalite._core import Live
there, back = Live.open(sys.argv[1]), Live.open(sys.argv[2], writable=True)
seen = there.sequence
back.bump()
for _ in range(int(sys.argv[3])):
    seen = there.wait(seen, 10)
    back.bump()
"""


def test_a_waiter_in_another_process_wakes_within_a_millisecond(tmp_path):
    rounds = 200
    there = Live.create(str(tmp_path / "there"), 1)
    back = Live.create(str(tmp_path / "back"), 1)
    seen = back.sequence
    with subprocess.Popen([sys.executable, "-c", ECHO, there.path, back.path, str(rounds)]) as echo:
        seen = back.wait(seen, 30)
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            there.bump()
            seen = back.wait(seen, 10)
            times.append(time.perf_counter() - began)
        assert echo.wait(10) == 0
    # There and back; the median, because other work shares this machine.
    assert sorted(times)[rounds // 2] < 0.002


def test_a_waiting_thread_lets_the_others_run(path):
    live = Live.create(path, 1)
    waiter = threading.Thread(target=live.wait, args=(live.sequence, 30))
    waiter.start()
    assert sum(range(100_000)) > 0
    live.bump()
    waiter.join(5)
    assert not waiter.is_alive()


def test_ctrl_c_ends_a_wait_at_once(path):
    live = Live.create(path, 1)
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            live.wait(live.sequence, float("inf"))
        assert time.monotonic() - began < 10
    finally:
        signal.signal(signal.SIGALRM, previous)


HAMMER = """
import sys
from pykafkalite._core import Live
live = Live.open(sys.argv[1], writable=True)
for n in range(1, int(sys.argv[2])):
    live.publish(0, n, n, n, n, n, n)
live.publish(0, 0, 0, 0, 0, 0, 0)
live.mark_closed()
"""


def test_a_reader_never_sees_half_a_publish(path):
    live = Live.create(path, 1)
    live.publish(0, 1, 1, 1, 1, 1, 1)
    reads = 0
    with subprocess.Popen([sys.executable, "-c", HAMMER, path, "300000"]) as hammer:
        while not live.closed_cleanly:
            state = live.read(0)
            assert len(set(state)) == 1
            reads += 1
            assert hammer.poll() in (None, 0)
    assert reads > 1_000


def test_a_writer_that_died_in_the_middle_hangs_no_reader_and_is_repaired_by_the_next(path):
    live = Live.create(path, 2)
    live.publish(1, 1, 1, 1, 1, 1, 1)
    with open(path, "r+b") as file:
        file.seek(4096 + 128)
        file.write(struct.pack("<I", 7))
    began = time.monotonic()
    with pytest.raises(StorageError, match="died while it published slot 1"):
        live.read(1)
    assert time.monotonic() - began < 5
    live.publish(1, 2, 2, 2, 2, 2, 2)
    assert live.read(1) == (2, 2, 2, 2, 2, 2)


def test_only_the_writer_writes(path):
    Live.create(path, 1)
    reader = Live.open(path)
    for write in (
        reader.bump,
        reader.mark_closed,
        lambda: reader.publish(0, 0, 0, 0, 0, 0, 0),
        reader.take_over,
    ):
        with pytest.raises(ReadOnly):
            write()


def test_slots_and_topic_ids_are_checked(path):
    live = Live.create(path, 1)
    for use in (lambda: live.read(1), lambda: live.read(-1), lambda: live.publish(1, 0, 0, 0, 0, 0, 0)):
        with pytest.raises(IndexError):
            use()
    with pytest.raises(ValueError, match="16 bytes"):
        live.name(0, b"short", 0)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", StorageError),
        (bytes(8192), StorageError),
        (b"pklive\0\0" + struct.pack("<II", 1, 1_000_000) + bytes(8192), StorageError),
        (b"pklive\0\0" + struct.pack("<II", 2, 1) + bytes(8192), NewerVersion),
    ],
    ids=["empty", "zeros", "truncated", "newer"],
)
def test_what_is_no_live_file_is_not_opened(path, content, error):
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(error):
        Live.open(path)
    assert Live.create(path, 1).read(0) == (0, 0, 0, 0, 0, 0)


def test_use_after_close_says_so(path):
    live = Live.create(path, 1)
    live.close()
    live.close()
    for use in (lambda: live.read(0), live.bump, lambda: live.wait(0, 1), lambda: live.sequence):
        with pytest.raises(Closed):
            use()


def test_closing_ends_the_waits_of_other_threads(path):
    live = Live.create(path, 1)
    ended = []

    def wait():
        try:
            live.wait(live.sequence, 30)
        except Closed:
            ended.append(True)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.02)
    live.close()
    waiter.join(5)
    assert ended == [True]
