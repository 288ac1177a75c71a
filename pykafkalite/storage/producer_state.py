"""What a partition knows of its producers, and how that outlives the process.

A snapshot lies at every roll and clean close, and an empty one where the first producer began: so a partition
directory without any has never seen a producer, and costs nothing. The state at the log's end is that of the
newest snapshot and of the batch headers behind it. Transaction indexes are written beside.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .. import _core
from ..errors import CorruptBatch, InvalidRecord
from .naming import segment_file
from .producers import NO_PRODUCER, Change, Marker, Origin, Produced, Producers, Written, relocated
from .segments import base_offsets, holding, open_for_reading
from .snapshots import read_snapshot, remove_snapshots, snapshot_offsets, stray_offsets, write_snapshot
from .txn_index import append_aborted, read_aborted, rewrite_aborted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from typing_extensions import Buffer

    from .._core import Batch
    from .config import TopicConfig
    from .producers import AbortedTransaction
    from .reading import Bounds

PRODUCER_EXPIRATION_MS = 24 * 60 * 60 * 1000  # Kafka's producer.id.expiration.ms
# So much of a segment is looked through at once; what was passed leaves the resident memory.
SPAN_BYTES = 64 << 20

_MARKER_KEY = struct.Struct(">hh")  # version, type
_MARKER_VALUE = struct.Struct(">hi")  # version, coordinator epoch
_ABORT, _COMMIT = 0, 1


def produced(data: Buffer, batch: Batch) -> Produced:
    """`batch`, which lies in `data`, as the rules see it. Raises InvalidRecord for a marker that is none."""
    return Produced(
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        batch.base_offset,
        batch.last_offset,
        batch.max_timestamp,
        batch.is_transactional,
        batch.is_control,
        _marker(data, batch) if batch.is_control and batch.count else None,
    )


def _marker(data: Buffer, batch: Batch) -> Marker:
    _, _, key, value, _ = _core.records_of(data, batch)[0]
    if key is None or value is None or len(key) < _MARKER_KEY.size or len(value) < _MARKER_VALUE.size:
        raise InvalidRecord("a control batch that holds no transaction marker")
    _, kind = _MARKER_KEY.unpack_from(key)
    if kind not in (_ABORT, _COMMIT):
        raise InvalidRecord(f"a control batch of type {kind} cannot end a transaction")
    return Marker(kind == _ABORT, _MARKER_VALUE.unpack_from(value)[1])


class ProducerState:
    """The producers of one partition that is being written. The caller holds the partition's lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._producers = Producers()
        self._snapshots = snapshot_offsets(directory)
        self.is_known = bool(self._snapshots)
        """Whether a producer has ever written here."""

    @classmethod
    def load(
        cls,
        directory: Path,
        config: TopicConfig,
        written: Bounds,
        now_ms: int,
        *,
        trusted: int | None = None,
    ) -> ProducerState:
        """The state at the end of what was `written`. Snapshots that are damaged, or of a log that was longer once,
        are replaced by one that is right.

        `trusted`: up to this offset all files are as they were written; behind it the transaction indexes
        are written anew. Raises StorageError.
        """
        state = cls(directory)
        end = written.high_watermark
        wrong = [offset for offset in state._snapshots if offset > end]
        state._snapshots = [offset for offset in state._snapshots if offset <= end]
        if state.is_known:
            at, damaged = state._load_snapshot(end if trusted is None else trusted, now_ms)
            state._replay(config, written, max(at, written.start), rewrite=trusted is not None)
            wrong += damaged
        if wrong:
            # Before they go: a directory without snapshots has never seen a producer.
            state.take_snapshot(end)
            remove_snapshots(directory, (offset for offset in wrong if offset != end))
        return state

    @property
    def producers(self) -> Producers:
        return self._producers

    def stable(self, end: int) -> int:
        """The last stable offset of a log that ends at `end`."""
        first = self._producers.first_unstable_offset
        return end if first is None else first

    def check(
        self, batches: Sequence[Produced], base: int, append_time: int | None, origin: Origin
    ) -> Change | Written:
        """As `Producers.check`, for batches that are to be written from offset `base` on. Also raises StorageError."""
        found = self._producers.check(relocated(batches, base, append_time), origin)
        if not self.is_known:
            self._write_snapshot(base)
            self.is_known = True
        return found

    def note(self, change: Change, segment_base: int) -> Path | None:
        """The checked batches are in the segment at `segment_base`; its transaction index, when that has grown.

        OSError: load the state anew.
        """
        aborted = self._producers.apply(change)
        return append_aborted(self._directory, segment_base, aborted) if aborted else None

    def expire(self, now_ms: int) -> None:
        """Forget producers that have been silent for a day."""
        self._producers.expire(now_ms - PRODUCER_EXPIRATION_MS)

    def take_snapshot(self, offset: int) -> None:
        """Write a snapshot at the log's end `offset`, unless there is one. Raises StorageError."""
        if self.is_known and offset > max(self._snapshots, default=-1):
            self._write_snapshot(offset)

    def remove_strays(self, start: int) -> None:
        """Remove the snapshots that are of no use to a log that begins at `start`."""
        if self._snapshots:
            strays = stray_offsets(self._snapshots, base_offsets(self._directory), start)
            remove_snapshots(self._directory, strays)
            self._snapshots = [offset for offset in self._snapshots if offset not in strays]

    def _write_snapshot(self, offset: int) -> None:
        write_snapshot(self._directory, offset, self._producers)
        self._snapshots.append(offset)

    def _load_snapshot(self, until: int, now_ms: int) -> tuple[int, list[int]]:
        """Begin with the newest valid snapshot at `until` or before: its offset (0 without one), and those of
        the damaged ones that were met.
        """
        damaged = []
        for offset in [offset for offset in reversed(self._snapshots) if offset <= until]:
            try:
                self._producers = Producers(read_snapshot(self._directory, offset))
            except ValueError:
                damaged.append(offset)
                self._snapshots.remove(offset)
                continue
            self.expire(now_ms)
            return offset, damaged
        return 0, damaged

    def _replay(self, config: TopicConfig, written: Bounds, start: int, *, rewrite: bool) -> None:
        """Take in the batches from offset `start` on, and set right what transaction indexes say of them."""
        bases = [base for base in base_offsets(self._directory) if base <= written.base]
        for base in bases[holding(bases, start) :]:
            end = written.position if base == written.base else None
            aborted: list[AbortedTransaction] = []
            for batch in _produced_in(self._directory, base, end, config, start):
                change = self._producers.check([batch], Origin.LOG)
                assert isinstance(change, Change)
                aborted += self._producers.apply(change)
            there = read_aborted(self._directory, base)
            wanted = [entry for entry in there if entry.last_offset < start] + aborted
            if rewrite or wanted != there:
                rewrite_aborted(self._directory, base, wanted)


def _produced_in(
    directory: Path, base: int, end: int | None, config: TopicConfig, start: int
) -> Iterator[Produced]:
    """The batches with a producer id of a segment, from offset `start` on. Bad ones are stepped over."""
    size = (directory / segment_file(base)).stat().st_size if end is None else end
    segment = open_for_reading(directory, base, size, config, mapped=True)
    position = segment.lookup(start) if start > base else 0
    while position < segment.end:
        following = position
        try:
            owner, at, until = segment.span(position, SPAN_BYTES, segment.end)
            while at < until:
                batch = _core.parse_header(owner, at)
                if batch.size > until - at:
                    raise CorruptBatch(f"a batch of {batch.size:,} bytes, of which {until - at:,} are there")
                if batch.producer_id != NO_PRODUCER and batch.base_offset >= start:
                    yield produced(owner, batch)
                at += batch.size
                following += batch.size
        except (CorruptBatch, InvalidRecord):
            found = segment.next_valid(following)
            if found is None:
                return
            following = found[0]
        segment.release(0, following // SPAN_BYTES * SPAN_BYTES)
        position = following
