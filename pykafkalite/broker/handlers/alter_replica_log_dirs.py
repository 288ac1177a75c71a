"""AlterReplicaLogDirs (34), v1-2: there is one directory, and every partition is in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(34, versions=(1, 2))
def alter_replica_log_dirs(broker: Broker, request: Request) -> Any:
    wanted = [
        (topic.name, index, directory.path)
        for directory in request.body.dirs
        for topic in directory.topics
        for index in topic.partitions
    ]
    results: dict[str, list[Any]] = {}
    for name, index, path in wanted:
        results.setdefault(name, []).append(
            request.entity(
                "AlterReplicaLogDirPartitionResult",
                partition_index=index,
                error_code=_move(broker, name, index, path),
            )
        )
    return request.response(
        throttle_time=timedelta(0),
        results=tuple(
            request.entity("AlterReplicaLogDirTopicResult", topic_name=name, partitions=tuple(partitions))
            for name, partitions in results.items()
        ),
    )


def _move(broker: Broker, name: str, index: int, path: str) -> ErrorCode:
    if path != str(broker.store.path):
        return ErrorCode.kafka_storage_error
    topic = broker.topic(name)
    if topic is None or broker.partition(topic, index) is None:
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.none
