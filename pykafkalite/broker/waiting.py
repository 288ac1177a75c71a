"""Long polls: who waits for which partition, and waking them when it has news.

Partitions are published from any thread; waiters live on the broker's loop. One wake-up of the
loop serves for all that was published until it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..storage.partition import WritablePartition
    from ..storage.reading import Partition


class Waiting:
    """The waiters of one broker."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._waiters: dict[Partition, set[News]] = {}
        self._news: set[Partition] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Nobody waits any more: those who do go on without news."""
        self._stopped = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.end()

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

    @contextlib.contextmanager
    def watch(self, partitions: Iterable[Partition], deadline: float) -> Iterator[News]:
        """News of any of them from here on, until the loop's clock reaches `deadline`.

        Whoever looks at the partitions only after this misses nothing: what was published before is there
        to be seen, and what comes later wakes him.
        """
        news = News(is_over=self._stopped)
        watched = set(partitions)
        for partition in watched:
            self._waiters.setdefault(partition, set()).add(news)
        timer = self._loop.call_at(deadline, news.end)
        try:
            yield news
        finally:
            timer.cancel()
            for partition in watched:
                waiters = self._waiters[partition]
                waiters.discard(news)
                if not waiters:
                    del self._waiters[partition]

    def _wake(self) -> None:
        with self._lock:
            news, self._news = self._news, set()
        for partition in news:
            for waiter in self._waiters.get(partition, ()):
                waiter.come()


class News:
    """What one waiter waits for."""

    def __init__(self, *, is_over: bool) -> None:
        self._event = asyncio.Event()
        self._is_over = is_over

    def come(self) -> None:
        """There is news."""
        self._event.set()

    def end(self) -> None:
        """It is time, or the broker stops. The clock is not asked: a loop's timers may be early by it."""
        self._is_over = True
        self._event.set()

    async def wait(self) -> bool:
        """Sleep until there was news since the last call; False when there is nothing more to wait for."""
        if not self._is_over:
            await self._event.wait()
            self._event.clear()
        return not self._is_over
