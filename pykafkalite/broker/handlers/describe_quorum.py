"""DescribeQuorum (55), v0-2: the metadata log has one voter, which leads.

v1  fetch times
v2  error messages, directories, controllers' listeners
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

METADATA_TOPIC = "__cluster_metadata"


@handles(55, versions=(0, 2))
def describe_quorum(broker: Broker, request: Request) -> Any:
    return request.response(
        error_code=ErrorCode.none,
        error_message=None,
        topics=tuple(
            request.entity(
                "TopicData",
                topic_name=topic.topic_name,
                partitions=tuple(
                    _partition(broker, request, topic.topic_name, item.partition_index)
                    for item in topic.partitions
                ),
            )
            for topic in request.body.topics
        ),
        nodes=(),
    )


def _partition(broker: Broker, request: Request, topic: str, index: int) -> Any:
    is_metadata = topic == METADATA_TOPIC and index == 0
    end = broker.store.metadata_end_offset
    voter = request.entity(
        "ReplicaState",
        replica_id=broker.settings.node_id,
        replica_directory_id=None,
        log_end_offset=end,
        last_fetch_timestamp=-1,
        last_caught_up_timestamp=broker.store.clock.now_ms(),
    )
    return request.entity(
        "PartitionData",
        partition_index=index,
        error_code=ErrorCode.none if is_metadata else ErrorCode.unknown_topic_or_partition,
        error_message=None if is_metadata else "only the metadata log has a quorum",
        leader_id=broker.settings.node_id if is_metadata else -1,
        leader_epoch=broker.store.leader_epoch if is_metadata else -1,
        high_watermark=end if is_metadata else -1,
        current_voters=(voter,) if is_metadata else (),
        observers=(),
    )
