"""`pykafkalite dump`: what a file holds, an item a line, as kafka-dump-log does for a few kinds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pykafkalite.cli.output import encode
from pykafkalite.cli.session import Command, Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pykafkalite.cli.dump_files import Item

FLAGS = ("control", "transactional", "append_time", "horizon")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--records/--no-records", default=True, help="The records of each batch too; the default.")
@pass_session
def dump(session: Session, files: tuple[str, ...], records: bool) -> int:
    """Show what FILE... hold: segments, indexes, checkpoints, metadata, snapshots.

    With --json, a line of JSON for each item.  Exit code 1 when a damaged place was met.
    """
    from pykafkalite.cli.dump_files import items

    damaged = False
    show: Callable[[Item], str] = _json if session.json else _line
    for name in files:
        if len(files) > 1 and not session.json:
            click.echo(click.style(name, bold=True))
        for item in items(Path(name), records=records):
            damaged = damaged or item["kind"] == "damage"
            click.echo(show({"file": name, **item} if session.json else item))
    return damaged


def _json(item: Item) -> str:
    return json.dumps(item, default=encode)


def _line(item: Item) -> str:
    kind = item["kind"]
    if kind == "batch":
        return "\n".join([_batch_line(item), *_record_lines(item.get("records", ()))])
    if kind == "damage":
        what = f"@{item['position']}..{item['end']} {item['problem']}"
        return click.style("damage ", fg="red", bold=True) + what
    return "  ".join(f"{name} {_plain(value)}" for name, value in item.items() if name != "kind")


def _batch_line(item: Item) -> str:
    flags = "".join(f"  {name}" for name in FLAGS if item[name])
    producer = ""
    if item["producer_id"] >= 0:
        ids = f"{item['producer_id']}/{item['producer_epoch']}"
        producer = f"  producer {ids} sequence {item['base_sequence']}"
    start = click.style(f"@{item['position']}  {item['base_offset']}..{item['last_offset']}", bold=True)
    return (
        f"{start}  {item['count']} records  {item['codec']}  {item['size']} bytes  "
        f"max {when(item['max_timestamp'])}  epoch {item['leader_epoch']}  "
        f"crc {item['crc']:#010x}{producer}{flags}"
    )


def _record_lines(records: list[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        headers = "".join(f"  {h['key']}={_plain(h['value'])}" for h in record["headers"])
        yield (
            f"    {record['offset']}  {when(record['timestamp'])}  "
            f"{_plain(record['key'])} -> {_plain(record['value'])}{headers}"
        )


def when(timestamp: int) -> str:
    """Milliseconds for people; a number where no calendar goes."""
    try:
        return (EPOCH + timedelta(milliseconds=timestamp)).isoformat(" ", "milliseconds")[:-6]
    except OverflowError:
        return f"{timestamp} ms"


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bytes):
        try:
            word = value.decode()
        except UnicodeDecodeError:
            return repr(value)[2:-1]
        return word if word.isprintable() else repr(word)[1:-1]
    if isinstance(value, dict):
        return json.dumps(value, default=encode)
    return str(value)
