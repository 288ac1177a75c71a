"""DeleteRecords (21), v0-2. Moves the log start offset up; -1: to the high watermark."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(21, versions=(0, 2))
async def delete_records(broker: Broker, request: Request) -> Any:
    topics = tuple(
        [
            request.entity(
                "DeleteRecordsTopicResult",
                name=topic.name,
                partitions=tuple(
                    [await _delete(broker, request, topic.name, item) for item in topic.partitions]
                ),
            )
            for topic in request.body.topics
        ]
    )
    return request.response(throttle_time=timedelta(0), topics=topics)


async def _delete(broker: Broker, request: Request, name: str, item: Any) -> Any:
    error, start = ErrorCode.none, -1
    try:
        start = await broker.on_disk(
            lambda: broker.store.delete_records(name, item.partition_index, item.offset)
        )
    except Error as error_met:
        error = code_of(error_met)
    return request.entity(
        "DeleteRecordsPartitionResult",
        partition_index=item.partition_index,
        low_watermark=start,
        error_code=error,
    )
