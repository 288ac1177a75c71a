"""Values that several commands take: places in a topic, configs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pykafkalite.api import Bound

BY_PARTITION = re.compile(r"\d+=[^,=]+(,\d+=[^,=]+)*")


def place(word: str) -> Bound:
    """An offset, a time, "earliest", "latest", "-10min"; or 0=PLACE,1=PLACE by partition."""
    from pykafkalite.embedded.bounds import parse

    try:
        if not BY_PARTITION.fullmatch(word):
            return parse(word)
        pairs = (pair.split("=") for pair in word.split(","))
        return {int(partition): parse(moment) for partition, moment in pairs}
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def setting(word: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{word!r} is not of the form NAME=VALUE, for example retention.ms=-1")
    return name, value


def confirm(question: str, yes: bool) -> None:
    """Asks a person, unless `yes`.  Raises Abort at a no, UsageError where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: give --yes")
    click.confirm(question, abort=True, err=True)
