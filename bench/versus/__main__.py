"""`python -m bench.versus`: real Kafka and `pykafkalite serve`, the same workloads in one run.

    python -m bench.versus [--directory DIR] [--rounds N] [--json FILE] [WORKLOAD...]

Both brokers run all the time; every round of a workload runs on both, in changing order. A ratio is
ours / theirs: the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from bench.versus.brokers import Contender, Oracle, OurBroker, TheirBroker
from bench.versus.workloads import WORKLOADS, Need, Workload


class Figure(NamedTuple):
    """One line of the report."""

    name: str
    ours: list[float]
    theirs: list[float]
    need: Need | None

    @property
    def ratio(self) -> float:
        ratios = [
            our / their if their else float("nan") for our, their in zip(self.ours, self.theirs, strict=True)
        ]
        return statistics.median(ratios)

    @property
    def is_met(self) -> bool:
        judged = statistics.median(self.ours) if self.need and self.need.alone else self.ratio
        return self.need is None or self.need.is_met(judged)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.versus", description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; default: all"
    )
    parser.add_argument(
        "--directory", default=os.environ.get("DIR"), help="for both logs; default: temporary"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="also write every round to this file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(WORKLOADS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: {', '.join(WORKLOADS)}")
    console = Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="pykafkalite-versus-", dir=options.directory) as home:
        with ExitStack() as running:
            ours, theirs = started(Path(home), running)
            for name in options.names or WORKLOADS:
                measured = list(measure(WORKLOADS[name], ours, theirs, options.rounds))
                console.print(*(f"{it.name}: {it.ratio:.2f}" for it in measured), sep="\n")
                figures += measured
        console.print(table(figures, options.rounds))
    if options.json:
        rounds = [{**it._asdict(), "need": str(it.need), "ratio": it.ratio} for it in figures]
        Path(options.json).write_text(json.dumps(rounds, indent=2) + "\n")


def started(home: Path, running: ExitStack) -> tuple[Contender, Contender]:
    oracle = Oracle(home / "oracle.log")
    running.callback(oracle.close)
    both = OurBroker(home / "pykafkalite"), TheirBroker(oracle, home / "kafka")
    for broker in both:
        running.callback(broker.stop)
        broker.start()
    return both


def measure(workload: Workload, ours: Contender, theirs: Contender, rounds: int) -> Iterator[Figure]:
    """`rounds` pairs; A B, then B A, so that a drift of the machine is in both."""
    taken: dict[str, list[tuple[float, ...]]] = {ours.name: [], theirs.name: []}
    for number in range(rounds):
        for broker in (ours, theirs) if number % 2 else (theirs, ours):
            taken[broker.name].append(workload.run(broker))
    columns = zip(zip(*taken[ours.name], strict=True), zip(*taken[theirs.name], strict=True), strict=True)
    for (name, need), (our, their) in zip(workload.figures.items(), columns, strict=True):
        yield Figure(name, list(our), list(their), need)


def table(figures: list[Figure], rounds: int) -> Table:
    shown = Table(
        title=f"medians of {rounds} rounds in turns; ratio = pykafkalite / Kafka", title_justify="left"
    )
    shown.add_column("what")
    for heading in ("ratio", "need", "pykafkalite", "Kafka 4.3.1", "ratios of the rounds"):
        shown.add_column(heading, justify="right")
    for figure in figures:
        each = sorted(our / their for our, their in zip(figure.ours, figure.theirs, strict=True) if their)
        shown.add_row(
            figure.name,
            f"[{'green' if figure.is_met else 'red'}]{figure.ratio:.2f}[/]",
            str(figure.need or ""),
            number(statistics.median(figure.ours)),
            number(statistics.median(figure.theirs)),
            f"{each[0]:.2f} - {each[-1]:.2f}" if each else "",
        )
    return shown


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


if __name__ == "__main__":
    main()
