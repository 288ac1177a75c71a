"""What `append_batch` takes that the native core does not: casts by Arrow, and clear words for the rest.

`_core.Columns` reads the canonical types in place.  Only what it refuses comes here:

    value, key   dictionary, fixed-size binary, null           -> their plain form
    timestamp    any unit or zone, date, any integer           -> timestamp[ms] (rounded down), int64
    headers      large, fixed-size or view lists, maps         -> list<struct<key: utf8, value: binary>>
    partition    any integer                                   -> int32
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from pykafkalite._core import Columns
from pykafkalite.errors import InvalidColumns

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ("value", "key", "timestamp", "headers", "partition")
IGNORED = ("topic", "offset")
HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))
TAKES = (
    "append_batch takes a pyarrow RecordBatch or Table, or anything with __arrow_c_stream__ (Polars, pandas, "
    "DuckDB), with the columns value (required) and key: binary or string, plain, large, view, fixed-size or "
    "dictionary; timestamp: of any unit, or integer milliseconds; headers: list<struct<key: string, value: "
    "binary>> or a map; partition: integers"
)
SLICE_ROWS = 1 << 19
"""Rows that are checked and routed in one native call: under 20 ms, so that Ctrl-C is seen in time."""
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


class Chunk(NamedTuple):
    """Rows of the input that are checked and written together; `first` is the number of the first one."""

    first: int
    columns: Columns
    data: Any

    def has_null_keys(self) -> bool:
        """Whether a record would be without a key."""
        batch = pa.record_batch(self.data)
        return "key" not in batch.schema.names or batch.column("key").null_count > 0


def columns_of(batch: Any) -> Columns:
    """The rows of one RecordBatch, cast if they must be.  Raises InvalidColumns."""
    try:
        return Columns(batch)
    except InvalidColumns:
        return Columns(canonical(pa.record_batch(batch)))


def in_memory(data: Any) -> bool:
    """Whether all rows are there already, to be checked whole: batches, tables and frames, not streams or queries."""
    if isinstance(data, pa.Table) or hasattr(data, "__arrow_c_array__"):
        return True
    return type(data).__name__ == "DataFrame" and hasattr(data, "__arrow_c_stream__")


def chunks_of(data: Any) -> Iterator[Chunk]:
    """The RecordBatches of a batch, table or stream, one after the other, in slices.  Raises InvalidColumns."""
    if hasattr(data, "__arrow_c_array__"):
        data = pa.Table.from_batches([pa.record_batch(data)])
    if not hasattr(data, "__arrow_c_stream__"):
        raise InvalidColumns(f"{TAKES}; not {type(data).__name__}")
    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidColumns(f"{type(data).__name__} has no Arrow form: {error}; {TAKES}") from error
    first = 0
    for batch in reader:
        for start in range(0, batch.num_rows, SLICE_ROWS):
            rows = batch.slice(start, SLICE_ROWS)
            yield Chunk(first + start, columns_of(rows), rows)
        first += batch.num_rows


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` in the types that `Columns` reads.  Raises InvalidColumns, naming the column."""
    names, arrays = [], []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if _PANDAS_INDEX.fullmatch(name) or name in IGNORED:
            continue
        if name not in COLUMNS:
            raise InvalidColumns(f"there is no column {name!r} in a log: {TAKES}")
        try:
            cast = _CASTS[name](array)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise InvalidColumns(
                f"column {name!r} of type {array.type} cannot be stored: {error}; {TAKES}"
            ) from error
        if cast is not None:
            names.append(name)
            arrays.append(cast)
    if "value" not in names:
        raise InvalidColumns(f"there is no column 'value' among {batch.schema.names}: {TAKES}")
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _bytes(array: pa.Array) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if types.is_dictionary(kind):
        # Arrow decodes no dictionary of views, which is what Polars' categories are.
        values = _bytes(array.dictionary).cast(pa.large_binary())
        return pa.DictionaryArray.from_arrays(array.indices, values).cast(pa.large_binary())
    if types.is_fixed_size_binary(kind) or types.is_null(kind):
        return array.cast(pa.binary())
    if not _is_bytes(kind):
        raise pa.ArrowTypeError("it is neither binary nor a string (serialize it first, to JSON for example)")
    return array


def _is_bytes(kind: pa.DataType) -> bool:
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return bool(binary or text)


def _timestamp(array: pa.Array) -> pa.Array | None:
    kind = array.type
    if types.is_null(kind):
        return None
    if types.is_integer(kind):
        return array.cast(pa.int64())
    if types.is_date(kind):
        return array.cast(pa.timestamp("ms"))
    if not types.is_timestamp(kind):
        raise pa.ArrowTypeError("it is neither a timestamp nor integer milliseconds")
    return array.cast(pa.timestamp("ms"), safe=False)


def _headers(array: pa.Array) -> pa.Array | None:
    kind = array.type
    if types.is_null(kind):
        return None
    if not types.is_map(kind):
        item = getattr(kind, "value_type", None)
        names = sorted(field.name for field in item) if item and types.is_struct(item) else None
        if names != ["key", "value"] and not (item and types.is_null(item)):
            raise pa.ArrowTypeError("it is neither list<struct<key, value>> nor a map")
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        array = _plain_list(array)
    return array.cast(HEADERS)


def _plain_list(array: pa.Array) -> pa.Array:
    """A list view as a list; by hand, because Arrow's cast makes offsets that go backwards (pyarrow 26)."""
    lengths = pc.list_value_length(array).fill_null(0).cast(pa.int32())
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    return pa.ListArray.from_arrays(offsets, array.flatten(), mask=array.is_null())


def _partition(array: pa.Array) -> pa.Array | None:
    if types.is_null(array.type):
        return None
    if not types.is_integer(array.type):
        raise pa.ArrowTypeError("it is not an integer")
    return array.cast(pa.int32())


_CASTS = {
    "value": _bytes,
    "key": _bytes,
    "timestamp": _timestamp,
    "headers": _headers,
    "partition": _partition,
}
