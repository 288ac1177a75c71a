"""When a record counts as safe: `os`, `fsync`, and nothing for `:memory:` (design decision 8).

`os`     acknowledges from the page cache and syncs behind. Nothing is lost with the process,
         at most the last second with the machine: appends wait when the oldest unsynced
         byte gets older.
`fsync`  acknowledges, and shows to readers, only what is synced. Appenders that wait at the
         same time share one sync (group commit): see `GroupCommit.up_to`.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING, Protocol

from .. import _core
from ..errors import Closed, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from .clock import Clock
    from .partition import WritablePartition

logger = logging.getLogger(__name__)

PROMISE_SECONDS = 1.0
# Syncing begins at a half of the promise, so that a sync of ordinary length keeps it.
SYNC_AFTER_SECONDS = 0.5
# 1,000 dirty files: fdatasync each took 1.9-2.9 s, syncfs 0.1 s.
SYNCFS_FROM = 32


class Durability(Protocol):
    """What a partition asks of its store's durability mode."""

    def wrote(self, partition: WritablePartition) -> None:
        """Batches were written; called under the partition's lock."""

    def is_settled(self, partition: WritablePartition, next_offset: int) -> bool:
        """Whether `settle` would return at once."""

    def settle(self, partition: WritablePartition, next_offset: int) -> None:
        """Return once everything before `next_offset` may be acknowledged; called without locks."""

    def sync_all(self) -> None:
        """Sync everything that was written before the call."""

    def close(self) -> None:
        """Sync everything and end all background work."""


class NoSync:
    """`:memory:`: visible at once, never synced."""

    def wrote(self, partition: WritablePartition) -> None:
        partition.publish(partition.written)

    def is_settled(self, partition: WritablePartition, next_offset: int) -> bool:
        return True

    def settle(self, partition: WritablePartition, next_offset: int) -> None:
        """Nothing to wait for."""

    def sync_all(self) -> None:
        """Nothing to sync."""

    def close(self) -> None:
        """Nothing to end."""


class SyncOnAppend:
    """`fsync`: every acknowledgement waits for the disk."""

    def wrote(self, partition: WritablePartition) -> None:
        """Readers see it once it is synced."""

    def is_settled(self, partition: WritablePartition, next_offset: int) -> bool:
        return partition.commit.synced_offset >= next_offset

    def settle(self, partition: WritablePartition, next_offset: int) -> None:
        partition.commit.up_to(next_offset)

    def sync_all(self) -> None:
        """Every append has synced what it wrote."""

    def close(self) -> None:
        """There is no background work."""


class SyncBehind:
    """`os`: one thread syncs what has become dirty; it sleeps while nothing is."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._changed = threading.Condition()
        self._syncing = threading.Lock()  # one sync_all at a time; taken before _changed
        self._dirty: dict[WritablePartition, tuple[float, float]] = {}  # -> (written at, sync due)
        self._overdue = math.inf  # appends wait from then on
        self._thread: threading.Thread | None = None
        self._closing = False

    def wrote(self, partition: WritablePartition) -> None:
        partition.publish(partition.written)
        if partition not in self._dirty:
            self._became_dirty(partition)

    def is_settled(self, partition: WritablePartition, next_offset: int) -> bool:
        return not partition.must_flush() and self._clock.monotonic() <= self._overdue

    def settle(self, partition: WritablePartition, next_offset: int) -> None:
        if partition.must_flush():
            partition.commit.up_to(next_offset)
        if self._clock.monotonic() > self._overdue:
            with self._changed:
                while self._clock.monotonic() > self._overdue and not self._closing:
                    self._changed.wait(0.05)

    def sync_all(self) -> None:
        with self._syncing:
            with self._changed:
                batch, self._dirty = self._dirty, {}
            try:
                self._sync(list(batch))
            finally:
                with self._changed:
                    written = (written for written, _ in self._dirty.values())
                    self._overdue = min(written, default=math.inf) + PROMISE_SECONDS
                    self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        self.sync_all()

    def _became_dirty(self, partition: WritablePartition) -> None:
        with self._changed:
            now = self._clock.monotonic()
            due = now + min(SYNC_AFTER_SECONDS, partition.config.flush_ms / 1000)
            self._dirty.setdefault(partition, (now, due))
            self._overdue = min(self._overdue, now + PROMISE_SECONDS)
            if (
                self._thread is None or not self._thread.is_alive()
            ):  # an interrupt may have come before start()
                self._thread = threading.Thread(target=self._run, name="pykafkalite-sync", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (pause := self._pause()) > 0:
                    self._changed.wait(None if pause == math.inf else pause)
                if self._closing:
                    return
            self.sync_all()

    def _pause(self) -> float:
        earliest = min((due for _, due in self._dirty.values()), default=math.inf)
        return earliest - self._clock.monotonic()

    def _sync(self, partitions: list[WritablePartition]) -> None:
        if len(partitions) >= SYNCFS_FROM:
            _sync_together(partitions, self._directory)
        for partition in partitions:
            try:
                partition.commit.up_to(partition.end_offset)
            except StorageError:
                if not partition.is_closed:
                    # The partition remembers: its next append, or the close, repairs it first, or raises.
                    logger.exception(
                        "a sync failed; its partition is rewritten before it takes appends again"
                    )
            except Closed:
                logger.debug("%s was deleted while it was synced", partition)


def _sync_together(partitions: list[WritablePartition], directory: Path) -> None:
    """Sync many partitions by one call for their whole file system; who is being synced already is left out."""
    begun = [(partition, target) for partition in partitions if (target := partition.commit.begin())]
    failed: OSError | None = None
    try:
        _core.syncfs(str(directory))
    except OSError as error:
        failed = error
    for partition, target in begun:
        partition.commit.end(None if failed else target, failed)
