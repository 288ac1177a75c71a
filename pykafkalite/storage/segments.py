"""Which segments a partition has, and the bounded cache of those that are open for reading."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

from .._core import Segment
from .naming import LOG, parse_segment_file, segment_file

if TYPE_CHECKING:
    from pathlib import Path

    from .config import TopicConfig

# A mapped segment costs address space and one of the kernel's 65,530 maps, no descriptor.
OPEN_SEGMENTS = 2048


def base_offsets(directory: Path) -> list[int]:
    """Base offsets of the segments in a partition's directory, ascending; [] when there is none."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(found[0] for name in names if (found := parse_segment_file(name)) and found[1] == LOG)


def holding(bases: list[int], offset: int) -> int:
    """Index of the last segment whose base offset is at most `offset` (0 when all are above)."""
    return max(0, bisect_right(bases, offset) - 1)


class SegmentCache:
    """Segments open for reading, the least recently used given up first.

    Giving one up only drops the cache's reference: whoever still reads from it, or holds
    a view of its bytes, keeps its mapping alive. Safe from any thread.
    """

    def __init__(self, limit: int = OPEN_SEGMENTS) -> None:
        self._limit = limit
        # -> the segment, and whether it will grow no more
        self._open: OrderedDict[tuple[Path, int], tuple[Segment, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def get(
        self, directory: Path, base: int, end: int | None, config: TopicConfig, *, mapped: bool
    ) -> Segment:
        """The segment, with batches up to file position `end` published (None: sealed, to the end of the file)."""
        key = (directory, base)
        with self._lock:
            segment, is_sealed = self._open.get(key, (None, False))
            if segment is not None:
                self._open.move_to_end(key)
        if segment is not None and is_sealed:
            return segment
        published = _size_of(directory, base) if end is None else end
        if segment is None:
            segment = open_for_reading(directory, base, published, config, mapped=mapped)
        elif published > segment.end:
            segment.advance(published)
        with self._lock:
            self._open[key] = segment, end is None
            while len(self._open) > self._limit:
                self._open.popitem(last=False)
        return segment

    def __len__(self) -> int:
        return len(self._open)

    def forget(self, directory: Path, *, growing: bool = False) -> None:
        """Drop a partition's segments, which were deleted or swapped; or only those not known to be sealed."""
        with self._lock:
            gone = [
                key
                for key, (_, is_sealed) in self._open.items()
                if key[0] == directory and not (growing and is_sealed)
            ]
            for key in gone:
                del self._open[key]

    def clear(self) -> None:
        """Drop every segment."""
        with self._lock:
            self._open.clear()


def open_for_reading(directory: Path, base: int, end: int, config: TopicConfig, *, mapped: bool) -> Segment:
    """A segment whose first `end` bytes are whole batches; nothing behind them is looked at."""
    return Segment.open(
        str(directory),
        base,
        segment_bytes=config.segment_size,
        index_bytes=config.segment_index_bytes,
        index_interval=config.index_interval_bytes,
        end=end,
        writable=False,
        mapped=mapped,
    )


def _size_of(directory: Path, base: int) -> int:
    return os.stat(directory / segment_file(base)).st_size


def largest_timestamp(directory: Path, base: int, end: int, config: TopicConfig) -> int:
    """Of a segment's records, ms; the file's own time where no record has one, as in Kafka."""
    segment = open_for_reading(directory, base, end, config, mapped=False)
    if segment.max_timestamp >= 0:
        return segment.max_timestamp
    return int(os.stat(segment.path).st_mtime * 1000)
