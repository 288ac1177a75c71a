"""CreateTopics (19), v2-7.

v4  -1 partitions or replicas: the broker's default
v5  the answer tells partitions, replicas and configs
v7  and the topic's id
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ...storage.naming import check_topic_name
from ..codes import code_of
from ..configs import topic_configs
from ..router import handles

if TYPE_CHECKING:
    from ...storage.config import TopicConfig
    from ...storage.image import Topic
    from ..broker import Broker
    from ..wire import Request


@handles(19, versions=(2, 7))
async def create_topics(broker: Broker, request: Request) -> Any:
    asked = request.body.topics
    names = [item.name for item in asked]
    results = []
    for item in asked:
        if names.count(item.name) > 1:
            results.append(_failed(request, item.name, ErrorCode.invalid_request, "the topic is named twice"))
        else:
            results.append(await _create(broker, request, item))
    return request.response(throttle_time=timedelta(0), topics=tuple(results))


async def _create(broker: Broker, request: Request, item: Any) -> Any:
    if item.replication_factor not in (-1, 1) or any(len(one.broker_ids) != 1 for one in item.assignments):
        return _failed(
            request,
            item.name,
            ErrorCode.invalid_replication_factor,
            "there is one broker, so one replica of each",
        )
    count = len(item.assignments) or item.num_partitions
    partitions = broker.settings.num_partitions if count == -1 else count
    configs = {config.name: config.value for config in item.configs if config.value is not None}
    try:
        if request.body.validate_only:
            check_topic_name(item.name)
            return _created(request, item.name, None, partitions, broker.store.topic_config(configs))
        topic = await broker.on_disk(lambda: broker.store.create_topic(item.name, partitions, configs))
    except Error as error:
        return _failed(request, item.name, code_of(error), str(error))
    return _created(request, topic.name, topic, topic.partitions, topic.config)


def _created(request: Request, name: str, topic: Topic | None, partitions: int, config: TopicConfig) -> Any:
    return request.entity(
        "CreatableTopicResult",
        name=name,
        topic_id=topic.id if topic else None,
        error_code=ErrorCode.none,
        error_message=None,
        num_partitions=partitions,
        replication_factor=1,
        configs=tuple(
            request.entity("CreatableTopicConfigs", read_only=False, is_sensitive=False, **described)
            for described in topic_configs(config)
        ),
    )


def _failed(request: Request, name: str, error: ErrorCode, message: str) -> Any:
    return request.entity(
        "CreatableTopicResult", name=name, topic_id=None, error_code=error, error_message=message, configs=()
    )
