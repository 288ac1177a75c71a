"""Producer snapshots: what a partition knows of its producers at an offset, in a small file of that name.

The bytes are those of Kafka's ProducerStateManager.writeSnapshot (schema ProducerSnapshot, version 1).
What a snapshot says can be found out anew from the log: one that is not exactly of its form is as good as none.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from .._core import crc32c
from .files import replace_file
from .naming import SNAPSHOT, parse_segment_file, segment_file
from .producers import NO_OFFSET, Producer, Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

VERSION = 1
_START = struct.Struct(">hI")  # version, CRC-32C of everything behind
_COUNT = struct.Struct(">i")
# producer id, epoch, last sequence, last offset, offset delta, timestamp, coordinator epoch, transaction start
_ENTRY = struct.Struct(">qhiqiqiq")


def encode(producers: Iterable[Producer]) -> bytes:
    """The bytes of a snapshot."""
    ordered = _in_kafkas_order(list(producers))
    body = _COUNT.pack(len(ordered)) + b"".join(_ENTRY.pack(*_fields(producer)) for producer in ordered)
    return _START.pack(VERSION, crc32c(body)) + body


def _fields(producer: Producer) -> tuple[int, ...]:
    last = producer.last or Written(-1, NO_OFFSET, 0, -1)
    return (
        producer.producer_id,
        producer.epoch,
        last.last_sequence,
        last.last_offset,
        last.offset_delta,
        producer.timestamp,
        producer.coordinator_epoch,
        producer.transaction_start,
    )


def decode(data: bytes) -> list[Producer]:
    """The reverse. Raises ValueError for anything else than one whole snapshot."""
    if len(data) < _START.size + _COUNT.size:
        raise ValueError(f"it has {len(data)} bytes only")
    version, crc = _START.unpack_from(data)
    body = memoryview(data)[_START.size :]
    if version != VERSION:
        raise ValueError(f"its version is {version}, not {VERSION}")
    if crc != crc32c(body):
        raise ValueError("its CRC does not match")
    (count,) = _COUNT.unpack_from(body)
    entries = body[_COUNT.size :]
    if len(entries) != count * _ENTRY.size:
        raise ValueError(f"it does not hold {count} entries")
    return [_producer(*fields) for fields in _ENTRY.iter_unpack(entries)]


def _producer(
    producer_id: int,
    epoch: int,
    last_sequence: int,
    last_offset: int,
    offset_delta: int,
    timestamp: int,
    coordinator_epoch: int,
    transaction_start: int,
) -> Producer:
    last = (Written(last_sequence, last_offset, offset_delta, timestamp),) if last_offset >= 0 else ()
    start = transaction_start if transaction_start >= 0 else NO_OFFSET
    return Producer(producer_id, epoch, coordinator_epoch, timestamp, start, last)


def _in_kafkas_order(producers: list[Producer]) -> list[Producer]:
    """As a java.util.HashMap of that many Longs gives them, so that equal states are equal bytes."""
    buckets = 16
    while len(producers) > buckets * 3 // 4:
        buckets *= 2
    return sorted(producers, key=lambda producer: _bucket(producer.producer_id, buckets))


def _bucket(producer_id: int, buckets: int) -> int:
    hashed = (producer_id ^ producer_id >> 32) & 0xFFFFFFFF
    return (hashed ^ hashed >> 16) & (buckets - 1)


# --- the files of a partition ----------------------------------------------------------------------


def snapshot_offsets(directory: Path) -> list[int]:
    """Offsets of the snapshots in a partition's directory, ascending; [] when there is none."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(found[0] for name in names if (found := parse_segment_file(name)) and found[1] == SNAPSHOT)


def write_snapshot(directory: Path, offset: int, producers: Iterable[Producer]) -> None:
    """Write what is known at `offset`; not synced here. Raises StorageError."""
    replace_file(directory / segment_file(offset, SNAPSHOT), encode(producers), durable=False)


def read_snapshot(directory: Path, offset: int) -> list[Producer]:
    """Raises ValueError, OSError."""
    return decode((directory / segment_file(offset, SNAPSHOT)).read_bytes())


def remove_snapshots(directory: Path, offsets: Iterable[int]) -> None:
    """Raises OSError; gone already is fine."""
    for offset in offsets:
        (directory / segment_file(offset, SNAPSHOT)).unlink(missing_ok=True)


def stray_offsets(offsets: Sequence[int], bases: Iterable[int], start: int) -> list[int]:
    """The snapshots that are of no use: at the log start or before it, or where no segment begins. The newest one
    is kept in any case and, as Kafka does, the one before it wherever it lies.
    """
    kept = {*bases, *offsets[-2:]}
    return [offset for offset in offsets[:-1] if offset <= start or offset not in kept]
