"""Files in: each reader turns one file into RecordBatches that `Topic.append_batch` takes.

A file as `consume` writes it (columns among topic, partition, offset, timestamp, key,
value, headers) goes back in as it was.  Of any other file with columns, a row becomes
one JSON object, or what `Columns` picks.  A raw file has a value in each line.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import click

from pykafkalite.cli.output import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

FIELDS = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
BLOCK = 4 << 20  # bytes read at once
ROWS = 32_768  # rows turned into records at once

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
}


class Columns(NamedTuple):
    """Which column of a file is the key, value, timestamp; for raw files: what ends a line's key."""

    key: str | None = None
    value: str | None = None
    timestamp: str | None = None
    key_separator: str | None = None

    @property
    def are_given(self) -> bool:
        return any((self.key, self.value, self.timestamp))


class Part(NamedTuple):
    """Some records, and how many bytes of the file have been read so far."""

    records: pa.RecordBatch
    position: int


def records_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of key, value, timestamp, headers, partition: those columns that any row has."""
    import pyarrow as pa

    types = {
        "value": pa.binary(),
        "key": pa.binary(),
        "timestamp": pa.int64(),
        "headers": pa.list_(pa.struct([("key", pa.utf8()), ("value", pa.binary())])),
        "partition": pa.int32(),
    }
    present = [name for name in types if name == "value" or any(row.get(name) is not None for row in rows)]
    return pa.record_batch(
        [pa.array([row.get(name) for row in rows], types[name]) for name in present], names=present
    )


# --- lines -------------------------------------------------------------------


def lines(file: BinaryIO) -> Iterator[tuple[list[bytes], int]]:
    """Whole lines without their ends, as they arrive: a slow pipe is not waited for."""
    read = getattr(file, "read1", file.read)
    rest, position = b"", 0
    while block := read(BLOCK):
        position += len(block)
        *whole, rest = (rest + block).split(b"\n")
        if whole:
            yield whole, position
    if rest:
        yield [rest], position


def read_raw(file: BinaryIO, columns: Columns) -> Iterator[Part]:
    import pyarrow as pa

    separator = (columns.key_separator or "").encode()
    for found, position in lines(file):
        if not separator:
            yield Part(pa.record_batch([pa.array(found, pa.binary())], names=["value"]), position)
            continue
        pairs = [line.partition(separator) for line in found]
        rows = [
            {"key": before if mid else None, "value": after if mid else before}
            for before, mid, after in pairs
        ]
        yield Part(records_of(rows), position)


def read_jsonl(file: BinaryIO, columns: Columns) -> Iterator[Part]:
    number, ours = 0, None
    for found, position in lines(file):
        rows = []
        for line in found:
            number += 1
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as problem:
                raise click.ClickException(f"line {number} is not JSON: {problem}") from None
            if not isinstance(row, dict):
                raise click.ClickException(f"line {number} is not a JSON object")
            if ours is None:
                ours = _is_ours(row, columns)
            rows.append(_record(row, ours, columns, number, line))
        if rows:
            yield Part(records_of(rows), position)


# --- columns -----------------------------------------------------------------


def read_csv(file: BinaryIO, columns: Columns) -> Iterator[Part]:
    import pyarrow as pa
    from pyarrow import csv

    as_bytes = {"key": pa.binary(), "value": pa.binary(), "headers": pa.utf8()}
    options = csv.ConvertOptions(
        column_types=as_bytes, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    try:
        with csv.open_csv(file, convert_options=options) as stream:
            for batch in stream:
                yield from _parts(batch, columns, lambda done: file.tell() if file.seekable() else 0)
    except pa.ArrowInvalid as problem:
        raise click.ClickException(f"not CSV: {problem}") from None


def read_parquet(file: BinaryIO, columns: Columns) -> Iterator[Part]:
    import pyarrow as pa
    from pyarrow import parquet

    source, length = _seekable(file)
    try:
        table = parquet.ParquetFile(source)
    except pa.ArrowInvalid as problem:
        raise click.ClickException(f"not Parquet: {problem}") from None
    rows, before = max(table.metadata.num_rows, 1), 0
    for batch in table.iter_batches(batch_size=ROWS):
        yield from _parts(batch, columns, partial(_share, length, rows, before))
        before += batch.num_rows


def _share(length: int, rows: int, before: int, done: int) -> int:
    return length * (before + done) // rows


def read_arrow(file: BinaryIO, columns: Columns) -> Iterator[Part]:
    import pyarrow as pa

    source, length = _seekable(file)
    is_file = source.read(6) == b"ARROW1"
    source.seek(0)
    try:
        if is_file:
            opened = pa.ipc.open_file(source)
            batches = (opened.get_batch(index) for index in range(opened.num_record_batches))
        else:
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            yield from _parts(batch, columns, lambda done: min(source.tell(), length))
    except pa.ArrowInvalid as problem:
        raise click.ClickException(f"not Arrow IPC: {problem}") from None


READERS: dict[str, Callable[[BinaryIO, Columns], Iterator[Part]]] = {
    "raw": read_raw,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "parquet": read_parquet,
    "arrow": read_arrow,
}


def _seekable(file: BinaryIO) -> tuple[BinaryIO, int]:
    """Parquet's and Arrow's directories lie at a file's end: a pipe is read whole first."""
    import io

    source = file if file.seekable() else io.BytesIO(file.read())
    length = source.seek(0, io.SEEK_END)
    source.seek(0)
    return source, length


