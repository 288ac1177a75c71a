"""Timers by name, on a clock turned by hand."""

import pytest

from pykafkalite.coordinator.timers import Timers
from pykafkalite.storage.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def timers(clock):
    return Timers(clock)


def run(timers):
    while timers.run_next():
        pass


def test_tasks_run_once_in_the_order_in_which_they_are_due(timers, clock):
    ran = []
    for name, due in (("b", 2000), ("a", 1000), ("c", 3000)):
        timers.set(name, due, lambda name=name: ran.append(name))
    assert timers.left() == pytest.approx(1)
    clock.advance(2)
    run(timers)
    assert ran == ["a", "b"]
    clock.advance(5)
    run(timers)
    assert (ran, timers.left(), len(timers)) == (["a", "b", "c"], None, 0)


@pytest.mark.parametrize(("first", "then"), [(1000, 5000), (5000, 1000), (1000, 1000)])
def test_a_timer_set_again_runs_at_the_new_time_and_only_then(timers, clock, first, then):
    ran = []
    timers.set("t", first, lambda: ran.append("old"))
    timers.set("t", then, lambda: ran.append("new"))
    clock.advance(then / 1000 - 0.1)
    run(timers)
    assert ran == []
    clock.advance(10)
    run(timers)
    assert ran == ["new"]


def test_a_cancelled_timer_does_not_run_and_can_be_set_again(timers, clock):
    ran = []
    timers.set("t", 1000, lambda: ran.append(1))
    timers.cancel("t")
    timers.cancel("never set")
    timers.set("t", 2000, lambda: ran.append(2))
    clock.advance(3)
    run(timers)
    assert ran == [2]


def test_ten_thousand_heartbeats_leave_one_entry(timers, clock):
    for _ in range(10_000):
        timers.set("t", 10_000, list)
        clock.advance(0.001)
    assert len(timers._heap) == 1


def test_a_task_may_set_its_own_timer_again(timers, clock):
    ran = []

    def again():
        ran.append(clock.monotonic())
        timers.set("t", 1000, again)

    timers.set("t", 1000, again)
    for _ in range(3):
        clock.advance(1)
        run(timers)
    assert len(ran) == 3
