"""What a caller does with a log, one at a time.  How to compare two commits: see test_native.py."""

from __future__ import annotations

import subprocess
import sys
from itertools import count

import pytest

import pykafkalite as pk
from bench.logs import batches, new_topic

ROWS = batches(1_000)


@pytest.fixture
def topic(tmp_path):
    with new_topic(tmp_path) as made:
        made.append_batch(ROWS[0])
        yield made


def test_append(benchmark, topic):
    benchmark(topic.append, b"v" * 100)


def test_append_with_key_and_headers(benchmark, topic):
    benchmark(topic.append, b"v" * 100, key=b"k" * 20, headers=[("name", b"value")])


@pytest.mark.parametrize("rows", [1, 1_000])
def test_append_batch_of(benchmark, topic, rows):
    benchmark(topic.append_batch, ROWS[0].slice(0, rows))


def test_writer_append_of_a_thousand(benchmark, topic):
    def write():
        with topic.writer() as writer:
            for _ in range(1_000):
                writer.append(b"v" * 100)

    benchmark(write)


def test_a_record_found_by_its_offset(benchmark, topic):
    for _ in range(99):
        topic.append_batch(ROWS[0])
    offsets = count()

    def look_up():
        offset = next(offsets) * 7_919 % 100_000
        return next(topic.scan(offset, offset + 1).messages()).offset == offset

    assert benchmark(look_up)


def test_a_record_found_by_its_timestamp(benchmark, topic):
    for _ in range(99):
        topic.append_batch(ROWS[0])
    timestamp = next(topic.scan(50_000).messages()).timestamp
    assert benchmark(topic._partition(0).offset_for_timestamp, timestamp)


def test_a_scan_of_a_hundred_thousand(benchmark, topic):
    for _ in range(99):
        topic.append_batch(ROWS[0])
    assert benchmark(lambda: sum(batch.num_rows for batch in topic.scan())) == 100_000


def test_a_scan_made(benchmark, topic):
    benchmark(topic.scan)


def test_a_message_read_and_committed(benchmark, topic):
    with topic._log.consumer(["bench"], group="g") as consumer:
        messages = iter(consumer)

        def read_and_commit():
            next(messages)
            consumer.commit()

        benchmark.pedantic(read_and_commit, rounds=500)


def test_a_log_opened_and_closed(benchmark, tmp_path):
    def open_and_close():
        with pk.open(tmp_path / "log"):
            pass

    open_and_close()
    benchmark(open_and_close)


def test_the_package_imported(benchmark):
    benchmark.pedantic(
        subprocess.run, ([sys.executable, "-c", "import pykafkalite"],), {"check": True}, rounds=10
    )
