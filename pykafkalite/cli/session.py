"""What every command has: `--at` and `--json`, before or after the command's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pykafkalite import errors

if TYPE_CHECKING:
    from pykafkalite.embedded import Log

DEFAULT_ADDRESS = "./pykafkalite-data"
NOT_GIVEN = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


@dataclass
class Session:
    """The options that a command shares with its group: the most specific one given wins."""

    at: str = DEFAULT_ADDRESS
    json: bool = False

    def read(self) -> Log:
        """The log, beside whoever writes it.  Raises NotAStore with the next step."""
        self.expect_directory(self.at)
        return _open(self.at, mode="r")

    def write(self, *, create: bool = False, durability: str = "os") -> Log:
        """The log, locked for this process; only `create` makes a directory that is not there."""
        if not create:
            self.expect_directory(self.at)
        return _open(self.at, durability=durability)

    def expect_directory(self, path: str | Path) -> None:
        """Raises NotAStore with the next step when there is none."""
        if "://" not in str(path) and not Path(path).is_dir():
            raise errors.NotAStore(
                f"there is no directory {path}; "
                f"`pykafkalite topic create NAME --at {path}` begins a log there, --at names another"
            )


def _open(address: str, **settings: str) -> Log:
    import pykafkalite as pk

    try:
        return pk.open(address, **settings)
    except ValueError as problem:  # no address; errors of the log itself have types of their own
        if isinstance(problem, errors.Error):
            raise
        raise click.UsageError(str(problem)) from None


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    session = context.ensure_object(Session)
    name = str(option.name)
    source = context.get_parameter_source(name)
    inherited = context.parent is not None and source is not ParameterSource.COMMANDLINE
    if source not in NOT_GIVEN and not inherited:
        setattr(session, name, value)


def _shared() -> list[click.Parameter]:
    return [
        click.Option(
            ["--at"],
            metavar="ADDRESS",
            envvar="PYKAFKALITE_AT",
            expose_value=False,
            callback=_remember,
            help=f"The log's directory (or PYKAFKALITE_AT; else {DEFAULT_ADDRESS}).",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Machine-readable output and errors.",
        ),
    ]


class Command(click.Command):
    """A command with the shared options."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += _shared()


class Group(click.Group):
    """A group of commands with the shared options."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += _shared()


pass_session = click.make_pass_decorator(Session, ensure=True)
