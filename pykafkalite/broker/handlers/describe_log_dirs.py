"""DescribeLogDirs (35), v1-5: the one directory, and what its partitions take."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(35, versions=(1, 5))
async def describe_log_dirs(broker: Broker, request: Request) -> Any:
    return await broker.on_disk(lambda: _describe(broker, request))


def _describe(broker: Broker, request: Request) -> Any:
    disk = shutil.disk_usage(broker.store.path)
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        results=(
            request.entity(
                "DescribeLogDirsResult",
                error_code=ErrorCode.none,
                log_dir=str(broker.store.path),
                topics=tuple(_topics(broker, request)),
                total_bytes=disk.total,
                usable_bytes=disk.free,
                is_cordoned=False,
            ),
        ),
    )


def _topics(broker: Broker, request: Request) -> list[Any]:
    known = broker.store.topics()
    asked = request.body.topics
    wanted = (
        {name: range(topic.partitions) for name, topic in known.items()}
        if asked is None
        else {item.topic: item.partitions for item in asked}
    )
    described = []
    for name, indexes in wanted.items():
        partitions = [
            _partition(broker, request, name, index) for index in indexes if _exists(known, name, index)
        ]
        if partitions:
            described.append(request.entity("DescribeLogDirsTopic", name=name, partitions=tuple(partitions)))
    return described


def _exists(known: Any, name: str, index: int) -> bool:
    return name in known and 0 <= index < known[name].partitions


def _partition(broker: Broker, request: Request, name: str, index: int) -> Any:
    return request.entity(
        "DescribeLogDirsPartition",
        partition_index=index,
        partition_size=broker.store.partition(name, index).size,
        offset_lag=0,
        is_future_key=False,
    )
