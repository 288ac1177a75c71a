"""Stored batches -> columns: bounds, states, and what is not plain."""

from __future__ import annotations

import zlib

import pyarrow as pa
import pytest
from arrow_rows import END_OF_TIME, decode, encode, reader, record_batch, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pykafkalite import _core

HORIZON = 1_700_000_000_000


def numbered(count: int, base_offset: int = 0, **options: int) -> bytearray:
    """`count` rows whose value is their offset."""
    rows = [{"value": b"%d" % (base_offset + i), "timestamp": i} for i in range(count)]
    return encode(rows, base_offset=base_offset, **options)


def offsets(batch: pa.RecordBatch) -> list[int]:
    assert [int(value) for value in batch["value"].to_pylist()] == batch["offset"].to_pylist()
    return batch["offset"].to_pylist()


def built(values: list[bytes], base_offset: int = 0, **options: int) -> bytearray:
    batch = _core.build_batch([(None, value, None, 5) for value in values], **options)
    _core.stamp(batch, base_offset, 0)
    return batch


def patched(batch: bytearray, at: int, new: bytes) -> bytearray:
    """`batch` with bytes replaced and the CRC anew."""
    batch = bytearray(batch)
    batch[at : at + len(new)] = new
    batch[17:21] = _core.crc32c(batch[21:]).to_bytes(4, "big")
    return batch


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 31), st.sampled_from([61 + 9, 150, 1 << 20]))
def test_first_and_until_cut_inside_batches(first, until, target):
    log = numbered(30, target=target)
    r = reader()
    state = r.add(log, 0, len(log), first, until)
    assert offsets(r.finish()) == list(range(first, min(until, 30)))
    if until <= 30:
        assert state == r.UNTIL
        assert r.next_offset == max(first, until)
    else:
        assert (state, r.next_offset, r.position) == (r.END, 30, len(log))


@pytest.mark.parametrize("target", [61 + 9, 200, 1 << 20])
def test_a_full_reader_goes_on_where_it_stopped(target):
    log, seen, at, next_offset = numbered(100, target=target), [], 0, 0
    r = reader(max_rows=7)
    while True:
        state = r.add(log, at, len(log), next_offset, END_OF_TIME)
        batch = r.finish()
        assert 0 < batch.num_rows <= 7
        seen += offsets(batch)
        at, next_offset = r.position, r.next_offset
        if state == r.END:
            break
        assert state == r.FULL
    assert seen == list(range(100))


