"""JoinGroup (11), v0-9: a member joins, and waits until all others have.

v1  rebalance timeout; before, the session timeout serves for both
v4  a new dynamic member is given an id first (KIP-394)
v5  static members (KIP-345)
v6  flexible
v7  protocol type
v8  reason
v9  a leader that comes back may skip the assignment (KIP-814)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...coordinator.requests import JoinRequest, JoinResult
from ..groups import answered, error_code, milliseconds
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(11, versions=(0, 9))
async def join_group(broker: Broker, request: Request) -> Any:
    body = request.body
    session_timeout = milliseconds(body.session_timeout)
    join = JoinRequest(
        body.group_id,
        body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        protocol_type=body.protocol_type,
        protocols=tuple((protocol.name, bytes(protocol.metadata)) for protocol in body.protocols),
        session_timeout=session_timeout,
        rebalance_timeout=milliseconds(body.rebalance_timeout) if request.version >= 1 else session_timeout,
        client_id=request.client_id or "",
        client_host=request.client_host,
        needs_member_id=request.version >= 4,
        may_skip_assignment=request.version >= 9,
    )
    result: JoinResult = await answered(broker, lambda respond: broker.coordinator.join(join, respond))
    return request.response(
        throttle_time=timedelta(0),
        error_code=error_code(result.error),
        generation_id=result.generation,
        protocol_type=result.protocol_type,
        # Before v7 there is no null.
        protocol_name=result.protocol if request.version >= 7 else result.protocol or "",
        leader=result.leader,
        skip_assignment=result.skip_assignment,
        member_id=result.member_id,
        members=tuple(
            request.entity(
                "JoinGroupResponseMember",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata,
            )
            for member in result.members
        ),
    )
