"""DescribeTopicPartitions (75), v0: topics in order of name, a page at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

# max.request.partition.size.limit
MAX_PARTITIONS = 2000


@handles(75, versions=(0, 0))
def describe_topic_partitions(broker: Broker, request: Request) -> Any:
    body = request.body
    names = sorted({item.name for item in body.topics} or broker.store.topics())
    first_partition = 0
    if body.cursor is not None:
        names = [name for name in names if name >= body.cursor.topic_name]
        first_partition = body.cursor.partition_index if body.cursor.topic_name in names[:1] else 0
    left = max(1, min(body.response_partition_limit, MAX_PARTITIONS))
    topics, cursor = [], None
    for name in names:
        if left <= 0:
            cursor = request.entity("Cursor", topic_name=name, partition_index=0)
            break
        described, following = _describe(broker, request, name, first_partition, left)
        topics.append(described)
        left -= len(described.partitions)
        if following is not None:
            cursor = request.entity("Cursor", topic_name=name, partition_index=following)
            break
        first_partition = 0
    return request.response(throttle_time=timedelta(0), topics=tuple(topics), next_cursor=cursor)


def _describe(broker: Broker, request: Request, name: str, first: int, limit: int) -> tuple[Any, int | None]:
    """The topic from partition `first` on, and the partition to go on from."""
    topic = broker.topic(name)
    if topic is None:
        error = ErrorCode.unknown_topic_or_partition
        return request.entity(
            "DescribeTopicPartitionsResponseTopic", error_code=error, name=name, topic_id=None, partitions=()
        ), None
    end = min(topic.partitions, first + limit)
    node, epoch = broker.settings.node_id, broker.store.leader_epoch
    described = request.entity(
        "DescribeTopicPartitionsResponseTopic",
        error_code=ErrorCode.none,
        name=name,
        topic_id=topic.id,
        is_internal=topic.is_internal,
        partitions=tuple(
            request.entity(
                "DescribeTopicPartitionsResponsePartition",
                error_code=ErrorCode.none,
                partition_index=index,
                leader_id=node,
                leader_epoch=epoch,
                replica_nodes=(node,),
                isr_nodes=(node,),
                eligible_leader_replicas=(),
                last_known_elr=(),
                offline_replicas=(),
            )
            for index in range(first, end)
        ),
    )
    return described, end if end < topic.partitions else None
