"""Batches on their way into the log: what is looked at before anything is locked or written."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, NamedTuple

from .. import _core
from .._core import Batch, Encoded
from ..errors import CorruptBatch, InvalidRecord, InvalidTimestamp, InvalidTransactionState, MessageTooLarge
from . import codecs
from .producer_state import produced
from .producers import NO_PRODUCER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from .codecs import Compression
    from .config import TopicConfig
    from .producers import Produced


# How many times max.message.bytes the records of a compressed batch may be that has to be decompressed here.
MAX_RATIO = 16


class Incoming(NamedTuple):
    """Sealed batches on their way into the log. Timestamps in ms, sizes in bytes.

    `produced`: the batches that carry a producer id or are control batches, offsets counted from 0.
    """

    data: Buffer
    size: int
    records: int
    oldest: int
    latest: int
    produced: tuple[Produced, ...] = ()


def measure(batch: Encoded | bytearray) -> Incoming:
    """What the log has to know of sealed batches. Ready-made ones are checked: CRC and structure.

    Raises CorruptBatch; InvalidRecord for a control batch that is no transaction marker.
    """
    if isinstance(batch, Encoded):
        return Incoming(batch, batch.size, batch.count, batch.min_timestamp, batch.max_timestamp)
    batches = _core.walk_batches(batch)
    if not batches:
        raise CorruptBatch("no record batch to append")
    return Incoming(
        batch,
        len(batch),
        sum(found.last_offset - found.base_offset + 1 for found in batches),
        min(found.base_timestamp for found in batches),
        max(found.max_timestamp for found in batches),
        tuple(_produced(batch, batches)),
    )


def client_batch(records: bytes | None, config: TopicConfig) -> Incoming:
    """One batch as a producer may send it (LogValidator).

    Compressed records are looked into only where the topic wants something of them. Raises InvalidRecord,
    CorruptBatch, and InvalidTransactionState: nobody here could end a client's transaction, and readers would
    wait for its end (CVE-2018-17196).
    """
    if not records:
        raise InvalidRecord("a produce request without records")
    data = bytearray(records)
    batches = _core.walk_batches(data)
    if len(batches) != 1:
        raise InvalidRecord(f"{len(batches)} record batches for one partition; a producer sends one")
    batch = batches[0]
    if batch.is_control:
        raise InvalidRecord("clients do not write control batches")
    if batch.is_transactional:
        raise InvalidTransactionState(
            "a transactional batch, and no transaction was begun: there are none here"
        )
    if batch.count <= 0 or batch.count != batch.last_offset - batch.base_offset + 1:
        raise InvalidRecord(
            f"a batch of {batch.count} records has offsets {batch.base_offset} to {batch.last_offset}"
        )
    if not batch.codec or config.compacts:
        keyless = _check_client_records(data, batch, MAX_RATIO * config.max_message_bytes)
        if keyless and config.compacts:
            raise InvalidRecord(f"{keyless} records without a key in a topic that is compacted by keys")
    origin = tuple(_produced(data, batches))
    return Incoming(data, len(data), batch.count, batch.base_timestamp, batch.max_timestamp, origin)


def _check_client_records(data: bytearray, batch: Batch, limit: int) -> int:
    """How many have no key."""
    try:
        records = None
        if batch.codec:
            records = codecs.decompress(batch.codec, memoryview(data)[_core.BATCH_HEADER :], limit)
        return _core.check_records(data, batch, records)[4]
    except CorruptBatch as error:
        raise InvalidRecord(f"the batch's records are not what its header says: {error}") from error


def _produced(data: bytearray, batches: list[Batch]) -> Iterator[Produced]:
    offset = 0
    for batch in batches:
        length = batch.last_offset - batch.base_offset + 1
        if batch.producer_id != NO_PRODUCER or batch.is_control:
            yield produced(data, batch)._replace(first_offset=offset, last_offset=offset + length - 1)
        offset += length


def check_size(topic: str, config: TopicConfig, size: int) -> None:
    """Raises MessageTooLarge over max.message.bytes, or over what a segment can hold."""
    if size > config.max_message_bytes:
        raise MessageTooLarge(
            f"a batch of {size:,} bytes is over max.message.bytes={config.max_message_bytes:,} "
            f"of {topic!r}; send less at once or raise that config"
        )
    if size > config.segment_size:
        raise MessageTooLarge(
            f"a batch of {size:,} bytes does not fit a segment of segment.bytes={config.segment_size:,} "
            f"of {topic!r}; send less at once or raise that config"
        )


def check_timestamps(topic: str, config: TopicConfig, oldest: int, latest: int, now: int) -> bool:
    """Raises InvalidTimestamp for records too far from `now`; whether all have expired already. All in ms.

    Records without a timestamp (-1) are never too old, as in Kafka's LogValidator.
    """
    if oldest >= 0 and now - oldest > config.message_timestamp_before_max_ms:
        raise InvalidTimestamp(
            f"timestamp {oldest} is more than message.timestamp.before.max.ms="
            f"{config.message_timestamp_before_max_ms} before now ({now}); "
            f"correct it or raise that config of {topic!r}"
        )
    if latest - now > config.message_timestamp_after_max_ms:
        raise InvalidTimestamp(
            f"timestamp {latest} is more than message.timestamp.after.max.ms="
            f"{config.message_timestamp_after_max_ms} after now ({now}); timestamps are milliseconds: "
            f"correct it or raise that config of {topic!r}"
        )
    return config.deletes and latest >= 0 and 0 <= config.retention_ms < now - latest


def warn_expired(topic: str, config: TopicConfig) -> None:
    """As in Kafka such records go at the next retention check, which surprises whoever loads old data."""
    warnings.warn(
        f"records of {topic!r} are older than its retention.ms={config.retention_ms} already "
        f"and will be deleted at the next check; set retention.ms=-1 to keep them",
        stacklevel=_level_of_the_caller(),
    )


def recode(incoming: Incoming, wanted: Compression, max_message_bytes: int) -> Incoming:
    """The batches in the codec that the topic asks for. Timestamps and counts stay as they are.

    Raises InvalidRecord for what cannot be decompressed, or is far more than a batch of `max_message_bytes` has.
    """
    data = memoryview(incoming.data)
    limit = max_message_bytes * (MAX_RATIO if wanted.codec else 1)
    parts = [
        _recoded_batch(data[batch.position : batch.position + batch.size], batch, wanted, limit)
        for batch in _core.walk_batches(data, check_crc=False)
    ]
    packed = bytearray().join(parts)
    return incoming._replace(data=packed, size=len(packed))


def _recoded_batch(data: memoryview, batch: Batch, wanted: Compression, limit: int) -> Buffer:
    if batch.codec == wanted.codec or batch.is_control:
        return data
    records: Buffer = data[_core.BATCH_HEADER :]
    if batch.codec:
        try:
            records = codecs.decompress(batch.codec, records, limit)
        except CorruptBatch as error:  # which says to clients: try again
            raise InvalidRecord(str(error)) from error
    if wanted.codec:
        records = codecs.compress(wanted.codec, records, wanted.level)
    return _core.reseal(data, records, wanted.codec)


def _level_of_the_caller() -> int:
    """The stack level of the first frame outside this package, for a warning that points there."""
    package = __name__.partition(".")[0]
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level
