"""A scan: the records between fixed bounds, read anew by whoever asks."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pykafkalite import api
from pykafkalite._core import ColumnReader
from pykafkalite.api import implements
from pykafkalite.embedded import display
from pykafkalite.embedded.arguments import OfThisProcess
from pykafkalite.embedded.cursor import (
    COLUMNS,
    FOREVER,
    Cursor,
    check_values,
    finisher,
    schema_of,
    take_turns,
    timestamp_at,
)
from pykafkalite.errors import UnknownTopic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from pykafkalite._core import Message
    from pykafkalite.api import Values
    from pykafkalite.embedded.log import Log

_WAIT = 3600.0  # seconds; how long one sleep for news may last
T = TypeVar("T")


def _itself(item: T) -> T:
    return item


@implements(api.Scan)
class Scan(OfThisProcess):
    """Made by `Topic.scan`.  Reading it commits nothing, and it can be read any number of times.

    A RecordBatch keeps alive what it borrows: it may outlive the log, the segment's
    deletion and the thread that made it.
    """

    def __init__(
        self,
        log: Log,
        topic: str,
        bounds: Mapping[int, tuple[int, int | None]],
        columns: Sequence[str] = COLUMNS,
        values: Values = "view",
    ) -> None:
        self.topic = topic
        self.bounds: Mapping[int, tuple[int, int | None]] = MappingProxyType(dict(bounds))
        self.columns = tuple(columns)
        self.values = check_values(values)
        self._log = log

    @cached_property
    def schema(self) -> pa.Schema:
        """Of the RecordBatches."""
        return schema_of(self.columns, self.values)

    @property
    def follows(self) -> bool:
        """Whether it waits for more for ever."""
        return any(end is None for _, end in self.bounds.values())

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._read(self.columns, finisher(self.columns, self.values))

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        from pykafkalite.embedded.asynchronous import PAUSE, Awaited

        if self.follows:
            take = finisher(self.columns, self.values)
            return Awaited(self._follow(self.columns, take, PAUSE), _itself)
        return Awaited(iter(self), _itself)

    def messages(self) -> Iterator[Message]:
        """The records one by one, with all their columns."""
        return chain.from_iterable(self._read(COLUMNS, ColumnReader.messages))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow stream protocol.  Making a stream reads nothing; each one reads from the start."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.schema, iter(self))
        return reader.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """All of it; keys and values stay where they are in the log."""
        import pyarrow as pa

        self._check_ends("to_arrow")
        return pa.Table.from_batches(iter(self), self.schema)

    def to_polars(self) -> pl.DataFrame:
        """All of it; keys and values stay where they are in the log."""
        import polars as pl

        self._check_ends("to_polars")
        frame = pl.from_arrow(self.to_arrow(), rechunk=False)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def to_pandas(self, **options: Any) -> pd.DataFrame:
        """All of it; `options` go to pyarrow's `Table.to_pandas`."""
        self._check_ends("to_pandas")
        return self.to_arrow().to_pandas(**options)

    def _read(self, columns: Sequence[str], take: Callable[[ColumnReader], T]) -> Iterator[T]:
        """What `take` makes of each filled reader, in order of partitions."""
        if self.follows:
            return (item for item in self._follow(columns, take, _WAIT) if item is not None)
        return (take(reader) for cursor in self._cursors(columns) for reader in cursor)

    def _follow(
        self, columns: Sequence[str], take: Callable[[ColumnReader], T], pause: float
    ) -> Iterator[T | None]:
        """The same for partitions without an end, which take turns; None after each sleep."""
        cursors, turn = list(self._cursors(columns)), 0
        store = self._log.store
        while cursors := [cursor for cursor in cursors if cursor.position < cursor.until]:
            seen = store.sequence
            found = take_turns(cursors, turn)
            if found is None:
                if any(cursor.is_stale(store) for cursor in cursors):
                    raise UnknownTopic(f"the topic {self.topic!r} was deleted while it was followed")
                store.wait(seen, pause)
                yield None
                continue
            turn = found[0] + 1
            cursors[found[0]].position = found[1]
            yield take(cursors[found[0]].reader)

    def _cursors(self, columns: Sequence[str]) -> Iterator[Cursor]:
        for index, (start, end) in self.bounds.items():
            yield Cursor(
                self._log.store.partition(self.topic, index), start, FOREVER if end is None else end, columns
            )

    def _check_ends(self, method: str) -> None:
        if self.follows:
            raise ValueError(
                f"a scan that follows never ends, {method}() would never return: iterate over it"
            )

    def _rows(self) -> tuple[str, list[str], list[list[str]]]:
        rows, records = [], 0
        for index, (start, end) in self.bounds.items():
            partition = self._log.store.partition(self.topic, index)
            shown = partition.high_watermark if end is None else end
            records += max(0, shown - start)
            times = ""
            if shown > start:
                first, last = timestamp_at(partition, start), timestamp_at(partition, shown - 1)
                times = display.time_range(first, last)
            rows.append(
                [
                    str(index),
                    f"{start:,}",
                    "..." if end is None else f"{end:,}",
                    f"{max(0, shown - start):,}",
                    times,
                ]
            )
        partitions = display.plural(len(rows), "partition")
        title = f"Scan of {self.topic}: {display.plural(records, 'offset')} in {partitions}"
        title += ", following" if self.follows else ""
        return title, ["partition", "start", "end", "offsets", "time (UTC)"], rows

    def __repr__(self) -> str:
        return display.as_text(f"Scan of {self.topic}", self._rows)

    def _repr_html_(self) -> str:
        return display.as_html(f"Scan of {self.topic}", self._rows)
