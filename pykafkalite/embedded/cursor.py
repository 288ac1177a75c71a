"""One partition being read: where the reading stands, and the turn-taking of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pykafkalite._core import ColumnReader, record_batch_schema
from pykafkalite.embedded.arguments import several
from pykafkalite.errors import CorruptBatch, InvalidColumns, OffsetOutOfRange, UnknownTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa

    from pykafkalite.api import Values
    from pykafkalite.storage.reading import Partition
    from pykafkalite.storage.store import Store

COLUMNS: Final = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
FOREVER: Final = (1 << 63) - 1
"""An offset that no log reaches: "until there is no more"."""


class Cursor:
    """`position` is the offset of the next record to read, `until` the one to stop before.

    Borrows nothing: a RecordBatch that was read keeps its own memory alive.
    """

    __slots__ = ("partition", "position", "reader", "until")

    def __init__(
        self, partition: Partition, position: int, until: int = FOREVER, columns: Sequence[str] = COLUMNS
    ) -> None:
        self.partition = partition
        self.position = position
        self.until = until
        self.reader = ColumnReader(partition.topic, partition.index, columns)

    def read(self) -> int | None:
        """Reads at most a batch's rows into `reader`; the offset after them, None when there are none now.

        The caller sets `position` to it when it hands the rows on.  Raises OffsetOutOfRange, CorruptBatch.
        """
        while self.position < self.until:
            end = min(self.until, self.partition.high_watermark)
            if self.position == end:
                return None
            after = self.partition.fill(self.reader, self.position, end)
            if self.reader.rows:
                return after
            if after <= self.position:
                return None
            self.position = after
        return None

    def is_stale(self, store: Store) -> bool:
        """Whether the topic was deleted meanwhile, and perhaps created anew."""
        try:
            return store.partition(self.partition.topic, self.partition.index) is not self.partition
        except UnknownTopic:
            return True

    def __iter__(self) -> Iterator[ColumnReader]:
        """The reader, filled, again and again to the end of what there is."""
        while (after := self.read()) is not None:
            self.position = after
            yield self.reader


def take_turns(cursors: Sequence[Cursor], first: int) -> tuple[int, int] | None:
    """(number, offset after) of the next cursor that has rows, asking each once from number `first` on."""
    for number in range(first, first + len(cursors)):
        after = cursors[number % len(cursors)].read()
        if after is not None:
            return number % len(cursors), after
    return None


def check_columns(columns: Iterable[str] | None) -> tuple[str, ...]:
    """Raises InvalidColumns for a name that a log does not have."""
    if columns is None:
        return COLUMNS
    if isinstance(columns, str):
        columns = (columns,)
    names = several("columns", columns, '["offset", "value"]')
    if unknown := [name for name in names if name not in COLUMNS]:
        raise InvalidColumns(f"there is no column {unknown[0]!r} in a log; there are {', '.join(COLUMNS)}")
    if len(set(names)) < len(names) or not names:
        raise InvalidColumns(f"name each column once, and at least one, not {list(names)}")
    return names


def check_values(values: str) -> Values:
    """Raises ValueError."""
    if values not in ("view", "binary"):
        raise ValueError(f'values is "view" or "binary", not {values!r}')
    return "view" if values == "view" else "binary"


def schema_of(columns: Sequence[str], values: Values) -> pa.Schema:
    """The schema of what is read: "view" lends the log's own bytes, "binary" copies them into plain columns."""
    schema = record_batch_schema(columns)
    if values == "view":
        return schema
    import pyarrow as pa

    plain = {"key": pa.binary(), "value": pa.binary()}
    headers = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))
    return pa.schema([pa.field(f.name, {**plain, "headers": headers}.get(f.name, f.type)) for f in schema])


def finisher(columns: Sequence[str], values: Values) -> Callable[[ColumnReader], pa.RecordBatch]:
    """What makes the RecordBatch of that schema from a filled reader."""
    if values == "view":
        return ColumnReader.finish
    schema = schema_of(columns, values)
    return lambda reader: reader.finish().cast(schema)


def timestamp_at(partition: Partition, offset: int) -> int | None:
    """The timestamp (ms) of the record at `offset`, or of the first one after it; None when there is none."""
    cursor = Cursor(partition, offset)
    cursor.reader = ColumnReader(partition.topic, partition.index, COLUMNS, max_rows=1)
    try:
        return None if cursor.read() is None else next(iter(cursor.reader.messages())).timestamp
    except (OffsetOutOfRange, CorruptBatch):
        return None
