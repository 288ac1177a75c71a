"""FindCoordinator (10), v0-6: this broker coordinates every group.

v1  key type: group 0, transaction 1, share 2
v4  several keys at once
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

GROUP = 0


@handles(10, versions=(0, 6))
def find_coordinator(broker: Broker, request: Request) -> Any:
    body = request.body
    error, message = ErrorCode.none, None
    if getattr(body, "key_type", GROUP) != GROUP:
        error, message = ErrorCode.coordinator_not_available, "only groups have a coordinator here"
    known = error is ErrorCode.none
    node = {
        "node_id": broker.settings.node_id if known else -1,
        "host": request.told.host if known else "",
        "port": request.told.port if known else -1,
        "error_code": error,
        "error_message": message,
    }
    if request.version < 4:
        return request.response(throttle_time=timedelta(0), **node)
    return request.response(
        throttle_time=timedelta(0),
        coordinators=tuple(request.entity("Coordinator", key=key, **node) for key in body.coordinator_keys),
    )
