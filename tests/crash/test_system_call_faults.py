"""The N-th system call of a run of appends fails, is interrupted, or does half of what it was asked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from history import History
from nursery import Nursery, judge
from victim import EVERYTHING_THAT_CHANGES, KINDS

EVERY_CALL = " ".join(KINDS)
MOST = 1000

# What goes wrong -> the calls that it can happen to, the action, the error, how often in a row
FAULTS = {
    "an I/O error": (EVERY_CALL, "fail", "EIO", 1),
    "a full disk": ("create write mkdir allocate rename", "fail", "ENOSPC", 1),
    "a disk that stays full for a while": ("create write mkdir allocate rename", "fail", "ENOSPC", 7),
    "an interrupt": ("open create write sync truncate", "fail", "EINTR", 1),
    "a short write": ("write", "short", "EIO", 1),
    "short writes only": ("write", "short", "EIO", 10**6),
}
HARMLESS = ("an interrupt", "a short write", "short writes only")


def run_with(nursery: Nursery, path: Path, name: str, nth: int, durability: str, **job: str) -> History:
    kinds, action, error, times = FAULTS[name]
    fault = {"kinds": kinds, "nth": nth, "action": action, "error": error, "times": times}
    return nursery.run(path, "appends", durability=durability, fault=fault, **job)


def check(path: Path, history: History, name: str, durability: str) -> None:
    errors = {deed.error for deed in history.deeds if deed.error}
    assert history.exit == 0, history.crashed
    assert judge(path, history, durability) == [], history.hits
    if name in HARMLESS:
        assert errors == set(), history.hits
    if "full" in name:
        assert errors <= {"DiskFull"}, history.hits


def fail_at_each(nursery: Nursery, tmp_path: Path, name: str, durability: str, numbers: range) -> None:
    for nth in numbers:
        path = tmp_path / str(nth)
        history = run_with(nursery, path, name, nth, durability)
        if not history.hits:
            assert nth > 20, "the run is longer than that"
            return
        check(path, history, name, durability)
    raise AssertionError("the run is longer than was thought")


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("name", FAULTS)
def test_one_in_some_calls_meets(nursery: Nursery, tmp_path: Path, name: str, durability: str):
    every = 25 if "open" in FAULTS[name][0] else 12
    first = random.SystemRandom().randint(1, every)
    print(f"from call {first} on, every {every}")
    fail_at_each(nursery, tmp_path, name, durability, range(first, MOST, every))


@pytest.mark.long
@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_call_meets(nursery: Nursery, tmp_path: Path, name: str, durability: str):
    fail_at_each(nursery, tmp_path, name, durability, range(1, MOST))


def test_a_failed_sync_is_never_made_good_by_the_next_one(nursery: Nursery, path: Path):
    """The batches are copied to a new file, which is synced and swapped in."""
    fault = {"kinds": "sync", "path": "/events-0/0", "nth": 3, "action": "fail"}
    history = nursery.run(path, "appends", durability="fsync", fault=fault, trace=True)
    hit = history.hits[0].removeprefix("fdatasync ")
    assert [deed.error for deed in history.of("append")].count("StorageError") == 1
    after = [call for call in history.calls if call.endswith((hit, hit + ".cleaned"))]
    swap = [f"fsync {hit}.cleaned", f"rename {hit}"]
    failed = max(
        at for at, call in enumerate(after) if call.startswith("write") and call.endswith(".cleaned")
    )
    assert after[failed + 1 : failed + 3] == swap
    assert judge(path, history, "fsync") == []


def test_a_close_after_a_failed_sync_writes_the_batches_anew(nursery: Nursery, path: Path):
    fault = {"kinds": "sync", "path": "/events-0/0", "nth": 1, "times": 1, "action": "fail"}
    history = nursery.run(path, "appends", fault=fault, trace=True)
    assert any(call.startswith("rename /events-0/0") for call in history.calls)
    assert judge(path, history) == []


@pytest.mark.parametrize(
    ("bug", "kinds", "nth", "durability"),
    [
        ("acknowledges_what_failed", "write", 20, "os"),
        ("acknowledges_what_failed", "sync", 9, "fsync"),
        ("writes_twice", "write", 20, "os"),
    ],
)
def test_a_seeded_bug_is_caught(
    nursery: Nursery, path: Path, bug: str, kinds: str, nth: int, durability: str
):
    fault = {"kinds": kinds, "path": "/events-0/0", "nth": nth // 3, "action": "fail"}
    history = nursery.run(path, "appends", durability=durability, fault=fault, sabotage=bug)
    assert history.hits
    assert judge(path, history, durability) != []


def test_a_sync_that_is_believed_the_second_time_is_caught(nursery: Nursery, path: Path):
    fault = {"kinds": "sync", "path": "/events-0/0", "nth": 3, "action": "fail"}
    job = {"fault": fault, "trace": True, "sabotage": "believes_a_second_sync"}
    history = nursery.run(path, "appends", durability="fsync", **job)
    assert not any(call.endswith(".cleaned") for call in history.calls)


def test_every_kind_of_call_is_met(nursery: Nursery, path: Path):
    """What the shim does not see, it cannot make fail."""
    history = nursery.run(path, "tour", trace=True)
    calls = {call.split(" ")[0] for call in history.calls}
    assert calls == {
        "open", "pwrite", "fsync", "fdatasync", "syncfs", "ftruncate", "rename", "unlink", "rmdir", "mkdir", "fallocate"
    }  # fmt: skip
    assert set(EVERYTHING_THAT_CHANGES.split()) < set(KINDS)
