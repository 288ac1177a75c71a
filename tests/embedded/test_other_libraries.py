"""DuckDB, Polars and pandas read scans, and what they make of them can be appended."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sample_rows import rows

from pykafkalite.errors import CorruptBatch


@pytest.fixture
def events(topic):
    topic.append_batch(rows(1000))
    return topic


def test_duckdb_finds_a_scan_by_its_name(events):
    scan = events.scan()  # noqa: F841 - DuckDB finds it
    assert duckdb.sql('select count(*), min("offset"), max("offset") from scan').fetchall() == [
        (1000, 0, 999)
    ]
    assert duckdb.sql('select value from scan where "offset" = 7').fetchall()[0][0].startswith(b"7:v")


def test_duckdb_reads_headers_and_times(topic):
    topic.append(b"v", headers=[("h", b"x")], timestamp=2_000_000_000)
    scan = topic.scan()  # noqa: F841 - DuckDB finds it
    found = duckdb.sql("select headers[1].key, headers[1].value, epoch_ms(timestamp) from scan").fetchall()[0]
    assert found == ("h", b"x", 2_000_000_000)


def test_duckdb_may_join_a_scan_with_itself(events):
    scan = events.scan(columns=["offset", "key"])  # noqa: F841 - DuckDB finds it
    joined = duckdb.sql(
        'select count(*) from scan a join scan b on a.key = b.key and a."offset" = b."offset"'
    )
    assert joined.fetchall()[0] == (1000,)


def test_making_a_stream_reads_nothing(log, monkeypatch):
    from pykafkalite.embedded import cursor

    topic = log.create_topic("unread")
    topic.append_batch(rows(10))
    scan = topic.scan()
    reads = []
    read = cursor.Cursor.read
    monkeypatch.setattr(cursor.Cursor, "read", lambda self: reads.append(1) or read(self))
    streams = [scan.__arrow_c_stream__() for _ in range(3)]
    readers = [pa.RecordBatchReader.from_stream(scan) for _ in range(3)]
    assert not reads
    assert all(reader.schema == scan.schema for reader in readers)
    del streams
    assert readers[0].read_all().num_rows == 10


def test_polars_takes_a_scan_as_it_is(events):
    frame = events.scan().to_polars()
    assert frame.height == 1000
    assert frame["value"][0].startswith(b"0:v")
    assert frame["topic"].unique().to_list() == ["events"]
    assert pl.DataFrame(events.scan(columns=["offset"]))["offset"].sum() == 999 * 1000 // 2


def test_pandas_takes_a_scan_with_options(events):
    frame = events.scan().to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["value"][999].startswith(b"999:v")
    assert str(frame["timestamp"].dtype).startswith("datetime64")
    narrow = events.scan(columns=["offset"]).to_pandas(types_mapper=pd.ArrowDtype)
    assert narrow["offset"].dtype == pd.ArrowDtype(pa.int64())


@pytest.mark.parametrize("form", ["to_arrow", "to_polars", "to_pandas"])
def test_what_they_hold_goes_back_in(log, events, form):
    events.append(None, key=b"k", headers=[("h", b"x"), ("i", None)])
    copy = log.create_topic("copy")
    copy.append_batch(getattr(events.scan(), form)())
    columns = ["offset", "timestamp", "key", "value", "headers"]
    assert (
        copy.scan(columns=columns).to_arrow().to_pylist()
        == events.scan(columns=columns).to_arrow().to_pylist()
    )


def test_duckdb_queries_go_in(log, events):
    scan = events.scan()  # noqa: F841 - DuckDB finds it
    copy = log.create_topic("copy")
    assert (
        copy.append_batch(duckdb.sql('select key, value, timestamp from scan where "offset" < 5')).rows == 5
    )
    assert [m.key for m in copy.scan().messages()] == [b"k0", b"k1", b"k2", b"k3", b"k4"]


def test_an_error_within_a_stream_reaches_who_reads_it(log, events, path):
    from pykafkalite.embedded import cursor

    def fails(self):
        raise CorruptBatch("bad bytes at 42")

    scan = events.scan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cursor.Cursor, "read", fails)
        with pytest.raises(CorruptBatch):
            scan.to_arrow()
        with pytest.raises(Exception, match="bad bytes at 42"):
            duckdb.sql("select count(value) from scan").fetchall()
