"""Two works in turns: the ratio of their times is what a noisy machine leaves to be trusted.

Every round does both, in changing order. A round's ratio is taken by the wall clock and by the
processor time of the process; what is shown is the median over the rounds. Whatever else runs
on the machine is in the first and not in the second.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Took(NamedTuple):
    """Seconds that one round of a work took."""

    wall: float
    cpu: float


Work = Callable[[], Took]


def timed(action: Callable[[], object]) -> Took:
    """One round of `action`; garbage of the round before it is not part of it."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


class Ratio(NamedTuple):
    """How fast `ours` is as a part of `theirs`; medians over all rounds. 1.0: as fast."""

    cpu: float
    wall: float
    low: float  # quartiles of the processor time's ratio
    high: float
    ours: float  # seconds, median, processor time
    theirs: float
    rounds: int


def in_turns(ours: Work, theirs: Work, rounds: int, *, warm_up: int = 1) -> Ratio:
    """Both, `rounds` times; A B, then B A, so that a drift of the machine is in both."""
    pairs: list[tuple[Took, Took]] = []
    for number in range(-warm_up, rounds):
        if number % 2:
            their = theirs()
            our = ours()
        else:
            our = ours()
            their = theirs()
        if number >= 0:
            pairs.append((our, their))
    by_cpu = [their.cpu / our.cpu for our, their in pairs]
    low, _, high = statistics.quantiles(by_cpu, n=4) if rounds > 1 else by_cpu * 3
    return Ratio(
        statistics.median(by_cpu),
        statistics.median(their.wall / our.wall for our, their in pairs),
        low,
        high,
        statistics.median(our.cpu for our, _ in pairs),
        statistics.median(their.cpu for _, their in pairs),
        rounds,
    )
