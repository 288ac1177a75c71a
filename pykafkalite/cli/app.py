"""The command tree, and how every way to fail becomes a message and an exit code.

0    done
1    the operation failed, or `verify` found something wrong
2    usage: an unknown option, or a value that is not allowed
3    not there: a topic, partition, offset, group or directory
4    in the way: it exists already, has members, or another process holds it
130  stopped by Ctrl-C
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from pykafkalite import errors
from pykafkalite.cli.bench import bench
from pykafkalite.cli.consume import consume
from pykafkalite.cli.dump import dump
from pykafkalite.cli.group import group
from pykafkalite.cli.produce import produce
from pykafkalite.cli.serve import config, serve
from pykafkalite.cli.session import Group
from pykafkalite.cli.topic import topic
from pykafkalite.cli.verify import verify

DONE, FAILED, USAGE, NOT_THERE, IN_THE_WAY, INTERRUPTED = 0, 1, 2, 3, 4, 130
PLACE = ("path", "position", "next_offset")  # of a CorruptBatch
BROKEN_PIPE = 141  # what a shell says of a program that SIGPIPE ended

# The first line that fits counts.
EXIT_CODES: tuple[tuple[int, tuple[type[Exception], ...]], ...] = (
    (IN_THE_WAY, (errors.TopicExists, errors.NonEmptyGroup, errors.StoreLocked, errors.AddressInUse)),
    (NOT_THERE, (errors.UnknownTopic, errors.UnknownGroup, errors.OffsetOutOfRange, errors.NotAStore)),
    (USAGE, (errors.InvalidTopic, errors.InvalidConfig, errors.InvalidPartitions, errors.InvalidGroup)),
    (FAILED, (errors.Error, OSError)),
)


class Root(Group):
    """The whole command line: a reader of its output that has seen enough (`| head`) is no error."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(BROKEN_PIPE) from None


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pykafkalite", message="%(prog)s %(version)s")
def app() -> None:
    """A Kafka-compatible log in a directory: serve it, write it, read it, look into it.

    Exit codes: 0 done; 1 failed, or verify found something wrong; 2 usage; 3 not there;
    4 in the way (exists already, has members, is locked); 130 Ctrl-C.
    """


for command in (serve, topic, group, produce, consume, verify, dump, bench, config):
    app.add_command(command)


def run(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code."""
    as_json = "--json" in arguments
    try:
        return _exit_code(app.main(arguments, prog_name="pykafkalite", standalone_mode=False))
    except click.Abort:
        return INTERRUPTED
    except click.UsageError as error:
        return _report(error, error.format_message(), USAGE, as_json)
    except click.ClickException as error:
        return _report(error, error.format_message(), FAILED, as_json)
    except (errors.Error, OSError) as error:
        exit_code = next(code for code, kinds in EXIT_CODES if isinstance(error, kinds))
        return _report(error, str(error), exit_code, as_json)


def _exit_code(result: object) -> int:
    return int(result) if isinstance(result, int) else DONE


def _report(error: Exception, message: str, exit_code: int, as_json: bool) -> int:
    if as_json:
        kind = click.UsageError if isinstance(error, click.UsageError) else type(error)
        fields = PLACE if isinstance(error, errors.CorruptBatch) else ()
        where = {name: getattr(error, name) for name in fields}
        told = {"type": kind.__name__, "code": getattr(error, "code", -1), "message": message}
        click.echo(json.dumps({"error": {**told, **where, "exit": exit_code}}), err=True)
        return exit_code
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"`{error.ctx.command_path} --help` shows what it takes.", err=True)
    return exit_code
