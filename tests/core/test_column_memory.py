"""No copy, no leak, no more bytes dragged along than a batch's own."""

from __future__ import annotations

import gc
import threading

import polars as pl
import pyarrow as pa
import pytest
from arrow_rows import END_OF_TIME, EVERY, decode, encode, reader
from segment_verbs import create

from pykafkalite import _core
from pykafkalite._core.memory import live_blocks, live_bytes
from pykafkalite._core.reader import live_exports

VALUE = b"%0100d"


class Log:
    """The bytes of a log at a known address."""

    def __init__(self, count: int = 1000, **options: int) -> None:
        rows = [
            {"value": VALUE % i, "key": b"a key of more than 12 %d" % i, "headers": [("h", VALUE % -i)]}
            for i in range(count)
        ]
        self.bytes = bytes(encode(rows, **options))
        self.start = pa.py_buffer(self.bytes).address
        self.end = self.start + len(self.bytes)

    def holds(self, buffer: pa.Buffer | None) -> bool:
        return buffer is not None and self.start <= buffer.address < buffer.address + buffer.size <= self.end


@pytest.fixture
def counted():
    """What was alive before is alive afterwards, and no more."""
    gc.collect()
    before = live_blocks(), live_exports()
    yield
    gc.collect()
    assert live_exports() == before[1]
    # The zeros that all readers share may have been made meanwhile.
    assert live_blocks() - before[0] in (0, 1)


def test_values_lie_inside_the_log_as_pyarrow_sees_them():
    log = Log()
    batch = decode(log.bytes)
    for column in (batch["value"], batch["key"], batch["headers"].flatten().field(1)):
        variadic = column.buffers()[2:]
        assert len(variadic) == 1
        assert log.holds(variadic[0])


def test_values_lie_inside_the_log_as_polars_sees_them():
    log = Log()
    series = pl.from_arrow(decode(log.bytes, "value"))["value"]
    again = series.to_arrow(compat_level=pl.CompatLevel.newest())
    assert again.type == pa.binary_view()
    assert any(log.holds(buffer) for buffer in again.buffers()[2:])
    assert series.to_list() == [VALUE % i for i in range(1000)]


def test_values_lie_inside_the_mapping_of_a_segment(tmp_path):
    segment = create(tmp_path)
    segment.append(Log().bytes)
    owner, start, end = segment.span(0, 1 << 20, segment.end)
    r = reader("value")
    assert r.add(owner, start, end, 0, END_OF_TIME) == r.END
    batch = r.finish()
    del owner, r
    mapping = segment.mapping
    (values,) = batch["value"].buffers()[2:]
    assert mapping.address <= values.address
    assert values.address + values.size <= mapping.address + segment.end
    segment.close()
    del segment, mapping
    gc.collect()
    assert batch["value"].to_pylist() == [VALUE % i for i in range(1000)]


def test_short_values_need_no_bytes_of_the_log():
    batch = decode(encode([{"value": b"twelve bytes", "key": b""}]))
    assert len(batch["value"].buffers()) == len(batch["key"].buffers()) == 2


def test_a_column_without_a_value_costs_nothing_of_its_own():
    first, second = (decode(encode([{"value": b"v"}] * 10)) for _ in range(2))
    for name in ("key", "headers", "topic"):
        ours, theirs = (batch[name].buffers()[1].address for batch in (first, second))
        assert ours == theirs


def test_spans_that_follow_each_other_are_one_buffer_and_others_are_not():
    log = Log(100, target=1)
    half = _core.walk_batches(log.bytes)[50].position
    joined, apart = reader("value"), reader("value")
    joined.add(log.bytes, 0, half, 0, END_OF_TIME)
    joined.add(log.bytes, half, len(log.bytes), 50, END_OF_TIME)
    apart.add(log.bytes, 0, half, 0, 25)
    apart.add(log.bytes, half, len(log.bytes), 50, END_OF_TIME)
    assert len(joined.finish()["value"].buffers()) == 3
    assert len(apart.finish()["value"].buffers()) == 4


@pytest.mark.parametrize("columns", [EVERY, ("value",), ("key", "value", "headers")])
def test_ipc_of_a_small_batch_does_not_drag_the_log_along(columns):
    log = Log(10_000, target=4096)
    batches = _core.walk_batches(log.bytes)
    some = batches[100]
    r = reader(*columns)
    r.add(log.bytes, some.position, some.position + some.size, some.base_offset, some.last_offset + 1)
    batch = r.finish()
    fixed = batch.num_rows * 100  # offset, timestamp, views of key, value and header, lists
    assert batch.num_rows == some.count
    assert batch.serialize().size <= fixed + 4 * some.size


def test_a_few_rows_of_a_big_batch_cover_their_own_bytes_only():
    log = Log(10_000)
    r = reader("value")
    r.add(log.bytes, 0, len(log.bytes), 5000, 5003)
    assert r.finish()["value"].buffers()[2].size < 1000


def test_the_columns_keep_the_log_alive(counted):
    r = reader()
    log = Log().bytes
    r.add(log, 0, len(log), 0, END_OF_TIME)
    batch = r.finish()
    del log, r
    gc.collect()
    assert batch["value"].to_pylist() == [VALUE % i for i in range(1000)]


def test_a_part_of_a_batch_outlives_the_rest(counted):
    batch = decode(Log().bytes)
    value, headers = batch["value"], batch["headers"].flatten()
    del batch
    gc.collect()
    assert value[999].as_py() == VALUE % 999
    assert headers.field(1)[999].as_py() == VALUE % -999
    table = pl.from_arrow(decode(Log().bytes, "value", "offset"))
    column = table["value"]
    del table
    gc.collect()
    assert column[999] == VALUE % 999


def test_memory_goes_back_whatever_became_of_it(counted):
    log = Log()
    for _ in range(20):
        r = reader()
        r.add(log.bytes, 0, len(log.bytes), 0, END_OF_TIME)
        r.finish()
        r.add(log.bytes, 0, len(log.bytes), 0, END_OF_TIME)
        next(r.messages())
        r.add(log.bytes, 0, len(log.bytes), 0, END_OF_TIME)


def test_a_batch_may_die_on_another_thread(counted):
    held = [decode(Log().bytes) for _ in range(10)]

    def drop() -> None:
        while held:
            held.pop()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()


def test_the_owner_cannot_be_resized_while_it_is_seen():
    log = bytearray(Log().bytes)
    r = reader("value")
    r.add(log, 0, len(log), 0, END_OF_TIME)
    batch = r.finish()
    with pytest.raises(BufferError):
        log.clear()
    del batch, r
    gc.collect()
    log.clear()


def test_a_few_rows_do_not_hold_the_memory_of_many(counted):
    log = Log(10)
    decode(log.bytes)
    before = live_bytes()
    batches = [decode(log.bytes) for _ in range(100)]
    assert live_bytes() - before < len(batches) * 70_000  # most of it room for headers


def test_a_block_is_memory_that_anybody_can_fill():
    block = _core.Block(5)
    memoryview(block)[:] = b"hello"
    assert bytes(block) == b"hello"
    assert len(block) == 5
    with pytest.raises(ValueError, match="-1 bytes"):
        _core.Block(-1)


def test_encoded_batches_use_the_same_memory_again(counted):
    columns = _core.Columns(pa.record_batch({"value": [VALUE % 1]}))
    ((_, rows),) = columns.route(1, 0)
    addresses = set()
    for _ in range(10):
        batch = rows.encode(0, 0, 1 << 20)
        addresses.add(pa.py_buffer(batch).address)
        del batch
    assert len(addresses) == 1
