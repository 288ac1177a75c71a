"""House rules that a machine can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KINDS = ("py", "pyx", "pxd", "pyi", "c", "h")
FOLDERS = ("native", "pykafkalite", "tests", "examples", "bench")
SOURCES = sorted(
    path
    for folder in FOLDERS
    for kind in KINDS
    for path in (ROOT / folder).rglob(f"*.{kind}")
    if "target" not in path.parts and "build" not in path.parts
)
PRODUCT = [path for path in SOURCES if {"native", "pykafkalite"} & set(path.relative_to(ROOT).parts[:1])]
NATIVE = [path for path in SOURCES if path.suffix in (".c", ".h")]
SYSTEMS = re.compile(r"^\s*#\s*(?:el)?if.*\b(__linux__|__APPLE__|_WIN32|__FreeBSD__)\b", re.MULTILINE)


def holding(paths: list[Path], pattern: str) -> list[str]:
    found = re.compile(pattern, re.MULTILINE)
    return [str(path.relative_to(ROOT)) for path in paths if found.search(path.read_text())]


def test_the_rules_look_at_the_whole_tree():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} >= {"native", "pykafkalite", "tests"}


def test_no_file_has_become_a_place_where_things_go():
    assert not [str(path) for path in SOURCES if len(path.read_text().splitlines()) > 600]


def test_setup_py_declares_and_does_not_script():
    assert len((ROOT / "setup.py").read_text().splitlines()) < 80


def test_no_view_is_without_an_owner():
    assert not holding(PRODUCT, r"PyMemoryView_From" r"Memory")


def test_nothing_is_left_for_later():
    assert not holding(PRODUCT, r"\b(TODO|FIXME|XXX)\b|\bNotImplementedError\b")


def test_the_native_core_builds_without_python():
    assert not holding(NATIVE, r"#\s*include\s*[<\"]Python\.h")


def test_operating_systems_differ_only_in_files_named_os():
    users = [path.name for path in NATIVE if SYSTEMS.search(path.read_text())]
    assert not [name for name in users if not name.startswith("os_")]


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.suffix == ".py"], ids=lambda p: p.name)
def test_every_module_says_what_it_is(path):
    assert path.name == "_version.py" or ast.get_docstring(ast.parse(path.read_text()))
