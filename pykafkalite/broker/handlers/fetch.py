"""Fetch (1), v4-18.

Records from an offset on; waits up to max_wait until there are min_bytes of them.

v4   isolation level: read_committed ends at the last stable offset
v7   fetch sessions (KIP-227)
v9   leader epochs are checked
v12  flexible; last fetched epoch
v13  topic ids instead of names
v15  replica state in place of the replica id; a follower's fetch is refused here (CVE-2018-1288)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..fetching import READ_COMMITTED, Fetched, fetch_all
from ..router import handles
from ..sessions import FINAL_EPOCH, FIRST_EPOCH, Key, Session, Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..broker import Broker
    from ..wire import Request


@handles(1, versions=(4, 18))
def fetch(broker: Broker, request: Request) -> Any | Awaitable[Any]:
    body = request.body
    if _replica_id(body) >= 0:
        return _refuse(request, ErrorCode.cluster_authorization_failed)
    session, error = _session(broker, body)
    if error is not ErrorCode.none:
        return _refuse(request, error)
    wanted = list(session.wanted.values()) if session else _wanted(body)
    found = _collect(broker, body, wanted)
    if _is_enough(body, wanted, found):
        return _answer(request, session, found)
    return _wait(broker, request, session, wanted, found)


async def _wait(
    broker: Broker, request: Request, session: Session | None, wanted: list[Wanted], found: list[Fetched]
) -> Any:
    body = request.body
    deadline = broker.loop.time() + body.max_wait.total_seconds()
    watched = [item.partition for item in found if item.partition is not None]
    with broker.waiting.watch(watched, deadline) as news:
        is_waiting = True
        while is_waiting:  # Also at first: a record may have come before the watch began.
            found = _collect(broker, body, wanted)
            if _is_enough(body, wanted, found):
                break
            is_waiting = await news.wait()
        else:
            found = _collect(broker, body, wanted)
    return _answer(request, session, found)


def _collect(broker: Broker, body: Any, wanted: list[Wanted]) -> list[Fetched]:
    return fetch_all(broker, wanted, body.max_bytes, body.isolation_level == READ_COMMITTED)


def _is_enough(body: Any, wanted: list[Wanted], found: list[Fetched]) -> bool:
    return (
        not wanted
        or not body.max_wait
        or sum(item.size for item in found) >= body.min_bytes
        or any(item.error is not ErrorCode.none for item in found)
    )


# --- sessions ------------------------------------------------------------------


def _session(broker: Broker, body: Any) -> tuple[Session | None, ErrorCode]:
    """The session that a request belongs to, brought up to date (the table on top of sessions.py)."""
    session_id = getattr(body, "session_id", 0)
    epoch = getattr(body, "session_epoch", FINAL_EPOCH)
    if epoch in (FINAL_EPOCH, FIRST_EPOCH):
        broker.sessions.end(session_id)
        session = broker.sessions.begin() if epoch == FIRST_EPOCH else None
        if session is not None:
            session.update(_wanted(body), [])
        return session, ErrorCode.none
    session = broker.sessions.get(session_id)
    if session is None:
        return None, ErrorCode.fetch_session_id_not_found
    if session.epoch != epoch:
        return None, ErrorCode.invalid_fetch_session_epoch
    session.update(_wanted(body), _forgotten(body))
    session.advance()
    return session, ErrorCode.none


def _wanted(body: Any) -> list[Wanted]:
    return [
        Wanted(
            _topic_of(topic),
            item.partition,
            item.fetch_offset,
            item.partition_max_bytes,
            getattr(item, "last_fetched_epoch", -1),
            getattr(item, "current_leader_epoch", -1),
        )
        for topic in body.topics
        for item in topic.partitions
    ]


def _forgotten(body: Any) -> list[Key]:
    return [(_topic_of(topic), index) for topic in body.forgotten_topics_data for index in topic.partitions]


def _topic_of(topic: Any) -> object:
    return topic.topic if hasattr(topic, "topic") else topic.topic_id


def _replica_id(body: Any) -> int:
    return int(body.replica_id if hasattr(body, "replica_id") else body.replica_state.replica_id)


# --- the answer ----------------------------------------------------------------


def _answer(request: Request, session: Session | None, found: list[Fetched]) -> Any:
    if session is not None:
        is_first = session.epoch == 1 and not session.told
        found = [item for item in found if is_first or _is_news(session, item)]
        for item in found:
            session.told[item.wanted.topic, item.wanted.partition] = item.state
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        session_id=session.id if session else 0,
        responses=tuple(_topics(request, found)),
    )


def _is_news(session: Session, item: Fetched) -> bool:
    if item.size or item.error is not ErrorCode.none:
        return True
    return session.told.get((item.wanted.topic, item.wanted.partition)) != item.state


def _topics(request: Request, found: list[Fetched]) -> list[Any]:
    by_topic: dict[object, list[Fetched]] = {}
    for item in found:
        by_topic.setdefault(item.wanted.topic, []).append(item)
    return [
        request.entity(
            "FetchableTopicResponse",
            topic=topic,
            topic_id=topic,
            partitions=tuple(_partition(request, item) for item in items),
        )
        for topic, items in by_topic.items()
    ]


def _partition(request: Request, item: Fetched) -> Any:
    return request.entity(
        "PartitionData",
        partition_index=item.wanted.partition,
        error_code=item.error,
        high_watermark=item.high_watermark,
        last_stable_offset=item.stable,
        log_start_offset=item.start,
        aborted_transactions=None,
        records=item.records,
    )


def _refuse(request: Request, error: ErrorCode) -> Any:
    if request.version < 7:
        partitions = [Fetched(wanted, error=error) for wanted in _wanted(request.body)]
        return request.response(throttle_time=timedelta(0), responses=tuple(_topics(request, partitions)))
    return request.response(throttle_time=timedelta(0), error_code=error, session_id=0, responses=())
