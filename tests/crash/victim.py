"""The process that dies: does things to a store and says, before and after each, what it does.

Run as a program it is a nursery: each line of its input is a job, done in a forked child, because
forking is quicker than starting Python. What it says (one line a time, in one write) goes down a
pipe to the test, so that nothing that was said is lost with it:

    {"pid": 5}   {"try": 1, "verb": "append", "what": [...]}   {"done": 1, "result": 7}
    {"failed": 1, "error": "DiskFull"}   {"exit": -9}     and the shim's: hit pwrite /events-0/0.log
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import sabotage

from pykafkalite import _core
from pykafkalite.coordinator.group_log import GroupLog
from pykafkalite.coordinator.requests import NewCommit
from pykafkalite.errors import Error, StorageError
from pykafkalite.storage import metadata, publishing, writing
from pykafkalite.storage.clock import SYSTEM, ManualClock
from pykafkalite.storage.store import Store

KINDS = {
    "open": 1,
    "create": 2,
    "write": 4,
    "sync": 8,
    "truncate": 16,
    "rename": 32,
    "unlink": 64,
    "mkdir": 128,
    "allocate": 256,
}
EVERYTHING_THAT_CHANGES = "create write sync truncate rename unlink mkdir allocate"
ACTIONS = ("none", "fail", "short", "kill before", "kill in the middle of", "kill after")
NOW = time.time_ns() // 1_000_000
FILLER = b"." * 50


def value_of(serial: int) -> bytes:
    """What the record of that number holds: no two are alike, and each shows whether it is whole."""
    return b"%08d%s%08d" % (serial, FILLER[: 10 + serial % 40], serial)


def say(**line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


class Victim:
    """One store, written by a job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.random = random.Random(job.get("seed", 0))
        self.clock = SYSTEM if job.get("clock") == "system" else ManualClock(NOW)
        self._numbers = itertools.count(1)
        self._serials = itertools.count(job.get("serial", 0))
        self._lock = threading.Lock()

    def do(self, verb: str, *what: Any, action: Callable[[], Any]) -> Any:
        """Say it, do it, say what came of it. What the disk refuses is said too, and passed over."""
        number = next(self._numbers)
        say(**{"try": number}, verb=verb, what=what)
        try:
            result = action()
        except StorageError as error:
            say(failed=number, error=type(error).__name__, words=str(error))
            return None
        say(done=number, result=result if isinstance(result, int) else None)
        return result

    def open(self) -> None:
        def action() -> None:
            self.store = Store.open(
                self.job["path"], durability=self.job.get("durability", "os"), clock=self.clock
            )
            self.offsets = GroupLog(self.store)

        self.store = None
        for _ in range(20):  # under a fault, opening may need another try
            self.do("open", action=action)
            if self.store is not None:
                return
        raise RuntimeError("the store does not open any more")

    def close(self) -> None:
        self.do("close", action=self.store.close)

    def create(self, topic: str, partitions: int = 1, **config: Any) -> None:
        named = {name.replace("_", "."): value for name, value in config.items()}
        named.setdefault("retention.ms", -1)
        self.do(
            "create",
            topic,
            partitions,
            action=lambda: self.store.create_topic(topic, partitions, named) and None,
        )

    def append(self, topic: str, partition: int = 0, count: int = 1) -> Any:
        with self._lock:
            serials = [next(self._serials) for _ in range(count)]
        timestamp = self.clock.now_ms()
        batch = _core.build_batch([(None, value_of(serial), None, timestamp) for serial in serials])

        def action() -> int:
            return self.store.partition(topic, partition).append(batch).base_offset

        return self.do("append", topic, partition, serials, action=action)

    def commit(self, group: str, topic: str, offset: int) -> None:
        self.do(
            "commit",
            group,
            topic,
            offset,
            action=lambda: self.offsets.commit(group, {(topic, 0): NewCommit(offset)}),
        )

    def alter(self, topic: str, name: str, value: str) -> None:
        self.do(
            "alter",
            topic,
            name,
            value,
            action=lambda: self.store.alter_config(topic, {name: value}) and None,
        )

    def grow(self, topic: str, partitions: int) -> None:
        self.do(
            "grow", topic, partitions, action=lambda: self.store.add_partitions(topic, partitions) and None
        )

    def delete(self, topic: str) -> None:
        self.do("delete", topic, action=lambda: self.store.delete_topic(topic))

    def delete_records(self, topic: str, before: int) -> None:
        self.do("delete records", topic, before, action=lambda: self.store.delete_records(topic, 0, before))

    def retention(self, *topics: str) -> None:
        self.do("retention", *topics, action=self.store.check_retention)

    def upkeep(self) -> None:
        """What happens in the background, now."""
        self.do("sync", action=self.store.syncing.sync_all)
        self.do("checkpoint", action=self.store.checkpoint)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.do("pass time", action=lambda: self.store.scheduler.run_due() and None)


