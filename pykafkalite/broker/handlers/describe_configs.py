"""DescribeConfigs (32), v1-4: of topics (2) and of this broker (4).

v1  sources and synonyms
v3  types and documentation
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...storage.config import TopicConfig
from ..configs import DEFAULT_CONFIG, broker_configs, topic_configs, topic_synonyms, type_of
from ..router import handles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..broker import Broker
    from ..wire import Request

TOPIC, BROKER = 2, 4


@handles(32, versions=(1, 4))
def describe_configs(broker: Broker, request: Request) -> Any:
    return request.response(
        throttle_time=timedelta(0),
        results=tuple(_describe(broker, request, item) for item in request.body.resources),
    )


def _describe(broker: Broker, request: Request, item: Any) -> Any:
    error, message, configs = ErrorCode.none, None, []
    if item.resource_type == TOPIC:
        topic = broker.topic(item.resource_name)
        if topic is None:
            error = ErrorCode.unknown_topic_or_partition
        else:
            configs = [
                _entity(
                    request,
                    described,
                    TopicConfig.table[described["name"]],
                    topic_synonyms(topic.config, described["name"], broker.settings),
                    read_only=False,
                )
                for described in topic_configs(topic.config)
            ]
    elif item.resource_type == BROKER:
        if item.resource_name in ("", str(broker.settings.node_id)):
            configs = [
                _entity(request, described, row, [_as_synonym(described)], read_only=True)
                for described, row in broker_configs(broker.settings)
            ]
        else:
            error, message = ErrorCode.invalid_request, f"this is broker {broker.settings.node_id}"
    else:
        error, message = ErrorCode.invalid_request, f"resource type {item.resource_type} has no configs here"
    wanted = item.configuration_keys
    return request.entity(
        "DescribeConfigsResult",
        error_code=error,
        error_message=message,
        resource_type=item.resource_type,
        resource_name=item.resource_name,
        configs=tuple(config for config in configs if not wanted or config.name in wanted),
    )


def _entity(
    request: Request,
    described: dict[str, Any],
    row: Any,
    synonyms: Iterable[dict[str, Any]],
    *,
    read_only: bool,
) -> Any:
    told = synonyms if request.body.include_synonyms else ()
    return request.entity(
        "DescribeConfigsResourceResult",
        read_only=read_only,
        is_default=described["config_source"] == DEFAULT_CONFIG,
        is_sensitive=False,
        synonyms=tuple(request.entity("DescribeConfigsSynonym", **synonym) for synonym in told),
        config_type=type_of(row.kind),
        documentation=row.doc if getattr(request.body, "include_documentation", False) else None,
        **described,
    )


def _as_synonym(described: dict[str, Any]) -> dict[str, Any]:
    return {"name": described["name"], "value": described["value"], "source": described["config_source"]}
