"""packaging/: the unit and the image start what there is to start, and set what there is to set."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pykafkalite.broker.configuration import load
from pykafkalite.cli.app import app
from pykafkalite.errors import InvalidConfig

PACKAGING = Path(__file__).parent.parent.parent / "packaging"


def instructions(name: str) -> list[str]:
    """The Dockerfile's instructions of one kind, each on one line."""
    text = (PACKAGING / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")]


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(PACKAGING / "pykafkalite.service")
    return parser


def accepts(arguments: list[str]) -> bool:
    """Whether the command line takes these, as far as `--help` at their end."""
    return CliRunner().invoke(app, [*arguments, "--help"]).exit_code == 0


def test_the_unit_starts_what_the_command_line_takes(unit):
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "pykafkalite"
    assert accepts(arguments)
    assert arguments[1] == f"/var/lib/{unit['Service']['StateDirectory']}"
    assert unit["Service"]["Type"] == "notify"


def test_the_image_starts_what_the_command_line_takes():
    (entry,) = instructions("ENTRYPOINT")
    program, *arguments = json.loads(entry)
    assert program == "pykafkalite"
    assert accepts(arguments)
    assert arguments[1] in instructions("VOLUME")


def test_the_image_sets_configs_that_there_are_and_allows_nothing_by_itself():
    environ = dict(pair.split("=") for line in instructions("ENV") for pair in line.split())
    settings = load(environ=environ)
    assert len(settings.sources) == len(environ) == 3
    assert not settings.allow_unauthenticated
    ports = re.findall(r":(\d+)", f"{settings.listeners} {settings.metrics_listen}")
    assert instructions("EXPOSE") == [" ".join(ports)]


def test_a_variable_that_is_no_config_would_be_noticed():
    with pytest.raises(InvalidConfig):
        load(environ={"PYKAFKALITE_LISTENER": "0.0.0.0:9092"})


def test_the_extras_that_the_image_installs_are_declared():
    declared = (PACKAGING.parent / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
    for extra in ("uvloop", "metrics"):
        assert f"\n{extra} = [" in declared.split("[dependency-groups]")[0]
