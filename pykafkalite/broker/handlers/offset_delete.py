"""OffsetDelete (47), v0: forgets commits in topics that no member of the group reads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..groups import UNKNOWN_NAME, error_code
from ..router import handles

if TYPE_CHECKING:
    from ...coordinator.requests import Place
    from ..broker import Broker
    from ..wire import Request


@handles(47, versions=(0, 0))
async def offset_delete(broker: Broker, request: Request) -> Any:
    body = request.body
    asked = [(topic.name, item.partition_index) for topic in body.topics for item in topic.partitions]
    known = [place for place in asked if _exists(broker, place)]
    try:
        results = await broker.on_disk(lambda: broker.coordinator.delete_offsets(body.group_id, known))
    except Error as error:
        return request.response(error_code=code_of(error), throttle_time=timedelta(0), topics=())

    def outcome(place: Place) -> ErrorCode:
        return error_code(results[place]) if place in results else UNKNOWN_NAME

    return request.response(
        error_code=ErrorCode.none,
        throttle_time=timedelta(0),
        topics=tuple(
            request.entity(
                "OffsetDeleteResponseTopic",
                name=topic.name,
                partitions=tuple(
                    request.entity(
                        "OffsetDeleteResponsePartition",
                        partition_index=item.partition_index,
                        error_code=outcome((topic.name, item.partition_index)),
                    )
                    for item in topic.partitions
                ),
            )
            for topic in body.topics
        ),
    )


def _exists(broker: Broker, place: Place) -> bool:
    topic = broker.topic(place[0])
    return topic is not None and 0 <= place[1] < topic.partitions
