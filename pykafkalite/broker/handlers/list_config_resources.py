"""ListConfigResources (74), v0-1: which resources have configs; v0 knew client metrics only: none here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles
from .describe_configs import BROKER, TOPIC

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(74, versions=(0, 1))
def list_config_resources(broker: Broker, request: Request) -> Any:
    found = [(name, TOPIC) for name in broker.store.topics()] + [(str(broker.settings.node_id), BROKER)]
    types = getattr(request.body, "resource_types", ())
    listed = [item for item in found if request.version >= 1 and (not types or item[1] in types)]
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        config_resources=tuple(
            request.entity("ConfigResource", resource_name=name, resource_type=kind) for name, kind in listed
        ),
        client_metrics_resources=(),
    )
