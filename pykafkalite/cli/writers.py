"""Records out: each writer takes the RecordBatches of a scan or consumer, as values="binary"."""

from __future__ import annotations

import json
import shutil
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import click

from pykafkalite.cli.output import encode, text

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa


class Output(AbstractContextManager["Output"]):
    """Writes RecordBatches of one schema to `file`; complete once the block is left."""

    streams = True  # what was written can be used before the end

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Takes one batch; a human or a program can see it at once if `streams`."""

    def close(self) -> None:
        self.file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Raw(Output):
    """Each value and a line end; a null is an empty line."""

    def write(self, batch: pa.RecordBatch) -> None:
        self.file.write(b"".join([(value or b"") + b"\n" for value in batch["value"].to_pylist()]))
        self.file.flush()


class JsonLines(Output):
    """An object a line.  Bytes that are not UTF-8 stand as {"base64": ...}; timestamps are ms."""

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [map(_json, column.to_pylist()) for column in _with_milliseconds(batch).columns]
        form = ", ".join([f'"{name}": %s' for name in batch.schema.names])
        self.file.write("".join([f"{{{form % row}}}\n" for row in zip(*columns, strict=True)]).encode())
        self.file.flush()


class Lines(Output):
    """A line a record, cut to the terminal's width."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.width = shutil.get_terminal_size((160, 24)).columns
        self.begun = False

    def write(self, batch: pa.RecordBatch) -> None:
        lines = [self._line(row) for row in batch.to_pylist()]
        if not self.begun:
            head = f"{'partition':>9} {'offset':>12} {'timestamp':<23} {'key':<16} value"
            lines.insert(0, click.style(head, bold=True) if self.file.isatty() else head)
            self.begun = True
        self.file.write("".join([f"{line}\n" for line in lines]).encode())
        self.file.flush()

    def _line(self, row: dict[str, Any]) -> str:
        when = f"{row['timestamp']:%Y-%m-%d %H:%M:%S.%f}"[:-3]
        headers = "".join(f"  {h['key']}={_readable(h['value'])}" for h in row["headers"] or ())
        start = f"{row['partition']:>9} {row['offset']:>12} {when} {_readable(row['key']):<16} "
        return (start + _readable(row["value"]) + headers)[: self.width]


class Csv(Output):
    """RFC 4180.  Null is empty and unquoted; headers are a JSON array; not UTF-8 is an error."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.writer: Any = None

    def write(self, batch: pa.RecordBatch) -> None:
        from pyarrow import csv

        plain = _plain_columns(batch)
        if self.writer is None:
            self.writer = csv.CSVWriter(self.file, plain.schema)
        self.writer.write(plain)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Parquet(Output):
    """One file, zstd."""

    streams = False

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.writer: Any = None

    def write(self, batch: pa.RecordBatch) -> None:
        from pyarrow import parquet

        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.file, batch.schema, compression="zstd")
        self.writer.write_batch(batch)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class Arrow(Output):
    """The IPC stream format, which a pipe can carry."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.writer: Any = None

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        if self.writer is None:
            options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
            self.writer = pa.ipc.new_stream(self.file, batch.schema, options=options)
        self.writer.write_batch(batch)
        self.file.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


OUTPUTS: dict[str, type[Output]] = {
    "table": Lines,
    "jsonl": JsonLines,
    "csv": Csv,
    "parquet": Parquet,
    "arrow": Arrow,
    "raw": Raw,
}


def _json(value: object) -> str:
    """json.dumps, with its usual cases first: it is called for every cell."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return json.dumps(text(value))
    return json.dumps(value, default=encode)


def _readable(value: bytes | None) -> str:
    if value is None:
        return "-"
    shown = text(value)
    return shown if isinstance(shown, str) and shown.isprintable() else repr(value)[2:-1]


def _with_milliseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    if "timestamp" not in batch.schema.names:
        return batch
    at = batch.schema.get_field_index("timestamp")
    return batch.set_column(at, "timestamp", batch["timestamp"].cast(pa.int64()))


def _plain_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """CSV has neither dictionaries nor lists nor bytes."""
    import pyarrow as pa

    columns = {}
    for name in batch.schema.names:
        column = batch[name]
        if name == "headers":
            rows = column.to_pylist()
            column = pa.array([json.dumps(row, default=encode) if row else None for row in rows], pa.utf8())
        elif name in ("topic", "key", "value"):
            try:
                column = column.cast(pa.utf8())
            except pa.ArrowInvalid:
                raise click.ClickException(
                    f"a {name} is not UTF-8, which CSV cannot carry: try --output jsonl"
                ) from None
        columns[name] = column
    return pa.record_batch(columns)
