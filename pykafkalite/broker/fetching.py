"""What a fetch finds: spans of segments, within the limits that the client gave.

As Kafka: partitions in the order asked for, the first batch of all always whole, whatever the limits;
after it each partition gives what fits its own limit and what is left of the request's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kio.schema.errors import ErrorCode

from ..errors import Error, OffsetOutOfRange
from .codes import code_of
from .wire import Records

if TYPE_CHECKING:
    from uuid import UUID

    from ..storage.partition import WritablePartition
    from .broker import Broker
    from .sessions import Wanted

READ_COMMITTED = 1


@dataclass(slots=True)
class Fetched:
    """What one partition gave. Offsets are -1 where there is an error."""

    wanted: Wanted
    partition: WritablePartition | None = None
    error: ErrorCode = ErrorCode.none
    high_watermark: int = -1
    stable: int = -1
    start: int = -1
    records: Records | None = None

    @property
    def size(self) -> int:
        """Bytes of records."""
        return 0 if self.records is None else self.records.size

    @property
    def state(self) -> tuple[int, int, int]:
        """What an incremental session compares: told again only when it changes."""
        return self.high_watermark, self.start, self.stable


def fetch_all(broker: Broker, wanted: list[Wanted], max_bytes: int, committed: bool) -> list[Fetched]:
    """Read each partition, as far as the limits allow."""
    found, left = [], min(max_bytes, broker.settings.fetch_max_bytes)
    nothing_yet = True
    for item in wanted:
        fetched = _fetch(broker, item, left, committed, nothing_yet)
        found.append(fetched)
        left -= fetched.size
        nothing_yet = nothing_yet and not fetched.size
    return found


def _fetch(broker: Broker, wanted: Wanted, left: int, committed: bool, at_least_one: bool) -> Fetched:
    by_name = isinstance(wanted.topic, str)
    topic = broker.topic(wanted.topic) if isinstance(wanted.topic, str) else broker.topic(None, _uuid(wanted))
    if topic is None:
        return Fetched(
            wanted, error=ErrorCode.unknown_topic_or_partition if by_name else ErrorCode.unknown_topic_id
        )
    partition = broker.partition(topic, wanted.partition)
    if partition is None:
        return Fetched(wanted, error=ErrorCode.unknown_topic_or_partition)
    error = broker.check_epoch(wanted.current_leader_epoch)
    if error is not ErrorCode.none:
        return Fetched(wanted, partition, error)
    bounds = partition.bounds()
    fetched = Fetched(
        wanted, partition, ErrorCode.none, bounds.high_watermark, bounds.stable, bounds.start, Records([])
    )
    until = bounds.stable if committed else bounds.high_watermark
    try:
        if not bounds.start <= wanted.fetch_offset <= bounds.high_watermark:
            raise OffsetOutOfRange
        if wanted.fetch_offset < until:
            limit = max(0, min(wanted.max_bytes, left))
            fetched.records = _records(partition, wanted.fetch_offset, until, limit, at_least_one)
    except Error as error_met:
        return Fetched(wanted, partition, code_of(error_met), -1, -1, -1, Records([]))
    return fetched


def _records(
    partition: WritablePartition, offset: int, until: int, limit: int, at_least_one: bool
) -> Records:
    span = partition.read(offset, until, max(limit, 1))
    if span is None:
        return Records([])
    view = memoryview(span.owner)[span.start : span.end]
    if view.nbytes > limit and not at_least_one:
        return Records([])
    return Records([view])


def _uuid(wanted: Wanted) -> UUID:
    return wanted.topic  # type: ignore[return-value]
