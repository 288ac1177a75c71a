"""What pykafkalite gives and takes, in the words of real_kafka.py, so that the two can be compared."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
from real_kafka import b64

import pykafkalite as pk

CODECS = ("uncompressed", "gzip", "snappy", "lz4", "zstd")
T0 = 1_700_000_000_000
FOREVER = {"retention.ms": -1}
HEADERS = pa.list_(pa.struct([("key", pa.utf8()), ("value", pa.binary())]))


def uuid(text: str) -> UUID:
    """From Kafka's base64url."""
    return UUID(bytes=base64.urlsafe_b64decode(text + "=="))


def rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """A scan's rows as the oracle's consumer gives them (without the timestamp's type)."""
    table = batch.set_column(
        batch.schema.get_field_index("timestamp"), "timestamp", batch.column("timestamp").cast(pa.int64())
    )
    for row in table.to_pylist():
        headers = [[it["key"], b64(it["value"])] for it in row["headers"]]
        yield row | {"key": b64(row["key"]), "value": b64(row["value"]), "headers": headers}


def records(log: Any, *topics: str) -> list[dict[str, Any]]:
    """Everything a log holds, by topic, partition and offset."""
    found = [it for name in topics or log.topics() for batch in log.topic(name).scan() for it in rows(batch)]
    return sorted(found, key=lambda it: (it["topic"], it["partition"], it["offset"]))


def without_type(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The oracle's records without what our columns do not have."""
    return [{name: it for name, it in record.items() if name != "timestampType"} for record in records]


def mixed(count: int, start: int = 0) -> pa.RecordBatch:
    """Rows with and without keys, values, headers; times that go forth and back."""
    numbers = range(start, start + count)
    pairs = [("h", b"1"), ("h", None), ("", b""), ("snow\N{SNOWMAN}", b"\0")]
    headers = [{"key": name, "value": data} for name, data in pairs]
    columns = {
        "key": pa.array([None if n % 5 == 0 else b"key-%d" % (n % 11) for n in numbers], pa.binary()),
        "value": pa.array([None if n % 7 == 0 else b"value %d " % n * (n % 9) for n in numbers], pa.binary()),
        "timestamp": pa.array([T0 + 1000 * n - n % 3 * 1500 for n in numbers], pa.timestamp("ms", "UTC")),
        "headers": pa.array([headers[: n % 5] for n in numbers], HEADERS),
    }
    return pa.RecordBatch.from_pydict(columns)


def fill(log: pk.Log, name: str, *sizes: int, partitions: int = 1, **config: object) -> Any:
    """A topic with so many rows in each append; `config` with `_` for `.`."""
    settings = {**FOREVER, **{it.replace("_", "."): value for it, value in config.items()}}
    topic = log.create_topic(name, partitions=partitions, config=settings)
    start = 0
    for size in sizes:
        topic.append_batch(mixed(size, start))
        start += size
    return topic
