"""The targets that have to behave the same.  A new one joins by one line in TARGETS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pykafkalite as pk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pykafkalite.api import Log, Topic

TARGETS: dict[str, Callable[[Path], Log]] = {
    "directory": lambda path: pk.open(path / "log"),
    "memory": lambda path: pk.open(":memory:"),
}


@pytest.fixture(params=TARGETS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    with TARGETS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def topic(log: Log) -> Topic:
    """One partition, nothing in it, kept for ever."""
    return log.create_topic("events", config={"retention.ms": -1})


@pytest.fixture
def three(log: Log) -> Topic:
    """Three partitions: ten records each, offset n at n seconds after 2020, value b"<partition>:<n>"."""
    made = log.create_topic("three", partitions=3, config={"retention.ms": -1})
    for partition in range(3):
        for n in range(10):
            made.append(
                b"%d:%d" % (partition, n),
                key=b"k%d" % n,
                timestamp=1_577_836_800_000 + n * 1000,
                partition=partition,
            )
    return made
