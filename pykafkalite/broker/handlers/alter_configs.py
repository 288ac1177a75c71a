"""AlterConfigs (33), v0-2: replaces all configs of a topic; superseded by IncrementalAlterConfigs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error, InvalidConfig
from ..codes import code_of
from ..router import handles
from .incremental_alter_configs import TOPIC

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(33, versions=(0, 2))
async def alter_configs(broker: Broker, request: Request) -> Any:
    responses = tuple([await _alter(broker, request, item) for item in request.body.resources])
    return request.response(throttle_time=timedelta(0), responses=responses)


async def _alter(broker: Broker, request: Request, item: Any) -> Any:
    error, message = ErrorCode.none, None
    try:
        if item.resource_type != TOPIC:
            raise InvalidConfig(
                "only configs of topics can be altered; a broker's are given when it is started"
            )
        topic = broker.store.topic(item.resource_name)
        changes: dict[str, str | None] = dict.fromkeys(topic.config.overrides)
        changes |= {config.name: config.value for config in item.configs}
        if request.body.validate_only:
            topic.config.with_changes(changes)
        else:
            await broker.on_disk(lambda: broker.store.alter_config(item.resource_name, changes))
    except Error as error_met:
        error, message = code_of(error_met), str(error_met)
    return request.entity(
        "AlterConfigsResourceResponse",
        error_code=error,
        error_message=message,
        resource_type=item.resource_type,
        resource_name=item.resource_name,
    )
