"""A topic of an embedded log: appending, scanning and its administration."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pykafkalite import _core, api
from pykafkalite.api import Headers, OffsetRanges, PartitionInfo, RecordMetadata, implements
from pykafkalite.embedded import display
from pykafkalite.embedded.arguments import OfThisProcess, several, whole
from pykafkalite.embedded.bounds import resolve_all, to_milliseconds
from pykafkalite.embedded.cursor import check_columns, timestamp_at
from pykafkalite.embedded.scan import Scan
from pykafkalite.embedded.writer import Writer
from pykafkalite.errors import Error, InvalidRecord, ReadOnly, UnknownTopic
from pykafkalite.storage.partition import WritablePartition

if TYPE_CHECKING:
    from uuid import UUID

    from typing_extensions import Buffer

    from pykafkalite._core import Encoded
    from pykafkalite.api import Bound, Values
    from pykafkalite.embedded.arrow_input import Chunk
    from pykafkalite.embedded.log import Log
    from pykafkalite.storage.image import Topic as TopicInfo
    from pykafkalite.storage.partition import Appended
    from pykafkalite.storage.reading import Partition
    from pykafkalite.storage.store import Store

BATCH_BYTES = 1 << 19
"""The size at which `append_batch` and a writer begin a new batch (less where max.message.bytes is).

Measured: 1 MiB appends a tenth faster, 128 KiB scans a tenth faster."""

STICKY_BYTES = 16384
"""Keyless single appends stay with a partition until so much went there: Kafka's batch.size."""


