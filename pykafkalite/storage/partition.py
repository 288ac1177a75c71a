"""The writing end of a partition: the one path on which batches reach the log.

Invariant: start <= high watermark <= end, stable <= high watermark, and what is published never goes back;
stable is below the high watermark exactly while a transaction is open. `lock` guards the log's end and its
segments; nobody holds the locks of two partitions.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .. import _core
from .._core import Encoded, Segment
from ..errors import Error, OffsetOutOfRange
from . import codecs
from .files import storage_error, sync_file
from .group_commit import GroupCommit, SyncTarget
from .incoming import (
    Incoming,
    check_size,
    check_timestamps,
    client_batch,
    measure,
    recode,
    warn_expired,
)
from .naming import segment_file
from .partition_directory import end_of_epoch, make_directory, note_leader_epoch, sync_new
from .producer_state import ProducerState
from .producers import Change, Origin, Written
from .reading import Bounds, Partition
from .repair import rewrite_segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from .clock import Clock
    from .config import TopicConfig
    from .durability import Durability
    from .publishing import Slots
    from .segments import SegmentCache


class Appended(NamedTuple):
    """What an append was given: its offsets, and the log-append time (ms; -1 where records keep their own)."""

    base_offset: int
    last_offset: int
    timestamp: int


class Services(Protocol):
    """What a partition needs of its store."""

    clock: Clock
    syncing: Durability
    slots: Slots
    listeners: list[Callable[[WritablePartition], None]]

    def check_usable(self) -> None:
        """Raises Closed, or Forked in a forked child."""

    def opened(self, partition: WritablePartition) -> None:
        """The partition now holds a descriptor; called under its lock."""

    def limit_open_files(self) -> None:
        """Give up descriptors of partitions that were not used lately; called without locks."""


class WritablePartition(Partition):
    """A partition of the store that this process writes."""

    def __init__(
        self,
        topic: str,
        index: int,
        directory: Path,
        config: TopicConfig,
        cache: SegmentCache,
        *,
        topic_id: UUID,
        bounds: Bounds,
        leader_epoch: int,
        services: Services,
    ) -> None:
        super().__init__(topic, index, directory, config, cache)
        self.configure(config)
        self.topic_id = topic_id
        self.lock = threading.RLock()
        self.written = bounds  # as `bounds()`, but up to what was written
        self._published = bounds
        self._services = services
        self._slot = services.slots.slot((topic_id, index))
        self._leader_epoch = leader_epoch
        self._noted_epoch = False
        self._gone: Error | None = None
        self._active: Segment | None = None
        self._warned_expired = False
        self._just_opened = False
        self._appended = False
        self._active_since = services.clock.now_ms()
        self._jitter_ms = 0
        self._sealed: list[Segment] = []  # rolled, not synced yet
        self._unflushed = 0
        self._new_files = 0  # whose directory entries are not synced yet
        self._producers: ProducerState | None = None  # loaded when a producer writes, or may have written
        self._unsynced_indexes: list[Path] = []  # transaction indexes, once for each time they have grown
        self.commit = GroupCommit(
            str(self),
            bounds.high_watermark,
            claim=self._claim_sync,
            sync=self._sync,
            settled=self._synced,
        )

    def configure(self, config: TopicConfig) -> None:
        """Take changed configs; those of segments count from the next segment on."""
        self.config = config
        self._compression = codecs.wanted(config)
        self._appends_time = config.message_timestamp_type == "LogAppendTime"

    def bounds(self) -> Bounds:
        return self._published

    @property
    def end_offset(self) -> int:
        """The offset that the next record written will get (log end offset)."""
        return self.written.high_watermark

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called: with its topic its files may have gone."""
        return self._gone is not None

    def append(self, batch: Encoded | bytearray, origin: Origin = Origin.CLIENT) -> Appended:
        """Append sealed batches: compress as the topic says, assign offsets, write, wait for durability.

        Returns once acknowledged; a batch that its producer had written already is not written again, and its
        old offsets are returned. Raises MessageTooLarge, InvalidTimestamp, CorruptBatch, StorageError (DiskFull),
        Closed, and for batches of a producer what producers.py refuses: OutOfOrderSequence, InvalidProducerEpoch,
        CoordinatorFenced, InvalidTransactionState, InvalidRecord. Then nothing of `batch` was acknowledged.
        """
        appended = self.write(batch, origin)
        self.settle(appended)
        return appended

    def write(self, batch: Encoded | bytearray, origin: Origin = Origin.CLIENT) -> Appended:
        """The first half of `append`, which never waits for the disk: nothing is acknowledged yet."""
        return self._take(measure(batch), origin)

    def write_client_batch(self, records: bytes | None) -> Appended:
        """As `write`, for bytes that came over the wire: exactly one batch, as a producer may send it.

        Raises InvalidRecord besides.
        """
        return self._take(client_batch(records, self.config))

    def _take(self, incoming: Incoming, origin: Origin = Origin.CLIENT) -> Appended:
        self._services.check_usable()
        self.check_timestamps(incoming.oldest, incoming.latest)
        if self._compression is not None:
            incoming = recode(incoming, self._compression, self.config.max_message_bytes)
        check_size(self.topic, self.config, incoming.size)
        with self.lock:
            return self._write(incoming, origin)

    def is_settled(self, appended: Appended) -> bool:
        """Whether `settle` would return at once."""
        return not self._just_opened and self._services.syncing.is_settled(self, appended.last_offset + 1)

    def settle(self, appended: Appended) -> None:
        """The second half: returns once what `write` gave may be acknowledged. Raises StorageError."""
        self._services.syncing.settle(self, appended.last_offset + 1)
        if self._just_opened:
            self._just_opened = False
            self._services.limit_open_files()

    # --- before the lock -------------------------------------------------------

    def check_timestamps(self, oldest: int, latest: int) -> None:
        """Whether records from `oldest` to `latest` (ms) may be appended: `append` asks, and who checks
        many batches before the first of them is written. Raises InvalidTimestamp.
        """
        if not self._appends_time:
            expired = check_timestamps(self.topic, self.config, oldest, latest, self._services.clock.now_ms())
            if expired and not self._warned_expired:
                self._warned_expired = True
                warn_expired(self.topic, self.config)

    # --- under the lock --------------------------------------------------------

    def _write(self, incoming: Incoming, origin: Origin) -> Appended:
        if self._gone is not None:
            raise self._gone
        if self.commit.failed is not None:
            self._repair()
        now = self._services.clock.now_ms()
        append_time = now if self._appends_time else None
        latest = incoming.latest if append_time is None else append_time
        try:
            segment = self._segment_for(incoming.size, incoming.records, latest, now)
            base = self.end_offset
            last = base + incoming.records - 1
            change: Change | None = None
            if incoming.produced:
                found = self._check_producers(incoming, base, append_time, origin)
                if isinstance(found, Written):  # a duplicate
                    logged = found.timestamp if self._appends_time else -1
                    return Appended(found.first_offset, found.last_offset, logged)
                change = found
            _core.stamp(incoming.data, base, self._leader_epoch, append_time)
            segment.append(incoming.data)
            stable = last + 1 if self.written.stable == base else self.written.stable
            if change is not None:
                stable = self._note_producers(change, segment.base_offset, last + 1)
        except OSError as error:
            raise storage_error(error, f"append to {self}") from error
        written, end = self.written, last + 1  # not _replace, which takes three times as long
        self.written = Bounds(
            written.start, end, stable, segment.base_offset, segment.end, written.generation
        )
        self._unflushed += incoming.records
        self._appended = True
        self._services.syncing.wrote(self)
        return Appended(base, last, -1 if append_time is None else append_time)

    def publish(self, bounds: Bounds) -> None:
        """Let readers everywhere see up to `bounds`; the caller holds the lock."""
        self._published = bounds
        self._services.slots.publish(self._slot, bounds)
        for listener in self._services.listeners:
            listener(self)

    def _segment_for(self, size: int, count: int, latest: int, now: int) -> Segment:
        segment = self._active or self._open_active()
        self._catch_up_with(segment)
        last = self.end_offset + count - 1
        if segment.end and (not segment.fits(size, last) or self._is_time_to_roll(segment, latest, now)):
            segment = self.roll()
        if not self._noted_epoch:
            note_leader_epoch(self.directory, self._leader_epoch, self.end_offset)
            self._noted_epoch = True
        return segment

    def _catch_up_with(self, segment: Segment) -> None:
        """An interrupt or a full disk between a write and the note of it: the segment is what counts."""
        written = self.written
        if segment.end != written.position or segment.base_offset != written.base:
            written = written._replace(
                high_watermark=segment.next_offset,
                stable=segment.next_offset,
                base=segment.base_offset,
                position=segment.end,
                generation=written.generation + 1,
            )
            self._producers = self._load_producers(written)
            self.written = written._replace(stable=self._producers.stable(segment.next_offset))

    # --- producers -------------------------------------------------------------

    def _check_producers(
        self, incoming: Incoming, base: int, append_time: int | None, origin: Origin
    ) -> Change | Written:
        if self._producers is None:
            self._producers = self._load_producers(self.written)
        # The first producer is noted in a file of its own before it writes.
        self._new_files += not self._producers.is_known
        return self._producers.check(incoming.produced, base, append_time, origin)

    def _note_producers(self, change: Change, segment_base: int, end: int) -> int:
        """The last stable offset after what was checked is written."""
        assert self._producers is not None
        grown = self._producers.note(change, segment_base)
        if grown is not None:
            self._unsynced_indexes.append(grown)
        return self._producers.stable(end)

    def _load_producers(self, written: Bounds, trusted: int | None = None) -> ProducerState:
        now = self._services.clock.now_ms()
        return ProducerState.load(self.directory, self.config, written, now, trusted=trusted)

    def _take_snapshot(self) -> ProducerState:
        if self._active is not None:
            self._catch_up_with(self._active)
        if self._producers is None:
            self._producers = self._load_producers(self.written)
        self._producers.take_snapshot(self.end_offset)
        return self._producers

    def expire_producers(self, now_ms: int) -> None:
        """Forget the producers that have been silent for too long."""
        with self.lock:
            if self._producers is not None:
                self._producers.expire(now_ms)

    def _is_time_to_roll(self, segment: Segment, latest: int, now: int) -> bool:
        # As Kafka's LogSegment.timeWaitedForRoll: in record time where there is one, else since creation.
        begun = segment.rolling_timestamp
        waited = latest - begun if begun >= 0 and latest >= 0 else now - self._active_since
        return waited > self.config.segment_ms - self._jitter_ms

    def _open_active(self) -> Segment:
        written = self.written
        if self._has_files():
            self._active = Segment.open(
                str(self.directory),
                written.base,
                segment_bytes=self.config.segment_size,
                index_bytes=self.config.segment_index_bytes,
                index_interval=self.config.index_interval_bytes,
                end=written.position,
                writable=True,
            )
            self._note_opened()
            return self._active
        make_directory(self.directory, self.topic_id)
        return self._create_active()

    def _has_files(self) -> bool:
        return (self.directory / segment_file(self.written.base)).exists()

    def _note_opened(self) -> None:
        self._just_opened = True
        self._services.opened(self)

    def _create_active(self) -> Segment:
        leftover = self.directory / segment_file(self.end_offset)
        if leftover.exists() and not leftover.stat().st_size:
            leftover.unlink()  # begun, but interrupted before anything was in it
        self._active = Segment.create(
            str(self.directory),
            self.end_offset,
            segment_bytes=self.config.segment_size,
            index_bytes=self.config.segment_index_bytes,
            index_interval=self.config.index_interval_bytes,
            preallocate=self.config.preallocate,
        )
        jitter = min(self.config.segment_jitter_ms, self.config.segment_ms)
        self._new_files += 1
        self._jitter_ms = random.randint(0, jitter) if jitter else 0
        self._active_since = self._services.clock.now_ms()
        self.written = self.written._replace(
            base=self.end_offset, position=0, generation=self.written.generation + 1
        )
        self._note_opened()
        return self._active

    def roll(self) -> Segment:
        """Seal the active segment and begin a new one at the log end; the caller holds the lock."""
        segment = self._active or self._open_active()
        self._take_snapshot()
        segment.seal()
        created = self._create_active()  # where a full disk refuses it, the old one stays the active one
        self._sealed.append(segment)
        return created

    def written_bases(self) -> list[int]:
        """Base offsets of all segments, the active one last; the caller holds the lock."""
        return self._segment_bases(self.written)

    def segment_size(self, base: int) -> int:
        """Bytes of batches in one segment; the caller holds the lock."""
        return self.written.position if base == self.written.base else self._file_size(base)

    def move_start(self, offset: int) -> None:
        """Move the log start offset up; segments may have gone too. The caller holds the lock."""
        self.written = self.written._replace(start=offset, generation=self.written.generation + 1)
        self.publish(self._published._replace(start=offset, generation=self.written.generation))

    def delete_records(self, before: int) -> int:
        """Records below `before` (-1: all that are published) are gone; the new log start offset.

        Raises OffsetOutOfRange above the high watermark. Whole segments go with the next retention check.
        """
        with self.lock:
            before = self._published.high_watermark if before == -1 else before
            if not 0 <= before <= self._published.high_watermark:
                raise OffsetOutOfRange(
                    f"cannot delete records of {self} before offset {before}: "
                    f"its high watermark is {self._published.high_watermark}"
                )
            if before > self._published.start:
                self.move_start(before)
            return self._published.start

    def mend(self) -> None:
        """Before a clean stop: what a failed sync left unsure is written anew. Raises StorageError."""
        with self.lock:
            if self.commit.failed is not None:
                self._repair()

    def close(self, reason: Error) -> None:
        """Seal the active segment and refuse further appends with `reason`. Durability was settled before."""
        with self.lock:
            self._gone = reason
            if self._active is None and self._appended and self._has_files():
                self._open_active()
            try:
                if self._appended:
                    self._take_snapshot().remove_strays(self.written.start)
            finally:
                for segment in [*self._sealed, *([self._active] if self._active else [])]:
                    if segment is self._active:
                        segment.seal()
                    segment.close()
                self._sealed.clear()
                self._active = None
                self._new_files = 0

    def release_files(self) -> bool:
        """Close the active segment's descriptors until the next append; False when it is in use."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self._active is None:
                return True
            if self._unflushed or self.commit.syncing:
                return False
            self._active.flush_indexes()
            self._active.close()
            self._active = None
            return True
        finally:
            self.lock.release()

    # --- durability ------------------------------------------------------------

    def end_of_epoch(self, epoch: int) -> tuple[int, int]:
        """(largest leader epoch up to `epoch`, offset where it ended); (-1, -1) where none is known (KIP-101)."""
        with self.lock:
            return end_of_epoch(self.directory, epoch, self._leader_epoch, self._published.high_watermark)

    def must_flush(self) -> bool:
        """Whether flush.messages records were written since the last sync."""
        return self._unflushed >= self.config.flush_messages

    def _claim_sync(self) -> SyncTarget:
        with self.lock:
            active = [self._active] if self._active else []
            self._unflushed = 0
            segments, indexes = [*self._sealed, *active], list(self._unsynced_indexes)
            return SyncTarget(self.written, segments, self._new_files, indexes)

    def _sync(self, target: SyncTarget) -> None:
        for segment in target.segments:
            segment.sync()
        for path in set(target.txn_indexes):
            sync_file(path)
        if target.new_files or target.txn_indexes:
            sync_new(self.directory)

    def _synced(self, target: SyncTarget) -> None:
        with self.lock:
            for segment in [segment for segment in self._sealed if segment in target.segments]:
                segment.close()
                self._sealed.remove(segment)
            self._new_files = max(0, self._new_files - target.new_files)
            del self._unsynced_indexes[: len(target.txn_indexes)]
            if target.written.high_watermark > self._published.high_watermark:
                self.publish(target.written._replace(start=self._published.start))

    def _repair(self) -> None:
        """After a failed sync: what is not synced on fresh, synced files; the caller holds the lock."""
        segments = [*self._sealed, *([self._active] if self._active else [])]
        rewrite_segments(self.directory, [(segment.base_offset, segment.end) for segment in segments])
        oldest = min((segment.base_offset for segment in segments), default=self.written.base)
        self._producers = self._load_producers(self.written, trusted=oldest)
        self._unsynced_indexes.clear()
        if self._new_files:
            try:
                sync_new(self.directory)
            except OSError as error:
                raise storage_error(error, f"sync of {self.directory}") from error
            self._new_files = 0
        for segment in segments:
            segment.close()
        self._sealed.clear()
        self._active = None
        self._cache.forget(self.directory)
        self.commit.repaired(self.end_offset)
        # Of another generation, so that readers everywhere map the new files.
        self.written = self.written._replace(generation=self.written.generation + 1)
        self.publish(self.written)