SMALL = {"internal_segment_bytes": 500, "index_interval_bytes": 100, "file_delete_delay_ms": 1000}


def tour(victim: Victim) -> None:
    """Everything that a store does, once or a few times, in an order that never changes."""
    publishing.FIRST_SLOTS = 2
    metadata.REPLACE_BYTES = 1500
    metadata.REPLACE_FACTOR = 1
    writing.OPEN_ACTIVE_SEGMENTS = 2
    victim.open()
    victim.create("events", **SMALL)
    for count in (1, 2, 3, 1, 2, 1):
        victim.append("events", 0, count)
    victim.commit("g", "events", 2)
    victim.create("wide", 3)
    for partition in (0, 1, 2, 0):
        victim.append("wide", partition, 2)
    victim.upkeep()
    victim.create("short", retention_bytes=500, **SMALL)
    for _ in range(8):
        victim.append("short", 0, 2)
    victim.retention("short")
    victim.pass_time(2)
    victim.delete_records("events", 3)
    victim.alter("wide", "retention.bytes", "1000000")
    victim.grow("wide", 4)
    victim.append("wide", 3, 1)
    victim.create("gone", 2)
    victim.append("gone", 1, 2)
    victim.delete("gone")
    victim.pass_time(100)
    victim.commit("g", "events", 5)
    victim.close()
    victim.open()
    victim.append("events", 0, 2)
    victim.append("wide", 0, 1)
    victim.commit("g", "events", 7)
    victim.close()


def appends(victim: Victim) -> None:
    """Appends over a few segments, with upkeep between, and a stop."""
    victim.open()
    while "events" not in victim.store.topics():  # under a fault, it may need another try
        victim.create("events", **SMALL)
    for number in range(12):
        victim.append("events", 0, 1 + number % 3)
        if number % 5 == 4:
            victim.upkeep()
    victim.commit("g", "events", 3)
    victim.close()
    victim.open()
    victim.append("events", 0, 2)
    victim.close()


def busy(victim: Victim) -> None:
    """Several threads that write until somebody ends it."""
    victim.open()
    victim.create("events", 2, **SMALL)
    for topic in ("left", "right"):
        victim.create(topic, 1, internal_segment_bytes=3000, index_interval_bytes=200)

    def write(seed: int) -> None:
        rng = random.Random(victim.job.get("seed", 0) * 10 + seed)
        for round_ in itertools.count():
            victim.append("events", seed % 2, rng.randint(1, 5))
            victim.append(rng.choice(("left", "right")), 0, rng.randint(1, 40))
            if round_ % 7 == seed:
                victim.commit(f"g{seed}", "events", round_)

    for seed in range(3):
        threading.Thread(target=write, args=(seed,), daemon=True).start()
    for number in itertools.count():
        victim.create(f"brief-{number}", 1)
        victim.append(f"brief-{number}", 0, 2)
        victim.upkeep()
        if number % 3 == 2:
            victim.delete(f"brief-{number - 1}")


def steady(victim: Victim) -> None:
    """One thread that appends to one partition until somebody ends it, as fast as it is acknowledged."""
    victim.open()
    if "events" not in victim.store.topics():
        victim.create("events", **victim.job.get("config", {}))
    while True:
        victim.append("events", 0, 1 + victim.random.randint(0, 4))
        if pause := victim.job.get("pause"):
            threading.Event().wait(pause)


def recover(victim: Victim) -> None:
    """Open what somebody left, which recovers it; stop."""
    victim.open()
    victim.close()


WORKLOADS: dict[str, Callable[[Victim], None]] = {
    workload.__name__: workload for workload in (tour, appends, busy, steady, recover)
}


def work(job: dict[str, Any]) -> None:
    shim = ctypes.CDLL(None)
    shim.faults_watch(job["path"].encode(), 1, bool(job.get("trace")))
    fault = job.get("fault")
    if fault:
        kinds = sum(KINDS[kind] for kind in fault["kinds"].split())
        number = getattr(errno, fault.get("error", "EIO"))
        times, action = fault.get("times", 1), ACTIONS.index(fault["action"])
        shim.faults_arm(kinds, fault.get("path", "").encode(), fault["nth"], times, action, number)
    sabotage.commit(job.get("sabotage"))
    WORKLOADS[job["workload"]](Victim(job))


def child(job: dict[str, Any]) -> None:
    try:
        work(job)
    except Error as error:
        say(crashed=f"{type(error).__name__}: {error}")
        os._exit(1)
    except BaseException as error:
        say(crashed=repr(error), traceback=True)
        os._exit(1)
    os._exit(0)


def nursery() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(job)
        say(pid=pid)
        _, status = os.waitpid(pid, 0)
        say(exit=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    nursery()
