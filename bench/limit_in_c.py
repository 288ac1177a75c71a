"""bench/limit, one round at a time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Self

from bench.rounds import Took

SOURCE = Path(__file__).parent / "limit"
PROGRAM = Path(__file__).parent.parent / "build" / "limit"


class Limit:
    """The bare work in C: a process that does a round of `append`, `scan`, `rescan` or `crc` when asked."""

    def __init__(self, directory: Path, records: int) -> None:
        subprocess.run(["make", "--quiet", "-C", SOURCE, "../../build/limit"], check=True)
        self._process = subprocess.Popen(
            [PROGRAM, directory, str(records), "on-demand"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def round(self, work: str) -> Took:
        """One round; `append` makes the file anew, the others read it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{work}\n")
        line = json.loads(self._process.stdout.readline())
        return Took(line["seconds"], line["cpu_seconds"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
