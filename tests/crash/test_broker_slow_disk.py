"""A broker whose disk is slow or fails: with fsync nothing is acknowledged before it is on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode
from raw import Raw, batch, fetch, produce, values_of

import pykafkalite as pk
from pykafkalite.storage.group_commit import SyncTarget
from pykafkalite.storage.partition import WritablePartition


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[pk.Broker]:
    """A broker of this process, with durability fsync."""
    with pk.Broker(tmp_path / "data", config={"durability": "fsync"}) as broker:
        broker.log.create_topic("events", 1, {"retention.ms": -1})
        yield broker


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Syncs end once it is set."""
    may_end = threading.Event()
    sync = WritablePartition._sync

    def slow(self: WritablePartition, target: SyncTarget) -> None:
        assert may_end.wait(20)
        sync(self, target)

    monkeypatch.setattr(WritablePartition, "_sync", slow)
    return may_end


def test_with_fsync_nothing_is_acknowledged_or_seen_before_its_sync_ends_and_others_go_on(
    safe: pk.Broker, slow_disk: threading.Event
):
    writer, other = Raw(safe.bootstrap_servers), Raw(safe.bootstrap_servers)
    answers: list[object] = []
    producing = threading.Thread(target=lambda: answers.append(produce(writer, "events", batch(b"one"))))
    producing.start()
    time.sleep(0.2)
    assert answers == []
    begun = time.monotonic()
    assert fetch(other, "events", 0).records == b""
    assert time.monotonic() - begun < 2
    slow_disk.set()
    producing.join()
    assert answers[0].error_code is ErrorCode.none  # type: ignore[attr-defined]
    assert values_of(fetch(other, "events", 0).records) == [b"one"]
    writer.socket.close()
    other.socket.close()


def test_a_sync_that_fails_is_told_as_a_storage_error_and_the_next_one_counts(
    safe: pk.Broker, monkeypatch: pytest.MonkeyPatch
):
    client = Raw(safe.bootstrap_servers)
    broken = threading.Event()
    sync = WritablePartition._sync

    def fail(self: WritablePartition, target: SyncTarget) -> None:
        if broken.is_set():
            raise OSError(5, "the disk is broken")
        sync(self, target)

    monkeypatch.setattr(WritablePartition, "_sync", fail)
    broken.set()
    assert produce(client, "events", batch(b"one")).error_code is ErrorCode.kafka_storage_error
    assert fetch(client, "events", 0).records == b""
    broken.clear()
    assert produce(client, "events", batch(b"two")).error_code is ErrorCode.none
    assert values_of(fetch(client, "events", 0).records)[-1] == b"two"
    client.socket.close()
