"""Values that several commands take: places in a topic, configs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pykafkalite.api import Bound

BY_PARTITION = re.compile(r"\d+=[^,=]+(,\d+=[^,=]+)*")


class Place(click.ParamType[Any]):
    """An offset, a time, "earliest", "latest", "-10min"; or 0=PLACE,1=PLACE by partition."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Bound:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        from pykafkalite.embedded.bounds import parse

        try:
            if not BY_PARTITION.fullmatch(value):
                return parse(value)
            pairs = (pair.split("=") for pair in value.split(","))
            return {int(partition): parse(place) for partition, place in pairs}
        except ValueError as problem:
            self.fail(str(problem), param, context)


class Setting(click.ParamType[Any]):
    """NAME=VALUE."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, str]:
        name, equals, setting = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is not of the form NAME=VALUE, for example retention.ms=-1", param, context)
        return name, setting


PLACE = Place()
SETTING = Setting()


def confirm(question: str, yes: bool) -> None:
    """Asks a person, unless `yes`.  Raises Abort at a no, UsageError where nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to ask: give --yes")
    click.confirm(question, abort=True, err=True)
