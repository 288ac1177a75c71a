"""Files in: each reader turns one file into RecordBatches that `Topic.append_batch` takes.

A raw file has a value in each line; rows of the other kinds are described in rows.py.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from pykafkalite.cli.rows import Columns, is_ours, record, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

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


class Part(NamedTuple):
    """Some records, and how many bytes of the file have been read so far."""

    records: pa.RecordBatch
    position: int


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
                ours = is_ours(row, columns)
            rows.append(record(row, ours, columns, number, line))
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
    ours = is_ours(names, columns)
    for start in range(0, batch.num_rows, ROWS):
        some = batch.slice(start, ROWS)
        done = start + some.num_rows
        if ours and not _is_text(some, "headers"):
            yield Part(some, position(done))
        else:
            rows = enumerate(some.to_pylist(), start + 1)
            made = [record(row, ours, columns, number) for number, row in rows]
            yield Part(records_of(made), position(done))


def _is_text(batch: pa.RecordBatch, name: str) -> bool:
    import pyarrow as pa

    return name in batch.schema.names and pa.types.is_string(batch.schema.field(name).type)
