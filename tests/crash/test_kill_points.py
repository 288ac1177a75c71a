"""SIGKILL at a system call: just before it, in the middle of it, just after it."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import sabotage
from nursery import Nursery, judge
from victim import EVERYTHING_THAT_CHANGES

MOMENTS = ("kill before", "kill in the middle of", "kill after")
FIRST_LOG = "/events-0/00000000000000000000.log"

# What the tour does -> the system call, part of its path, which one of those
POINTS = {
    "the first metadata": ("rename", "/pykafkalite.metadata", 1),
    "the first live file": ("rename", "/pykafkalite.live", 1),
    "a topic is created": ("write", "/pykafkalite.metadata", 2),
    "a topic is synced": ("sync", "/pykafkalite.metadata", 2),
    "a partition's directory is made": ("mkdir", "/events-0", 1),
    "its topic id is noted": ("rename", "/events-0/partition.metadata", 1),
    "its leader epoch is noted": ("rename", "/events-0/leader-epoch-checkpoint", 1),
    "an append": ("write", FIRST_LOG, 2),
    "the index is flushed": ("write", ".index", 1),
    "the time index is flushed": ("write", ".timeindex", 1),
    "a roll makes its log": ("create", "/events-0/0000", 4),
    "a roll makes its index": ("create", "/events-0/0000", 5),
    "a roll makes its time index": ("create", "/events-0/0000", 6),
    "offsets are committed": ("write", "/__consumer_offsets-0/00000000000000000000.log", 2),
    "the live file grows": ("allocate", "/pykafkalite.live", 2),
    "the larger live file is complete": ("rename", "/pykafkalite.live.larger", 1),
    "the larger live file takes the name": ("rename", "/pykafkalite.live", 3),
    "the background sync": ("sync", "/wide-1/", 1),
    "recovery points are checkpointed": ("write", "/recovery-point-offset-checkpoint", 1),
    "the recovery points take their name": ("rename", "/recovery-point-offset-checkpoint", 1),
    "the high watermarks take their name": ("rename", "/replication-offset-checkpoint", 1),
    "retention marks a log": ("rename", ".log.deleted", 1),
    "retention marks an index": ("rename", "index.deleted", 1),
    "retention marks the next segment": ("rename", ".log.deleted", 2),
    "retention removes": ("unlink", ".deleted", 2),
    "a log start is checkpointed": ("rename", "/log-start-offset-checkpoint", 1),
    "a config is altered, partitions are added": ("write", "/pykafkalite.metadata", 6),
    "a topic is deleted": ("rename", "-delete", 1),
    "a deleted topic's files are removed": ("unlink", "-delete/", 2),
    "the metadata is written anew": ("write", "/pykafkalite.metadata.tmp", 2),
    "the new metadata takes the name": ("rename", "/pykafkalite.metadata", 2),
    "the snapshot for Kafka is written": ("write", "/bootstrap.checkpoint", 1),
    "the snapshot for Kafka takes its name": ("rename", "/bootstrap.checkpoint", 1),
    "the clean shutdown is noted": ("rename", "/.kafka_cleanshutdown", 1),
    "the note is removed at the next open": ("unlink", "/.kafka_cleanshutdown", 1),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_when(nursery: Nursery, tmp_path: Path, point: str):
    kinds, part, nth = POINTS[point]
    for number, moment in enumerate(MOMENTS):
        path = tmp_path / str(number)
        fault = {"kinds": kinds, "path": part, "nth": nth, "action": moment}
        history = nursery.run(path, "tour", fault=fault)
        assert (len(history.hits), history.exit) == (1, -9), f"{point}: was not hit"
        assert part in history.hits[0]
        assert judge(path, history) == [], (moment, history.hits)


def kill_at_each(nursery: Nursery, tmp_path: Path, durability: str, numbers: range) -> int:
    """Kill a tour at each of those of its changing system calls; how many there were."""
    for nth in numbers:
        for number, moment in enumerate(MOMENTS):
            path = tmp_path / f"{nth}-{number}"
            fault = {"kinds": EVERYTHING_THAT_CHANGES, "nth": nth, "action": moment}
            history = nursery.run(path, "tour", durability=durability, fault=fault)
            if not history.hits:
                return nth - 1
            if moment == MOMENTS[1] and "write" not in history.hits[0]:
                break  # nothing else has a middle
            assert history.exit == -9
            assert judge(path, history, durability) == [], (nth, moment, history.hits)
    raise AssertionError("the tour is longer than was thought")


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_kill_at_system_calls_drawn_by_lot(nursery: Nursery, tmp_path: Path, durability: str):
    every = 20
    first = random.SystemRandom().randint(1, every)
    print(f"killed at system call {first} and every {every} from there on")
    assert kill_at_each(nursery, tmp_path, durability, range(first, 2000, every)) > 250


@pytest.mark.long
@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_kill_at_every_system_call(nursery: Nursery, tmp_path: Path, durability: str):
    assert kill_at_each(nursery, tmp_path, durability, range(1, 2000)) > 250


def test_a_kill_during_the_recovery_from_a_kill(nursery: Nursery, tmp_path: Path):
    fault = {"kinds": "write", "path": FIRST_LOG, "nth": 3, "action": "kill in the middle of"}
    for nth in range(1, 500):
        path = tmp_path / str(nth)
        history = nursery.run(path, "appends", fault=fault)
        again = {"kinds": EVERYTHING_THAT_CHANGES, "nth": nth, "action": MOMENTS[nth % 3]}
        nursery.run(path, "recover", history=history, fault=again)
        assert judge(path, history) == [], history.hits
        if len(history.hits) == 1:
            assert nth > 15, "recovery and close change more than that"
            return


@pytest.mark.parametrize(
    ("bug", "kinds", "part", "nth", "symptom"),
    [
        ("acknowledges_before_writing", "write", FIRST_LOG, 2, "acknowledged"),
        ("writes_twice", "mkdir", "/gone-1", 1, "twice"),
        ("creates_later", "write", FIRST_LOG, 1, "topic events is gone"),
        ("forgets_deletions", "mkdir", "/wide-3", 1, "starts at 0"),
        ("replaces_in_place", "write", "/pykafkalite.metadata", 11, "is gone"),
    ],
)
def test_a_seeded_bug_is_caught(
    nursery: Nursery, path: Path, bug: str, kinds: str, part: str, nth: int, symptom: str
):
    fault = {"kinds": kinds, "path": part, "nth": nth, "action": "kill in the middle of"}
    history = nursery.run(path, "tour", fault=fault, sabotage=bug)
    assert history.exit == -9
    assert any(symptom in problem for problem in judge(path, history))


def test_a_recovery_that_believes_every_byte_is_caught(
    nursery: Nursery, path: Path, monkeypatch: pytest.MonkeyPatch
):
    fault = {"kinds": "write", "path": FIRST_LOG, "nth": 3, "action": "kill in the middle of"}
    history = nursery.run(path, "appends", fault=fault)
    with monkeypatch.context() as patched:
        patched.setattr("pykafkalite.storage.opening.recover_partition", None)
        patched.setattr("pykafkalite.storage.opening._agrees", None)
        sabotage.believes_every_byte()
        assert judge(path, history) != []


def test_the_nursery_hears_a_hit_before_it_takes_effect(nursery: Nursery, path: Path):
    history = nursery.run(path, "appends", fault={"kinds": "mkdir", "nth": 1, "action": "kill before"})
    assert history.hits == ["mkdir"]
    assert not os.path.exists(path)
