"""ListOffsets (2), v1-11.

Offsets by time, or by these stand-ins for one:

-1  latest: the high watermark, or the last stable offset for read_committed
-2  earliest
-3  the record with the largest timestamp (v7)
-4  earliest local, -5 latest tiered, -6 earliest pending upload (v8, v9, v11): without tiers, earliest and none
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from ...storage.partition import WritablePartition
    from ..broker import Broker
    from ..wire import Request

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING = -1, -2, -3, -4, -5, -6
READ_COMMITTED = 1


class Found(NamedTuple):
    """An offset and the timestamp of its record (ms); -1 for none."""

    offset: int = -1
    timestamp: int = -1


@handles(2, versions=(1, 11))
async def list_offsets(broker: Broker, request: Request) -> Any:
    return request.response(
        throttle_time=timedelta(0),
        topics=tuple(
            [
                request.entity(
                    "ListOffsetsTopicResponse",
                    name=topic.name,
                    partitions=tuple(
                        [await _answer(broker, request, topic.name, item) for item in topic.partitions]
                    ),
                )
                for topic in request.body.topics
            ]
        ),
    )


async def _answer(broker: Broker, request: Request, name: str, item: Any) -> Any:
    error, found = ErrorCode.none, Found()
    topic = broker.topic(name)
    partition = None if topic is None else broker.partition(topic, item.partition_index)
    if partition is None:
        error = ErrorCode.unknown_topic_or_partition
    else:
        error = broker.check_epoch(getattr(item, "current_leader_epoch", -1))
        if error is ErrorCode.none:
            committed = getattr(request.body, "isolation_level", 0) == READ_COMMITTED
            try:
                found = await _find(broker, partition, item.timestamp, committed)
            except Error as error_met:
                error = code_of(error_met)
    return request.entity(
        "ListOffsetsPartitionResponse",
        partition_index=item.partition_index,
        error_code=error,
        timestamp=found.timestamp,
        offset=found.offset,
        leader_epoch=-1 if found.offset < 0 else broker.store.leader_epoch,
    )


async def _find(broker: Broker, partition: WritablePartition, timestamp: int, committed: bool) -> Found:
    match timestamp:
        case -1:
            return Found(partition.last_stable_offset if committed else partition.high_watermark)
        case -2 | -4:
            return Found(partition.start_offset)
        case -5 | -6:
            return Found()
        case -3:
            found = await broker.on_disk(partition.offset_of_max_timestamp)
        case _:
            found = await broker.on_disk(lambda: partition.offset_for_timestamp(timestamp))
    return Found() if found is None else Found(*found)
