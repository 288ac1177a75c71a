"""IncrementalAlterConfigs (44), v0-1: set (0), delete (1), append (2) and subtract (3) configs of topics."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error, InvalidConfig
from ...storage.config import TopicConfig
from ...storage.config_types import Words
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = range(4)


@handles(44, versions=(0, 1))
async def incremental_alter_configs(broker: Broker, request: Request) -> Any:
    responses = tuple([await _alter(broker, request, item) for item in request.body.resources])
    return request.response(throttle_time=timedelta(0), responses=responses)


async def _alter(broker: Broker, request: Request, item: Any) -> Any:
    error, message = ErrorCode.none, None
    try:
        if item.resource_type == BROKER and all(it.config_operation == DELETE for it in item.configs):
            return _altered(request, item)  # nothing was ever set, so nothing is left to delete
        if item.resource_type != TOPIC:
            raise InvalidConfig(
                "only configs of topics can be altered; a broker's are given when it is started"
            )
        topic = broker.store.topic(item.resource_name)
        changes = {config.name: _changed(topic.config, config) for config in item.configs}
        if request.body.validate_only:
            topic.config.with_changes(changes)
        else:
            await broker.on_disk(lambda: broker.store.alter_config(item.resource_name, changes))
    except Error as error_met:
        error, message = code_of(error_met), str(error_met)
    return _altered(request, item, error, message)


def _altered(
    request: Request, item: Any, error: ErrorCode = ErrorCode.none, message: str | None = None
) -> Any:
    return request.entity(
        "AlterConfigsResourceResponse",
        error_code=error,
        error_message=message,
        resource_type=item.resource_type,
        resource_name=item.resource_name,
    )


def _changed(config: TopicConfig, change: Any) -> str | None:
    if change.config_operation == SET:
        return str(change.value)
    if change.config_operation == DELETE:
        return None
    setting = TopicConfig.table.get(change.name)
    if setting is None or not isinstance(setting.kind, Words):
        raise InvalidConfig(f"{change.name} is no list: it can be set or deleted")
    given = [word.strip() for word in str(change.value).split(",")]
    words = list(config[change.name])
    if change.config_operation == APPEND:
        words += [word for word in given if word not in words]
    else:
        words = [word for word in words if word not in given]
    return ",".join(words)
