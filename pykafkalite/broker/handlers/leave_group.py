"""LeaveGroup (13), v0-5: members leave; the others deal out anew what they had.

v3  several members at once, also by their instance ids (KIP-345)
v4  flexible
v5  reason
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ...coordinator.requests import Leaver
from ..groups import error_code
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(13, versions=(0, 5))
async def leave_group(broker: Broker, request: Request) -> Any:
    body = request.body
    if request.version < 3:
        leavers = [Leaver(body.member_id)]
    else:
        leavers = [Leaver(member.member_id, member.group_instance_id) for member in body.members]
    left = await broker.on_disk(lambda: broker.coordinator.leave(body.group_id, leavers))
    if not isinstance(left, list):
        return request.response(throttle_time=timedelta(0), error_code=error_code(left), members=())
    return request.response(
        throttle_time=timedelta(0),
        error_code=error_code(left[0] if request.version < 3 else None),
        members=tuple(
            request.entity(
                "MemberResponse",
                member_id=leaver.member_id,
                group_instance_id=leaver.instance_id,
                error_code=error_code(error),
            )
            for leaver, error in zip(leavers, left, strict=True)
        ),
    )
