"""A file of commits: record batches of metadata records, offsets from 0 without a gap.

One batch is one commit: one write and one fsync, there as a whole or not at all.

Rule 1: a commit that failed in the middle leaves bytes that nobody vouches for.
        They are cut off at once, and the file is `broken`: it must be replaced
        before the next commit, as after a failed fsync the page cache proves nothing.
Rule 2: a bad batch with nothing valid behind it is a torn commit; a writer cuts
        it.  A bad batch with a valid one behind it, and a batch that is whole
        but makes no sense, are damage: CorruptBatch, and nothing is changed.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from pykafkalite._core import build_batch, parse_batch, records_of, stamp
from pykafkalite.errors import CorruptBatch
from pykafkalite.storage.files import replace_file, storage_error, write_all
from pykafkalite.storage.records import decode_metadata, encode_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pykafkalite.storage.schema import Record

    Apply = Callable[[list[Record]], None]
    Torn = Callable[[Path, int, bytes], None]

_BATCH_LIKE = re.compile(rb"(?=\0{3}.{5}\0.{3}\0.{3}\x02)", re.DOTALL)
"""An offset below 2**40, a length and an epoch below 2**24, magic 2."""


class CommitFile:
    """One open file; when another one gets its name, this one is `stale`.  Threads: the caller locks."""

    def __init__(self, path: Path, writable: bool) -> None:
        """OSError when it cannot be opened.  Nothing is read yet."""
        self.path = path
        self.writable = writable
        self.broken = False
        self.end = 0
        """Bytes of whole commits, read or written here."""
        self.next_offset = 0
        """The number of records in them."""
        self._descriptor = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)

    @classmethod
    def write(cls, path: Path, commits: Iterable[list[Record]], epoch: int, now: int) -> CommitFile:
        """A new file of `commits` in place of whatever has the name, durably.  Raises StorageError.

        After a crash there is the old file or the new one, whole.
        """
        out = bytearray()
        offset = 0
        for records in commits:
            batch = _batch(records, now)
            offset = stamp(batch, offset, epoch)
            out += batch
        replace_file(path, out)
        try:
            new = cls(path, writable=True)
        except OSError as error:
            raise storage_error(error, f"opening {path}") from error
        new.end, new.next_offset = len(out), offset
        return new

    def append(self, records: list[Record], epoch: int, now: int) -> None:
        """One commit, durable on return.  Raises StorageError (Rule 1)."""
        batch = _batch(records, now)
        following = stamp(batch, self.next_offset, epoch)
        try:
            write_all(self._descriptor, batch, self.end)
            os.fsync(self._descriptor)
            self.end, self.next_offset = self.end + len(batch), following
        except BaseException as error:  # an interrupt too
            self.broken = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
            if isinstance(error, OSError):
                raise storage_error(error, f"writing {self.path}") from error
            raise

    def read_on(self, apply: Apply, torn: Torn | None = None) -> bool:
        """Applies the commits behind `end`, one call each; whether there were any.

        When writable, a torn tail is given to `torn(path, position, bytes)` and then cut.
        Raises CorruptBatch (Rule 2), NewerVersion, and OSError from reading or cutting.
        """
        begin = self.end
        for attempt in range(3):  # a reader may have looked in the middle of a write
            data = self._read()
            done, problem = self._apply(data, apply)
            if problem is None or not _valid_batch_after(data, done):
                break
            if self.writable or attempt == 2:
                raise self.damaged(problem)
        if problem is not None and self.writable and self.end:
            if torn is not None:
                torn(self.path, self.end, data[done:])
            os.ftruncate(self._descriptor, self.end)
            os.fsync(self._descriptor)
        return self.end > begin

    @property
    def grew(self) -> bool:
        return os.fstat(self._descriptor).st_size > self.end

    @property
    def stale(self) -> bool:
        """Whether the name stands for something else than what was read here.  OSError: for nothing."""
        found = os.stat(self.path)
        return (found.st_dev, found.st_ino) != self._identity or found.st_size < self.end

    def damaged(self, problem: str) -> CorruptBatch:
        return CorruptBatch(
            f"{self.path} is damaged at byte {self.end}: {problem}. Put back a copy of it, or move it away "
            "to begin anew: the partitions' directories are then set aside, not deleted",
            path=str(self.path),
            position=self.end,
        )

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _read(self) -> bytes:
        start, size = self.end, os.fstat(self._descriptor).st_size
        parts = []
        while start < size and (part := os.pread(self._descriptor, size - start, start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def _apply(self, data: bytes, apply: Apply) -> tuple[int, str | None]:
        """Applies the commits in `data`, read at `end`: the bytes done, and what is wrong with the rest."""
        done = 0
        while done < len(data):
            try:
                batch = parse_batch(data, done)
            except CorruptBatch as error:
                return done, str(error)
            if batch.base_offset != self.next_offset or batch.codec or batch.is_control:
                raise self.damaged(f"a batch of offset {batch.base_offset} cannot follow {self.next_offset}")
            try:
                apply([decode_metadata(value) for _, _, _, value, _ in records_of(data, batch)])
            except CorruptBatch as error:
                raise self.damaged(str(error)) from error
            done += batch.size
            self.end += batch.size
            self.next_offset = batch.last_offset + 1
        return done, None


def _batch(records: list[Record], now: int) -> bytearray:
    return build_batch([(None, encode_metadata(record), None, now) for record in records])


def _valid_batch_after(data: bytes, position: int) -> bool:
    for found in _BATCH_LIKE.finditer(data, position + 1):
        with contextlib.suppress(CorruptBatch, EOFError):
            parse_batch(data, found.start())
            return True
    return False
