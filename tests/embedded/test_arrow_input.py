"""What other libraries call bytes, times and headers becomes what the core reads."""

import decimal
from datetime import UTC, date, datetime

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pykafkalite._core import Columns
from pykafkalite.embedded.arrow_input import canonical, chunks_of, columns_of, in_memory
from pykafkalite.errors import InvalidColumns

HEADER = pa.struct([("key", pa.string()), ("value", pa.binary())])
VIEW_HEADER = pa.struct([("key", pa.string_view()), ("value", pa.binary_view())])
HEADERS = [[{"key": "a", "value": b"x" * 20}, {"key": "b", "value": None}], None, []]


def one(name, array):
    """The column after the cast, next to a value column that needs none."""
    others = {} if name == "value" else {"value": pa.array([b"v"] * len(array))}
    cast = canonical(pa.RecordBatch.from_pydict({**others, name: array}))
    assert Columns(cast).rows == len(array)
    return cast.column(name) if name in cast.schema.names else None


@pytest.mark.parametrize(
    "array",
    [
        pa.array([b"a", None, b"c" * 30]),
        pa.array([b"a", None, b"c" * 30], pa.large_binary()),
        pa.array([b"a", None, b"c" * 30], pa.binary_view()),
        pa.array(["a", None, "c" * 30]),
        pa.array(["a", None, "c" * 30], pa.large_string()),
        pa.array(["a", None, "c" * 30], pa.string_view()),
        pa.array(["a", None, "c" * 30]).dictionary_encode(),
        pa.array([b"a", None, b"c" * 30]).dictionary_encode(),
        pa.array(["a", None, "c" * 30])
        .dictionary_encode()
        .cast(pa.dictionary(pa.uint8(), pa.large_string())),
    ],
    ids=lambda array: str(array.type)[:40],
)
@pytest.mark.parametrize("name", ["value", "key"])
def test_bytes_and_text_of_every_layout_are_taken(name, array):
    assert one(name, array).cast(pa.binary()).to_pylist() == [b"a", None, b"c" * 30]


def test_fixed_size_and_missing_values_are_taken():
    assert one("key", pa.array([b"ab", None], pa.binary(2))).to_pylist() == [b"ab", None]
    assert one("key", pa.nulls(2)).to_pylist() == [None, None]
    assert one("key", pa.array([b"x" * 16], pa.uuid())).to_pylist() == [b"x" * 16]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1_700_000_000], pa.timestamp("s")), 1_700_000_000_000),
        (pa.array([1_700_000_000_123], pa.timestamp("ms", "Europe/Paris")), 1_700_000_000_123),
        (pa.array([1_700_000_000_123_999], pa.timestamp("us", "UTC")), 1_700_000_000_123),
        (pa.array([1_700_000_000_123_999_999], pa.timestamp("ns")), 1_700_000_000_123),
        (pa.array([date(2020, 1, 1)]), 1_577_836_800_000),
        (pa.array([5], pa.uint32()), 5),
        (pa.array([None], pa.timestamp("us")), None),
    ],
)
def test_times_of_every_unit_become_milliseconds(array, expected):
    assert one("timestamp", array).cast(pa.int64()).to_pylist() == [expected]


def test_a_column_of_nothing_is_no_column():
    for name in ("timestamp", "headers", "partition"):
        assert one(name, pa.nulls(2)) is None


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(HEADER),
        pa.large_list(VIEW_HEADER),
        pa.list_view(HEADER),
        pa.large_list_view(VIEW_HEADER),
        pa.list_(pa.struct([("value", pa.large_binary()), ("key", pa.large_string())])),
        pa.list_(pa.struct([("key", pa.dictionary(pa.int8(), pa.string())), ("value", pa.binary())])),
    ],
    ids=str,
)
def test_headers_in_lists_of_every_layout_are_taken(kind):
    cast = one("headers", pa.array(HEADERS, kind))
    assert pa.array(cast.to_pylist(), pa.list_(HEADER)).to_pylist() == HEADERS


def test_headers_may_be_a_map_or_always_empty():
    pairs = [[("a", b"x" * 20), ("b", None)], None, []]
    assert one("headers", pa.array(pairs, pa.map_(pa.string(), pa.binary()))).to_pylist() == HEADERS
    assert one("headers", pa.array([[], []])).to_pylist() == [[], []]


def test_partitions_of_every_integer_are_taken_when_they_fit():
    assert one("partition", pa.array([0, None, 2], pa.int64())).to_pylist() == [0, None, 2]
    with pytest.raises(InvalidColumns, match="partition"):
        one("partition", pa.array([2**40], pa.int64()))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("value", pa.array([1])),
        ("value", pa.array([decimal.Decimal("1.5")])),
        ("value", pa.array([{"a": 1}])),
        ("key", pa.array([[b"k"]])),
        ("timestamp", pa.array(["noon"])),
        ("timestamp", pa.array([1.5])),
        ("headers", pa.array([["a"]])),
        ("headers", pa.array([[{"key": "a", "value": 1}]])),
        ("headers", pa.array([[{"key": "a", "value": b"b", "more": 1}]])),
        ("headers", pa.array([{"a": b"b"}])),
        ("partition", pa.array(["0"])),
        ("colour", pa.array(["red"])),
    ],
)
def test_any_other_type_is_refused_by_name(name, array):
    with pytest.raises(InvalidColumns, match=f"'?{name}'?.*append_batch takes"):
        one(name, array)


def test_a_canonical_batch_is_not_touched(monkeypatch):
    monkeypatch.setattr("pykafkalite.embedded.arrow_input.canonical", None)
    assert columns_of(pa.RecordBatch.from_pydict({"value": [b"v"], "key": ["k"]})).rows == 1


# --- other libraries -------------------------------------------------------


def rows(data):
    return sum(chunk.columns.rows for chunk in chunks_of(data))


def test_polars_frames_are_taken():
    frame = pl.DataFrame(
        {
            "value": [b"a", None],
            "key": pl.Series(["x", "y"], dtype=pl.Categorical),
            "timestamp": [datetime(2020, 1, 1, tzinfo=UTC)] * 2,
            "headers": [[{"key": "h", "value": b"1"}], []],
            "partition": [0, 1],
        }
    )
    assert rows(frame) == 2
    assert in_memory(frame)


def test_pandas_frames_are_taken_whatever_their_index():
    frame = pd.DataFrame(
        {"value": ["a", "b", "c"], "timestamp": pd.to_datetime(["2020-01-01"] * 3, utc=True)}
    )
    assert rows(frame) == 3
    assert rows(frame[frame.value != "b"]) == 2
    assert rows(frame.set_index("timestamp")) == 3
    assert in_memory(frame)


def test_a_pandas_column_of_mixed_things_is_refused():
    with pytest.raises(InvalidColumns):
        rows(pd.DataFrame({"value": [b"a", 1]}))


def test_duckdb_relations_are_taken_as_streams():
    relation = duckdb.sql(
        "select 'a'::blob as value, 'k' as key, now() as timestamp, map {'h': 'x'::blob} as headers "
        "from range(5000)"
    )
    assert rows(relation) == 5000
    assert not in_memory(relation)


def test_tables_and_readers_are_taken():
    table = pa.table({"value": pa.chunked_array([[b"a"], [], [b"b", b"c"]])})
    assert rows(table) == rows(table.to_reader()) == 3
    assert in_memory(table)
    assert not in_memory(table.to_reader())
