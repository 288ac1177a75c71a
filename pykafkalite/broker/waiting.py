"""Long polls: who waits for which partition, and waking them when it has news.

Partitions are published from any thread; waiters live on the broker's loop. One wake-up of the
loop serves for all that was published until it runs.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..storage.partition import WritablePartition
    from ..storage.reading import Partition


class Waiting:
    """The waiters of one broker."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._waiters: dict[Partition, set[asyncio.Event]] = {}
        self._news: set[Partition] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Nobody waits any more: those who do go on without news."""
        self._stopped = True
        for events in self._waiters.values():
            for event in events:
                event.set()

    def published(self, partition: WritablePartition) -> None:
        """A partition has news; called from any thread, under that partition's lock."""
        if partition not in self._waiters:
            return
        with self._lock:
            is_first = not self._news
            self._news.add(partition)
        if not is_first:
            return
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._wake)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def for_news(self, partitions: Iterable[Partition], deadline: float) -> bool:
        """Sleep until one of them has news, or the loop's clock reaches `deadline`; whether there were any."""
        if self._stopped:
            return False
        event = asyncio.Event()
        watched = list(partitions)
        for partition in watched:
            self._waiters.setdefault(partition, set()).add(event)
        timer = self._loop.call_at(deadline, event.set)
        try:
            await event.wait()
            return self._loop.time() < deadline and not self._stopped
        finally:
            timer.cancel()
            for partition in watched:
                waiters = self._waiters[partition]
                waiters.discard(event)
                if not waiters:
                    del self._waiters[partition]

    def _wake(self) -> None:
        with self._lock:
            news, self._news = self._news, set()
        for partition in news:
            for event in self._waiters.get(partition, ()):
                event.set()
