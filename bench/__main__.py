"""`python -m bench`: the library's speed against the bare work, in one run, as a table and as JSON.

    python -m bench [--directory DIR] [--rounds N] [--json FILE] [NAME...]

A ratio is ours / theirs in records per second of processor time: the median over rounds in which
both did the work in turns. `wall` is the same by the clock, with all that the machine did besides.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import flatness, processes, throughput
from bench.line import Line

WORKS: dict[str, Callable[[Path, int], Iterator[Line]]] = {
    "append_batch": throughput.append_batch,
    "scan": throughput.scan,
    "rescan": throughput.rescan,
    "writer.append": throughput.writer_append,
    "messages": throughput.messages,
    "segments": flatness.segments,
    "partitions": processes.partitions,
    "memory": processes.memory,
    "import": processes.importing,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKS)}; default: all")
    parser.add_argument(
        "--directory", default=os.environ.get("DIR"), help="for the files; default: in memory"
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", help="also write everything that was measured to this file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(WORKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}: {', '.join(WORKS)}")
    lines: list[Line] = []
    console = Console()
    with (
        tempfile.TemporaryDirectory(
            prefix="pykafkalite-bench-", dir=options.directory or in_memory()
        ) as path,
        console.status("") as status,
    ):
        for name in options.names or WORKS:
            status.update(name)
            lines += WORKS[name](Path(path), options.rounds)
    console.print(table(lines))
    if options.json:
        Path(options.json).write_text(json.dumps(report(lines), indent=2) + "\n")


def in_memory() -> str | None:
    """So that the disk does not decide."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def table(lines: list[Line]) -> Table:
    shown = Table(title="100-byte values, 1,000 a batch, one thread; medians", title_justify="left")
    shown.add_column("what")
    for heading in ("figure", "need", "goal", "wall", "quartiles", "ours/s", "theirs/s"):
        shown.add_column(heading, justify="right")
    for line in lines:
        shown.add_row(
            f"{line.name}, {line.unit}",
            f"[{colour(line)}]{number(line.figure)}[/]",
            number(line.need),
            number(line.goal),
            number(line.wall),
            " - ".join(map(number, line.spread)) if line.spread else "",
            *([f"{rate:,.0f}" for rate in line.rates] if line.rates else ("", "")),
        )
    return shown


def colour(line: Line) -> str:
    if not line.meets(line.need):
        return "red"
    return "green" if line.meets(line.goal) else "yellow"


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def report(lines: list[Line]) -> dict[str, object]:
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }
    return {"machine": machine, "lines": [line._asdict() for line in lines]}


if __name__ == "__main__":
    main()
