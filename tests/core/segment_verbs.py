"""Verbs for tests of segments: batches of a chosen size, and damage."""

from __future__ import annotations

import struct
from pathlib import Path

from pykafkalite._core import Segment, build_batch, stamp

LIMITS = {"segment_bytes": 1 << 20, "index_bytes": 10 << 20, "index_interval": 4096}


def batch(
    offset: int, *, records: int = 1, timestamp: int = 1_000, size: int = 100, epoch: int = 0
) -> bytearray:
    """A stamped batch whose values make up about `size` bytes, at times timestamp, +1, ..."""
    data = build_batch([(bytes(size // records), None, None, timestamp + i) for i in range(records)])
    stamp(data, offset, epoch)
    return data


def create(directory: Path, base_offset: int = 0, **changes: int) -> Segment:
    return Segment.create(str(directory), base_offset, **{**LIMITS, **changes})


def reopen(
    directory: Path, end: int, *, writable: bool = False, mapped: bool = True, base_offset: int = 0
) -> Segment:
    return Segment.open(str(directory), base_offset, end=end, writable=writable, mapped=mapped, **LIMITS)


def fill(segment: Segment, count: int, *, size: int = 1_000, step: int = 10) -> list[tuple[int, int]]:
    """Appends `count` batches of two records; [(base offset, position)]."""
    placed = []
    for i in range(count):
        offset = segment.next_offset
        placed.append(
            (offset, segment.append(batch(offset, records=2, size=size, timestamp=1_000 + i * step)))
        )
    return placed


def index_of(segment: Segment) -> list[tuple[int, int]]:
    """[(relative last offset, position)] as they lie in the file."""
    return list(struct.iter_unpack(">ii", Path(segment.path).with_suffix(".index").read_bytes()))


def time_index_of(segment: Segment) -> list[tuple[int, int]]:
    """[(timestamp, relative offset)] as they lie in the file."""
    return list(struct.iter_unpack(">qi", Path(segment.path).with_suffix(".timeindex").read_bytes()))


def flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)
