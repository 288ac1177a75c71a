"""ListPartitionReassignments (46), v0: one broker has nowhere to move a partition to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(46, versions=(0, 0))
def list_partition_reassignments(broker: Broker, request: Request) -> Any:
    return request.response(
        throttle_time=timedelta(0), error_code=ErrorCode.none, error_message=None, topics=()
    )
