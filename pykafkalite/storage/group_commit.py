"""Group commit of one partition: appenders that wait at the same time share one sync.

The first to come syncs for all that wrote before it began; who comes meanwhile waits, and one of
them syncs next. A failed sync stays a failure until the partition was rewritten (repair.py): what
it covered is never acknowledged on the word of a later sync that succeeded.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from .files import storage_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .._core import Segment
    from .reading import Bounds


class SyncTarget(NamedTuple):
    """What one sync covers: the bounds it makes safe, the segments and transaction indexes to sync for that,
    and how many files are new.
    """

    written: Bounds
    segments: list[Segment]
    new_files: int
    txn_indexes: list[Path]


class GroupCommit:
    """Who syncs a partition, and up to where it is synced. Safe from any thread."""

    def __init__(
        self,
        name: str,
        synced_offset: int,
        *,
        claim: Callable[[], SyncTarget],
        sync: Callable[[SyncTarget], None],
        settled: Callable[[SyncTarget], None],
    ) -> None:
        """`claim` says what is to be synced now, `sync` does it (OSError), `settled` is told that it was done."""
        self.synced_offset = synced_offset
        self.failed: OSError | None = None
        self.syncing = False
        self._name = name
        self._claim = claim
        self._sync = sync
        self._settled = settled
        self._done = threading.Condition()

    def up_to(self, next_offset: int) -> None:
        """Return once everything before `next_offset` is on disk. Raises StorageError when its sync failed."""
        while True:
            with self._done:
                while self.syncing and self.synced_offset < next_offset:
                    self._done.wait()
                if self.synced_offset >= next_offset:
                    return
                if self.failed is not None:
                    raise storage_error(self.failed, f"sync of {self._name}")
            target = self.begin()
            if target is None:
                continue
            done, failed = False, None
            try:
                self._sync(target)
                done = True
            except OSError as error:
                failed = error
            finally:  # for an interrupt too: who waits has to go on
                self.end(target if done else None, failed)

    def begin(self) -> SyncTarget | None:
        """Claim the sync of what is written now; None when someone else is at it."""
        with self._done:
            if self.syncing:
                return None
            self.syncing = True
        return self._claim()

    def end(self, done: SyncTarget | None, failed: OSError | None) -> None:
        """The claimed sync is over: done, failed, or (neither) interrupted, so that another one may try."""
        if done is not None:
            self._settled(done)
        with self._done:
            self.syncing = False
            if done is not None:
                self.synced_offset = max(self.synced_offset, done.written.high_watermark)
            elif failed is not None:
                self.failed = failed
            self._done.notify_all()

    def repaired(self, next_offset: int) -> None:
        """The partition lies on fresh files that are synced up to `next_offset`."""
        with self._done:
            self.failed = None
            self.synced_offset = next_offset
