"""One record at a time into batches."""

from __future__ import annotations

import gc
import subprocess
import sys
import time

import pytest

from pykafkalite import _core
from pykafkalite._core.memory import live_blocks


class Clock:
    """Milliseconds, turned by hand."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


class Drained:
    """An accumulator and the (partition, values) of the batches it drained."""

    def __init__(self, partitions=1, *, batch_size=1 << 16, max_bytes=1 << 20, linger_ms=5, sticky=0):
        self.clock = Clock()
        self.batches: list[tuple[int, list[bytes | None]]] = []
        self.records: list[tuple[object, ...]] = []
        self.it = _core.RecordAccumulator(
            partitions,
            self.take,
            batch_size=batch_size,
            max_bytes=max_bytes,
            linger_ms=linger_ms,
            clock_ms=self.clock,
            sticky=sticky,
        )

    def take(self, partition, batch):
        records = _core.records_of(batch, _core.parse_batch(batch))
        self.records += records
        self.batches.append((partition, [value for _, _, _, value, _ in records]))


def test_records_come_out_as_they_went_in():
    d = Drained()
    d.it.append(b"plain")
    d.clock.now += 2
    d.it.append(None, key=b"k", headers=[("h", b"1"), ("é", None)])
    d.it.append(bytearray(b"array"), key=memoryview(b"view"), timestamp=7)
    d.it.drain_all()
    assert d.records == [
        (0, 1000, None, b"plain", []),
        (1, 1002, b"k", None, [("h", b"1"), ("é", None)]),
        (2, 7, b"view", b"array", []),
    ]


def test_a_full_batch_is_drained_before_the_next_record():
    d = Drained(batch_size=61 + 3 * 109)
    for _ in range(7):
        d.it.append(b"x" * 100)
    assert [len(values) for _, values in d.batches] == [3, 3]
    assert d.it.pending == 1


def test_a_batch_is_drained_when_its_first_record_has_lingered():
    d = Drained(linger_ms=5)
    d.it.append(b"a")
    d.clock.now += 4
    d.it.append(b"b")
    assert d.batches == []
    d.clock.now += 1
    d.it.append(b"c")
    assert d.batches == [(0, [b"a", b"b", b"c"])]
    d.it.append(b"d")
    d.clock.now += 5
    d.it.poll()
    assert d.batches[1:] == [(0, [b"d"])]
    assert d.it.pending == 0


def test_without_lingering_every_record_is_a_batch():
    d = Drained(linger_ms=0)
    for value in (b"a", b"b"):
        d.it.append(value)
    assert d.batches == [(0, [b"a"]), (0, [b"b"])]


def test_keys_decide_the_partition_as_in_java():
    d = Drained(partitions=5)
    for i in range(20):
        d.it.append(b"%d" % i, key=b"k%d" % (i % 3))
    d.it.drain_all()
    for partition, values in d.batches:
        assert {_core.partition_for_key(b"k%d" % (int(v) % 3), 5) for v in values} == {partition}


def test_records_without_a_key_stick_to_a_partition_until_its_batch_goes():
    d = Drained(partitions=3, batch_size=61 + 2 * 109, sticky=1)
    for _ in range(5):
        d.it.append(b"x" * 100)
    d.it.drain_all()
    assert [(partition, len(values)) for partition, values in d.batches] == [(1, 2), (2, 2), (0, 1)]


def test_a_partition_that_is_named_is_used():
    d = Drained(partitions=3)
    d.it.append(b"a", key=b"k", partition=2)
    d.it.drain_all()
    assert d.batches == [(2, [b"a"])]
    with pytest.raises(ValueError, match=r"partition 3 is outside 0\.\.2"):
        d.it.append(b"b", partition=3)


def test_a_large_record_gets_a_batch_of_its_own():
    d = Drained(batch_size=100)
    for size in (10, 1000, 10):
        d.it.append(b"x" * size)
    d.it.drain_all()
    assert [[len(v) for v in values if v is not None] for _, values in d.batches] == [[10], [1000], [10]]


def test_a_record_over_max_bytes_is_refused_and_the_others_stay():
    d = Drained(max_bytes=200)
    d.it.append(b"before")
    with pytest.raises(ValueError, match=r"alone makes a batch of 370 bytes; max.message.bytes is 200"):
        d.it.append(b"x" * 300)
    d.it.append(b"after")
    d.it.drain_all()
    assert d.batches == [(0, [b"before", b"after"])]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"value": "text"}, TypeError),
        ({"value": b"", "key": "text"}, TypeError),
        ({"value": b"", "headers": [(b"bytes", b"")]}, TypeError),
        ({"value": b"", "timestamp": -1}, ValueError),
        ({"value": b"", "partition": -1}, ValueError),
    ],
)
def test_a_wrong_record_is_not_taken(record, error):
    d = Drained()
    with pytest.raises(error):
        d.it.append(**record)
    assert d.it.pending == 0


def test_what_drain_raises_comes_through_and_the_accumulator_goes_on():
    def fail(partition, batch):
        raise OSError("disk")

    it = _core.RecordAccumulator(1, fail, batch_size=61 + 109, max_bytes=1000, linger_ms=10_000)
    it.append(b"x" * 100)
    with pytest.raises(OSError, match="disk"):
        it.append(b"y" * 100)
    assert it.pending == 0
    it.append(b"z" * 100)
    assert it.pending == 1


def test_the_clock_of_the_machine_is_the_default():
    stamps = []
    it = _core.RecordAccumulator(
        1, lambda p, b: stamps.append(b.max_timestamp), batch_size=1000, max_bytes=1000
    )
    before = time.time_ns() // 1_000_000
    it.append(b"a")
    it.drain_all()
    assert before <= stamps[0] <= time.time_ns() // 1_000_000


def test_its_memory_goes_back():
    gc.collect()
    before = live_blocks()
    d = Drained(partitions=4)
    for i in range(4):
        d.it.append(b"x", partition=i)
    assert live_blocks() == before + 4
    del d
    gc.collect()
    assert live_blocks() == before


def test_appending_and_reading_messages_need_no_pyarrow():
    program = """
import sys
from pykafkalite import _core
log = bytearray()
it = _core.RecordAccumulator(1, lambda p, b: log.extend(b), batch_size=1000, max_bytes=1000)
it.append(b"value", key=b"key")
it.drain_all()
reader = _core.ColumnReader("t", 0, ["offset", "timestamp", "key", "value", "headers"])
reader.add(log, 0, len(log), 0, 1)
assert [m.value for m in reader.messages()] == [b"value"]
assert not {"pyarrow", "numpy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
