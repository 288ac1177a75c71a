"""`pykafkalite bench`: what this machine does, on a topic made for it and removed again."""

from __future__ import annotations

import tempfile
import time
from typing import TYPE_CHECKING, Any

import click

from pykafkalite.cli import output
from pykafkalite.cli.session import Command, Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from pykafkalite.api import Topic

BATCH = 1_000


@click.command(cls=Command)
@click.option("-n", "--records", type=click.IntRange(BATCH), default=1_000_000, show_default=True)
@click.option("--size", type=click.IntRange(0, 1_000_000), default=100, show_default=True, help="Of a value.")
@click.option("--durability", type=click.Choice(["os", "fsync"]), default="os", show_default=True)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False),
    help="Where. Default: the temporary directory.",
)
@pass_session
def bench(session: Session, records: int, size: int, durability: str, directory: str | None) -> None:
    """Measure appending and reading, one thread, 1,000 records a batch."""
    import pykafkalite as pk

    rows: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="pykafkalite-bench-", dir=directory) as path,
        pk.open(path, durability=durability) as log,
        output.progress("bench", len(WORKLOADS), unit="workloads", quiet=session.json) as advance,
    ):
        topic = log.create_topic("bench")
        for name, run in WORKLOADS.items():
            began = time.perf_counter()
            count = run(topic, records, size)
            seconds = time.perf_counter() - began
            rows.append(
                {
                    "workload": name,
                    "records": count,
                    "seconds": round(seconds, 6),
                    "records_per_second": round(count / seconds),
                    "bytes_per_second": round(count * size / seconds),
                }
            )
            advance(1)
    if session.json:
        output.show_json(rows)
        return
    shown = [
        {**row, "seconds": f"{row['seconds']:.3f}", "bytes_per_second": output.size(row["bytes_per_second"])}
        for row in rows
    ]
    output.show_table(shown, list(rows[0]))


def _values(size: int) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.record_batch({"value": pa.array([bytes(size)] * BATCH, pa.binary())})


def append_batch(topic: Topic, records: int, size: int) -> int:
    batch = _values(size)
    for _ in range(records // BATCH):
        topic.append_batch(batch)
    return records // BATCH * BATCH


def writer_append(topic: Topic, records: int, size: int) -> int:
    value = bytes(size)
    with topic.writer() as writer:
        for _ in range(records):
            writer.append(value)
    return records


def append_one(topic: Topic, records: int, size: int) -> int:
    value = bytes(size)
    count = records // 100
    for _ in range(count):
        topic.append(value)
    return count


def scan(topic: Topic, records: int, size: int) -> int:
    return sum(batch.num_rows for batch in topic.scan())


def messages(topic: Topic, records: int, size: int) -> int:
    return sum(1 for _ in topic.scan().messages())


# `scan` and `messages` read what the ones before them wrote.
WORKLOADS: dict[str, Callable[[Topic, int, int], int]] = {
    "append_batch": append_batch,
    "writer.append": writer_append,
    "append": append_one,
    "scan": scan,
    "scan.messages": messages,
}
