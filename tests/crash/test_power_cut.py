"""The machine stops: what had not reached the disk is gone.

An ext4 in an image file; at the moment of an acknowledgement the writer is stopped, the image is copied,
and the copy is mounted. Pages that were not synced are not in the image.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from group_requests import commit, committed_offset
from history import Deed, History
from kio.schema.errors import ErrorCode
from nursery import Nursery, judge, kill_after
from raw import Raw, batch, fetch, produce, values_of
from serving import Served

import pykafkalite as pk
from pykafkalite.storage.durability import PROMISE_SECONDS

pytestmark = pytest.mark.root

SIZE = 24 << 20
CONFIG = {"internal.segment.bytes": 20_000, "index.interval.bytes": 500}


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    # A short commit interval would save data that the store has not synced: its own journal must not help.
    run("mount", "-o", "loop,commit=300", image, at)
    try:
        yield at
    finally:
        run("umount", "-l", at)  # a view that still lives does not matter


@pytest.fixture
def image(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system")
    if not shutil.which("mkfs.ext4"):
        pytest.skip("needs mkfs.ext4 (e2fsprogs)")
    path = tmp_path / "disk.img"
    with open(path, "wb") as file:
        file.truncate(SIZE)
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
    return path


def stop(pid: int) -> None:
    """SIGSTOP; returns once no thread of it is in a system call any more: an image copied during a write is
    of no moment that ever was."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    while any(
        task.joinpath("stat").read_text().rsplit(")")[1].split()[0] != "T" for task in threads.iterdir()
    ):
        time.sleep(0.001)


class Cut:
    """For `hearing`: stops the writer once so many appends were acknowledged, copies the image, kills it."""

    def __init__(self, image: Path, copy: Path, after: int) -> None:
        self.image, self.copy, self.after = image, copy, after
        self.acknowledged: list[Deed] = []
        self.told: list[float] = []

    def __call__(self, history: History) -> None:
        appends = history.of("append")
        done = [deed for deed in appends if deed.done]
        self.told += [time.monotonic()] * (len(done) - len(self.told))
        if len(done) >= self.after and not self.acknowledged:
            self.acknowledged = done
            stop(history.pid)
            self.at = time.monotonic()
            shutil.copyfile(self.image, self.copy)
            kill_after(1)(history)


def cut_power(
    nursery: Nursery, image: Path, tmp_path: Path, durability: str, after: int, **job: object
) -> tuple[Cut, History]:
    """Run a writer until so many appends are acknowledged; the cut, and what was acknowledged by then."""
    cut = Cut(image, tmp_path / "cut.img", after)
    with mounted(image, tmp_path / "running") as disk:
        history = nursery.run(
            disk / "store",
            "steady",
            durability=durability,
            clock="system",
            config=CONFIG,
            hearing=cut,
            **job,
        )
    assert len(cut.acknowledged) >= after
    return cut, history


def up_to_the_cut(history: History, cut: Cut) -> History:
    """What the writer did after the cut may be there or not; it was not acknowledged by then."""
    for deed in history.deeds:
        if deed.done and deed.verb == "append" and not any(deed is done for done in cut.acknowledged):
            deed.done, deed.result = False, None
    return history


@pytest.mark.parametrize("after", [1, 3, 40, 150])
def test_fsync_keeps_everything_that_was_acknowledged(
    nursery: Nursery, image: Path, tmp_path: Path, after: int
):
    cut, history = cut_power(nursery, image, tmp_path, "fsync", after)
    with mounted(cut.copy, tmp_path / "after") as disk:
        assert judge(disk / "store", up_to_the_cut(history, cut), "fsync") == []


@pytest.mark.parametrize("seconds", [0.3, 1.2, 2.5])
def test_os_loses_at_most_its_second(nursery: Nursery, image: Path, tmp_path: Path, seconds: float):
    check_the_promise_of_os(nursery, image, tmp_path, seconds)


def check_the_promise_of_os(
    nursery: Nursery, image: Path, tmp_path: Path, seconds: float, **job: object
) -> None:
    pause = 0.005
    after = int(seconds / pause / 1.4)
    cut, history = cut_power(nursery, image, tmp_path, "os", after, pause=pause, **job)
    for deed, told in zip(cut.acknowledged, cut.told, strict=False):
        if cut.at - told <= PROMISE_SECONDS:
            deed.done, deed.result = False, None  # of its last second: may be gone
    promised = [deed for deed in cut.acknowledged if deed.done]
    history = up_to_the_cut(history, cut)
    with mounted(cut.copy, tmp_path / "after") as disk:
        assert judge(disk / "store", history) == []
    assert len(promised) > 20 or seconds < 1.5


def test_a_power_cut_right_after_a_clean_close_loses_nothing(nursery: Nursery, image: Path, tmp_path: Path):
    copy = tmp_path / "cut.img"
    with mounted(image, tmp_path / "running") as disk:
        history = nursery.run(disk / "store", "tour")
        shutil.copyfile(image, copy)
    assert history.exit == 0
    with mounted(copy, tmp_path / "after") as disk:
        assert judge(disk / "store", history) == []


def test_an_os_store_that_never_syncs_is_caught(nursery: Nursery, image: Path, tmp_path: Path):
    with pytest.raises(AssertionError, match="acknowledged"):
        check_the_promise_of_os(nursery, image, tmp_path, 2, sabotage="never_syncs")


def test_an_fsync_store_that_never_syncs_is_caught(nursery: Nursery, image: Path, tmp_path: Path):
    cut, history = cut_power(nursery, image, tmp_path, "fsync", 40, sabotage="never_syncs")
    with mounted(cut.copy, tmp_path / "after") as disk:
        assert judge(disk / "store", up_to_the_cut(history, cut), "fsync") != []


@pytest.mark.long
@pytest.mark.parametrize("after", range(1, 60))
def test_fsync_keeps_everything_at_each_of_many_moments(
    nursery: Nursery, image: Path, tmp_path: Path, after: int
):
    test_fsync_keeps_everything_that_was_acknowledged(nursery, image, tmp_path, after)


@pytest.mark.parametrize("bug", ["", "never_syncs"])
def test_a_broker_with_fsync_keeps_records_and_commits_that_it_acknowledged(
    image: Path, tmp_path: Path, bug: str
):
    """Records and commits; and it is shown that a broker that does not sync would be caught."""
    copy = tmp_path / "cut.img"
    with mounted(image, tmp_path / "running") as running:
        with pk.open(running / "store") as log:
            log.create_topic("events", 1, {"retention.ms": -1})
        with Served(running / "store", "durability=fsync", bug=bug) as served:
            client = Raw(served.address)
            for number in range(30):
                assert produce(client, "events", batch(b"%d" % number)).error_code is ErrorCode.none
                assert commit(client, number) is ErrorCode.none
            stop(served.pid)
            shutil.copyfile(image, copy)
    with mounted(copy, tmp_path / "after") as after, Served(after / "store") as served:
        client = Raw(served.address)
        found = len(values_of(fetch(client, "events", 0).records)), committed_offset(client)
    assert (found == (30, 29)) == (bug == "")
