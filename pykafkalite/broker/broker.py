"""One broker: a store, its connections, and what all handlers share. Everything here runs on its loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from kio.schema.errors import ErrorCode

from ..errors import UnknownTopic
from ..storage.naming import INTERNAL_TOPICS
from ..storage.partition import WritablePartition
from .groups import coordinator_of
from .sessions import Sessions
from .waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from ..storage.image import Topic
    from ..storage.writing import WritingStore
    from .connection import Connection
    from .settings import Settings

T = TypeVar("T")

# Waits for the disk happen on these threads, never on the loop.
DISK_THREADS = 8


class Broker:
    """What a handler is given besides its request."""

    def __init__(self, store: WritingStore, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.store = store
        self.settings = settings
        self.loop = loop
        self.connections: set[Connection] = set()
        self.requests: Counter[int] = Counter()  # by API key, for /metrics
        self.waiting = Waiting(loop)
        self.coordinator = coordinator_of(store, settings)
        self.sessions = Sessions(settings.max_incremental_fetch_session_cache_slots)
        self._producer_ids = range(0)
        self._disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="pykafkalite-disk")
        self._disk.submit(
            self.coordinator.run_due
        )  # sessions of stored members begin, retention is looked after
        store.listeners.append(self.waiting.published)

    def close(self) -> None:
        """Stop listening to the store; connections are closed by the server."""
        self.store.listeners.remove(self.waiting.published)
        self._disk.shutdown(wait=True)

    def on_disk(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run what may wait for the disk on another thread; it is done also when nobody waits for it any more."""
        return asyncio.shield(self.loop.run_in_executor(self._disk, work))

    # --- topics and partitions -------------------------------------------------

    def topic(self, name: str | None, topic_id: UUID | None = None) -> Topic | None:
        """By name, or by id where the request has no name; None when there is no such topic."""
        try:
            if name:
                return self.store.topic(name)
        except UnknownTopic:
            return None
        return self.store.topic_by_id(topic_id) if topic_id is not None else None

    def partition(self, topic: Topic, index: int) -> WritablePartition | None:
        """One partition; None when there is no such one."""
        try:
            found = self.store.partition(topic.name, index)
        except UnknownTopic:
            return None
        assert isinstance(found, WritablePartition)
        return found

    async def next_producer_id(self) -> int:
        """An id that was never given out before, also by an earlier run of this store."""
        if not self._producer_ids:
            self._producer_ids = await self.on_disk(self.store.allocate_producer_ids)
        first, *_ = self._producer_ids
        self._producer_ids = self._producer_ids[1:]
        return first

    def check_epoch(self, epoch: int) -> ErrorCode:
        """What is wrong with the leader epoch that a client believes in (-1: it does not say)."""
        current = self.store.leader_epoch
        if epoch < 0 or epoch == current:
            return ErrorCode.none
        return ErrorCode.fenced_leader_epoch if epoch < current else ErrorCode.unknown_leader_epoch

    @staticmethod
    def is_internal(name: str) -> bool:
        """Whether clients may not write to a topic of that name, nor create it."""
        return name in INTERNAL_TOPICS
