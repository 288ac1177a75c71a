"""How commands show things: a table to a person, JSON to a program, progress to whoever watches."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from uuid import UUID

import click

from pykafkalite.storage.naming import id_text

WIDTH = 200  # of a table that goes to a file or pipe

Advance: TypeAlias = Callable[[float], None]
Row: TypeAlias = Mapping[str, object]


def text(data: bytes) -> str | dict[str, str]:
    """Bytes in JSON: text where they are UTF-8, else {"base64": ...}, so that no byte is lost."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def encode(value: object) -> object:
    """What json does not know: for `json.dumps(default=encode)`."""
    if isinstance(value, bytes):
        return text(value)
    if isinstance(value, UUID):
        return id_text(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def show_json(value: object) -> None:
    click.echo(json.dumps(value, default=encode))


def show_table(rows: Sequence[Row], columns: Sequence[str], *, title: str | None = None) -> None:
    """Numbers to the right, None as a dash; plain columns when nobody watches in colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        numeric = any(isinstance(row[name], (int, float)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(row[name])) for name in columns))
    watched = sys.stdout.isatty()
    console = Console(file=io.StringIO(), force_terminal=watched, width=None if watched else WIDTH)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join([line.rstrip() for line in printed.get().splitlines()]))


def cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


@contextmanager
def progress(
    label: str, total: float | None, *, unit: str = "bytes", quiet: bool = False
) -> Iterator[Advance]:
    """A bar on stderr while a person is watching it, else nothing.  Yields advance(by)."""
    if quiet or not sys.stderr.isatty():
        yield lambda by: None
        return
    from rich import progress as bars
    from rich.console import Console

    done: tuple[Any, ...] = (
        (bars.DownloadColumn(), bars.TransferSpeedColumn())
        if unit == "bytes"
        else (bars.MofNCompleteColumn(), bars.TextColumn(unit))
    )
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), *done, bars.TimeRemainingColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda by: bar.advance(task, by)
