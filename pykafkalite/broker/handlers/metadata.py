"""Metadata (3), v0-13.

Brokers, topics, partitions and their leaders. No topics asked for: none (v1+), or all (v0, or null).

v4   allow_auto_topic_creation
v5   offline replicas
v7   leader epochs
v10  topic ids; v12 asking by them
v13  a top-level error
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error, InvalidTopic, TopicExists
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from uuid import UUID

    from ...storage.image import Topic
    from ..broker import Broker
    from ..wire import Request


@handles(3, versions=(0, 13))
def metadata(broker: Broker, request: Request) -> Any:
    wanted = request.body.topics
    if wanted is None or (request.version == 0 and not wanted):
        topics = tuple(_known(broker, request, topic) for topic in broker.store.topics().values())
    else:
        creates = request.version < 4 or request.body.allow_auto_topic_creation
        topics = tuple(_asked(broker, request, item, creates) for item in wanted)
    return request.response(
        throttle_time=timedelta(0),
        brokers=(
            request.entity(
                "MetadataResponseBroker",
                node_id=broker.settings.node_id,
                host=request.told.host,
                port=request.told.port,
                rack=None,
            ),
        ),
        cluster_id=broker.store.cluster_id,
        controller_id=broker.settings.node_id,
        topics=topics,
        error_code=ErrorCode.none,
    )


def _asked(broker: Broker, request: Request, item: Any, creates: bool) -> Any:
    topic_id = getattr(item, "topic_id", None)
    found = broker.topic(item.name, topic_id)
    if found is not None:
        return _known(broker, request, found)
    if item.name is None:
        return _unknown(request, None, topic_id, ErrorCode.unknown_topic_id)
    if not creates or not broker.settings.auto_create_topics_enable or broker.is_internal(item.name):
        error = ErrorCode.unknown_topic_or_partition
        return _unknown(request, item.name, topic_id, _of_name(item.name) or error)
    try:
        return _known(broker, request, broker.store.create_topic(item.name, broker.settings.num_partitions))
    except TopicExists:
        # "." and "_" collide: Kafka too answers that this name is no valid one here.
        return _unknown(request, item.name, topic_id, ErrorCode.invalid_topic_exception)
    except Error as error_met:
        return _unknown(request, item.name, topic_id, code_of(error_met))


def _of_name(name: str) -> ErrorCode | None:
    from ...storage.naming import check_topic_name

    try:
        check_topic_name(name)
    except InvalidTopic:
        return ErrorCode.invalid_topic_exception
    return None


def _known(broker: Broker, request: Request, topic: Topic) -> Any:
    node = broker.settings.node_id
    epoch = broker.store.leader_epoch
    return request.entity(
        "MetadataResponseTopic",
        error_code=ErrorCode.none,
        name=topic.name,
        topic_id=topic.id,
        is_internal=topic.is_internal,
        partitions=tuple(
            request.entity(
                "MetadataResponsePartition",
                error_code=ErrorCode.none,
                partition_index=index,
                leader_id=node,
                leader_epoch=epoch,
                replica_nodes=(node,),
                isr_nodes=(node,),
                offline_replicas=(),
            )
            for index in range(topic.partitions)
        ),
    )


def _unknown(request: Request, name: str | None, topic_id: UUID | None, error: ErrorCode) -> Any:
    return request.entity(
        "MetadataResponseTopic",
        error_code=error,
        name=name if name is not None or request.version >= 12 else "",
        topic_id=topic_id,
        is_internal=False,
        partitions=(),
    )
