"""What is due next: one heap of timed work and one thread, for all partitions.

An idle partition has nothing here; the thread sleeps until the earliest task is due.
Tests pass a clock of their own, start no thread and call `run_due`.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clock import Clock

logger = logging.getLogger(__name__)

Task = Callable[[], None]


class Scheduler:
    """Runs tasks once their time has come, on one daemon thread. Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Task]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def after(self, seconds: float, task: Task) -> None:
        """Run `task` once, `seconds` from now."""
        with self._changed:
            heapq.heappush(self._heap, (self._clock.monotonic() + seconds, next(self._order), task))
            self._changed.notify()

    def every(self, seconds: float, task: Task, *, first: float | None = None) -> None:
        """Run `task` again and again; the first time after `first` seconds."""

        def again() -> None:
            try:
                task()
            finally:
                self.after(seconds, again)

        self.after(seconds if first is None else first, again)

    def run_due(self) -> int:
        """Run what is due now, on the calling thread; how many tasks that were."""
        done = 0
        while (task := self._next_due()) is not None:
            try:
                task()
            except Exception:
                # One partition's trouble must not stop the others' upkeep; it is
                # raised to a caller again by the next append to that partition.
                logger.exception("background work failed")
            done += 1
        return done

    def start(self) -> None:
        """Begin to run tasks in the background."""
        self._thread = threading.Thread(target=self._run, name="pykafkalite-scheduler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Run nothing more; returns once a task under way has ended."""
        with self._changed:
            self._stopping = True
            self._heap.clear()
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _next_due(self) -> Task | None:
        with self._changed:
            if self._stopping or not self._heap or self._heap[0][0] > self._clock.monotonic():
                return None
            return heapq.heappop(self._heap)[2]

    def _run(self) -> None:
        while True:
            self.run_due()
            with self._changed:
                if self._stopping:
                    return
                wait = self._heap[0][0] - self._clock.monotonic() if self._heap else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
