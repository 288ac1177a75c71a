"""SyncGroup (14), v0-5: the leader says who reads what, the others learn it.

v3  static members (KIP-345)
v4  flexible
v5  protocol type and name, checked
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...coordinator.requests import SyncRequest, SyncResult
from ..groups import answered, error_code
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(14, versions=(0, 5))
async def sync_group(broker: Broker, request: Request) -> Any:
    body = request.body
    sync = SyncRequest(
        body.group_id,
        body.generation_id,
        body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        protocol_type=getattr(body, "protocol_type", None),
        protocol=getattr(body, "protocol_name", None),
        assignments={each.member_id: bytes(each.assignment) for each in body.assignments},
    )
    result: SyncResult = await answered(broker, lambda respond: broker.coordinator.sync(sync, respond))
    return request.response(
        throttle_time=timedelta(0),
        error_code=error_code(result.error),
        protocol_type=result.protocol_type,
        protocol_name=result.protocol,
        assignment=result.assignment,
    )