@implements(api.Topic)
class Topic(OfThisProcess):
    """Made by `Log.topic` and `Log.create_topic`.  Safe from any thread."""

    def __init__(self, log: Log, name: str) -> None:
        self.name = name
        self._log = log
        self._sticky = random.randrange(1 << 20)
        self._sticky_bytes = 0

    # --- what it is ---------------------------------------------------------

    @property
    def _store(self) -> Store:
        return self._log.store

    def _info(self) -> TopicInfo:
        return self._store.topic(self.name)

    @property
    def id(self) -> UUID:
        return self._info().id

    @property
    def partitions(self) -> int:
        return self._info().partitions

    @property
    def is_internal(self) -> bool:
        return self._info().is_internal

    @property
    def config(self) -> Mapping[str, object]:
        return self._info().config

    @property
    def overrides(self) -> Mapping[str, object]:
        return self._info().config.overrides

    def describe(self) -> list[PartitionInfo]:
        return [
            PartitionInfo(part.index, part.start_offset, part.high_watermark, part.size)
            for part in self._all_partitions()
        ]

    def offsets(self, at: Bound) -> dict[int, int]:
        return resolve_all(self._all_partitions(), at, "earliest")

    def _all_partitions(self) -> list[Partition]:
        return [self._store.partition(self.name, index) for index in range(self.partitions)]

    # --- appending ----------------------------------------------------------

    def append(
        self,
        value: Buffer | None,
        key: Buffer | None = None,
        headers: Headers | None = None,
        timestamp: int | datetime | None = None,
        partition: int | None = None,
    ) -> RecordMetadata:
        if timestamp is None:
            timestamp = _now()
        elif isinstance(timestamp, datetime):
            timestamp = to_milliseconds(timestamp)
        batch = _core.build_batch([(key, value, headers, timestamp)])
        info = self._info()
        if info.config.compacts:
            self._check_keys(key is not None)
        if partition is None:
            partition = self._choose(key, len(batch), info.partitions)
        elif type(partition) is not int:
            partition = whole("partition", partition)
        appended = self._writable(partition).append(batch)
        stored = timestamp if appended.timestamp < 0 else appended.timestamp
        return RecordMetadata(self.name, partition, appended.base_offset, stored)

    def append_batch(self, data: Any) -> OffsetRanges:
        from pykafkalite.embedded.arrow_input import SLICE_ROWS, Chunk, chunks_of, columns_of, in_memory

        ranges = OffsetRanges(self.name)
        try:
            if hasattr(data, "__arrow_c_array__"):
                columns = columns_of(data)
                if columns.rows <= SLICE_ROWS:
                    self._append_chunks([Chunk(0, columns, data)], ranges)
                    return ranges
            chunks = chunks_of(data)
            if in_memory(data):
                self._append_chunks(list(chunks), ranges)
            else:
                for chunk in chunks:
                    self._append_chunks([chunk], ranges)
        except Exception as error:
            if ranges:
                error.add_note(f"before it: {ranges}")
            raise
        return ranges

    def writer(self, *, linger_ms: int = 5, batch_size: int | None = None) -> Writer:
        self._writable(0)
        size = BATCH_BYTES if batch_size is None else whole("batch_size", batch_size, least=1)
        return Writer(self, linger_ms=min(whole("linger_ms", linger_ms, least=0), 1 << 40), batch_size=size)

    def _append_chunks(self, chunks: Sequence[Chunk], ranges: OffsetRanges) -> None:
        info, now = self._info(), _now()
        for chunk in chunks:
            self._check(chunk, info)
        target, partitions = min(BATCH_BYTES, info.config.max_batch_bytes), info.partitions
        self._sticky += 1
        for chunk in chunks:
            for index, rows in chunk.columns.route(partitions, self._sticky % partitions):
                partition, first = self._writable(index), 0
                while first < rows.count:
                    batch = rows.encode(first, now, target)
                    first += batch.count
                    ranges.add(index, *partition.append(batch)[:2])

    def _check(self, chunk: Chunk, info: TopicInfo) -> None:
        """Everything that can be wrong with rows, before any is written."""
        columns = chunk.columns
        try:
            oldest, latest = columns.check(info.config.max_batch_bytes, info.partitions)
        except Error as error:
            if chunk.first:
                error.args = (f"in the rows from {chunk.first:,} on, {error}",)
            raise
        if info.config.compacts:
            self._check_keys(not chunk.has_null_keys())
        if latest >= 0:
            self._writable(0).check_timestamps(oldest, latest)

    def _append_encoded(self, partition: int, batch: Encoded) -> Appended:
        """A writer's batch."""
        if self._info().config.compacts:
            reader = _core.ColumnReader(self.name, partition, ("key",), max_rows=batch.count)
            reader.add(batch, 0, batch.size, 0, batch.count)
            self._check_keys(reader.finish().column(0).null_count == 0)
        return self._writable(partition).append(batch)

    def _partition(self, index: int) -> Partition:
        return self._store.partition(self.name, index)

    def _writable(self, index: int) -> WritablePartition:
        partition = self._partition(index)
        if not isinstance(partition, WritablePartition):
            raise ReadOnly(f"cannot append to {self.name!r}: {self._log.address} is open for reading only")
        return partition

    def _choose(self, key: Buffer | None, size: int, partitions: int) -> int:
        if key is not None:
            return _core.partition_for_key(key, partitions)
        if self._sticky_bytes >= STICKY_BYTES:
            self._sticky += 1
            self._sticky_bytes = 0
        self._sticky_bytes += size
        return self._sticky % partitions

    def _check_keys(self, complete: bool) -> None:
        if not complete:
            raise InvalidRecord(f"{self.name!r} has cleanup.policy=compact: each of its records needs a key")

    # --- reading ------------------------------------------------------------

    def scan(
        self,
        start: Bound = "earliest",
        end: Bound = "latest",
        *,
        partitions: Iterable[int] | None = None,
        columns: Sequence[str] | None = None,
        values: Values = "view",
        follow: bool = False,
    ) -> Scan:
        indexes: Iterable[int] = range(self.partitions)
        if partitions is not None:
            indexes = sorted(
                {whole("partition", index) for index in several("partitions", partitions, "[0, 1]")}
            )
        parts = [self._partition(index) for index in indexes]
        if not parts:
            raise UnknownTopic(f"name at least one of the {self.partitions} partitions of {self.name!r}")
        now = _now()
        first = resolve_all(parts, start, "earliest", now=now)
        after: dict[int, int | None] = dict(resolve_all(parts, end, "latest", now=now))
        if follow:
            named = end if isinstance(end, Mapping) else dict.fromkeys(first, end)
            after |= {index: None for index in first if named.get(index, "latest") == "latest"}
        bounds = {index: (first[index], after[index]) for index in first}
        return Scan(self._log, self.name, bounds, check_columns(columns), values)

    # --- administration -----------------------------------------------------

    def alter_config(self, changes: Mapping[str, object | None]) -> None:
        self._store.alter_config(self.name, changes)

    def add_partitions(self, count: int) -> None:
        self._store.add_partitions(self.name, count)

    def delete_records(self, before: Bound) -> dict[int, int]:
        offsets = resolve_all(self._all_partitions(), before, "earliest")
        return {
            index: self._store.delete_records(self.name, index, offset) for index, offset in offsets.items()
        }

    # --- looks --------------------------------------------------------------

    def _summary(self) -> tuple[int, int, int | None, int | None]:
        """(records, bytes, first timestamp, last timestamp)"""
        records, size, firsts, lasts = 0, 0, [], []
        for part in self._all_partitions():
            start, end = part.start_offset, part.high_watermark
            records, size = records + end - start, size + part.size
            if end > start:
                firsts.append(timestamp_at(part, start))
                lasts.append(timestamp_at(part, end - 1))
        first = min((at for at in firsts if at is not None), default=None)
        return records, size, first, max((at for at in lasts if at is not None), default=None)

    def _rows(self) -> tuple[str, list[str], list[list[str]]]:
        rows = []
        for info in self.describe():
            part = self._partition(info.partition)
            count = info.end_offset - info.start_offset
            ends = (
                (timestamp_at(part, info.start_offset), timestamp_at(part, info.end_offset - 1))
                if count
                else ()
            )
            times = display.time_range(*ends) if ends else ""
            rows.append(
                [
                    str(info.partition),
                    f"{info.start_offset:,}",
                    f"{info.end_offset:,}",
                    display.human_size(info.size),
                    times,
                ]
            )
        records, size, *_ = self._summary()
        title = f"Topic {self.name}: {display.plural(records, 'record')}, {display.human_size(size)}"
        if self.overrides:
            title += " (" + ", ".join(f"{name}={value}" for name, value in self.overrides.items()) + ")"
        return title, ["partition", "start", "end", "size", "time (UTC)"], rows

    def __repr__(self) -> str:
        return display.as_text(f"Topic {self.name}", self._rows)

    def _repr_html_(self) -> str:
        return display.as_html(f"Topic {self.name}", self._rows)


def _now() -> int:
    return time.time_ns() // 1_000_000
