"""A disk that is really full: a small tmpfs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sabotage
from group_requests import commit, committed_offset, join
from history import read_all
from kio.schema.errors import ErrorCode
from raw import Raw, batch, fetch, produce, values_of
from serving import Served
from victim import value_of

import pykafkalite as pk
from pykafkalite import _core
from pykafkalite.coordinator.group_log import GroupLog
from pykafkalite.coordinator.requests import NewCommit
from pykafkalite.errors import DiskFull
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.partition import WritablePartition
from pykafkalite.storage.store import Store

pytestmark = pytest.mark.root

SIZE = 2 << 20
PLACE = ("events", 0)
CONFIG = {"retention.ms": -1, "internal.segment.bytes": 60_000, "index.interval.bytes": 0}


class SmallDisk:
    """A mounted file system of 2 MiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "store"
        self._ballast = path / "ballast"
        self.appended = 0

    @property
    def room(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but `leave` bytes (of whole pages)."""
        with open(self._ballast, "ab") as ballast:
            while (room := self.room - leave) > 0:
                os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), room)

    def make_room(self) -> None:
        self._ballast.unlink()

    def append(self, store: Store, count: int = 10) -> int:
        serials = range(self.appended, self.appended + count)
        batch = _core.build_batch([(None, value_of(serial), None, -1) for serial in serials])
        base = store.partition(*PLACE).append(batch).base_offset
        self.appended += count
        return base

    def append_until_it_is_full(self, store: Store) -> None:
        for _ in range(100_000):
            try:
                self.append(store)
            except DiskFull:
                return
        raise AssertionError("the disk is never full")

    def check(self, store: Store) -> None:
        """All that was acknowledged, once, in order, and nothing else."""
        expected = [(offset, value_of(offset)) for offset in range(self.appended)]
        assert read_all(store, PLACE) == expected


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a tmpfs")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", mounted], check=True)
    try:
        yield SmallDisk(mounted)
    finally:
        subprocess.run(["umount", "-l", mounted], check=True)


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_appends_fail_with_a_typed_error_and_go_on_once_there_is_room(disk: SmallDisk, durability: str):
    with Store.open(disk.store, durability=durability) as store:
        store.create_topic("events", 1, CONFIG)
        disk.fill(leave=300_000)
        for _ in range(3):
            disk.append_until_it_is_full(store)
        disk.check(store)
        disk.make_room()
        for _ in range(50):
            disk.append(store)
        disk.check(store)
    with Store.open(disk.store, durability=durability) as store:
        assert store.recovered == []
        disk.check(store)


@pytest.mark.parametrize("pages", range(12))
def test_wherever_in_a_roll_the_room_ends(disk: SmallDisk, pages: int):
    """A batch, the new log, its indexes, the old one's last entries: each may be the first that does not fit."""
    with Store.open(disk.store) as store:
        store.create_topic("events", 1, CONFIG | {"internal.segment.bytes": 4000})
        for _ in range(4):
            disk.append(store)
        disk.fill(leave=pages * 4096)
        disk.append_until_it_is_full(store)
        disk.check(store)
        for _ in range(3):
            with pytest.raises(DiskFull):
                disk.append(store, 40)
        disk.make_room()
        for count in (1, 40, 1, 40):
            disk.append(store, count)
        disk.check(store)
    with Store.open(disk.store) as store:
        disk.check(store)


def test_readers_go_on_and_new_ones_come(disk: SmallDisk):
    with Store.open(disk.store) as store, Store.open(disk.store, mode="r") as reader:
        store.create_topic("events", 1, CONFIG)
        disk.append(store)
        disk.fill()
        disk.append_until_it_is_full(store)
        disk.check(store)
        disk.check(reader)
        with Store.open(disk.store, mode="r") as late:
            disk.check(late)
        disk.make_room()


def test_a_topic_that_does_not_fit_is_not_there(disk: SmallDisk):
    with Store.open(disk.store) as store:
        store.create_topic("events", 1, CONFIG)
        disk.fill()
        with pytest.raises(DiskFull):
            store.create_topic("wide", 3000)
        assert list(store.topics()) == ["events"]
        with pytest.raises(DiskFull):
            disk.append(store)
        disk.make_room()
        store.create_topic("wide", 3000)
        disk.append(store)
        disk.check(store)
    with Store.open(disk.store) as store:
        assert sorted(store.topics()) == ["events", "wide"]
        disk.check(store)


def test_a_live_file_that_cannot_grow_is_a_typed_error_and_no_sigbus(
    disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pykafkalite.storage.publishing.FIRST_SLOTS", 4)
    with Store.open(disk.store) as store:
        store.create_topic("events", 10, CONFIG)
        disk.append(store)
        disk.fill()
        refused = 0
        for index in range(1, 10):
            try:
                store.partition("events", index).append(_core.build_batch([(None, b"x", None, -1)]))
            except DiskFull:
                refused += 1
        assert refused > 0
        disk.make_room()
        for index in range(1, 10):
            store.partition("events", index).append(_core.build_batch([(None, b"x", None, -1)]))
        disk.check(store)


def test_a_commit_of_offsets_that_does_not_fit_was_not_made(disk: SmallDisk):
    with Store.open(disk.store) as store:
        store.create_topic("events", 1, CONFIG)
        disk.append(store)
        offsets = GroupLog(store)
        offsets.commit("g", {PLACE: NewCommit(5)})
        disk.fill()
        committed = 5
        for offset in range(6, 1000):
            try:
                offsets.commit("g", {PLACE: NewCommit(offset)})
            except DiskFull:
                break
            committed = offset
        with pytest.raises(DiskFull):
            offsets.commit("g", {PLACE: NewCommit(7)})
        assert GroupLog(store).committed("g")[PLACE].offset == committed
        disk.make_room()
        offsets.commit("g", {PLACE: NewCommit(8)})
        assert GroupLog(store).committed("g")[PLACE].offset == 8


def test_a_close_on_a_full_disk_is_a_typed_error_and_loses_nothing(disk: SmallDisk):
    store = Store.open(disk.store)
    store.create_topic("events", 1, CONFIG)
    disk.append(store)
    disk.fill()
    disk.append_until_it_is_full(store)
    with pytest.raises(DiskFull):
        store.close()
    disk.make_room()
    with Store.open(disk.store) as store:
        disk.check(store)
        disk.append(store)


def test_a_store_opens_for_writing_on_a_full_disk_or_says_why_not(disk: SmallDisk):
    with Store.open(disk.store) as store:
        store.create_topic("events", 1, CONFIG)
        disk.append(store)
    disk.fill()
    try:
        with Store.open(disk.store) as store:
            disk.check(store)
    except DiskFull:
        pass
    disk.make_room()
    with Store.open(disk.store) as store:
        disk.check(store)


def test_retention_makes_room(disk: SmallDisk):
    clock = ManualClock()
    with Store.open(disk.store, clock=clock) as store:
        store.create_topic("events", 1, CONFIG | {"file.delete.delay.ms": 0, "retention.bytes": 1 << 20})
        disk.append_until_it_is_full(store)
        store.syncing.sync_all()
        store.check_retention()
        clock.advance(1)
        store.scheduler.run_due()
        assert disk.append(store) == disk.appended - 10


def test_a_seeded_bug_is_caught(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch):
    """One that acknowledges what did not fit."""
    monkeypatch.setattr(WritablePartition, "append", WritablePartition.append)
    sabotage.acknowledges_what_failed()
    with Store.open(disk.store) as store:
        store.create_topic("events", 1, CONFIG)
        disk.fill(leave=100_000)
        for _ in range(500):
            disk.append(store)
        with pytest.raises(AssertionError):
            disk.check(store)
        monkeypatch.undo()
        disk.make_room()


# --- a broker on it ----------------------------------------------------------------------


@pytest.fixture
def served(disk: SmallDisk) -> Iterator[Served]:
    with pk.open(disk.store) as log:
        log.create_topic("events", 1, {"retention.ms": -1})
    with Served(disk.store) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Raw]:
    client = Raw(served.address)
    yield client
    client.socket.close()


def fill(disk: SmallDisk, client: Raw) -> int:
    """Produce until the disk is full; how many records were acknowledged."""
    disk.fill(leave=200_000)
    for count in range(1000):
        error = produce(client, "events", batch(b"x" * 1000)).error_code
        if error is not ErrorCode.none:
            assert error is ErrorCode.kafka_storage_error
            return count
    raise AssertionError("the disk is never full")


def test_on_a_full_disk_writes_are_refused_and_reads_go_on_until_there_is_room(
    disk: SmallDisk,
    served: Served,
    client: Raw,
):
    written = fill(disk, client)
    assert produce(client, "events", batch(b"x" * 1000)).error_code is ErrorCode.kafka_storage_error
    assert len(values_of(fetch(client, "events", 0).records)) == written
    disk.make_room()
    answer = produce(client, "events", batch(b"after"))
    assert (answer.error_code, answer.base_offset) == (ErrorCode.none, written)
    assert values_of(fetch(client, "events", written).records) == [b"after"]
    assert served.stop() == 0


def test_on_a_full_disk_members_of_groups_stay_and_commits_are_told_the_truth(
    disk: SmallDisk,
    served: Served,
    client: Raw,
):
    member_id, generation = join(client)
    assert commit(client, 1) is ErrorCode.none
    committed = 1
    fill(disk, client)
    disk.fill()
    for offset in range(2, 200):
        error = commit(client, offset)
        if error is not ErrorCode.none:
            break
        committed = offset
    assert error is not ErrorCode.none
    beat = client.ask(
        12, 3, group_id="h", generation_id=generation, member_id=member_id, group_instance_id=None
    )
    assert beat.error_code is ErrorCode.none
    assert committed_offset(client) == committed
    disk.make_room()
    assert commit(client, 500) is ErrorCode.none
    assert committed_offset(client) == 500
