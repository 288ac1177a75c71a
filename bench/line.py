"""A line of the report: one figure, what it has to be, and how it came about."""

from __future__ import annotations

from typing import NamedTuple

from bench.rounds import Ratio


class Line(NamedTuple):
    """`need` and `goal` are lower bounds of a ratio, upper bounds of everything else."""

    name: str
    figure: float
    unit: str
    need: float | None
    goal: float | None = None
    wall: float | None = None  # the same ratio by the wall clock
    spread: tuple[float, float] | None = None  # quartiles
    rates: tuple[float, float] | None = None  # records or operations a second: ours, theirs
    rounds: int = 1

    @property
    def is_ratio(self) -> bool:
        return self.wall is not None

    def meets(self, bound: float | None) -> bool:
        if bound is None:
            return True
        return self.figure >= bound if self.is_ratio else self.figure <= bound


def of_ratio(
    name: str, ratio: Ratio, of: str, work: int, need: float | None, goal: float | None = None
) -> Line:
    """`work`: records or operations of a round."""
    return Line(
        name,
        ratio.cpu,
        f"of {of}",
        need,
        goal,
        ratio.wall,
        (ratio.low, ratio.high),
        (work / ratio.ours, work / ratio.theirs),
        ratio.rounds,
    )
