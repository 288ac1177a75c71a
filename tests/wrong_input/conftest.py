"""A log in a directory, and a topic with three records that no mistake may lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pykafkalite as pk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pykafkalite.embedded import Log
    from pykafkalite.embedded.topic import Topic


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    with pk.open(path) as opened:
        yield opened


@pytest.fixture
def topic(log: Log) -> Topic:
    """Three records, of which `values` tells after a mistake whether they are still there."""
    made = log.create_topic("events", config={"retention.ms": -1})
    for value in (b"a", b"b", b"c"):
        made.append(value)
    return made
