"""ListGroups (16), v0-5: all groups.

v3  flexible
v4  filtered by state, which is told (KIP-518)
v5  filtered by type, which is told (KIP-848)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(16, versions=(0, 5))
async def list_groups(broker: Broker, request: Request) -> Any:
    states = getattr(request.body, "states_filter", ())
    types = getattr(request.body, "types_filter", ())
    found = await broker.on_disk(lambda: broker.coordinator.list_groups(states, types))
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        groups=tuple(
            request.entity(
                "ListedGroup",
                group_id=group.group,
                protocol_type=group.protocol_type,
                group_state=group.state,
                group_type=group.kind,
            )
            for group in found
        ),
    )
