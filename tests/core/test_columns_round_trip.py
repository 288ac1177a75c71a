"""What goes in as Arrow columns comes out as the same Arrow columns."""

from __future__ import annotations

import pyarrow as pa
import pytest
from arrow_rows import END_OF_TIME, EVERY, HEADERS, decode, encode, reader, record_batch, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pykafkalite import _core

VALUES = st.one_of(st.none(), st.binary(max_size=40), st.binary(min_size=100, max_size=300))
HEADER = st.tuples(st.text(max_size=20), VALUES)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "value": VALUES,
            "key": VALUES,
            "timestamp": st.integers(0, 1 << 50),
            "headers": st.lists(HEADER, max_size=4),
        }
    ),
    min_size=1,
    max_size=60,
)
TYPES = st.sampled_from([pa.binary(), pa.large_binary(), pa.binary_view()])
TEXTS = st.sampled_from([pa.string(), pa.large_string(), pa.string_view()])
LISTS = st.sampled_from([pa.list_, pa.large_list])


@settings(deadline=None, max_examples=150)
@given(ROWS, st.data())
def test_rows_survive_columns_batches_and_columns_again(rows, data):
    types = {
        "value": data.draw(TYPES),
        "key": data.draw(TYPES),
        "headers": data.draw(LISTS)(pa.struct([("key", data.draw(TEXTS)), ("value", data.draw(TYPES))])),
    }
    skip = data.draw(st.integers(0, len(rows) - 1))
    source = record_batch(rows, **types).slice(skip)
    batch = decode(encode(source, base_offset=7, target=data.draw(st.sampled_from([1, 500, 1 << 20]))))
    expected = [
        {"topic": "flights", "partition": 3, "offset": 7 + i, **row} for i, row in enumerate(rows[skip:])
    ]
    assert rows_of(batch) == [{name: row[name] for name in EVERY} for row in expected]


@settings(deadline=None, max_examples=50)
@given(ROWS)
def test_messages_are_the_rows(rows):
    log = encode(rows)
    r = reader()
    r.add(log, 0, len(log), 0, END_OF_TIME)
    for message, row in zip(r.messages(), rows, strict=True):
        assert {name: getattr(message, name) for name in row} == row


def test_a_null_list_of_headers_is_an_empty_one():
    rows = [{"value": b"a", "headers": None}, {"value": b"b", "headers": [("h", None)]}]
    assert [row["headers"] for row in rows_of(decode(encode(rows)))] == [[], [("h", None)]]


def test_rows_without_a_timestamp_get_the_time_of_the_append():
    rows = [{"value": b"a", "timestamp": None}, {"value": b"b", "timestamp": 5}]
    assert [row["timestamp"] for row in rows_of(decode(encode(rows, now=77)))] == [77, 5]


def test_text_is_taken_as_bytes():
    source = pa.record_batch({"value": pa.array(["é", None, "x" * 50])})
    assert [row["value"] for row in rows_of(decode(encode(source)))] == ["é".encode(), None, b"x" * 50]


def test_a_struct_array_with_an_offset_of_its_own_is_taken():
    class Sliced:
        def __arrow_c_array__(self, requested_schema=None):
            structs = pa.array([{"value": b"%d" % i} for i in range(9)], pa.struct([("value", pa.binary())]))
            return structs.slice(4).__arrow_c_array__(requested_schema)

    assert [row["value"] for row in rows_of(decode(encode(Sliced())))] == [b"4", b"5", b"6", b"7", b"8"]


