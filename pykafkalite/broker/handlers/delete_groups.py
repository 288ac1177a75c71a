"""DeleteGroups (42), v0-2: forgets groups without members, with their commits.

v2  flexible
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(42, versions=(0, 2))
async def delete_groups(broker: Broker, request: Request) -> Any:
    names = request.body.groups_names
    codes = await broker.on_disk(lambda: [_delete(broker, name) for name in names])
    return request.response(
        throttle_time=timedelta(0),
        results=tuple(
            request.entity("DeletableGroupResult", group_id=name, error_code=code)
            for name, code in zip(names, codes, strict=True)
        ),
    )


def _delete(broker: Broker, name: str) -> ErrorCode:
    try:
        broker.coordinator.delete_group(name)
    except Error as error:
        return code_of(error)
    return ErrorCode.none
