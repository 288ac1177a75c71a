"""Every snippet of README.md and docs/ is run, in order, in a fresh directory per page.

```python   runs in one namespace per page
```console  runs each `$ ` line in a shell; what follows is its output, `...` for anything
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETS_UP_A_TREE = re.compile(r"^\$ (make|git|pip) ", re.MULTILINE)


def snippets(page: Path) -> list[tuple[str, str, int]]:
    """(language, source, line number) of each fenced block that is to run."""
    text = page.read_text()
    return [
        (block[1], block[2], text.count("\n", 0, block.start()) + 2)
        for block in FENCE.finditer(text)
        if not SETS_UP_A_TREE.search(block[2])
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_do_what_it_says(page, tmp_path, monkeypatch, environment):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": page.stem}
    found = snippets(page)
    assert found, f"{page} shows no snippet"
    for language, source, line in found:
        if language == "python":
            padded = "\n" * (line - 1) + source  # so that a traceback names the line of the page
            exec(compile(padded, str(page), "exec"), namespace)
        else:
            run_console(source, f"{page.name}:{line}", environment)


@pytest.fixture
def environment(tmp_path_factory) -> dict[str, str]:
    """The command is this tree's, whether it is installed or not."""
    directory = tmp_path_factory.mktemp("bin")
    command = directory / "pykafkalite"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pykafkalite "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
    }


def run_console(source: str, where: str, environment: dict[str, str]) -> None:
    for session in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        ran = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        matches = doctest.OutputChecker().check_output(
            tidy(expected), tidy(ran.stdout), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        )
        assert matches, f"{where}: $ {command}\n--- expected\n{expected}\n--- got\n{ran.stdout}"


def tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
