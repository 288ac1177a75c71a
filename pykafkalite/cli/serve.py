"""`pykafkalite serve`: the log, for every Kafka client; `pykafkalite config show`: what it was told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from pykafkalite import errors
from pykafkalite.cli import output
from pykafkalite.cli.arguments import setting
from pykafkalite.cli.session import DEFAULT_ADDRESS, Command, Group, Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykafkalite.broker.listening import Address
    from pykafkalite.broker.service import Service
    from pykafkalite.broker.settings import Settings

MEMORY = ":memory:"


def configurable(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a broker is told."""
    for option in (
        click.option(
            "--set",
            "sets",
            type=setting,
            metavar="NAME=VALUE",
            multiple=True,
            help="A broker config; repeatable.",
        ),
        click.option(
            "--config", "file", type=click.Path(dir_okay=False), help="A server.properties or .toml file."
        ),
        click.option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: any that is free."),
        click.argument("directory", required=False, type=click.Path()),
    ):
        command = option(command)
    return command


@click.command(cls=Command)
@configurable
@click.option("--memory", is_flag=True, help="Keep everything in memory; nothing is left at the end.")
@click.option(
    "--log", "log_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    envvar="PYKAFKALITE_LOG", help="Log lines for people or for programs.",
)  # fmt: skip
@pass_session
def serve(
    session: Session,
    directory: str | None,
    listen: str | None,
    file: str | None,
    sets: tuple[tuple[str, str], ...],
    memory: bool,
    log_format: str,
) -> None:
    """Serve the log in DIRECTORY to every Kafka client, until Ctrl-C or SIGTERM.

    \b
    What it is told: a flag counts before the environment (PYKAFKALITE_NUM_PARTITIONS or
    KAFKA_NUM_PARTITIONS for num.partitions), that before --config, that before the default.
    `pykafkalite config show` says what is in force, and why.
    """
    from pykafkalite.cli.logs import log_to_stderr

    if memory and directory:
        raise click.UsageError("give a directory or --memory, not both")
    settings = _settings(session, directory, listen, file, sets)
    log_to_stderr(as_json=log_format == "json")
    from pykafkalite.broker.service import Service

    try:
        service = Service(MEMORY if memory else settings.log_dirs, settings)
    except ValueError as problem:  # no directory; errors of the log itself have types of their own
        if isinstance(problem, errors.Error):
            raise
        raise click.UsageError(str(problem)) from None
    service.run(lambda address: _say_ready(session, service, address))


@click.group(cls=Group)
def config() -> None:
    """What a broker is told: show."""


@config.command()
@configurable
@click.option("--changed", is_flag=True, help="Only what was set, or differs from Kafka's default.")
@pass_session
def show(
    session: Session,
    directory: str | None,
    listen: str | None,
    file: str | None,
    sets: tuple[tuple[str, str], ...],
    changed: bool,
) -> None:
    """Every config that `serve` would have: its value, who said so, and Kafka's default where it differs."""
    settings = _settings(session, directory, listen, file, sets)
    rows = [
        {
            "config": row.name,
            "value": text,
            "source": settings.sources.get(row.name, "default"),
            "kafka": row.kafka,
            "differs": text != row.kafka,
            "documentation": row.doc,
        }
        for row, text in settings.rows()
    ]
    if changed:
        rows = [row for row in rows if row["differs"] or row["source"] != "default"]
    if session.json:
        output.show_json({"configs": rows, "notes": settings.notes})
        return
    shown = [{**row, "differs from Kafka's": _difference(row)} for row in rows]
    output.show_table(shown, ["config", "value", "source", "differs from Kafka's"])
    for note in settings.notes:
        click.echo(f"note: {note}", err=True)


def _difference(row: dict[str, Any]) -> str:
    if not row["differs"]:
        return ""
    return row["kafka"] or "(none)"


def _settings(
    session: Session,
    directory: str | None,
    listen: str | None,
    file: str | None,
    sets: tuple[tuple[str, str], ...],
) -> Settings:
    from pykafkalite.broker.configuration import load

    flags = {}
    if directory is not None:
        flags["log.dirs"] = (directory, "DIRECTORY")
    elif session.at not in (DEFAULT_ADDRESS, os.environ.get("PYKAFKALITE_AT")):
        flags["log.dirs"] = (session.at, "--at")
    if listen is not None:
        flags["listeners"] = (listen, "--listen")
    return load(file=file, sets=sets, flags=flags, environ=os.environ)


def _say_ready(session: Session, service: Service, address: Address) -> None:
    store = service.log.store
    if session.json:
        ready = {
            "bootstrap_servers": str(address),
            "directory": str(store.path),
            "cluster_id": store.cluster_id,
        }
        output.show_json({**ready, "pid": os.getpid()})
        return
    name = "memory" if service.log.address == MEMORY else service.log.address
    click.echo(f"{click.style(f'{name} is served at {address}', bold=True)}; Ctrl-C ends. To try it:")
    click.echo(f"  kcat -b {address} -t hello -P        write lines, Ctrl-D ends")
    click.echo(f"  kcat -b {address} -t hello -C        read them")
    click.echo(f"  pykafkalite topic list --at {store.path}")
