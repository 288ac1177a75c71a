"""Values lie where the log lies: addresses, sizes and lifetimes."""

import gc
import io
import re
import threading

import polars as pl
import pyarrow as pa
import pytest
from sample_rows import rows

import pykafkalite as pk

FIXED = 4 + 4 + 8 + 8 + 16 + 16 + 4  # topic number, partition, offset, timestamp, two views, list offset
VALID = 1  # of each nullable column, a bit a row


def mapped(path):
    """Address ranges at which this process has segments of `path` mapped."""
    ranges = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            if str(path) in line and line.rstrip().endswith(".log"):
                first, last = re.match(r"([0-9a-f]+)-([0-9a-f]+)", line).groups()
                ranges.append((int(first, 16), int(last, 16)))
    return ranges


def inside(buffer, ranges):
    return any(first <= buffer.address and buffer.address + buffer.size <= last for first, last in ranges)


def data_buffers(array):
    """The buffers behind the views."""
    return [buffer for buffer in array.buffers()[2:] if buffer is not None and buffer.size]


def test_values_keys_and_header_values_lie_in_the_mapped_segment(path, topic):
    long = b"longer than twelve bytes"
    for _ in range(10):
        topic.append(long, key=long, headers=[("h", long)])
    (batch,) = topic.scan()
    ranges = mapped(path)
    values = batch.column("headers").values.field("value")
    for array in (batch.column("value"), batch.column("key"), values):
        assert data_buffers(array)
        assert all(inside(buffer, ranges) for buffer in data_buffers(array))
        assert set(array.to_pylist()) == {long}


def test_polars_sees_the_mapped_segment_too(path, topic):
    topic.append_batch(rows(1000))
    frame = topic.scan(columns=["value"]).to_polars()
    assert frame.schema == {"value": pl.Binary}
    ranges = mapped(path)
    seen = 0
    for batch in pa.RecordBatchReader.from_stream(frame):
        for buffer in data_buffers(batch.column(0)):
            assert inside(buffer, ranges)
            seen += buffer.size
    assert seen > 100_000


def ipc_size(batches, schema):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return len(sink.getvalue())


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_a_batch_in_ipc_costs_its_columns_and_its_own_span_of_the_log(log, count):
    topic = log.create_topic("large")
    topic.append_batch(rows(200_000))
    scan = topic.scan(100_000, 100_000 + count)
    info = topic.describe()[0]
    span = info.size * count / 200_000
    # The first batch in the span may begin before it; a message of IPC has some framing.
    fixed = count * (FIXED + VALID)
    assert ipc_size(scan, scan.schema) <= fixed + 4 * span + 8192


def test_a_batch_outlives_its_log_its_segment_and_its_thread(path):
    kept = []

    def read():
        with pk.open(path) as log:
            log.create_topic("gone").append_batch(rows(1000))
            kept.extend(log.topic("gone").scan())
            kept.append(next(iter(log.topic("gone").scan().messages())))
            log.delete_topic("gone")

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    gc.collect()
    for file in path.rglob("*.log"):
        file.unlink()
    batch, message = kept
    assert batch.column("value").to_pylist() == rows(1000).column("value").to_pylist()
    batch.validate(full=True)
    assert message.value.startswith(b"0:v")


def test_a_batch_outlives_retention(log):
    topic = log.create_topic("short", config={"segment.bytes": 1 << 20})
    for n in range(40):
        topic.append_batch(rows(1000, first=1000 * n))
    first = next(iter(topic.scan(columns=["value"])))
    kept = first.column(0).to_pylist()
    topic.delete_records("latest")
    assert topic.describe()[0].start_offset == 40_000
    gc.collect()
    assert first.column(0).to_pylist() == kept


def test_messages_own_their_bytes(path):
    with pk.open(path) as log:
        log.create_topic("t").append_batch(rows(10))
        messages = list(log.topic("t").scan().messages())
    gc.collect()
    assert not mapped(path)
    assert [message.value[:2] for message in messages] == [b"%d:" % n for n in range(10)]
