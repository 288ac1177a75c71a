"""`pykafkalite consume`: a topic's records to a table, a file or a pipe."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from pykafkalite.cli import output
from pykafkalite.cli.arguments import place
from pykafkalite.cli.readers import FORMATS
from pykafkalite.cli.session import Command, Session, pass_session
from pykafkalite.cli.writers import OUTPUTS, Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from pykafkalite.api import Bound, Moment


@click.command(cls=Command)
@click.argument("topic")
@click.option("--start", type=place, metavar="PLACE", help="Default: earliest.")
@click.option("--end", type=place, metavar="PLACE", help="Default: latest.")
@click.option(
    "-p", "--partition", "partitions", type=int, multiple=True, help="Only this partition; repeatable."
)
@click.option("-g", "--group", metavar="G", help="Go on from where group G has committed, and commit.")
@click.option("--follow", is_flag=True, help="Wait for more records; Ctrl-C ends.")
@click.option("-n", "--limit", type=click.IntRange(min=0), help="At most so many records.")
@click.option(
    "-o",
    "--output",
    "kind",
    type=click.Choice(list(OUTPUTS)),
    help="Default: by FILE's name; table on a terminal; jsonl.",
)
@click.option("--to", "target", type=click.Path(dir_okay=False), metavar="FILE", help="Write there.")
@pass_session
def consume(
    session: Session,
    topic: str,
    start: Bound | None,
    end: Bound | None,
    partitions: tuple[int, ...],
    group: str | None,
    follow: bool,
    limit: int | None,
    kind: str | None,
    target: str | None,
) -> None:
    """Show or export the records of TOPIC.

    PLACE is an offset, a date or time (2013-07-04T10:00), earliest, latest, -10min (ms s min h d w),
    or 0=PLACE,1=PLACE by partition.
    """
    kind = kind or _kind(session, target)
    if kind == "parquet" and (follow or (target is None and sys.stdout.isatty())):
        raise click.UsageError("parquet is whole only at the end: give --to FILE, and no --follow")
    if group is not None and (end is not None or partitions or limit is not None or isinstance(start, dict)):
        raise click.UsageError(
            "a group reads all that is new to it: no --end, --partition, --limit, or --start by partition"
        )
    with _target(target) as file, OUTPUTS[kind](file) as out:
        if group is not None:
            _as_group(session, topic, group, start, follow, out)
        else:
            # A bar would be torn by lines that go to the same terminal.
            quiet = session.json or (target is None and sys.stdout.isatty())
            _as_scan(session, topic, start, end, partitions, follow, limit, out, quiet)


def _as_scan(
    session: Session,
    topic: str,
    start: Bound | None,
    end: Bound | None,
    partitions: tuple[int, ...],
    follow: bool,
    limit: int | None,
    out: Output,
    quiet: bool,
) -> None:
    with session.read() as log:
        scan = log.topic(topic).scan(
            "earliest" if start is None else start,
            "latest" if end is None else end,
            partitions=partitions or None,
            values="binary",
            follow=follow,
        )
        total = None if follow else sum((last or first) - first for first, last in scan.bounds.values())
        if total is not None and limit is not None:
            total = min(total, limit)
        with output.progress(f"consume {topic}", total, unit="records", quiet=quiet) as advance:
            for batch in _first(iter(scan), limit):
                out.write(batch)
                advance(batch.num_rows)


def _as_group(
    session: Session, topic: str, group: str, start: Bound | None, follow: bool, out: Output
) -> None:
    """Commits what has been written: after each batch where a reader can use it at once, else at the end."""
    begin = cast("Moment", "earliest" if start is None else start)
    with session.write() as log, log.consumer([topic], group=group, start=begin) as consumer:
        for batch in consumer.batches(timeout=None if follow else 0, values="binary"):
            out.write(batch)
            if out.streams:
                consumer.commit()
        if not out.streams:
            out.close()
            consumer.commit()


def _first(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    if limit is None:
        yield from batches
        return
    left = limit
    for batch in batches if left else ():
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return


def _kind(session: Session, target: str | None) -> str:
    if target is not None:
        return FORMATS.get(Path(target).suffix.lower(), "jsonl")
    return "table" if sys.stdout.isatty() and not session.json else "jsonl"


@contextmanager
def _target(name: str | None) -> Iterator[BinaryIO]:
    stdout = sys.stdout.buffer
    if name is not None:
        with open(name, "wb") as file:
            yield file
    elif isinstance(stdout, io.RawIOBase):  # PYTHONUNBUFFERED: its writes may be short
        with open(stdout.fileno(), "wb", closefd=False) as file:
            yield file
    else:
        yield stdout
