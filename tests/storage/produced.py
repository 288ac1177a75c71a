"""Batches as idempotent and transactional producers and their coordinators send them."""

from __future__ import annotations

import struct

from disk import NOW

from pykafkalite import _core
from pykafkalite.storage.producers import Origin

ABORT, COMMIT = 0, 1


def sent(
    producer_id: int,
    sequence: int,
    *values: bytes,
    epoch: int = 0,
    transactional: bool = False,
    timestamp: int = NOW,
) -> bytearray:
    """One batch of an idempotent producer; one record unless `values` are given."""
    return _core.build_batch(
        [(None, value, None, timestamp) for value in values or (b"x",)],
        attributes=_core.ATTR_TRANSACTIONAL if transactional else 0,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )


def marker(
    producer_id: int, kind: int, *, epoch: int = 0, coordinator_epoch: int = 0, timestamp: int = NOW
) -> bytearray:
    """What ends a transaction."""
    key, value = struct.pack(">hh", 0, kind), struct.pack(">hi", 0, coordinator_epoch)
    return _core.build_batch(
        [(key, value, None, timestamp)],
        attributes=_core.ATTR_TRANSACTIONAL | _core.ATTR_CONTROL,
        producer_id=producer_id,
        producer_epoch=epoch,
    )


def produce(disk, *args, **how) -> int:
    """Append what `sent` makes; its base offset."""
    return disk.partition.append(sent(*args, **how)).base_offset


def begin(disk, producer_id, sequence, *values, **how) -> int:
    """Append a transactional batch; its base offset."""
    return produce(disk, producer_id, sequence, *values, transactional=True, **how)


def end(disk, producer_id, kind, *, origin=Origin.COORDINATOR, **how) -> int:
    """Append the marker of a transaction; its offset."""
    return disk.partition.append(marker(producer_id, kind, **how), origin).base_offset
