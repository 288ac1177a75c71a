"""`pykafkalite group`: list, describe, reset, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pykafkalite.cli import output
from pykafkalite.cli.arguments import confirm, place
from pykafkalite.cli.session import Group, Session, pass_session

if TYPE_CHECKING:
    from pykafkalite.api import Bound, GroupOffset

COLUMNS = ["topic", "partition", "committed", "start_offset", "end_offset", "lag", "member"]


@click.group(cls=Group)
def group() -> None:
    """Consumer groups: list, describe, reset, delete."""


@group.command("list")
@pass_session
def list_groups(session: Session) -> None:
    """All groups that have members or committed offsets."""
    with session.read() as log:
        rows: list[dict[str, Any]] = [
            {
                "group": found.name,
                "state": found.state,
                "members": len(found.members),
                "topics": sorted({at.topic for at in found.describe()}),
                "lag": sum(at.lag or 0 for at in found.describe()),
            }
            for found in log.groups().values()
        ]
    if session.json:
        output.show_json(rows)
    elif rows:
        shown = [{**row, "topics": ", ".join(row["topics"])} for row in rows]
        output.show_table(shown, ["group", "state", "members", "topics", "lag"])
    else:
        click.echo(f"no groups in {session.at}; `pykafkalite consume TOPIC --group G` makes one", err=True)


@group.command()
@click.argument("name")
@pass_session
def describe(session: Session, name: str) -> None:
    """One group: what it has committed and how far behind it is."""
    with session.read() as log:
        found = log.group(name)
        state, offsets = found.state, found.describe()
    if session.json:
        output.show_json({"group": name, "state": state, "offsets": _rows(offsets)})
    else:
        output.show_table(_rows(offsets), COLUMNS, title=f"{name}  {state}")


@group.command()
@click.argument("name")
@click.option("--to", type=place, required=True, metavar="PLACE", help="As for consume --start.")
@click.option("--topic", "topics", multiple=True, help="Default: those with commits; repeatable.")
@pass_session
def reset(session: Session, name: str, to: Bound, topics: tuple[str, ...]) -> None:
    """Move what a group has committed: it goes on from there."""
    with session.write() as log:
        offsets = log.group(name).reset(to, topics=topics or None)
    if session.json:
        output.show_json({"group": name, "offsets": _rows(offsets)})
    else:
        output.show_table(_rows(offsets), COLUMNS, title=f"{name}  reset")


@group.command()
@click.argument("names", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Forget groups and all that they have committed."""
    with session.write() as log:
        found = [log.group(name) for name in names]
        confirm(f"Delete {', '.join(names)} and their offsets?", yes)
        for one in found:
            one.delete()
    if session.json:
        output.show_json({"deleted": list(names)})
    else:
        click.echo(f"deleted {', '.join(names)}")


def _rows(offsets: list[GroupOffset]) -> list[dict[str, object]]:
    return [at._asdict() for at in offsets]
