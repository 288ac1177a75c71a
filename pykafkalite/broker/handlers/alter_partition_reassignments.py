"""AlterPartitionReassignments (45), v0-1: one broker has every partition already and keeps it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(45, versions=(0, 1))
def alter_partition_reassignments(broker: Broker, request: Request) -> Any:
    return request.response(
        throttle_time=timedelta(0),
        allow_replication_factor_change=getattr(request.body, "allow_replication_factor_change", True),
        error_code=ErrorCode.none,
        error_message=None,
        responses=tuple(
            request.entity(
                "ReassignableTopicResponse",
                name=topic.name,
                partitions=tuple(_answer(broker, request, topic.name, item) for item in topic.partitions),
            )
            for topic in request.body.topics
        ),
    )


def _answer(broker: Broker, request: Request, name: str, item: Any) -> Any:
    error, message = ErrorCode.none, None
    node = broker.settings.node_id
    topic = broker.topic(name)
    if topic is None or broker.partition(topic, item.partition_index) is None:
        error, message = ErrorCode.unknown_topic_or_partition, "there is no such partition"
    elif item.replicas is None:
        error, message = ErrorCode.no_reassignment_in_progress, "nothing is being moved"
    elif list(item.replicas) != [node]:
        error, message = ErrorCode.invalid_replica_assignment, f"the only broker is {node}"
    return request.entity(
        "ReassignablePartitionResponse",
        partition_index=item.partition_index,
        error_code=error,
        error_message=message,
    )
