"""From the loop to the coordinator and back: requests that may wait for the disk run on other threads,
answers come from whichever thread has got the group there.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from kio.schema.errors import ErrorCode

from ..coordinator.coordinator import Coordinator
from ..coordinator.settings import GroupSettings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from uuid import UUID

    from ..coordinator.requests import Failure
    from ..storage.image import Topic
    from ..storage.store import Store
    from .broker import Broker
    from .settings import Settings

R = TypeVar("R")

UNKNOWN_ID = ErrorCode.unknown_topic_id
UNKNOWN_NAME = ErrorCode.unknown_topic_or_partition


def coordinator_of(store: Store, settings: Settings) -> Coordinator:
    """The store's coordinator, with the broker's settings from now on."""
    coordinator = Coordinator.of(store)
    coordinator.settings = GroupSettings(
        group_min_session_timeout_ms=settings.group_min_session_timeout_ms,
        group_max_session_timeout_ms=settings.group_max_session_timeout_ms,
        group_max_size=settings.group_max_size,
        group_initial_rebalance_delay_ms=settings.group_initial_rebalance_delay_ms,
        offset_metadata_max_bytes=settings.offset_metadata_max_bytes,
        offsets_retention_minutes=settings.offsets_retention_minutes,
    )
    return coordinator


async def answered(broker: Broker, ask: Callable[[Callable[[R], None]], None]) -> R:
    """What `ask(respond)` is answered, however long that takes."""
    answer: asyncio.Future[R] = broker.loop.create_future()

    def settle(result: R) -> None:
        if not answer.done():  # the client may have gone meanwhile
            answer.set_result(result)

    def respond(result: R) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            broker.loop.call_soon_threadsafe(settle, result)

    await broker.on_disk(lambda: ask(respond))
    return await answer


def error_code(error: Failure) -> ErrorCode:
    """An answer's error, as kio's."""
    return ErrorCode.none if error is None else ErrorCode(error.code)


def milliseconds(duration: timedelta) -> int:
    """kio's durations are timedeltas, -1 ms for none."""
    return duration // timedelta(milliseconds=1)


def find_topic(broker: Broker, topic: Any) -> tuple[Topic | None, ErrorCode]:
    """The topic of a request, which names it or from some version on gives its id; why not, if it is not there."""
    topic_id: UUID | None = getattr(topic, "topic_id", None)
    found = broker.topic(getattr(topic, "name", None), topic_id)
    missing = UNKNOWN_NAME if hasattr(topic, "name") else UNKNOWN_ID
    return found, ErrorCode.none if found is not None else missing
