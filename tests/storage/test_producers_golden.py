"""What real Kafka wrote, appended here batch by batch: the same producer snapshots, transaction indexes, offsets."""

import json
from pathlib import Path

import pytest

from pykafkalite._core import walk_batches
from pykafkalite.storage import snapshots, txn_index
from pykafkalite.storage.naming import parse_directory
from pykafkalite.storage.producers import Origin
from pykafkalite.storage.store import Store

GOLDEN = Path(__file__).parent.parent / "golden"
# The compacted ones have gaps between their offsets, which an append does not make.
DIRECTORIES = [
    log.parent
    for store in ("codecs", "groups", "records", "segments", "transactions")
    for log in sorted(GOLDEN.glob(f"{store}/data/*/00000000000000000000.log"))
    if not log.parent.name.startswith("__")
]
# When the golden files were made: markers have that time, records times of their own.
MADE = 1_795_379_760_000


class Clock:
    now = MADE

    def now_ms(self):
        return self.now

    def monotonic(self):
        return 0.0


def files(directory, suffix):
    return {path.name: path.read_bytes() for path in directory.glob(f"*{suffix}")}


def expected(golden):
    return json.loads((golden.parent.parent / "expected.json").read_text())


def batches_of(golden):
    return [batch for log in sorted(golden.glob("*.log")) for batch in walk_batches(log.read_bytes())]


def feed(tmp_path, golden):
    """A store whose partition was given every batch of `golden`, and was stopped where Kafka was."""
    topic, partition, _ = parse_directory(golden.name)
    config = expected(golden)["topics"][topic]["config"]
    clock, epoch = Clock(), 0
    store = Store.open(tmp_path / "store", clock=clock)
    store.create_topic(topic, partition + 1, {**config, "retention.ms": -1})
    for log in sorted(golden.glob("*.log")):
        data = log.read_bytes()
        for batch in walk_batches(data):
            if batch.leader_epoch != epoch:
                epoch = batch.leader_epoch
                store.close()
                store = Store.open(tmp_path / "store", clock=clock)
            clock.now = batch.max_timestamp if batch.is_append_time else MADE
            sent = bytearray(data[batch.position : batch.position + batch.size])
            origin = Origin.COORDINATOR_V2 if batch.is_control else Origin.CLIENT
            appended = store.partition(topic, partition).append(sent, origin)
            assert appended[:2] == (batch.base_offset, batch.last_offset)
    return store, store.partition(topic, partition)


def test_there_are_golden_directories_of_all_kinds():
    assert len(DIRECTORIES) > 15
    assert any(files(directory, ".txnindex") for directory in DIRECTORIES)


@pytest.mark.filterwarnings("ignore:records of")
@pytest.mark.parametrize("golden", DIRECTORIES, ids=lambda it: f"{it.parent.parent.name}-{it.name}")
def test_snapshots_and_transaction_indexes_are_kafkas(tmp_path, golden):
    store, partition = feed(tmp_path, golden)
    start, _ = expected(golden)["offsets"][golden.name]
    store.delete_records(partition.topic, partition.index, start)
    store.close()
    assert files(partition.directory, ".txnindex") == files(golden, ".txnindex")
    assert files(partition.directory, ".snapshot") == files(golden, ".snapshot")


@pytest.mark.parametrize(("name", "stable"), [("mixed-0", 29), ("left_open-0", 2)])
def test_the_last_stable_offset_is_kafkas(tmp_path, name, stable):
    store, partition = feed(tmp_path, GOLDEN / "transactions/data" / name)
    assert partition.last_stable_offset == stable
    store.close()


@pytest.mark.parametrize("name", ["mixed-0", "left_open-0"])
def test_what_is_not_committed_is_what_kafkas_read_committed_consumer_did_not_get(tmp_path, name):
    golden = GOLDEN / "transactions/data" / name
    store, partition = feed(tmp_path, golden)
    stable, high_watermark = partition.last_stable_offset, partition.high_watermark
    left_out = set(range(stable, high_watermark))
    for transaction in partition.aborted_transactions(0, stable):
        left_out |= {
            offset
            for batch in batches_of(golden)
            for offset in range(batch.base_offset, batch.last_offset + 1)
            if batch.producer_id == transaction.producer_id and not batch.is_control
            if transaction.first_offset <= offset <= transaction.last_offset
        }
    said = expected(golden)["not committed"]
    assert sorted(left_out) == [offset for topic, _, offset in said if topic == partition.topic]
    store.close()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/data/*/*.snapshot")), ids=lambda it: it.parent.name)
def test_kafkas_snapshots_come_out_as_the_same_bytes(path):
    assert snapshots.encode(snapshots.decode(path.read_bytes())) == path.read_bytes()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/data/*/*.txnindex")), ids=lambda it: it.parent.name)
def test_kafkas_transaction_indexes_come_out_as_the_same_bytes(path):
    entries = txn_index.decode(path.read_bytes())
    assert entries
    assert txn_index.encode(entries) == path.read_bytes()
