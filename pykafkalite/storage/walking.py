"""The batches of one file, and the places in it that are none: for `verify` and `dump`.

The file is read, not mapped, a batch at a time: it may be damaged, huge, of a
running Kafka, or be shortened meanwhile, and memory stays bounded by its largest batch.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from pykafkalite._core import ATTR_CODEC, BATCH_HEADER, Batch, check_records, parse_batch, records_of
from pykafkalite.errors import CorruptBatch
from pykafkalite.storage.codecs import decompress
from pykafkalite.storage.reading import MAX_DECOMPRESSED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Record = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

LOG_OVERHEAD = 12  # bytes of a batch that its length does not count
MAGIC_AT = 16
WINDOW = 1 << 20  # bytes searched at once for the next batch
# What a writer may need from the growth of the file to the end of the write that grew it.
WRITING = 0.02

# base offset, length, leader epoch, magic, crc, attributes, last offset delta
_START = struct.Struct(">qiibIhi")


class Whole(NamedTuple):
    """A valid batch and its bytes; `position` is where it begins in the file."""

    position: int
    batch: Batch
    data: bytes

    def records(self) -> list[Record]:
        """(offset, timestamp, key, value, headers) of each.  Raises CorruptBatch."""
        return records_of(self.data, self.batch, self._payload())

    def check(self) -> int:
        """The latest timestamp of the records, each looked at.  Raises CorruptBatch."""
        return check_records(self.data, self.batch, self._payload(), dense=False)[1]

    def _payload(self) -> bytes | None:
        if not self.batch.attributes & ATTR_CODEC:
            return None
        return bytes(decompress(self.batch.codec, memoryview(self.data)[BATCH_HEADER:], MAX_DECOMPRESSED))


class Damage(NamedTuple):
    """Bytes from `position` to `end` that are no batch.  `is_tail`: nothing valid follows them."""

    position: int
    end: int
    problem: str
    is_tail: bool


def walk(path: Path) -> Iterator[Whole | Damage]:
    """Everything in the file, in order, without a gap.  Raises OSError."""
    with open(path, "rb") as file:
        position, size = 0, _size(file)
        while position < size:
            found = _batch_at(file, position, size)
            if not isinstance(found, str):
                yield found
                position += found.batch.size
                continue
            end = _next_batch(file, position, size)
            if end == size:
                time.sleep(WRITING)
                if _size(file) > size:  # not a torn tail: somebody is writing it, look again
                    size = _size(file)
                    continue
            yield Damage(position, end, found, is_tail=end == size)
            position = end


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _batch_at(file: BinaryIO, position: int, size: int) -> Whole | str:
    """The batch that begins at `position`, or why there is none."""
    file.seek(position)
    start = file.read(LOG_OVERHEAD)
    length = int.from_bytes(start[8:], "big", signed=True) if len(start) == LOG_OVERHEAD else 0
    if 0 < length <= size - position - LOG_OVERHEAD:
        start += file.read(length)
    elif length > 0:
        return f"a batch of {LOG_OVERHEAD + length:,} bytes, of which {size - position:,} are there"
    try:
        return Whole(position, parse_batch(start), start)
    except EOFError:
        return "nothing is there"
    except CorruptBatch as error:
        return _problem(error, start)


def _problem(error: CorruptBatch, start: bytes) -> str:
    return "zeros" if not any(start) else str(error)


def _next_batch(file: BinaryIO, bad: int, size: int) -> int:
    """Where the next valid batch begins after the bad one at `bad`; `size` when there is none."""
    file.seek(bad)
    start = file.read(LOG_OVERHEAD)
    after = bad + LOG_OVERHEAD + int.from_bytes(start[8:], "big", signed=True)
    if bad < after < size and not isinstance(_batch_at(file, after, size), str):
        return after
    for at in _candidates(file, bad + 1, size):
        if not isinstance(_batch_at(file, at, size), str):
            return at
    return size


def _candidates(file: BinaryIO, position: int, size: int) -> Iterator[int]:
    """Positions whose bytes could be the start of a batch: magic, lengths and flags make sense."""
    while position + BATCH_HEADER <= size:
        file.seek(position)
        window = file.read(WINDOW + BATCH_HEADER)
        at = window.find(2, MAGIC_AT)
        while 0 <= at < MAGIC_AT + WINDOW:
            start = at - MAGIC_AT
            if start + BATCH_HEADER <= len(window):
                base, length, _, _, _, attributes, delta = _START.unpack_from(window, start)
                fits = BATCH_HEADER - LOG_OVERHEAD <= length <= size - position - start - LOG_OVERHEAD
                if fits and base >= 0 and delta >= 0 and 0 <= attributes < 0x80:
                    yield position + start
            at = window.find(2, at + 1)
        position += WINDOW
