"""What is due when, by name: a heap whose entries move lazily.

Setting a timer anew, which every heartbeat does, only notes the later time; the heap learns of it
when the earlier one comes up. Knows a clock and no thread: whoever turns the clock calls `run_next`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pykafkalite.storage.clock import Clock

Task = Callable[[], None]


class Timers:
    """Not thread-safe: the coordinator locks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set: dict[Hashable, tuple[float, Task]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._order = itertools.count()
        self._queued: dict[Hashable, float] = {}  # key -> its earliest entry in the heap

    def __len__(self) -> int:
        return len(self._set)

    def set(self, key: Hashable, milliseconds: float, task: Task) -> None:
        """Runs `task` once, in `milliseconds`; takes the place of what was set under `key`."""
        at = self._clock.monotonic() + milliseconds / 1000
        self._set[key] = at, task
        if at < self._queued.get(key, float("inf")):
            self._push(key, at)

    def cancel(self, key: Hashable) -> None:
        """Forgets it; fine when nothing is set."""
        self._set.pop(key, None)

    def clear(self) -> None:
        """Forgets all."""
        self._set.clear()

    def run_next(self) -> bool:
        """Runs the first task whose time has come; False when there is none."""
        key = self._first()
        if key is None or self._set[key][0] > self._clock.monotonic():
            return False
        _, task = self._set.pop(key)
        task()
        return True

    def left(self) -> float | None:
        """Seconds until the next one is due, 0 when it is; None when nothing is set."""
        key = self._first()
        return None if key is None else max(0.0, self._set[key][0] - self._clock.monotonic())

    def _push(self, key: Hashable, at: float) -> None:
        self._queued[key] = at
        heapq.heappush(self._heap, (at, next(self._order), key))

    def _first(self) -> Hashable | None:
        """The key that is due first, at the heap's top."""
        while self._heap:
            at, _, key = self._heap[0]
            due = self._set.get(key, (None,))[0]
            if due == at:
                return key
            heapq.heappop(self._heap)
            if self._queued.get(key) == at:
                del self._queued[key]
                if due is not None:
                    self._push(key, due)
        return None
