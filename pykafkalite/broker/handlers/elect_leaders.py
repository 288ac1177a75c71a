"""ElectLeaders (43), v0-2: every partition has its only replica as leader, so no election is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(43, versions=(0, 2))
def elect_leaders(broker: Broker, request: Request) -> Any:
    asked = request.body.topic_partitions
    wanted = (
        {name: range(topic.partitions) for name, topic in broker.store.topics().items()}
        if asked is None
        else {item.topic: item.partitions for item in asked}
    )
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        replica_election_results=tuple(
            request.entity(
                "ReplicaElectionResult",
                topic=name,
                partition_result=tuple(_result(broker, request, name, index) for index in indexes),
            )
            for name, indexes in wanted.items()
        ),
    )


def _result(broker: Broker, request: Request, name: str, index: int) -> Any:
    topic = broker.topic(name)
    exists = topic is not None and 0 <= index < topic.partitions
    return request.entity(
        "PartitionResult",
        partition_id=index,
        error_code=ErrorCode.election_not_needed if exists else ErrorCode.unknown_topic_or_partition,
        error_message=None,
    )
