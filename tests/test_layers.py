"""The drawing of ARCHITECTURE.md, as tests: an arrow is the only direction of an import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pykafkalite"


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, by their full names."""
    package = ["pykafkalite", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            yield ".".join([*start, *([node.module] if node.module else [])])


def importers(*names: str) -> list[str]:
    """The files of the package that import one of these top-level modules."""
    return [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if {name.split(".")[0] for name in imports(path)} & set(names)
    ]


def test_no_import_points_up():
    # In a process of its own: it sets up logging anew, and later tests listen to the loggers there are.
    program = "from importlinter.cli import lint_imports as l; raise SystemExit(l(no_cache=True))"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_the_native_border_knows_the_errors_and_nothing_else_above_it():
    pattern = re.compile(r"^\s*(?:from|import|cimport)\s+(pykafkalite[\w.]*)", re.MULTILINE)
    for path in sorted((PACKAGE / "_core").glob("*.p[yx][xd]")):
        for name in pattern.findall(path.read_text()):
            assert name.startswith(("pykafkalite._core", "pykafkalite.errors")), (path.name, name)


def test_native_names_come_through_the_one_door():
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "_core":
            assert not [name for name in imports(path) if name.startswith("pykafkalite._core.")], path


def test_no_layer_but_the_broker_opens_a_socket():
    users = importers("socket", "socketserver", "ssl", "kio")
    assert not [name for name in users if not name.startswith("broker/")]


def test_an_event_loop_runs_only_in_the_broker_and_where_async_for_is_offered():
    users = [name for name in importers("asyncio") if not name.startswith("broker/")]
    assert not [name for name in users if not name.startswith("embedded/")]
    assert len(users) <= 1


def test_storage_and_groups_know_nothing_of_the_wire():
    for path in sorted((PACKAGE / "storage").glob("*.py")) + sorted((PACKAGE / "coordinator").glob("*.py")):
        assert not {name.split(".")[0] for name in imports(path)} & {"kio", "socket", "asyncio"}, path
