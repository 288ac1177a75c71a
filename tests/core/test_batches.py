"""Record batches at the border: what is not a whole valid batch is an error, never a wrong answer."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from array import array
from pathlib import Path

import pyarrow as pa
import pytest

from pykafkalite import _core
from pykafkalite.errors import CorruptBatch, InvalidRecord, MessageTooLarge

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/data/*/*.log"))
ROWS = [
    (b"JFK", b"first", [("trace", b"\x00\xff"), ("none", None)], 1_000),
    (None, b"", None, 1_700),
    (b"", None, [], 995),
]
READ_BACK = [
    (0, 1_000, b"JFK", b"first", [("trace", b"\x00\xff"), ("none", None)]),
    (1, 1_700, None, b"", []),
    (2, 995, b"", None, []),
]


@pytest.fixture
def batch() -> bytearray:
    return _core.build_batch(ROWS)


def flipped(data: bytes, bit: int) -> bytes:
    copy = bytearray(data)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


# --- reading ---------------------------------------------------------------------


def test_what_was_built_is_read_back(batch):
    parsed = _core.parse_batch(batch)
    assert _core.records_of(batch, parsed) == READ_BACK
    assert (parsed.position, parsed.size, parsed.count) == (0, len(batch), 3)
    assert (parsed.base_offset, parsed.last_offset, parsed.leader_epoch) == (0, 2, 0)
    assert (parsed.base_timestamp, parsed.max_timestamp) == (1_000, 1_700)
    assert (parsed.producer_id, parsed.producer_epoch, parsed.base_sequence) == (-1, -1, -1)
    assert parsed.codec == 0
    assert [parsed.is_control, parsed.is_transactional, parsed.is_append_time] == [False] * 3


def test_attributes_and_the_producer_are_carried():
    batch = _core.build_batch(
        ROWS,
        attributes=_core.ATTR_CONTROL | _core.ATTR_TRANSACTIONAL,
        producer_id=2**62,
        producer_epoch=32_767,
        base_sequence=2**31 - 1,
    )
    parsed = _core.parse_batch(batch)
    assert parsed.is_control
    assert parsed.is_transactional
    assert (parsed.producer_id, parsed.producer_epoch, parsed.base_sequence) == (2**62, 32_767, 2**31 - 1)


def test_every_batch_is_walked_in_order(batch):
    batches = _core.walk_batches(batch + batch + batch)
    assert [b.position for b in batches] == [0, len(batch), 2 * len(batch)]
    assert [b.position for b in _core.walk_batches(batch * 3, len(batch), 2 * len(batch))] == [len(batch)]
    assert _core.walk_batches(b"") == []


def test_nothing_left_is_the_end(batch):
    with pytest.raises(EOFError):
        _core.parse_batch(batch, len(batch))


@pytest.mark.parametrize("position", [-1, 10**6, sys.maxsize, -sys.maxsize])
def test_a_position_outside_the_data_is_refused(batch, position):
    with pytest.raises(ValueError, match="outside the data"):
        _core.parse_batch(batch, position)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0, 10**6), (5, 4), (10**6, None), (0, -1)])
def test_a_range_outside_the_data_is_refused(batch, start, end):
    with pytest.raises(ValueError, match="not inside the data"):
        _core.walk_batches(batch, start, end)


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview, pa.py_buffer, lambda b: array("b", bytes(b))])
def test_any_contiguous_buffer_will_do(batch, view):
    assert _core.parse_batch(view(batch)).count == 3
    assert _core.crc32c(view(b"123456789")) == 0xE3069283


def test_what_is_no_buffer_is_refused(batch):
    with pytest.raises(TypeError):
        _core.parse_batch("text")
    with pytest.raises(BufferError):
        _core.parse_batch(memoryview(batch)[::2])


def test_a_batch_is_not_made_by_hand():
    with pytest.raises(TypeError, match="parse_batch"):
        _core.Batch()


def test_a_batch_tells_what_it_is(batch):
    told = f"<batch of offsets 0 to 2: 3 records, uncompressed, {len(batch)} bytes at 0>"
    assert repr(_core.parse_batch(batch)) == told


# --- damage ----------------------------------------------------------------------


def test_every_truncation_is_corrupt_at_its_position(batch):
    for cut in range(1, len(batch)):
        with pytest.raises(CorruptBatch, match="ends inside") as caught:
            _core.walk_batches(batch + batch[:cut])
        assert caught.value.position == len(batch)


def test_every_flip_is_found_or_lies_in_base_offset_or_leader_epoch(batch):
    missed = set()
    for bit in range(8 * len(batch)):
        try:
            _core.parse_batch(flipped(batch, bit))
            missed.add(bit // 8)
        except CorruptBatch:
            pass
    assert missed == {*range(8), *range(12, 16)}


def test_a_flip_under_an_unchecked_crc_does_no_harm(batch):
    for bit in range(8 * len(batch)):
        data = flipped(batch, bit)
        with contextlib.suppress(CorruptBatch, InvalidRecord):
            _core.records_of(data, _core.parse_batch(data, check_crc=False))


def test_damage_is_said_in_words(batch):
    with pytest.raises(CorruptBatch, match=r"at byte 0: the checksum does not match"):
        _core.parse_batch(flipped(batch, 8 * 70))
    with pytest.raises(CorruptBatch, match="format v2"):
        _core.parse_batch(flipped(batch, 8 * 16))
    with pytest.raises(CorruptBatch, match="contradict"):
        _core.parse_batch(bytes(100))


def test_a_header_of_other_data_is_not_believed(batch):
    parsed = _core.parse_batch(bytes(1000) + batch, 1000)
    with pytest.raises(ValueError, match="outside the data"):
        _core.records_of(batch, parsed)
    with pytest.raises(CorruptBatch):
        _core.check_records(bytes(2000), parsed)


# --- records ---------------------------------------------------------------------


def test_the_records_are_summed_up(batch):
    assert _core.check_records(batch, _core.parse_batch(batch)) == (995, 1_700, 1, 1, 1)


def test_decompressed_records_are_taken_from_where_they_are(batch):
    compressed = _core.reseal(batch, b"pretend this is zstd", 4)
    parsed = _core.parse_batch(compressed)
    assert (parsed.codec, parsed.count, parsed.size) == (4, 3, 61 + 20)
    assert _core.records_of(compressed, parsed, batch[_core.BATCH_HEADER :]) == READ_BACK
    with pytest.raises(InvalidRecord, match="decompressed first"):
        _core.records_of(compressed, parsed)
    with pytest.raises(CorruptBatch):
        _core.check_records(compressed, parsed, batch[_core.BATCH_HEADER : -1])


def test_a_header_key_that_is_not_utf8_does_not_hide_its_record():
    batch = _core.build_batch([(None, b"v", [("é", b"x")], 0)])
    data = bytes(batch).replace("é".encode(), b"\xff\xfe")
    assert _core.records_of(data, _core.parse_batch(data, check_crc=False))[0][4] == [("\ufffd\ufffd", b"x")]


# --- stamping --------------------------------------------------------------------


def test_stamping_assigns_offsets_in_order(batch):
    data = batch + batch
    assert _core.stamp(data, 100, 7) == 106
    first, second = _core.walk_batches(data)
    assert (first.base_offset, first.last_offset) == (100, 102)
    assert (second.base_offset, second.last_offset) == (103, 105)
    assert (first.leader_epoch, second.leader_epoch) == (7, 7)


def test_append_time_is_every_records_timestamp(batch):
    _core.stamp(batch, 0, 0, append_time=123_456)
    parsed = _core.parse_batch(batch)
    assert parsed.is_append_time
    assert parsed.max_timestamp == 123_456
    assert [row[1] for row in _core.records_of(batch, parsed)] == [123_456] * 3
    assert _core.check_records(batch, parsed) == (123_456, 123_456, 0, 1, 1)


def test_a_stamp_that_fails_changes_nothing(batch):
    data = batch + batch[:-1]
    before = bytes(data)
    with pytest.raises(CorruptBatch):
        _core.stamp(data, 100, 7, 5)
    with pytest.raises(ValueError, match="64 bits"):
        _core.stamp(batch, 2**63 - 3, 0)
    assert bytes(data) == before
    assert _core.parse_batch(batch).base_offset == 0


@pytest.mark.parametrize("bad", [(-1, 0, None), (0, -2, None), (0, 0, -1)])
def test_numbers_that_no_log_has_are_refused(batch, bad):
    with pytest.raises(ValueError, match="base offset"):
        _core.stamp(batch, *bad)


def test_read_only_bytes_cannot_be_stamped(batch):
    with pytest.raises(BufferError):
        _core.stamp(bytes(batch), 0, 0)


# --- building --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([], ValueError),
        ([(None, b"v", None)], ValueError),
        ([(None, "text", None, 0)], TypeError),
        ([(None, b"v", [(b"key", b"x")], 0)], TypeError),
        ([(None, b"v", [("key",)], 0)], TypeError),
        ([(None, b"v", None, "now")], TypeError),
        ([(None, b"v", None, -2)], InvalidRecord),
        ([(None, b"v", None, 2**63 - 1)], InvalidRecord),
        ([(None, b"v", None, 2**63)], InvalidRecord),
        (None, TypeError),
    ],
)
def test_rows_that_are_no_records_are_refused(rows, error):
    with pytest.raises(error):
        _core.build_batch(rows)


@pytest.mark.parametrize("attributes", [1, 4, _core.ATTR_LOG_APPEND_TIME, _core.ATTR_DELETE_HORIZON, -1])
def test_attributes_that_are_not_the_builders_are_refused(attributes):
    with pytest.raises(ValueError, match="attributes"):
        _core.build_batch(ROWS, attributes=attributes)


@pytest.mark.parametrize("codec", [-1, 5, 7])
def test_a_codec_that_kafka_does_not_have_is_refused(batch, codec):
    with pytest.raises(ValueError, match="is none of"):
        _core.reseal(batch, b"payload", codec)


def test_only_one_whole_batch_is_sealed_anew(batch):
    with pytest.raises(CorruptBatch, match="bytes behind"):
        _core.reseal(batch + batch, b"payload", 1)
    packed = _core.reseal(batch, b"payload", 1)
    assert _core.reseal(packed, batch[_core.BATCH_HEADER :], 0) == batch


@pytest.mark.long
def test_a_batch_over_two_gibibytes_is_refused():
    half = bytes(1 << 30)
    with pytest.raises(MessageTooLarge):
        _core.build_batch([(half, half, None, 0)])


# --- Kafka's own bytes -----------------------------------------------------------


def short(path: Path) -> str:
    return "-".join((path.parts[-4], path.parts[-2], path.stem[-3:]))


@pytest.mark.parametrize("path", GOLDEN, ids=short)
def test_batches_written_by_kafka_are_valid(path):
    data = path.read_bytes()
    for batch in _core.walk_batches(data):
        if batch.codec == 0:
            summary = _core.check_records(data, batch, dense=False)
            rows = _core.records_of(data, batch)
            assert len(rows) == batch.count
            assert summary[1] == max((row[1] for row in rows), default=-1)
            # Compaction may have taken the record that had the batch's largest timestamp.
            assert summary[1] <= batch.max_timestamp


def test_the_same_records_make_the_bytes_that_kafka_made():
    compared = 0
    for path in GOLDEN:
        data = path.read_bytes()
        for batch in _core.walk_batches(data):
            stored = data[batch.position : batch.position + batch.size]
            rows = _core.records_of(data, batch) if batch.codec == 0 else []
            gap = len(rows) != batch.last_offset - batch.base_offset + 1
            if gap or batch.is_append_time or batch.attributes & _core.ATTR_DELETE_HORIZON:
                continue
            ours = _core.build_batch(
                [(key, value, headers, timestamp) for _, timestamp, key, value, headers in rows],
                attributes=batch.attributes,
                producer_id=batch.producer_id,
                producer_epoch=batch.producer_epoch,
                base_sequence=batch.base_sequence,
            )
            _core.stamp(ours, batch.base_offset, batch.leader_epoch)
            assert ours == stored, (path, batch)
            compared += 1
    assert compared > 300


# --- threads ---------------------------------------------------------------------


def test_other_threads_run_while_much_is_checked():
    data = _core.build_batch([(None, bytes(64 << 20), None, 0)])
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    while time.perf_counter() - started < 0.2:
        _core.walk_batches(data)
    done.set()
    thread.join()
    assert len(ticks) > 20
