"""The machine's clock is set: forward, back, to the epoch. Rolling and retention keep to record time."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from history import read_all
from victim import value_of

from pykafkalite import _core
from pykafkalite.errors import InvalidTimestamp
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.store import Store

PLACE = ("events", 0)
HOUR, DAY, YEAR = 3600, 86_400, 365 * 86_400
NOW = 1_700_000_000_000


class JumpingClock(ManualClock):
    """Wall time that somebody sets; monotonic time that nobody can."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.advance(seconds)

    def set(self, seconds: float) -> None:
        """Move the wall clock by so much."""
        self.advance(seconds)


class Log:
    """A topic whose appends carry the wall clock's time."""

    def __init__(self, path: Path, clock: JumpingClock, **config: object) -> None:
        self.clock = clock
        self.path = path
        self.store = Store.open(path, clock=clock)
        named = {name.replace("_", "."): value for name, value in config.items()}
        self.store.create_topic("events", 1, named)
        self.count = 0

    def append(self, timestamp: int | None = None) -> None:
        at = self.clock.now_ms() if timestamp is None else timestamp
        batch = _core.build_batch([(None, value_of(self.count), None, at)])
        self.store.partition(*PLACE).append(batch)
        self.count += 1

    def upkeep(self) -> None:
        self.store.check_retention()
        self.store.scheduler.run_due()

    @property
    def offsets(self) -> list[int]:
        return [offset for offset, _ in read_all(self.store, PLACE)]

    @property
    def segments(self) -> int:
        return len(list((self.path / "events-0").glob("*.log")))


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


def test_a_clock_set_back_deletes_nothing_and_rolls_nothing(path: Path, clock: JumpingClock):
    log = Log(path, clock, retention_ms=DAY * 1000, segment_ms=HOUR * 1000)
    log.append()
    clock.set(-YEAR)
    for _ in range(5):
        clock.pass_time(60)
        log.append()
        log.upkeep()
    assert log.offsets == list(range(6))
    assert log.segments == 1
    log.store.close()


def test_a_clock_set_forward_expires_old_records_but_never_new_ones(path: Path, clock: JumpingClock):
    log = Log(path, clock, retention_ms=DAY * 1000, segment_ms=HOUR * 1000)
    log.append()
    clock.set(YEAR)
    log.append()
    log.upkeep()
    assert log.offsets == [1]
    log.append()
    assert log.offsets == [1, 2]
    log.store.close()


def test_records_from_a_clock_that_was_ahead_stay_until_their_own_time_has_passed(
    path: Path, clock: JumpingClock
):
    log = Log(path, clock, retention_ms=DAY * 1000)
    clock.set(YEAR)
    log.append()
    clock.set(-YEAR)
    clock.pass_time(2 * DAY)
    log.append()
    log.upkeep()
    assert log.offsets == [0, 1]
    clock.pass_time(YEAR)
    log.upkeep()
    assert log.offsets == []
    log.store.close()


def test_offsets_go_on_over_every_jump_and_a_restart(path: Path, clock: JumpingClock):
    log = Log(path, clock, retention_ms=-1, segment_ms=HOUR * 1000)
    for jump in (0, YEAR, -2 * YEAR, 5 * YEAR, -30 * YEAR, 40 * YEAR, -DAY):
        clock.set(jump)
        log.append()
        log.upkeep()
    log.store.close()
    log.store = Store.open(path, clock=clock)
    assert log.store.recovered == []
    assert log.offsets == list(range(7))
    log.append()
    assert log.offsets == list(range(8))
    log.store.close()


def test_the_time_index_finds_records_that_a_jump_put_out_of_order(path: Path, clock: JumpingClock):
    log = Log(path, clock, retention_ms=-1)
    times = []
    for jump in (0, HOUR, -3 * HOUR, 2 * HOUR, DAY, -DAY):
        clock.set(jump)
        times.append(clock.now_ms())
        log.append()
    partition = log.store.partition(*PLACE)
    for wanted in [*times, min(times) - 1, max(times)]:
        first = next(offset for offset, at in enumerate(times) if at >= wanted)
        assert partition.offset_for_timestamp(wanted) == (first, times[first])
    assert partition.offset_for_timestamp(max(times) + 1) is None
    log.store.close()


def test_a_record_from_the_future_is_refused_and_the_store_goes_on(path: Path, clock: JumpingClock):
    log = Log(path, clock, retention_ms=-1)
    log.append()
    with pytest.raises(InvalidTimestamp, match=r"message\.timestamp\.after\.max\.ms"):
        log.append(clock.now_ms() + 2 * HOUR * 1000)
    clock.set(-YEAR)
    log.append()
    assert log.offsets == [0, 1]
    log.store.close()


def test_what_is_due_comes_by_the_monotonic_clock(path: Path, clock: JumpingClock):
    """A wall clock that stands a year back must not keep deleted files for a year."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log = Log(path, clock, retention_ms=1000, file_delete_delay_ms=5000)
        log.append()
        clock.pass_time(60)
        log.store.check_retention()
        assert list((path / "events-0").glob("*.deleted"))
        clock.set(-YEAR)
        clock.pass_time(6)
        log.store.scheduler.run_due()
        assert not list((path / "events-0").glob("*.deleted"))
        log.store.close()


def test_a_retention_that_trusts_the_files_own_time_is_caught(
    path: Path, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pykafkalite.storage.retention.largest_timestamp", lambda *segment: 0)
    log = Log(path, clock, retention_ms=DAY * 1000)
    log.append()
    clock.set(-YEAR)
    log.upkeep()
    assert log.offsets == []
    log.store.close()
