"""A directory of ours that a real Kafka has taken over, or was kept out of."""

import shutil
from pathlib import Path

import pytest

from pykafkalite import _core
from pykafkalite.errors import NotAStore
from pykafkalite.storage.takeover import METADATA_DIRECTORY, was_taken_over

KAFKAS = Path(__file__).parent.parent / "golden" / "records" / "data" / METADATA_DIRECTORY


def refused_start(path):
    """What a Kafka had written before it found the lock taken: all but its broker's registration."""
    log = (KAFKAS / f"{0:020}.log").read_bytes()
    first = next(batch for batch in _core.walk_batches(log) if not batch.is_control)
    directory = path / METADATA_DIRECTORY
    directory.mkdir()
    (directory / f"{0:020}.log").write_bytes(log[: first.position + first.size])


def test_a_directory_that_kafka_took_over_is_read_as_kafkas_and_not_written(disk):
    disk.append(b"a")
    disk.close()
    shutil.copytree(KAFKAS, disk.path / METADATA_DIRECTORY)
    with pytest.raises(NotAStore, match=r'a Kafka broker has taken .* over; read it with mode="r"'):
        disk.open()
    assert was_taken_over(disk.path)
    disk.store = disk.store.open(disk.path, mode="r")
    assert disk.values() == [b"a"]


def test_what_a_refused_kafka_left_is_gone_after_a_clean_stop(disk):
    disk.append(b"a")
    refused_start(disk.path)
    disk.close()
    assert not (disk.path / METADATA_DIRECTORY).exists()
    assert disk.open().values() == [b"a"]


def test_what_a_refused_kafka_left_is_gone_after_the_next_start(disk):
    disk.append(b"a")
    disk.close()
    refused_start(disk.path)
    assert disk.open().values() == [b"a"]
    assert not (disk.path / METADATA_DIRECTORY).exists()


def test_a_metadata_log_that_cannot_be_read_is_left_alone(disk):
    disk.close()
    refused_start(disk.path)
    log = disk.path / METADATA_DIRECTORY / f"{0:020}.log"
    log.write_bytes(b"garbage" * 20)
    with pytest.raises(NotAStore):
        disk.open()
    assert log.exists()
