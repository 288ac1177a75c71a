"""CreatePartitions (37), v0-3. `count` is the new total."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error, InvalidPartitions
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(37, versions=(0, 3))
async def create_partitions(broker: Broker, request: Request) -> Any:
    results = tuple([await _raise(broker, request, item) for item in request.body.topics])
    return request.response(throttle_time=timedelta(0), results=results)


async def _raise(broker: Broker, request: Request, item: Any) -> Any:
    error, message = ErrorCode.none, None
    try:
        topic = broker.store.topic(item.name)
        if not request.body.validate_only:
            await broker.on_disk(lambda: broker.store.add_partitions(item.name, item.count))
        elif item.count <= topic.partitions:
            raise InvalidPartitions(f"{item.name!r} has {topic.partitions} partitions already")
    except Error as error_met:
        error, message = code_of(error_met), str(error_met)
    return request.entity(
        "CreatePartitionsTopicResult", name=item.name, error_code=error, error_message=message
    )
