"""`pykafkalite produce`: files or standard input into a topic."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from pykafkalite import errors
from pykafkalite.cli import output
from pykafkalite.cli.readers import FORMATS, READERS, Part
from pykafkalite.cli.rows import Columns
from pykafkalite.cli.session import Command, Session, pass_session

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pykafkalite.api import Log, Topic

REFUSED = (errors.InvalidRecord, errors.InvalidColumns, errors.InvalidTimestamp, errors.MessageTooLarge)


@click.command(cls=Command)
@click.argument("topic")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "-f", "--format", "kind", type=click.Choice(list(READERS)), help="Default: by FILE's name, else raw."
)
@click.option("--key", metavar="COLUMN", help="The column that is the key.")
@click.option("--value", metavar="COLUMN", help="The column that is the value; default: the row as JSON.")
@click.option(
    "--timestamp", metavar="COLUMN", help="The column that is the time (ms, ISO 8601); default: now."
)
@click.option("--key-separator", metavar="TEXT", help="Raw lines: the key is what stands before it.")
@click.option("--partition", type=int, help="All records to this partition.")
@click.option("--create", is_flag=True, help="Make the topic when it is not there.")
@click.option("--partitions", type=int, default=1, show_default=True, help="With --create: how many.")
@click.option("--durability", type=click.Choice(["os", "fsync"]), default="os", show_default=True)
@pass_session
def produce(
    session: Session,
    topic: str,
    files: tuple[str, ...],
    kind: str | None,
    key: str | None,
    value: str | None,
    timestamp: str | None,
    key_separator: str | None,
    partition: int | None,
    create: bool,
    partitions: int,
    durability: str,
) -> None:
    """Append each line or row of FILE... (or of standard input) to TOPIC."""
    columns = Columns(key, value, timestamp, key_separator)
    sources = files or ("-",)
    for name in sources:
        _check(kind or kind_of(name), columns)
    began, count, ends = time.perf_counter(), 0, dict[int, int]()
    total = None if "-" in sources else sum(Path(name).stat().st_size for name in sources)
    with session.write(create=create, durability=durability) as log:
        found = _topic(log, topic, create, partitions)
        with output.progress(f"produce {topic}", total, quiet=session.json) as advance:
            for name in sources:
                with _open(name) as file:
                    before = 0
                    for part in READERS[kind or kind_of(name)](file, columns):
                        ranges = _append(found, part, partition, f"{name}, after {count:,} records")
                        count += part.records.num_rows
                        ends.update({index: last for index, (_, last) in ranges.items()})
                        advance(part.position - before)
                        before = part.position
    seconds = time.perf_counter() - began
    if session.json:
        rows = [{"partition": index, "last_offset": last} for index, last in sorted(ends.items())]
        output.show_json({"topic": topic, "records": count, "seconds": seconds, "partitions": rows})
    else:
        rate = f"{seconds:.2f} s ({count / seconds:,.0f} a second)"
        click.echo(f"{count:,} records to {topic} in {rate}", err=True)


def kind_of(name: str) -> str:
    return FORMATS.get(Path(name).suffix.lower(), "raw")


def _check(kind: str, columns: Columns) -> None:
    if kind == "raw" and columns.are_given:
        raise click.UsageError("raw lines have no columns: give --format, or --key-separator for keys")
    if kind != "raw" and columns.key_separator:
        raise click.UsageError(f"--key-separator is for raw lines; {kind} has columns: use --key")


def _topic(log: Log, name: str, create: bool, partitions: int) -> Topic:
    try:
        return log.topic(name)
    except errors.UnknownTopic as problem:
        if create:
            return log.create_topic(name, partitions=partitions)
        raise errors.UnknownTopic(f"{problem}; --create makes it") from None


def _append(topic: Topic, part: Part, partition: int | None, where: str) -> dict[int, tuple[int, int]]:
    import pyarrow as pa

    records: Any = part.records
    if partition is not None:
        names = [name for name in records.schema.names if name != "partition"]
        everywhere = pa.repeat(pa.scalar(partition, pa.int32()), records.num_rows)
        records = records.select(names).append_column("partition", everywhere)
    try:
        return topic.append_batch(records)
    except REFUSED as problem:  # its rows are counted from the last part's end
        raise type(problem)(f"{where} (which are stored): {problem}") from None


def _open(name: str) -> AbstractContextManager[BinaryIO]:
    return cast("AbstractContextManager[BinaryIO]", click.open_file(name, "rb"))
