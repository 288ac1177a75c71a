"""Verbs that the tests of columns and readers share."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pykafkalite import _core

EVERY = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
END_OF_TIME = 1 << 62
HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))

Row = dict[str, Any]


def record_batch(rows: list[Row], **types: pa.DataType) -> pa.RecordBatch:
    """Rows of value, key, timestamp (ms), headers (pairs) as a RecordBatch of canonical types."""
    types = {"value": pa.binary(), "key": pa.binary(), "timestamp": pa.int64(), "headers": HEADERS, **types}
    names = [name for name in types if any(name in row for row in rows)] or ["value"]

    def column(name: str) -> pa.Array:
        cells = [row.get(name) for row in rows]
        if name == "headers":
            cells = [h if h is None else [{"key": k, "value": v} for k, v in h] for h in cells]
        return pa.array(cells, types[name])

    return pa.record_batch([column(name) for name in names], names=names)


def encode(data: Any, *, now: int = 0, base_offset: int = 0, target: int = 1 << 20) -> bytearray:
    """`data` (rows or something with __arrow_c_array__) as stamped batches of one partition."""
    source = record_batch(data) if isinstance(data, list) else data
    columns = _core.Columns(source)
    columns.check(1 << 30, 1)
    log = bytearray()
    for _, rows in columns.route(1, 0):
        done = 0
        while done < rows.count:
            batch = rows.encode(done, now, target)
            _core.stamp(batch, base_offset + done, 0)
            log += bytes(batch)
            done += batch.count
    return log


def reader(*columns: str, **options: int) -> _core.ColumnReader:
    return _core.ColumnReader("flights", 3, columns or EVERY, **options)


def decode(log: Any, *columns: str) -> pa.RecordBatch:
    """All of a log as one validated RecordBatch."""
    r = reader(*columns)
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.END
    batch = r.finish()
    batch.validate(full=True)
    return batch


def rows_of(batch: pa.RecordBatch) -> list[Row]:
    """The rows as record_batch() takes them; timestamps in ms, headers as pairs."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    if "timestamp" in columns:
        columns["timestamp"] = columns["timestamp"].cast(pa.int64())
    rows = [
        dict(zip(columns, cells, strict=True))
        for cells in zip(*(c.to_pylist() for c in columns.values()), strict=True)
    ]
    for row in rows:
        if "headers" in row:
            row["headers"] = [(h["key"], h["value"]) for h in row["headers"]]
    return rows
