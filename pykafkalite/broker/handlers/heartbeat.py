"""Heartbeat (12), v0-4: keeps a member in its group, and tells it when to join again.

v3  static members (KIP-345)
v4  flexible
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..groups import error_code
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(12, versions=(0, 4))
async def heartbeat(broker: Broker, request: Request) -> Any:
    body = request.body
    instance_id = getattr(body, "group_instance_id", None)
    error = await broker.on_disk(
        lambda: broker.coordinator.heartbeat(body.group_id, body.member_id, body.generation_id, instance_id)
    )
    return request.response(throttle_time=timedelta(0), error_code=error_code(error))
