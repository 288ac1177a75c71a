"""The unit is the batch: what Python does and allocates is the same for one record and for a thousand.

Counted, not timed: executed bytecodes (a loop over records would show), calls, bytes at the peak.
"""

import gc
import sys
import tracemalloc
from collections import deque

import pyarrow as pa
import pytest

import pykafkalite as pk

SLACK = 2_000  # bytes: an int above 256 is an object; 999 objects more would be at least 24,000


def rows(count):
    return pa.record_batch(
        {
            "value": [b"v" * 100] * count,
            "key": [b"k" * 20] * count,
            "timestamp": pa.array([1_700_000_000_000] * count, pa.timestamp("ms", "UTC")),
        }
    )


def bytecodes_and_calls(action):
    """How many bytecodes Python executes during `action`, and how many frames it enters."""
    counts = {"opcode": 0, "call": 0}

    def trace(frame, event, _):
        if event in counts:
            counts[event] += 1
        frame.f_trace_opcodes = True
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return counts


def bytes_at_the_peak(action):
    """Of Python's own memory, over what was there before; buffers of records are not Python's."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        action()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def no_collector():
    """Its callbacks would be counted too."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def log(tmp_path):
    with pk.open(tmp_path / "log") as opened:
        yield opened


@pytest.fixture(params=["append_batch", "scan", "a scan's next batch", "messages"])
def work(request, log):
    """A function of a record count that gives the work to measure, warmed up."""

    def topic_of(count):
        topic = log.create_topic(f"of-{count}", config={"retention.ms": -1})
        for _ in range(3):
            topic.append_batch(rows(count))
        return topic

    def append_batch(count):
        topic, batch = topic_of(count), rows(count)
        return lambda: topic.append_batch(batch)

    def scan(count):
        topic = topic_of(count)
        list(topic.scan())
        return lambda: list(topic.scan())

    def next_batch(count):
        topic = topic_of(count)
        batches = iter(topic.scan(follow=True))
        next(batches)
        for _ in range(2):
            topic.append_batch(rows(count))
            next(batches)
        topic.append_batch(rows(count))
        return lambda: next(batches)

    def messages(count):
        topic = topic_of(count)
        deque(topic.scan().messages(), maxlen=0)
        return lambda: deque(topic.scan().messages(), maxlen=0)

    works = {
        "append_batch": append_batch,
        "scan": scan,
        "a scan's next batch": next_batch,
        "messages": messages,
    }
    return works[request.param]


def test_python_executes_as_much_for_one_record_as_for_a_thousand(work):
    assert bytecodes_and_calls(work(1)) == bytecodes_and_calls(work(1000))


def test_python_allocates_as_much_for_one_record_as_for_a_thousand(work):
    one, thousand = bytes_at_the_peak(work(1)), bytes_at_the_peak(work(1000))
    assert abs(thousand - one) < SLACK


def test_the_counters_see_work_for_each_record():
    def each(count):
        return [b"%d" % number for number in range(count)]

    assert (
        bytecodes_and_calls(lambda: each(1000))["opcode"]
        > bytecodes_and_calls(lambda: each(1))["opcode"] + 999
    )
    assert bytes_at_the_peak(lambda: each(1000)) > bytes_at_the_peak(lambda: each(1)) + 10 * SLACK
