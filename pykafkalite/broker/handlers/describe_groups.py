"""DescribeGroups (15), v0-6: groups with their members.

v3  authorized operations
v4  static members (KIP-345)
v5  flexible
v6  a group that is not there is an error with a message (KIP-1043); before, it is Dead
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..groups import error_code
from ..router import handles

if TYPE_CHECKING:
    from ...coordinator.requests import DescribedGroup
    from ..broker import Broker
    from ..wire import Request

# As a bit field of org.apache.kafka.common.acl.AclOperation: read, delete, describe. Everybody may do everything here.
ALL_OPERATIONS = 1 << 3 | 1 << 6 | 1 << 8
NOT_ASKED = -(1 << 31)


@handles(15, versions=(0, 6))
async def describe_groups(broker: Broker, request: Request) -> Any:
    body = request.body
    found = await broker.on_disk(lambda: [broker.coordinator.describe(group) for group in body.groups])
    operations = ALL_OPERATIONS if getattr(body, "include_authorized_operations", False) else NOT_ASKED
    return request.response(
        throttle_time=timedelta(0), groups=tuple(_group(request, group, operations) for group in found)
    )


def _group(request: Request, found: DescribedGroup, operations: int) -> Any:
    is_missing = found.error is not None and request.version >= 6
    return request.entity(
        "DescribedGroup",
        error_code=error_code(found.error) if is_missing else ErrorCode.none,
        error_message=f"Group {found.group} not found." if is_missing else None,
        group_id=found.group,
        group_state=found.state,
        protocol_type=found.protocol_type,
        protocol_data=found.protocol,
        authorized_operations=operations,
        members=tuple(
            request.entity(
                "DescribedGroupMember",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.metadata,
                member_assignment=member.assignment,
            )
            for member in found.members
        ),
    )