def _parts(batch: pa.RecordBatch, columns: Columns, position: Callable[[int], int]) -> Iterator[Part]:
    """Records of an Arrow batch, some rows at a time; `position(rows done)`: how far the file is read."""
    names = batch.schema.names
    for name in (columns.key, columns.value, columns.timestamp):
        if name is not None and name not in names:
            raise click.ClickException(f"the file has no column {name!r}, only {', '.join(names)}")
    ours = not columns.are_given and "value" in names and set(names) <= set(FIELDS)
    for start in range(0, batch.num_rows, ROWS):
        some = batch.slice(start, ROWS)
        done = start + some.num_rows
        if ours and not _is_text(some, "headers"):
            yield Part(some, position(done))
        else:
            rows = enumerate(some.to_pylist(), start + 1)
            made = [_record(row, ours, columns, number) for number, row in rows]
            yield Part(records_of(made), position(done))


def _is_text(batch: pa.RecordBatch, name: str) -> bool:
    import pyarrow as pa

    return name in batch.schema.names and pa.types.is_string(batch.schema.field(name).type)


# --- rows --------------------------------------------------------------------


def _is_ours(row: dict[str, Any], columns: Columns) -> bool:
    return not columns.are_given and "value" in row and set(row) <= set(FIELDS)


def _record(
    row: dict[str, Any], ours: bool, columns: Columns, number: int, line: bytes | None = None
) -> dict[str, Any]:
    """Raises ClickException naming the row."""
    try:
        return _as_it_was(row) if ours else _picked(row, columns, line)
    except KeyError as missing:
        raise click.ClickException(f"row {number} has no {missing}, only {', '.join(row)}") from None
    except (TypeError, ValueError) as problem:
        raise click.ClickException(f"row {number}: {problem}") from None


def _as_it_was(row: dict[str, Any]) -> dict[str, Any]:
    headers = row.get("headers")
    if isinstance(headers, str):
        headers = json.loads(headers)
    partition = row.get("partition")
    return {
        "key": to_bytes(row.get("key")),
        "value": to_bytes(row.get("value")),
        "timestamp": to_milliseconds(row.get("timestamp")),
        "headers": headers and [{"key": str(h["key"]), "value": to_bytes(h["value"])} for h in headers],
        "partition": None if partition is None else int(partition),
    }


def _picked(row: dict[str, Any], columns: Columns, line: bytes | None) -> dict[str, Any]:
    value = to_bytes(row[columns.value]) if columns.value else line
    if value is None and columns.value is None:
        value = json.dumps(row, default=_plain, separators=(",", ":")).encode()
    return {
        "key": to_bytes(row[columns.key]) if columns.key else None,
        "value": value,
        "timestamp": to_milliseconds(row[columns.timestamp]) if columns.timestamp else None,
    }


def _plain(value: object) -> object:
    return value.isoformat() if hasattr(value, "isoformat") else encode(value)


def to_bytes(value: Any) -> bytes | None:
    """A cell as a key or value: text as UTF-8, {"base64": ...} as the bytes it stands for."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and set(value) == {"base64"}:
        return base64.b64decode(value["base64"], validate=True)
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def to_milliseconds(value: Any) -> int | None:
    """Milliseconds, a datetime, or ISO 8601; without a zone: UTC."""
    if value is None or isinstance(value, int):
        return value
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(when, datetime):
        raise TypeError(f"{value!r} is not a timestamp: milliseconds or ISO 8601")
    zoned = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)
