"""`async for` over what blocks: each item is fetched in a thread while the event loop goes on.

A cancelled wait loses nothing: the item goes to whoever asks next, and counts as yielded only then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Generic, TypeVar

F = TypeVar("F")
T = TypeVar("T")

PAUSE: Final = 0.25
"""Seconds after which a fetch without news comes back to look whether it is still wanted."""
_END: Any = object()


class Awaited(AsyncIterator[T], Generic[F, T]):
    """`fetched`, each item passed through `deliver` on the loop's thread.  None, of either: nothing yet."""

    def __init__(self, fetched: Iterator[F | None], deliver: Callable[[F], T | None]) -> None:
        self._fetched = fetched
        self._deliver = deliver
        self._pending: asyncio.Future[F | None] | None = None

    async def __anext__(self) -> T:
        while True:
            if self._pending is None:
                self._pending = asyncio.get_running_loop().run_in_executor(None, next, self._fetched, _END)
            fetched = await self._wait(self._pending)
            if fetched is _END:
                raise StopAsyncIteration
            delivered = None if fetched is None else self._deliver(fetched)
            if delivered is not None:
                return delivered

    async def _wait(self, pending: asyncio.Future[F | None]) -> F | None:
        try:
            fetched = await asyncio.shield(pending)
        except asyncio.CancelledError:
            if pending.cancelled():
                self._pending = None
            raise
        except BaseException:
            self._pending = None
            raise
        self._pending = None
        return fetched
