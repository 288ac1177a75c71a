"""SIGKILL at a random moment of a process with several writing threads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from nursery import Nursery, judge, kill_after


def kill_many(nursery: Nursery, tmp_path: Path, durability: str, times: int) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    acknowledged = 0
    for number in range(times):
        path = tmp_path / str(number)
        history = nursery.run(
            path,
            "busy",
            durability=durability,
            clock="system",
            seed=rng.randrange(10**6),
            hearing=kill_after(rng.randint(1, 500)),
        )
        assert history.exit == -9
        assert judge(path, history, durability) == [], (seed, number)
        acknowledged += history.acknowledged
    assert acknowledged > 20 * times, "killed before it had begun"


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_kills_at_random_lose_nothing_and_leave_no_halves(nursery: Nursery, tmp_path: Path, durability: str):
    kill_many(nursery, tmp_path, durability, 15)


@pytest.mark.long
@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_hundreds_of_kills_at_random(nursery: Nursery, tmp_path: Path, durability: str):
    kill_many(nursery, tmp_path, durability, 150)


def test_one_store_survives_kill_after_kill(nursery: Nursery, path: Path):
    rng = random.Random(7)
    history = None
    for generation in range(10):
        history = nursery.run(
            path,
            "steady",
            clock="system",
            seed=generation,
            history=history,
            config={"internal.segment.bytes": 2000},
            hearing=kill_after(rng.randint(1, 200)),
        )
    assert judge(path, history) == []


@pytest.mark.parametrize("bug", ["acknowledges_before_writing", "writes_twice"])
def test_a_seeded_bug_is_caught(nursery: Nursery, path: Path, bug: str):
    history = nursery.run(path, "busy", clock="system", sabotage=bug, hearing=kill_after(300))
    assert judge(path, history) != []
