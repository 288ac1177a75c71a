"""The parts of the native core, 1,000 records of 100 bytes at a time.

python -m pytest bench/micro                              how long each part takes
python -m pytest bench/micro --benchmark-autosave         remember it, before a change
python -m pytest bench/micro --benchmark-compare          and compare, after it
"""

from __future__ import annotations

import pytest

from bench.logs import batches, values
from pykafkalite import _core
from pykafkalite._core import ColumnReader, Columns, RecordAccumulator

NOW = 1_700_000_000_000
ROWS = batches(1_000)[0]
ALL = ("offset", "timestamp", "key", "value", "headers")


@pytest.fixture
def batch():
    """A sealed batch."""
    columns = Columns(ROWS)
    columns.check(1 << 20, 1)
    return columns.route(1, 0)[0][1].encode(0, NOW, 1 << 20)


def test_crc32c_of_a_batch(benchmark, batch):
    benchmark(_core.crc32c, batch)


def test_columns_imported_checked_and_routed(benchmark):
    def prepare():
        columns = Columns(ROWS)
        columns.check(1 << 20, 1)
        return columns.route(1, 0)

    benchmark(prepare)


def test_rows_encoded(benchmark):
    columns = Columns(ROWS)
    columns.check(1 << 20, 1)
    ((_, rows),) = columns.route(1, 0)
    benchmark(rows.encode, 0, NOW, 1 << 20)


def test_a_batch_stamped(benchmark, batch):
    benchmark(_core.stamp, batch, 10, 1)


def test_batches_walked(benchmark, batch):
    benchmark(_core.walk_batches, bytes(batch) * 10)


@pytest.mark.parametrize("columns", [("offset",), ("value",), ALL], ids="+".join)
def test_a_batch_decoded_into(benchmark, batch, columns):
    stored, reader = bytes(batch), ColumnReader("t", 0, columns)

    def decode():
        reader.add(stored, 0, len(stored), 0, 1_000)
        reader.finish()

    benchmark(decode)


def test_messages_made(benchmark, batch):
    stored, reader = bytes(batch), ColumnReader("t", 0, ALL)

    def decode():
        reader.add(stored, 0, len(stored), 0, 1_000)
        return list(reader.messages())

    assert len(benchmark(decode)) == 1_000


def test_records_accumulated(benchmark):
    each = values(1_000)

    def accumulate():
        accumulator = RecordAccumulator(1, lambda *_: None, batch_size=1 << 20, max_bytes=1 << 20)
        for value in each:
            accumulator.append(value)
        accumulator.drain_all()

    benchmark(accumulate)


def test_a_key_placed(benchmark):
    benchmark(_core.partition_for_key, b"a key of 20 bytes...", 12)
