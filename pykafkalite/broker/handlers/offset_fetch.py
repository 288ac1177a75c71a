"""OffsetFetch (9), v1-10: how far groups have come.

v2   null topics: all that are committed; an error for the whole group
v5   leader epochs
v6   flexible
v7   stable offsets are asked for
v8   several groups at once
v9   member id and epoch, for groups of the newer protocol
v10  topic ids instead of names
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..groups import find_topic
from ..router import handles

if TYPE_CHECKING:
    from ...coordinator.requests import Place
    from ..broker import Broker
    from ..wire import Request


@handles(9, versions=(1, 10))
async def offset_fetch(broker: Broker, request: Request) -> Any:
    body = request.body
    stable = getattr(body, "require_stable", False)
    groups = [body] if request.version < 8 else body.groups
    found = await broker.on_disk(
        lambda: [_topics(broker, request, group.group_id, group.topics, stable) for group in groups]
    )
    if request.version < 8:
        return request.response(throttle_time=timedelta(0), error_code=ErrorCode.none, topics=found[0])
    return request.response(
        throttle_time=timedelta(0),
        groups=tuple(
            request.entity(
                "OffsetFetchResponseGroup", group_id=group.group_id, topics=topics, error_code=ErrorCode.none
            )
            for group, topics in zip(groups, found, strict=True)
        ),
    )


def _topics(broker: Broker, request: Request, group: str, asked: Any, stable: bool) -> tuple[Any, ...]:
    committed = broker.coordinator.committed(group)
    unstable = broker.coordinator.log.unstable(group) if stable else set()
    plural = "s" if request.version >= 8 else ""

    def partition(index: int, place: Place | None, error: ErrorCode = ErrorCode.none) -> Any:
        if place in unstable:
            place, error = None, ErrorCode.unstable_offset_commit
        found = committed.get(place) if place is not None else None
        return request.entity(
            f"OffsetFetchResponsePartition{plural}",
            partition_index=index,
            committed_offset=-1 if found is None else found.offset,
            committed_leader_epoch=-1 if found is None else found.leader_epoch,
            metadata="" if found is None else found.metadata,
            error_code=error,
        )

    def topic(name: str | None, topic_id: Any, partitions: list[Any]) -> Any:
        return request.entity(
            f"OffsetFetchResponseTopic{plural}", name=name, topic_id=topic_id, partitions=tuple(partitions)
        )

    if asked is None:
        by_topic: dict[str, list[int]] = {}
        for name, index in sorted(committed):
            by_topic.setdefault(name, []).append(index)
        # An offset of a topic that is no more has no id to be told by.
        known = [(name, broker.topic(name), indexes) for name, indexes in by_topic.items()]
        return tuple(
            topic(name, found and found.id, [partition(index, (name, index)) for index in indexes])
            for name, found, indexes in known
            if found is not None or request.version < 10
        )
    answers = []
    for item in asked:
        if request.version < 10:
            name = item.name
            partitions = [partition(index, (name, index)) for index in item.partition_indexes]
            answers.append(topic(name, None, partitions))
            continue
        found, missing = find_topic(broker, item)
        partitions = [
            partition(index, None if found is None else (found.name, index), missing)
            for index in item.partition_indexes
        ]
        answers.append(topic(None, item.topic_id, partitions))
    return tuple(answers)
