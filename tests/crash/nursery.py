"""The test's end of the pipe: starts victims, hears what they say, judges what they leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from history import History
from victim import value_of

from pykafkalite import _core
from pykafkalite.errors import Error, NotAStore, StorageError
from pykafkalite.storage.naming import OFFSETS_TOPIC
from pykafkalite.storage.store import Store
from pykafkalite.storage.verify import verify

ROOT = str(Path(__file__).parents[2])


class Nursery:
    """One process that forks a victim for each job."""

    def __init__(self, shim: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("victim.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": ROOT, "PYTHONWARNINGS": "ignore", "LD_PRELOAD": str(shim)},
            text=True,
            bufsize=1,
        )

    def run(
        self,
        path: Path,
        workload: str,
        *,
        history: History | None = None,
        hearing: Callable[[History], None] = lambda history: None,
        **job: Any,
    ) -> History:
        """Do a job until its end, or the process's; `hearing` is called after each line that is heard."""
        history = history or History()
        history.exit, history.pid = None, 0
        job |= {"path": str(path), "workload": workload, "serial": history.next_serial}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        pid = 0
        try:
            for line in self._process.stdout:
                history.hear(line)
                pid = pid or history.pid
                if history.exit is not None:
                    return history
                hearing(history)
        except BaseException:  # the listener's: the next job must not hear the rest of this one
            if pid:
                os.kill(pid, signal.SIGKILL)
                while '"exit"' not in self._process.stdout.readline():
                    pass
            raise
        raise RuntimeError("the nursery itself has died")

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def kill_after(lines: int) -> Callable[[History], None]:
    """For `hearing`: SIGKILL once so many lines were heard."""
    heard = 0

    def hearing(history: History) -> None:
        nonlocal heard
        heard += 1
        if heard >= lines and history.pid:
            os.kill(history.pid, signal.SIGKILL)
            history.pid = 0

    return hearing


def judge(path: Path, history: History, durability: str = "os") -> list[str]:
    """What is wrong with what was left: for readers now, after recovery, after more appends and a clean stop."""
    found = [f"the process raised {history.crashed}"] if history.crashed else []
    try:
        return found + _judge(path, history, durability)
    except Error as error:
        return [*found, f"{type(error).__name__}: {error}"]


def _judge(path: Path, history: History, durability: str) -> list[str]:
    found = [f"readers before recovery: {problem}" for problem in _seen_by_readers(path, history)]
    with Store.open(path, durability=durability) as store:
        found += history.problems(store)
        _append_everywhere(store, history)
        found += [f"appended after recovery: {problem}" for problem in history.problems(store)]
    found += [f"verify: {problem}" for problem in verify(path).problems]
    with Store.open(path, durability=durability) as store:
        found += [f"reopened: {problem}" for problem in [*store.recovered, *history.problems(store)]]
    return found


def _seen_by_readers(path: Path, history: History) -> list[str]:
    try:
        with Store.open(path, mode="r") as store:
            return history.problems(store)
    except (NotAStore, StorageError):  # died before there was a store, or while it published
        return []


def _append_everywhere(store: Store, history: History) -> None:
    for name, topic in store.topics().items():
        if name == OFFSETS_TOPIC:
            continue
        for index in range(topic.partitions):
            serial = history.next_serial
            batch = _core.build_batch([(None, value_of(serial), None, -1)])
            base = store.partition(name, index).append(batch).base_offset
            number = 1_000_000 + serial
            history.hear(json.dumps({"try": number, "verb": "append", "what": [name, index, [serial]]}))
            history.hear(json.dumps({"done": number, "result": base}))
