"""A real Kafka's directory that changes while it is being read."""

import shutil
from pathlib import Path

import pytest
from disk import read_all, sealed

from pykafkalite import _core
from pykafkalite.storage.store import Store

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def kafkas(tmp_path):
    """A copy of a stopped Kafka's directory, as a running one would have it."""
    return shutil.copytree(GOLDEN / "segments" / "data", tmp_path / "kafkas")


@pytest.fixture
def store(kafkas):
    with Store.open(kafkas, mode="r") as store:
        yield store


def compact(directory, base, *values):
    """Puts a segment of one batch under the name of another, as the cleaner does."""
    batch = sealed(*values)
    _core.stamp(batch, base, 0)
    log = directory / f"{base:020}.log"
    cleaned = log.with_suffix(".log.cleaned")
    cleaned.write_bytes(batch)
    for suffix in (".index", ".timeindex"):
        log.with_suffix(suffix).write_bytes(b"")
    log.rename(log.with_suffix(".log.deleted"))
    cleaned.rename(log)


def test_a_segment_that_the_cleaner_replaced_is_read_anew(store, kafkas):
    before = read_all(store, "timed", 0)
    compact(kafkas / "timed-0", 0, b"kept")
    assert read_all(store, "timed", 0) == [(0, b"kept"), *[it for it in before if it[0] >= 12]]


def test_a_log_start_that_kafka_moves_up_is_seen(store, kafkas):
    before = read_all(store, "timed", 0)
    (kafkas / "log-start-offset-checkpoint").write_text("0\n1\ntimed 0 17\n")
    assert store.partition("timed", 0).start_offset == 17
    assert read_all(store, "timed", 0) == before[17:]


def test_a_topic_whose_id_is_written_a_moment_later_has_it_then(store, kafkas):
    new = kafkas / "new-0"
    new.mkdir()
    assert not store.topics()["new"].id.int
    shutil.copy(kafkas / "timed-0" / "partition.metadata", new)
    assert store.topics()["new"].id == store.topics()["timed"].id
