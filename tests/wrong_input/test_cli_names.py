"""Bad topic names from a shell: an error, a code, and nothing made anywhere."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["../escape", "/tmp/escape", "a/b", "..", ".", "a b", "x" * 250])
def test_a_bad_topic_name_is_refused_and_nothing_is_made(tmp_path, name):
    at = tmp_path / "below" / "log"
    ran = subprocess.run(
        [sys.executable, "-m", "pykafkalite", "--json", "topic", "create", name, "--at", str(at)],
        capture_output=True,
        text=True,
    )
    assert ran.returncode not in (0, 1)
    assert json.loads(ran.stderr or ran.stdout)["error"]["type"] == "InvalidTopic"
    made = [path for path in tmp_path.rglob("*") if "escape" in path.name or path.name.startswith(("a", "x"))]
    assert made == []
