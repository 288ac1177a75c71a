"""OffsetCommit (8), v2-10: how far a group has come.

v2   retention time, up to v4
v6   leader epochs
v7   static members (KIP-345)
v8   flexible
v9   a group that is not there is said to be so
v10  topic ids instead of names
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...coordinator.requests import CommitRequest, CommitResult, NewCommit, Place
from ..groups import UNKNOWN_NAME, answered, error_code, find_topic, milliseconds
from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(8, versions=(2, 10))
async def offset_commit(broker: Broker, request: Request) -> Any:
    body = request.body
    offsets: dict[Place, NewCommit] = {}
    asked: list[tuple[Any, list[tuple[int, Place | ErrorCode]]]] = []
    for topic in body.topics:
        found, missing = find_topic(broker, topic)
        places: list[tuple[int, Place | ErrorCode]] = []
        for item in topic.partitions:
            if found is None:
                places.append((item.partition_index, missing))
            elif not 0 <= item.partition_index < found.partitions:
                places.append((item.partition_index, UNKNOWN_NAME))
            else:
                place = found.name, item.partition_index
                places.append((item.partition_index, place))
                epoch = getattr(item, "committed_leader_epoch", -1)
                offsets[place] = NewCommit(item.committed_offset, epoch, item.committed_metadata or "")
        asked.append((topic, places))
    result = await _commit(broker, request, offsets) if offsets else CommitResult()
    return request.response(
        throttle_time=timedelta(0),
        topics=tuple(
            request.entity(
                "OffsetCommitResponseTopic",
                name=getattr(topic, "name", None),
                topic_id=getattr(topic, "topic_id", None),
                partitions=tuple(
                    request.entity(
                        "OffsetCommitResponsePartition",
                        partition_index=index,
                        error_code=_error(result, place),
                    )
                    for index, place in places
                ),
            )
            for topic, places in asked
        ),
    )


async def _commit(broker: Broker, request: Request, offsets: dict[Place, NewCommit]) -> CommitResult:
    body = request.body
    commit = CommitRequest(
        body.group_id,
        offsets,
        generation=body.generation_id_or_member_epoch,
        member_id=body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        retention=milliseconds(body.retention_time) if request.version <= 4 else -1,
        knows_missing_groups=request.version >= 9,
    )
    result: CommitResult = await answered(broker, lambda respond: broker.coordinator.commit(commit, respond))
    return result


def _error(result: CommitResult, place: Place | ErrorCode) -> ErrorCode:
    if isinstance(place, ErrorCode):
        return place
    return error_code(result.error or result.failed.get(place))
