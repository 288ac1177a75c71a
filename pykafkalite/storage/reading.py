"""What can be read of a partition: one way for the writing process, for others beside it, for Kafka's own files.

A reader sees the bytes up to the published bounds and nothing behind them. Kinds of
partition differ only in where their bounds come from (`Partition.bounds`).
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from .. import _core
from .._core import Batch, ColumnReader, Segment
from ..errors import CorruptBatch, OffsetOutOfRange
from . import codecs
from .naming import segment_file
from .segments import SegmentCache, base_offsets, holding
from .txn_index import overlapping

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

    from .config import TopicConfig
    from .producers import AbortedTransaction

# One native call decodes at most this much, so that Ctrl-C is seen within 10 ms
# even where a CRC runs at 3 GB/s over pages that are not in the cache.
SPAN_BYTES = 16 << 20
# What a reader has passed leaves the resident memory in steps of this size, so that a process does not
# grow with the log it reads; the pages stay in the page cache.
RESIDENT_BYTES = 64 << 20
# As Kafka's max.decompressed.message.bytes, but sized for one machine's memory.
MAX_DECOMPRESSED = 512 << 20


class Bounds(NamedTuple):
    """What is published of a partition. Offsets, but for `position` (bytes into the active segment).

    `stable`: the first offset of the earliest open transaction, which the log start may have passed; the
    high watermark without one.
    """

    start: int
    high_watermark: int
    stable: int
    base: int
    position: int
    generation: int


EMPTY = Bounds(0, 0, 0, 0, 0, 0)
"""Of a partition that nothing was ever appended to."""


class Span(NamedTuple):
    """Whole batches: `owner[start:end]`, borrowed from a mapping that `owner` keeps alive."""

    owner: Buffer
    start: int
    end: int


class Partition(ABC):
    """One partition as its readers see it. Safe from any thread."""

    mapped = True

    def __init__(
        self, topic: str, index: int, directory: Path, config: TopicConfig, cache: SegmentCache
    ) -> None:
        self.topic = topic
        self.index = index
        self.directory = directory
        self.config = config
        self._cache = cache
        self._bases: tuple[int, list[int]] = (-1, [])
        # Where the last `fill` stopped (offset, segment, position, generation of the segment list):
        # a reader that goes on there needs no index.
        self._resume: tuple[int, int, int, int] = (-1, 0, 0, 0)

    @abstractmethod
    def bounds(self) -> Bounds:
        """The bounds published now."""

    @property
    def start_offset(self) -> int:
        """The log start offset: the first that can be read."""
        return self.bounds().start

    @property
    def high_watermark(self) -> int:
        """The offset that the next record to become visible will have."""
        return self.bounds().high_watermark

    @property
    def last_stable_offset(self) -> int:
        """Where a read_committed reader stops: before the first open transaction."""
        bounds = self.bounds()
        return max(bounds.start, bounds.stable)

    def aborted_transactions(self, start: int, end: int) -> list[AbortedTransaction]:
        """Aborted transactions with records from offset `start` up to `end` (not included), in the order in which
        they ended: what a read_committed reader of these records leaves out.
        """
        bases = self._segment_bases(self.bounds())
        return overlapping(self.directory, bases[holding(bases, start) :], start, end)

    @property
    def size(self) -> int:
        """Bytes of all published batches on disk."""
        bounds = self.bounds()
        sealed = [base for base in self._segment_bases(bounds) if base != bounds.base]
        return bounds.position + sum(self._file_size(base) for base in sealed)

    def fill(self, reader: ColumnReader, offset: int, until: int) -> int:
        """Decode records from `offset` up to `until` into `reader`, over segments, until it is full.

        Returns the offset to go on from. Raises OffsetOutOfRange, and CorruptBatch when
        a corrupt batch is the first thing met; otherwise it stops in front of it.
        """
        bounds = self.bounds()
        until = min(until, bounds.high_watermark)
        self._check_in_range(offset, bounds)
        first = offset
        while offset < until:
            segment, position = self._find(offset, bounds)
            if position >= segment.end:
                following = self._base_after(segment.base_offset, bounds)
                if following is None or following >= until:
                    return until
                segment.release(0, segment.end)
                offset = max(offset, following)
                self._resume = (offset, following, 0, bounds.generation)
                continue
            span = Span(*segment.span(position, SPAN_BYTES, segment.end))
            state = reader.add(span.owner, span.start, span.end, offset, until)
            if state == ColumnReader.COMPRESSED:
                state = self._add_decompressed(reader, span, offset, until)
            offset = max(offset, reader.next_offset)
            behind = position + reader.position - span.start
            self._resume = (offset, segment.base_offset, behind, bounds.generation)
            if behind // RESIDENT_BYTES > position // RESIDENT_BYTES:
                segment.release(0, behind // RESIDENT_BYTES * RESIDENT_BYTES)
            if state == ColumnReader.CORRUPT or state == ColumnReader.TRUNCATED:
                if reader.rows or offset > first:
                    return offset
                valid = segment.next_valid(behind)
                if valid is not None and valid[1] <= offset:
                    self._resume = (offset, segment.base_offset, valid[0], bounds.generation)
                    continue
                next_offset = valid[1] if valid else self._base_after(segment.base_offset, bounds)
                raise self._corrupt(segment, behind, reader.problem, next_offset)
            if state == ColumnReader.FULL:
                return min(offset, until)
        return until

    def read(self, offset: int, until: int, max_bytes: int) -> Span | None:
        """Whole batches from the one that holds `offset`: one or more, at most `max_bytes`, none from `until` on."""
        bounds = self.bounds()
        self._check_in_range(offset, bounds)
        until = min(until, bounds.high_watermark)
        while offset < until:
            segment, position = self._find(offset, bounds)
            if position < segment.end:
                end = segment.end if until >= segment.next_offset else segment.lookup(until)
                return Span(*segment.span(position, max_bytes, end))
            following = self._base_after(segment.base_offset, bounds)
            if following is None:
                return None
            offset = following
        return None

    def offset_for_timestamp(self, timestamp: int) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record at or after `timestamp` (ms), as Kafka's ListOffsets finds it."""
        bounds = self.bounds()
        for base in self._segment_bases(bounds):
            segment = self._open(base, bounds)
            if segment.max_timestamp < timestamp:
                continue
            found = self._first_at(segment, timestamp, bounds)
            if found is not None:
                return found
        return None

    def offset_of_max_timestamp(self) -> tuple[int, int] | None:
        """(offset, timestamp) of the first record with the largest timestamp; None without timestamps (KIP-734)."""
        bounds = self.bounds()
        segments = [self._open(base, bounds) for base in self._segment_bases(bounds)]
        newest = max(segments, key=lambda segment: segment.max_timestamp, default=None)
        if newest is None or newest.max_timestamp < 0:
            return None
        return self._first_at(newest, newest.max_timestamp, bounds)

    def _first_at(self, segment: Segment, timestamp: int, bounds: Bounds) -> tuple[int, int] | None:
        found = segment.lookup_timestamp(timestamp)
        while found is not None:
            span = Span(*segment.span(found[0], 1, segment.end))
            batch = _core.parse_batch(span.owner, span.start)
            if not batch.is_control:
                for offset, at, *_ in _core.records_of(span.owner, batch, self._decompressed(span, batch)):
                    if at >= timestamp and bounds.start <= offset < bounds.high_watermark:
                        return offset, at
            found = segment.lookup_timestamp(timestamp, found[0] + batch.size)
        return None

    def _decompressed(self, span: Span, batch: Batch) -> Buffer | None:
        if not batch.codec:
            return None
        payload = memoryview(span.owner)[batch.position + _core.BATCH_HEADER : batch.position + batch.size]
        return codecs.decompress(batch.codec, payload, MAX_DECOMPRESSED)

    def _add_decompressed(self, reader: ColumnReader, span: Span, offset: int, until: int) -> int:
        batch = _core.parse_batch(span.owner, reader.position)
        records = self._decompressed(span, batch)
        assert records is not None
        return reader.add_decompressed(span.owner, batch.position, records, offset, until)

    def _find(self, offset: int, bounds: Bounds) -> tuple[Segment, int]:
        """The segment and file position of the batch that holds `offset`, or of the first after it."""
        try:
            return self._find_in(offset, bounds)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            fresh = self.bounds()  # retention or a roll was quicker
            self._check_in_range(offset, fresh)
            if fresh.generation == bounds.generation:
                raise
            return self._find(offset, fresh)

    def _find_in(self, offset: int, bounds: Bounds) -> tuple[Segment, int]:
        resume_offset, resume_base, position, generation = self._resume
        if resume_offset == offset and generation == bounds.generation:
            return self._open(resume_base, bounds), position
        bases = self._segment_bases(bounds)
        if not bases:
            raise OffsetOutOfRange(f"{self} has no segment for offset {offset}")
        segment = self._open(bases[holding(bases, offset)], bounds)
        return segment, segment.lookup(offset)

    def _corrupt(
        self, segment: Segment, position: int, problem: str, next_offset: int | None
    ) -> CorruptBatch:
        advice = (
            "nothing valid follows" if next_offset is None else f"reading can go on at offset {next_offset}"
        )
        return CorruptBatch(
            f"{segment.path} at byte {position}: {problem}; {advice} (`pykafkalite verify` lists all damage)",
            path=segment.path,
            position=position,
            next_offset=next_offset,
        )

    def _check_in_range(self, offset: int, bounds: Bounds) -> None:
        if not bounds.start <= offset <= bounds.high_watermark:
            raise OffsetOutOfRange(
                f"offset {offset} of {self} is out of range: "
                f"it holds {bounds.start} up to (not including) {bounds.high_watermark}"
            )

    def _open(self, base: int, bounds: Bounds) -> Segment:
        self._segment_bases(bounds)
        end = bounds.position if base == bounds.base else None
        return self._cache.get(self.directory, base, end, self.config, mapped=self.mapped)

    def _segment_bases(self, bounds: Bounds) -> list[int]:
        generation, bases = self._bases
        if generation != bounds.generation:
            # Repair and recovery put a new file under the name of one that grows.
            self._cache.forget(self.directory, growing=True)
            bases = [base for base in base_offsets(self.directory) if base <= bounds.base]
            self._bases = (bounds.generation, bases)
        return bases

    def _base_after(self, base: int, bounds: Bounds) -> int | None:
        bases = self._segment_bases(bounds)
        index = holding(bases, base) + 1
        return bases[index] if index < len(bases) else None

    def _file_size(self, base: int) -> int:
        try:
            return (self.directory / segment_file(base)).stat().st_size
        except FileNotFoundError:
            return 0

    def __str__(self) -> str:
        return f"{self.topic}-{self.index}"
