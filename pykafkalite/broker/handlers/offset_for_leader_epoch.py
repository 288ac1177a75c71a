"""OffsetForLeaderEpoch (23), v2-4: where an epoch ended, so that a client learns of a tail that was lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(23, versions=(2, 4))
def offset_for_leader_epoch(broker: Broker, request: Request) -> Any:
    return request.response(
        throttle_time=timedelta(0),
        topics=tuple(
            request.entity(
                "OffsetForLeaderTopicResult",
                topic=topic.topic,
                partitions=tuple(_answer(broker, request, topic.topic, item) for item in topic.partitions),
            )
            for topic in request.body.topics
        ),
    )


def _answer(broker: Broker, request: Request, name: str, item: Any) -> Any:
    epoch, end = -1, -1
    topic = broker.topic(name)
    partition = None if topic is None else broker.partition(topic, item.partition)
    if partition is None:
        error = ErrorCode.unknown_topic_or_partition
    else:
        error = broker.check_epoch(item.current_leader_epoch)
        if error is ErrorCode.none:
            epoch, end = partition.end_of_epoch(item.leader_epoch)
    return request.entity(
        "EpochEndOffset", error_code=error, partition=item.partition, leader_epoch=epoch, end_offset=end
    )
