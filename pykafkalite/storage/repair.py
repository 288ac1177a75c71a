"""After a failed sync: a segment's batches on a fresh file that the disk has confirmed.

The page cache may hold bytes that the disk does not, marked clean, so that a second sync
would succeed without writing them. So the batches are copied, each CRC checked, to a new file,
which is synced and renamed over the old one. Views keep the old inode; names keep their meaning.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _core
from ..errors import CorruptBatch, StorageError
from .files import storage_error, sync_directory
from .naming import segment_file

if TYPE_CHECKING:
    from pathlib import Path

# Kafka too removes files of this suffix when it finds them at start.
UNFINISHED = ".cleaned"
COPY_BYTES = 16 << 20


def rewrite_segments(directory: Path, segments: list[tuple[int, int]]) -> None:
    """Copy, sync and swap in the segments of (base offset, end in bytes). Raises StorageError."""
    for base, end in segments:
        path = directory / segment_file(base)
        copy = path.with_name(path.name + UNFINISHED)
        try:
            _copy_batches(path, copy, end)
            os.replace(copy, path)
            sync_directory(directory)
        except OSError as error:
            copy.unlink(missing_ok=True)
            raise storage_error(error, f"rewriting {path} after a failed sync") from error


def _copy_batches(source: Path, target: Path, end: int) -> None:
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        left = b""
        position = 0
        while position < end:
            chunk = left + old.read(min(COPY_BYTES, end - position))
            if len(chunk) == len(left):
                raise StorageError(f"{source} ends at byte {position}, {end} were written")
            position += len(chunk) - len(left)
            whole = _whole_batches(source, chunk, last=position >= end)
            _write_all(new, memoryview(chunk)[:whole])
            left = chunk[whole:]
        os.fsync(new.fileno())


def _whole_batches(source: Path, chunk: bytes, *, last: bool) -> int:
    """How many bytes of `chunk` are whole batches, each checked."""
    at = 0
    while at < len(chunk):
        if len(chunk) - at < _core.BATCH_HEADER and not last:
            break
        size = _core.parse_header(chunk, at).size
        if at + size > len(chunk):
            if last:
                raise StorageError(f"{source} ends inside a batch")
            break
        try:
            _core.parse_batch(memoryview(chunk)[at : at + size])
        except CorruptBatch as error:
            raise StorageError(f"{source}: {error}; it cannot be rewritten safely") from error
        at += size
    return at


def _write_all(file: object, data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]  # type: ignore[attr-defined]
