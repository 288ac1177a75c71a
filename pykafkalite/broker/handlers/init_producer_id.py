"""InitProducerId (22), v0-5: an id for an idempotent producer; ids are never given twice.

v3  a producer that has an id asks for a higher epoch
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

LAST_EPOCH = 2**15 - 2  # the one after it is reserved for fencing (KIP-360)


@handles(22, versions=(0, 5))
async def init_producer_id(broker: Broker, request: Request) -> Any:
    body = request.body
    if body.transactional_id is not None:
        return request.response(
            throttle_time=timedelta(0),
            error_code=ErrorCode.coordinator_not_available,
            producer_id=-1,
            producer_epoch=-1,
        )
    producer_id, epoch = getattr(body, "producer_id", -1), getattr(body, "producer_epoch", -1)
    if producer_id >= 0 and 0 <= epoch < LAST_EPOCH:
        epoch += 1
    else:
        producer_id, epoch = await broker.next_producer_id(), 0
    return request.response(
        throttle_time=timedelta(0), error_code=ErrorCode.none, producer_id=producer_id, producer_epoch=epoch
    )