def test_topic_and_offset_of_a_scan_are_ignored():
    batch = decode(encode([{"value": b"once"}]))
    again = batch.select(["offset", "timestamp", "key", "value", "headers"])
    assert rows_of(decode(encode(again)))[0]["value"] == b"once"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"key": pa.array([b"k"])}, "value is missing"),
        (
            {"value": pa.array([1])},
            'value has to be binary or string, plain, large or view, not Arrow format "l"',
        ),
        ({"value": pa.array([b"v"]), "colour": pa.array([1])}, "unknown column colour"),
        ({"value": pa.array([b"v"]).dictionary_encode()}, 'not Arrow format "dictionary"'),
        ({"value": pa.array([b"v"]), "timestamp": pa.array([1], pa.timestamp("us"))}, r"timestamp\[ms\]"),
        ({"value": pa.array([b"v"]), "partition": pa.array([1])}, "partition has to be int32"),
        ({"value": pa.array([b"v"]), "headers": pa.array([["h"]])}, "headers has to be list<struct<"),
        (
            {"value": pa.array([b"v"]), "headers": pa.array([[{"key": b"h", "value": b""}]])},
            "headers.key has to be string",
        ),
    ],
)
def test_a_column_of_a_wrong_name_or_type_is_named(columns, problem):
    with pytest.raises(TypeError, match=problem):
        _core.Columns(pa.record_batch(columns))


def test_something_else_than_arrow_data_is_refused():
    with pytest.raises(TypeError, match="int has no __arrow_c_array__"):
        _core.Columns(1)


def test_the_first_row_that_is_too_large_is_named():
    columns = _core.Columns(record_batch([{"value": b"x" * n} for n in (10, 400, 500)]))
    assert columns.check(1000, 1) == (-1, -1)
    with pytest.raises(ValueError, match=r"row 1 alone makes a batch of 470 bytes; max.message.bytes is 469"):
        columns.check(469, 1)
    assert columns.check(570, 1) == (-1, -1)


def test_timestamps_are_looked_at_before_anything_is_written():
    rows = [{"value": b"", "timestamp": t} for t in (5, None, 3, 9)]
    assert _core.Columns(record_batch(rows)).check(1000, 1) == (3, 9)
    with pytest.raises(ValueError, match="row 4: the timestamp -2 ms is negative"):
        _core.Columns(record_batch([*rows, {"value": b"", "timestamp": -2}])).check(1000, 1)


def test_a_partition_that_does_not_exist_is_named():
    source = pa.record_batch({"value": [b"a", b"b"], "partition": pa.array([2, 3], pa.int32())})
    columns = _core.Columns(source)
    assert columns.check(1000, 4) == (-1, -1)
    with pytest.raises(ValueError, match=r"row 1: partition 3 is outside 0\.\.2"):
        columns.check(1000, 3)


def test_a_header_without_a_key_is_refused():
    source = pa.record_batch(
        {"value": [b"a"], "headers": pa.array([[{"key": None, "value": b"v"}]], HEADERS)}
    )
    with pytest.raises(ValueError, match="row 0: a null header"):
        _core.Columns(source).check(1000, 1)


def test_the_target_bounds_a_batch_but_never_below_one_record():
    columns = _core.Columns(record_batch([{"value": b"x" * 100} for _ in range(10)]))
    ((_, rows),) = columns.route(1, 0)
    assert rows.encode(0, 0, 61 + 3 * 109).count == 3
    assert rows.encode(0, 0, 61 + 3 * 109 - 1).count == 2
    assert rows.encode(9, 0, 1).count == 1


def test_an_encoded_batch_knows_its_timestamps():
    rows = [{"value": b"", "timestamp": t} for t in (5, 9, 3, 9)]
    ((_, part),) = _core.Columns(record_batch(rows)).route(1, 0)
    batch = part.encode(0, 0, 1000)
    header = _core.parse_batch(batch)
    assert (batch.min_timestamp, batch.max_timestamp, batch.max_timestamp_offset_delta) == (3, 9, 1)
    assert (header.base_timestamp, header.max_timestamp, header.count) == (5, 9, 4)
    assert (header.producer_id, header.base_sequence) == (batch.producer_id, batch.base_sequence) == (-1, -1)
    assert _core.check_records(batch, header)[:2] == (3, 9)