def test_small_batches_are_coalesced():
    log = numbered(100, target=1)
    r = reader()
    for at in range(0, len(log), len(log) // 10):
        r.add(log, r.position, min(at + len(log) // 10, len(log)), 0, END_OF_TIME)
    assert offsets(r.finish()) == list(range(100))


def test_max_bytes_ends_a_record_batch():
    log = numbered(100, target=1)
    r = reader(max_bytes=1000)
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.FULL
    assert r.position <= 1000
    assert r.rows == r.next_offset == r.position // (len(log) // 100)


def test_a_batch_cut_off_at_the_end_is_truncated_and_what_was_before_it_is_there():
    log = numbered(3) + numbered(3, 3)
    for cut in range(1, len(log) // 2):
        r = reader()
        assert r.add(log, 0, len(log) - cut, 0, END_OF_TIME) == r.TRUNCATED
        assert (r.position, r.next_offset, r.rows) == (len(log) // 2, 3, 3)


def test_a_corrupt_batch_is_said_where_it_lies_and_what_was_before_it_is_there():
    log = numbered(3) + numbered(3, 3) + numbered(3, 6)
    log[len(log) // 2] ^= 1
    r = reader()
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.CORRUPT
    assert (r.position, r.next_offset) == (len(log) // 3, 3)
    assert r.problem == "the checksum does not match the bytes"
    assert offsets(r.finish()) == [0, 1, 2]


def test_records_that_contradict_their_batch_are_corrupt_though_the_checksum_is_right():
    good = built([b"a", b"b", b"c"])
    for at, new in ((61, b"\x10"), (57, (2).to_bytes(4, "big")), (57, (4).to_bytes(4, "big"))):
        r = reader()
        assert r.add(patched(good, at, new), 0, len(good), 0, END_OF_TIME) == r.CORRUPT
        assert "contradict" in r.problem
        assert r.rows == 0


def test_offsets_that_fall_from_batch_to_batch_are_corrupt():
    log = numbered(3, 5) + numbered(3, 5)
    r = reader()
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.CORRUPT
    assert offsets(r.finish()) == [5, 6, 7]


def test_nulls_after_a_corrupt_batch_do_not_leak_into_the_next_one():
    rows = [{"key": b"k", "value": b"v"}, {"key": None, "value": b"v"}]
    good, bad = encode(rows), bytearray(encode([{"key": None, "value": None}] * 9, base_offset=2))
    bad = patched(bad, len(bad) - 1, b"\x02")
    r = reader()
    r.add(good, 0, len(good), 0, END_OF_TIME)
    assert r.add(bad, 0, len(bad), 2, END_OF_TIME) == r.CORRUPT
    tail = encode([{"key": b"x" * 20, "value": b"w"}] * 9, base_offset=11)
    assert r.add(tail, 0, len(tail), 11, END_OF_TIME) == r.END
    batch = r.finish()
    batch.validate(full=True)
    assert batch["key"].to_pylist() == [b"k", None] + [b"x" * 20] * 9
    assert batch["value"].to_pylist() == [b"v", b"v"] + [b"w"] * 9


def test_control_batches_are_stepped_over():
    control = built([b"marker"], 3, attributes=_core.ATTR_CONTROL | _core.ATTR_TRANSACTIONAL)
    log = numbered(3) + control + numbered(2, 4) + built([b"end"], 6, attributes=_core.ATTR_CONTROL)
    r = reader()
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.END
    assert r.next_offset == 7
    assert offsets(r.finish()) == [0, 1, 2, 4, 5]


def test_gaps_that_compaction_left_are_kept():
    log = bytearray(numbered(3))
    log[23:27] = (9).to_bytes(4, "big")  # last_offset_delta: seven records are gone
    log = patched(log, 23, (9).to_bytes(4, "big")) + numbered(2, 15)
    r = reader()
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.END
    assert offsets(r.finish()) == [0, 1, 2, 15, 16]
    assert r.add(log, 0, len(log), 5, 12) == r.UNTIL
    assert (r.rows, r.next_offset) == (0, 12)


def test_log_append_time_is_the_time_of_every_record():
    log = numbered(3)
    _core.stamp(log, 0, 0, append_time=77)
    assert [row["timestamp"] for row in rows_of(decode(log))] == [77, 77, 77]


def test_a_delete_horizon_is_what_deltas_count_from():
    log = patched(numbered(3), 21, _core.ATTR_DELETE_HORIZON.to_bytes(2, "big"))
    log = patched(log, 27, HORIZON.to_bytes(8, "big"))
    assert [row["timestamp"] for row in rows_of(decode(log))] == [HORIZON, HORIZON + 1, HORIZON + 2]


def test_no_timestamp_stays_minus_one():
    batch = _core.build_batch([(None, b"v", None, -1)])
    assert decode(batch, "timestamp")["timestamp"].cast(pa.int64()).to_pylist() == [-1]


def test_a_compressed_batch_is_handed_out_and_taken_back():
    plain = numbered(4, 3)
    packed = _core.reseal(plain, zlib.compress(bytes(plain[61:])), 1)
    _core.stamp(packed, 3, 0)
    log = numbered(3) + packed + numbered(3, 7)
    r = reader()
    assert r.add(log, 0, len(log), 0, END_OF_TIME) == r.COMPRESSED
    at = r.position
    batch = _core.parse_batch(log, at)
    payload = zlib.decompress(log[at + 61 : at + batch.size])
    assert r.add_decompressed(log, at, payload, 0, END_OF_TIME) == r.END
    assert r.add(log, r.position, len(log), r.next_offset, END_OF_TIME) == r.END
    result = r.finish()
    result.validate(full=True)
    assert offsets(result) == list(range(10))


def test_a_compressed_batch_with_other_records_inside_is_corrupt():
    packed = _core.reseal(numbered(4), b"?", 1)
    r = reader()
    assert r.add(packed, 0, len(packed), 0, END_OF_TIME) == r.COMPRESSED
    for payload in (b"", b"\x00", bytes(numbered(3)[61:])):
        assert r.add_decompressed(packed, 0, payload, 0, END_OF_TIME) == r.CORRUPT
    assert r.rows == 0


def test_header_keys_that_are_no_utf8_become_replacement_characters():
    good = _core.build_batch([(None, b"v", [("k__k", b"x")], 0)])
    bad = patched(good, good.index(b"k__k"), b"k\xff\xc3k")
    batch = decode(bad)
    assert rows_of(batch)[0]["headers"] == [("k��k", b"x")]
    r = reader()
    r.add(bad, 0, len(bad), 0, END_OF_TIME)
    assert next(r.messages()).headers == [("k��k", b"x")]


def test_more_headers_than_room_was_made_for():
    rows = [
        {"value": b"", "headers": [(f"key{i}", None if i % 3 else b"%020d" % i)] * 5} for i in range(3000)
    ]
    assert [row["headers"] for row in rows_of(decode(encode(rows)))] == [row["headers"] for row in rows]
    long = [{"value": b"", "headers": [("n" * 100_000, b"v")]}]
    assert rows_of(decode(encode(long)))[0]["headers"] == long[0]["headers"]


def test_only_the_columns_asked_for_are_made_in_their_order():
    log = encode([{"key": b"k", "value": b"v", "headers": [("h", b"x")]}])
    assert decode(log, "value", "offset").schema.names == ["value", "offset"]
    assert decode(log, "topic", "partition").to_pylist() == [{"topic": "flights", "partition": 3}]
    assert decode(log, "headers").schema.equals(_core.record_batch_schema(["headers"]))


def test_a_reader_can_be_used_again_and_starts_empty():
    log = numbered(5)
    r = reader()
    empty = r.finish()
    empty.validate(full=True)
    assert empty.num_rows == 0
    for _ in range(3):
        r.add(log, 0, len(log), 0, END_OF_TIME)
        assert offsets(r.finish()) == [0, 1, 2, 3, 4]
    r.add(log, 0, len(log), 0, END_OF_TIME)
    assert [m.offset for m in r.messages()] == [0, 1, 2, 3, 4]
    assert r.rows == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": ["colour"]},
        {"columns": ["value", "value"]},
        {"columns": ["value"], "max_rows": 0},
        {"columns": ["value"], "max_bytes": 0},
    ],
)
def test_a_reader_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"column|max_"):
        _core.ColumnReader("t", 0, **wrong)


def test_a_span_outside_of_its_owner_is_refused():
    log = numbered(1)
    for start, end in ((0, len(log) + 1), (2, 1)):
        with pytest.raises(ValueError, match="outside"):
            reader().add(log, start, end, 0, 1)
    with pytest.raises(ValueError, match="outside"):
        reader().add_decompressed(log, len(log) + 1, b"", 0, 1)


def test_messages_need_their_numbers():
    with pytest.raises(ValueError, match="offset and timestamp"):
        reader("value").messages()


def test_a_message_shows_itself():
    log = encode([{"key": b"JFK", "value": b"late", "timestamp": 5, "headers": [("h", b"v")]}])
    r = reader()
    r.add(log, 0, len(log), 0, END_OF_TIME)
    (message,) = r.messages()
    assert repr(message) == (
        "<Message flights-3 @0 timestamp=5 key=b'JFK' value=b'late' headers=[('h', b'v')]>"
    )
    assert message == _core.Message("flights", 3, 0, 5, b"JFK", b"late", [("h", b"v")])


def test_a_message_has_headers_of_its_own():
    message = _core.Message("t", 0, 0, 0, None, b"v")
    message.headers.append(("h", None))
    assert message.headers == [("h", None)]
    assert _core.Message("t", 0, 0, 0, None, b"v").headers == []


def test_a_message_can_be_sent_to_another_process():
    import pickle

    message = _core.Message("t", 1, 2, 3, b"k", None, [("h", None)])
    assert pickle.loads(pickle.dumps(message)) == message


def test_rows_of_a_record_batch_are_what_encode_was_given():
    rows = [{"value": b"v%d" % i, "key": None, "timestamp": i} for i in range(20)]
    assert decode(encode(record_batch(rows)), "value")["value"].to_pylist() == [r["value"] for r in rows]


def test_messages_know_where_to_go_on_and_can_be_stopped():
    log = numbered(10, base_offset=5)
    r = reader()
    r.add(log, 0, len(log), 7, 100)
    messages = r.messages()
    assert messages.next_offset == 7
    assert [next(messages).offset, next(messages).offset, messages.next_offset] == [7, 8, 9]
    messages.stop()
    assert list(messages) == []
    assert messages.next_offset == 9
    assert r.messages().next_offset == -1


def test_messages_know_where_to_go_on_after_the_last_one():
    log = numbered(3)
    r = reader()
    r.add(log, 0, len(log), 0, 100)
    messages = r.messages()
    assert len(list(messages)) == 3
    assert messages.next_offset == 3
