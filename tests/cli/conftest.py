"""`cli(...)` runs a command line in this process; `golden` is a log that real Kafka wrote, to damage."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pykafkalite.cli.app import run

GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Result:
    code: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


@pytest.fixture
def cli(capsysbinary, tmp_path, monkeypatch) -> Callable[..., Result]:
    """Runs `pykafkalite ARGUMENTS --at <this test's log>`."""
    monkeypatch.setenv("PYKAFKALITE_AT", str(tmp_path / "log"))

    def cli(*arguments: object) -> Result:
        capsysbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Result(code, out.decode(errors="replace"), err.decode(), out)

    return cli


@pytest.fixture
def golden(tmp_path) -> Path:
    """A copy of a directory with rolled segments, indexes and checkpoints, written by Kafka."""
    return Path(shutil.copytree(GOLDEN / "segments" / "data", tmp_path / "golden"))


@pytest.fixture
def other_writer():
    """Another process that holds a log open for writing; gives its pid."""
    script = (
        "import sys, pykafkalite as pk; log = pk.open(sys.argv[1]);"
        " print('open', flush=True); sys.stdin.read()"
    )

    @contextmanager
    def other_writer(path: Path) -> Iterator[int]:
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-c", script, path], stdin=pipe, stdout=pipe) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            yield process.pid
            process.communicate()

    return other_writer
