"""Transactions that were written here, judged by Kafka: its dump, and its read_committed consumer."""

import shutil
import struct

import pytest
from ours import FOREVER, T0
from real_kafka import b64

from pykafkalite import _core
from pykafkalite.storage.producers import Origin
from pykafkalite.storage.store import Store

pytestmark = pytest.mark.interop

ABORT, COMMIT = 0, 1


def write(directory):
    """Two producers, of which one aborts, over two segments, and a third that stays open."""
    with Store.open(directory) as store:
        store.create_topic("events", 1, FOREVER)
        partition = store.partition("events", 0)

        def send(producer, sequence, *values):
            rows = [(None, value, None, T0 + sequence) for value in values]
            how = {"producer_id": producer, "producer_epoch": 0, "base_sequence": sequence}
            batch = _core.build_batch(rows, attributes=_core.ATTR_TRANSACTIONAL, **how)
            return partition.append(batch).base_offset

        def end(producer, kind):
            marker = (struct.pack(">hh", 0, kind), struct.pack(">hi", 0, 0), None, T0)
            attributes = _core.ATTR_TRANSACTIONAL | _core.ATTR_CONTROL
            batch = _core.build_batch([marker], attributes=attributes, producer_id=producer, producer_epoch=1)
            partition.append(batch, Origin.COORDINATOR)

        send(1, 0, b"kept", b"kept")
        send(2, 0, b"aborted")
        partition.roll()
        send(1, 2, b"kept")
        end(2, ABORT)
        end(1, COMMIT)
        first = send(3, 0, b"open")
        partition.append(_core.build_batch([(None, b"plain", None, T0)]))
        assert partition.last_stable_offset == first


def test_kafkas_dump_reads_producer_snapshots_and_transaction_indexes(oracle, tmp_path):
    write(tmp_path / "data")
    dump = oracle.check(tmp_path / "data" / "events-0")
    assert "producerId: 3 producerEpoch: 0" in dump
    assert "producerId: 2 firstOffset: 2 lastOffset: 4 lastStableOffset: 0" in dump


def test_kafkas_read_committed_consumer_sees_what_was_committed_here(new_kafka, tmp_path):
    write(tmp_path / "data")
    with new_kafka(shutil.copytree(tmp_path / "data", tmp_path / "copy")) as kafka:
        assert len(kafka.records("events")) == 6
        assert [it["value"] for it in kafka.records("events", isolation="read_committed")] == [
            b64(b"kept")
        ] * 3
