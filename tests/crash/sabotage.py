"""Bugs, put into a process on purpose: each test of this folder is shown to catch one of its kind."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pykafkalite import _core
from pykafkalite.errors import StorageError
from pykafkalite.storage import bootstrap, checkpoints, commits, opening, writing
from pykafkalite.storage.group_commit import SyncTarget
from pykafkalite.storage.naming import segment_file
from pykafkalite.storage.partition import Appended, WritablePartition
from pykafkalite.storage.reading import Bounds
from pykafkalite.storage.recovery import Recovered
from pykafkalite.storage.segments import base_offsets

_append = WritablePartition.append


def acknowledges_before_writing() -> None:
    """An append returns at once; its batch is written with the next one."""
    held: dict[WritablePartition, tuple[Any, int]] = {}

    def append(self: WritablePartition, batch: Any) -> Appended:
        count = batch_count(batch)
        if self in held:
            _append(self, held.pop(self)[0])
        held[self] = batch, count
        return Appended(self.end_offset, self.end_offset + count - 1, -1)

    WritablePartition.append = append  # type: ignore[method-assign]


def acknowledges_clients_before_writing() -> None:
    """As above, for what comes over the wire."""
    write = WritablePartition.write_client_batch
    held: dict[WritablePartition, Any] = {}

    def write_later(self: WritablePartition, records: Any) -> Appended:
        if self in held:
            write(self, held.pop(self))
        held[self] = records
        return Appended(self.end_offset, self.end_offset + batch_count(records) - 1, -1)

    WritablePartition.write_client_batch = write_later  # type: ignore[method-assign]


def batch_count(batch: Any) -> int:
    return sum(found.last_offset - found.base_offset + 1 for found in _core.walk_batches(batch))


def acknowledges_what_failed() -> None:
    """The error of a write is swallowed."""

    def append(self: WritablePartition, batch: Any) -> Appended:
        try:
            return _append(self, batch)
        except StorageError:
            return Appended(self.end_offset, self.end_offset + batch_count(batch) - 1, -1)

    WritablePartition.append = append  # type: ignore[method-assign]


def writes_twice() -> None:
    """Every fifth batch is sent again although it was acknowledged."""
    calls = itertools.count(1)

    def append(self: WritablePartition, batch: Any) -> Appended:
        again = bytearray(batch)
        appended = _append(self, batch)
        if next(calls) % 5 == 0:
            _append(self, again)
        return appended

    WritablePartition.append = append  # type: ignore[method-assign]


def believes_a_second_sync() -> None:
    """After a failed sync the partition simply goes on."""

    def repair(self: WritablePartition) -> None:
        self.commit.repaired(self.end_offset)

    WritablePartition._repair = repair  # type: ignore[method-assign]


def never_syncs() -> None:
    """`fsync` acknowledges from the page cache."""

    def sync(self: WritablePartition, target: SyncTarget) -> None:
        pass

    WritablePartition._sync = sync  # type: ignore[method-assign]


def replaces_in_place() -> None:
    """Small files are written over, not renamed over."""

    def replace_file(path: Path, data: Any, *, durable: bool = True) -> None:
        with open(path, "wb", buffering=0) as file:
            file.write(bytes(data)[: len(data) // 2])
            file.write(bytes(data)[len(data) // 2 :])

    for module in (bootstrap, checkpoints, commits):
        module.replace_file = replace_file  # type: ignore[attr-defined]


def creates_later() -> None:
    """A topic is acknowledged before its commit is written, which happens with the next one."""
    append = commits.CommitFile.append
    held: list[tuple[Any, ...]] = []

    def later(self: commits.CommitFile, *commit: Any) -> None:
        if held:
            append(self, *held.pop())
        held.append(commit)

    commits.CommitFile.append = later  # type: ignore[method-assign]


def forgets_deletions() -> None:
    """The new log start offset is not written down."""
    writing.WritingStore._write_log_starts = lambda self: None  # type: ignore[method-assign]


def believes_every_byte() -> None:
    """Recovery looks at nothing: what is in the file is taken for whole batches."""

    def recover_partition(
        directory: Path, config: Any, point: int, start: int, now_ms: int, published: Bounds
    ) -> Recovered:
        bases = base_offsets(directory)
        size = (directory / segment_file(bases[-1])).stat().st_size if bases else 0
        return Recovered(published._replace(position=size), [], [])

    opening.recover_partition = recover_partition  # type: ignore[attr-defined]
    opening._agrees = lambda *about: True  # type: ignore[attr-defined]


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        acknowledges_before_writing,
        acknowledges_clients_before_writing,
        acknowledges_what_failed,
        writes_twice,
        believes_a_second_sync,
        never_syncs,
        replaces_in_place,
        creates_later,
        forgets_deletions,
        believes_every_byte,
    )
}


def commit(name: str | None) -> None:
    """Put the bug in; None: none."""
    if name:
        BUGS[name]()
