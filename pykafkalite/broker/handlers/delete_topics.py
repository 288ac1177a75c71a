"""DeleteTopics (20), v1-6.

v5  error messages
v6  by name or by id
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from uuid import UUID

    from ..broker import Broker
    from ..wire import Request


@handles(20, versions=(1, 6))
async def delete_topics(broker: Broker, request: Request) -> Any:
    asked = (
        [(item.name, item.topic_id) for item in request.body.topics]
        if request.version >= 6
        else [(name, None) for name in request.body.topic_names]
    )
    responses = tuple([await _delete(broker, request, name, topic_id) for name, topic_id in asked])
    return request.response(throttle_time=timedelta(0), responses=responses)


async def _delete(broker: Broker, request: Request, name: str | None, topic_id: UUID | None) -> Any:
    error, message = ErrorCode.none, None
    topic = broker.topic(name, topic_id)
    if topic is None:
        error = ErrorCode.unknown_topic_or_partition if name else ErrorCode.unknown_topic_id
    else:
        name, topic_id = topic.name, topic.id
        try:
            await broker.on_disk(lambda: broker.store.delete_topic(topic.name))
            await broker.on_disk(lambda: broker.coordinator.forget_topic(topic.name))
        except Error as error_met:
            error, message = code_of(error_met), str(error_met)
    return request.entity(
        "DeletableTopicResult", name=name, topic_id=topic_id, error_code=error, error_message=message
    )
