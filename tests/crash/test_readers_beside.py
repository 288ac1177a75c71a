"""Readers beside a process that writes, dies, is recovered, repairs: never a SIGBUS, never a wrong record."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from history import read_all
from nursery import Nursery, judge, kill_after
from victim import value_of

from pykafkalite import _core
from pykafkalite.errors import CorruptBatch, OffsetOutOfRange, StorageError
from pykafkalite.storage.store import Store

PLACE = ("events", 0)


def batch(serial: int) -> bytearray:
    return _core.build_batch([(None, value_of(serial), None, -1)])


@pytest.fixture
def written(path: Path) -> Iterator[Store]:
    """A store with 200 batches in one segment: two pages of a mapping and more."""
    with Store.open(path, durability="fsync") as store:
        store.create_topic("events", 1, {"retention.ms": -1})
        for serial in range(200):
            store.partition(*PLACE).append(batch(serial))
        yield store


def left_by_a_kill(path: Path) -> Path:
    """The files as they are, which is what a SIGKILL leaves."""
    return Path(shutil.copytree(path, path.with_name("left")))


def test_a_reader_goes_on_while_its_writer_is_killed_and_recovered_again_and_again(
    nursery: Nursery, path: Path
):
    history = nursery.run(path, "appends")
    with Store.open(path, mode="r") as reader:
        before = read_all(reader, PLACE)
        for generation in range(5):
            fault = {
                "kinds": "write",
                "path": "/events-0/",
                "nth": 3 + generation,
                "action": "kill in the middle of",
            }
            history = nursery.run(path, "steady", history=history, fault=fault)
            assert len(history.hits) == generation + 1
            seen = read_all(reader, PLACE)
            assert seen[: len(before)] == before
            before = seen
        assert judge(path, history) == []
        assert read_all(reader, PLACE)[: len(before)] == before


def test_a_mapped_file_is_not_shortened_below_what_was_published(written: Store, path: Path):
    left = left_by_a_kill(path)
    log = next((left / "events-0").glob("*.log"))
    with Store.open(left, mode="r") as reader:
        span = reader.partition(*PLACE).read(0, 200, 1 << 20)
        assert span is not None
        end = span.end
        data = log.read_bytes()
        first = _core.parse_batch(data).size
        # The disk lost what was published, and nothing valid follows.
        log.write_bytes(data[:first] + bytes(end - first))
        with Store.open(left) as store:
            assert log.stat().st_size == first
            assert len(bytes(memoryview(span.owner)[:end])) == end  # a shorter file would be a SIGBUS here
            assert read_all(reader, PLACE) == read_all(store, PLACE) == [(0, value_of(0))]
            store.partition(*PLACE).append(batch(7))
            assert read_all(reader, PLACE) == [(0, value_of(0)), (1, value_of(7))]


def test_readers_follow_to_the_file_that_a_repair_swapped_in(nursery: Nursery, path: Path):
    """The reader maps the old file, which ends where it was swapped out."""
    history = nursery.run(path, "steady", hearing=kill_after(20))
    fault = {"kinds": "sync", "path": "/events-0/", "nth": 3, "action": "fail"}
    with Store.open(path, mode="r") as reader:
        start = len(read_all(reader, PLACE))
        lengths = [start]

        def hearing(history: object) -> None:
            lengths.append(len(read_all(reader, PLACE)))
            if len(lengths) > 150:
                kill(history)

        kill = kill_after(1)
        history = nursery.run(
            path, "steady", history=history, durability="fsync", fault=fault, hearing=hearing
        )
        assert len(history.hits) == 1
        assert lengths == sorted(lengths)
        assert lengths[-1] > start + 50
    assert judge(path, history, "fsync") == []


def test_a_foreign_directory_that_shrinks_while_it_is_read(written: Store, path: Path):
    left = left_by_a_kill(path)
    (left / "pykafkalite.metadata").unlink()
    log = next((left / "events-0").glob("*.log"))
    whole = read_all(written, PLACE)
    with Store.open(left, mode="r") as reader:
        partition = reader.partition(*PLACE)
        columns = _core.ColumnReader(*PLACE, ["offset", "value"])
        for size in range(log.stat().st_size, -1, -97):
            at, end = 0, partition.high_watermark
            with open(log, "r+b") as file:
                file.truncate(size)
            try:
                while at < end and (following := partition.fill(columns, at, end)) > at:
                    at = following
            except (CorruptBatch, OffsetOutOfRange, StorageError):
                pass
            found = columns.finish()
            values = zip(found["offset"].to_pylist(), found["value"].to_pylist(), strict=True)
            assert list(values) == whole[: found.num_rows]


def test_a_reader_waits_and_wakes_over_a_kill(nursery: Nursery, path: Path):
    history = nursery.run(path, "appends")
    with Store.open(path, mode="r") as reader:
        seen = reader.sequence
        history = nursery.run(path, "steady", history=history, hearing=kill_after(20))
        begun = time.monotonic()
        assert reader.wait(seen, 10) != seen
        assert time.monotonic() - begun < 5
    assert judge(path, history) == []
