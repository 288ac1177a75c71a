"""`pykafkalite serve` as a process that a test stops, kills and starts again at the same address."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SABOTAGED = "import sys, sabotage; sabotage.commit(sys.argv.pop(1)); from pykafkalite.cli import main; main()"
STARTS_WITHIN = 10.0  # seconds, on a busy machine


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Served:
    """One data directory, served; `address` stays the same from start to start."""

    def __init__(self, path: Path, *configs: str, bug: str = "") -> None:
        """`configs`: for --set; `bug`: one of sabotage.py."""
        self.path = path
        self.address = f"127.0.0.1:{free_port()}"
        self._configs = [part for config in configs for part in ("--set", config)]
        self._program = ["-c", SABOTAGED, bug] if bug else ["-m", "pykafkalite"]
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> float:
        """Serve (again); the seconds until it said that it was ready."""
        begun = time.monotonic()
        self._process = subprocess.Popen(
            [
                sys.executable,
                *self._program,
                "serve",
                "--json",
                "--listen",
                self.address,
                *self._configs,
                self.path,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"},
            text=True,
        )
        assert self._process.stdout
        assert json.loads(self._process.stdout.readline())["bootstrap_servers"] == self.address
        return time.monotonic() - begun

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def resident(self) -> int:
        """Bytes of it in memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_seconds(self) -> float:
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL, and its end."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        return self._signal(signal.SIGTERM)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP for a while."""
        os.kill(self.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.pid, signal.SIGCONT)

    def _signal(self, number: int) -> int:
        assert self._process
        assert self._process.stdout
        self._process.send_signal(number)
        code = self._process.wait(STARTS_WITHIN)
        self._process.stdout.close()
        return code

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
