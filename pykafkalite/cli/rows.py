"""Rows of a file as records: what becomes the key, the value, the time.

A file as `consume` writes it (columns among topic, partition, offset, timestamp, key,
value, headers) goes back in as it was.  Of any other file a row becomes one JSON
object, or what `Columns` picks.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pykafkalite.cli.output import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

FIELDS = frozenset({"topic", "partition", "offset", "timestamp", "key", "value", "headers"})


class Columns(NamedTuple):
    """Which column of a file is the key, value, timestamp; for raw files: what ends a line's key."""

    key: str | None = None
    value: str | None = None
    timestamp: str | None = None
    key_separator: str | None = None

    @property
    def are_given(self) -> bool:
        return any((self.key, self.value, self.timestamp))


def is_ours(names: Iterable[str], columns: Columns) -> bool:
    """Whether a file with these columns is one that `consume` wrote."""
    found = set(names)
    return not columns.are_given and "value" in found and found <= FIELDS


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


def record(
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
