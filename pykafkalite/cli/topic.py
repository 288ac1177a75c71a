"""`pykafkalite topic`: list, create, describe, alter, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pykafkalite import errors
from pykafkalite.cli import output
from pykafkalite.cli.arguments import confirm, place, setting
from pykafkalite.cli.session import Group, Session, pass_session
from pykafkalite.storage.naming import id_text

if TYPE_CHECKING:
    from pykafkalite.api import Bound, Topic


@click.group(cls=Group)
def topic() -> None:
    """Topics: list, create, describe, alter, delete."""


@topic.command("list")
@click.option("--internal", is_flag=True, help="Kafka's own topics too, such as __consumer_offsets.")
@pass_session
def list_topics(session: Session, internal: bool) -> None:
    """All topics, with what they hold."""
    with session.read() as log:
        rows = [_summary(found) for found in log.topics(internal=internal).values()]
    if session.json:
        output.show_json(rows)
    elif rows:
        shown = [{**row, "size": output.size(row["size"])} for row in rows]
        output.show_table(shown, ["topic", "partitions", "records", "size"])
    else:
        click.echo(f"no topics in {session.at}; `pykafkalite topic create NAME` makes one", err=True)


@topic.command()
@click.argument("name")
@click.option("-p", "--partitions", type=int, default=1, show_default=True, help="How many partitions.")
@click.option(
    "-c",
    "--config",
    "settings",
    type=setting,
    metavar="NAME=VALUE",
    multiple=True,
    help="A topic config; repeatable.",
)
@click.option("--if-not-exists", is_flag=True, help="An existing topic of that name is left as it is.")
@pass_session
def create(
    session: Session, name: str, partitions: int, settings: tuple[tuple[str, str], ...], if_not_exists: bool
) -> None:
    """Make a topic (and the log's directory, when it is not there)."""
    with session.write(create=True) as log:
        try:
            made = log.create_topic(name, partitions=partitions, config=dict(settings))
        except errors.TopicExists:
            if not if_not_exists or name not in log.topics():
                raise
            made = log.topic(name)
        row = _description(made)
    if session.json:
        output.show_json(row)
    else:
        click.echo(f"topic {name} has {row['partitions']} partition(s) in {session.at}")


@topic.command()
@click.argument("name")
@click.option("--all-configs", is_flag=True, help="Every config in effect, not only those that were set.")
@pass_session
def describe(session: Session, name: str, all_configs: bool) -> None:
    """One topic: its partitions, offsets, sizes and configs."""
    with session.read() as log:
        row = _description(log.topic(name))
    if session.json:
        output.show_json(row)
        return
    output.show_table(
        [{**part, "size": output.size(part["size"])} for part in row["partition_details"]],
        ["partition", "start_offset", "end_offset", "records", "size"],
        title=f"{name}  {id_text(row['id'])}",
    )
    configs = row["config"] if all_configs else row["overrides"]
    if configs:
        click.echo()
        output.show_table(
            [{"config": key, "value": str(value)} for key, value in configs.items()], ["config", "value"]
        )


@topic.command()
@click.argument("name")
@click.option("-p", "--partitions", type=int, help="Grow to so many; keys may then go elsewhere.")
@click.option(
    "-c",
    "--config",
    "settings",
    type=setting,
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a config; repeatable.",
)
@click.option("--default", "defaults", metavar="NAME", multiple=True, help="Set a config back; repeatable.")
@click.option("--delete-before", type=place, metavar="PLACE", help="Delete records.")
@pass_session
def alter(
    session: Session,
    name: str,
    partitions: int | None,
    settings: tuple[tuple[str, str], ...],
    defaults: tuple[str, ...],
    delete_before: Bound | None,
) -> None:
    """Change configs, add partitions, delete old records."""
    changes: dict[str, object | None] = {**dict(settings), **dict.fromkeys(defaults)}
    if not changes and partitions is None and delete_before is None:
        raise click.UsageError("nothing to change: give --config, --default, --partitions or --delete-before")
    with session.write() as log:
        found = log.topic(name)
        if changes:
            found.alter_config(changes)
        if partitions is not None:
            found.add_partitions(partitions)
        if delete_before is not None:
            found.delete_records(delete_before)
        row = _description(log.topic(name))
    if session.json:
        output.show_json(row)
    else:
        click.echo(f"topic {name} altered")


@topic.command()
@click.argument("names", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Delete topics and all their records."""
    with session.write() as log:
        for name in names:
            log.topic(name)
        confirm(f"Delete {', '.join(names)} and all records?", yes)
        for name in names:
            log.delete_topic(name)
    if session.json:
        output.show_json({"deleted": list(names)})
    else:
        click.echo(f"deleted {', '.join(names)}")


def _summary(found: Topic) -> dict[str, Any]:
    parts = found.describe()
    return {
        "topic": found.name,
        "id": found.id,
        "partitions": found.partitions,
        "records": sum(part.end_offset - part.start_offset for part in parts),
        "size": sum(part.size for part in parts),
    }


def _description(found: Topic) -> dict[str, Any]:
    details = [
        {**part._asdict(), "records": part.end_offset - part.start_offset} for part in found.describe()
    ]
    return {
        **_summary(found),
        "overrides": dict(found.overrides),
        "config": dict(found.config),
        "partition_details": details,
    }
