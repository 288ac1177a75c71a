"""Files go in, the same records come out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import pykafkalite as pk

WHEN = datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
RECORDS = [
    {"key": "JFK", "value": "landed", "headers": [{"key": "h", "value": "v"}]},
    {"key": None, "value": "", "headers": []},
    {"key": "", "value": None, "headers": [{"key": "none", "value": None}]},
    {"key": "é", "value": 'with "quotes", commas\nand lines', "headers": []},
]


@pytest.fixture
def topic(cli):
    """Name of a topic of two partitions."""
    assert cli("topic", "create", "t", "-p", 2, "-c", "retention.ms=-1").code == 0
    return "t"


@pytest.fixture
def stdin(monkeypatch):
    def stdin(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return stdin


@pytest.fixture
def filled(cli, topic, tmp_path):
    with pk.open(tmp_path / "log") as log:
        for number, record in enumerate(RECORDS):
            log.topic(topic).append(
                *(None if record[name] is None else record[name].encode() for name in ("value", "key")),
                headers=[(h["key"], h["value"] and h["value"].encode()) for h in record["headers"]],
                timestamp=round(WHEN.timestamp() * 1000) + number,
                partition=number % 2,
            )
    return topic


def values(cli, topic="t", *options):
    return [row["value"] for row in cli("consume", topic, "-o", "jsonl", *options).rows]


def test_each_line_of_a_raw_file_is_a_value(cli, topic, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"one\n\nthree")
    result = cli("produce", topic, tmp_path / "lines.txt", "--json")
    assert (result.code, result.json["records"]) == (0, 3)
    assert sorted(values(cli)) == ["", "one", "three"]


def test_standard_input_is_the_default(cli, topic, stdin):
    stdin(b"a\nb\n")
    assert cli("produce", topic).code == 0
    assert sorted(values(cli)) == ["a", "b"]


def test_a_key_separator_splits_raw_lines(cli, topic, stdin):
    stdin(b"k:v:w\nalone\n")
    assert cli("produce", topic, "--key-separator", ":").code == 0
    rows = cli("consume", topic, "-o", "jsonl").rows
    assert sorted((row["key"] or "-", row["value"]) for row in rows) == [("-", "alone"), ("k", "v:w")]


def test_a_row_of_json_lines_is_a_value_as_it_stands(cli, topic, tmp_path):
    line = '{"from":"JFK",  "late": 4, "at": "2013-01-01T10:15:00Z"}'
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    assert cli("produce", topic, tmp_path / "rows.jsonl", "--key", "from", "--timestamp", "at").code == 0
    (row,) = cli("consume", topic, "-o", "jsonl").rows
    assert (row["key"], row["value"], row["timestamp"]) == ("JFK", line, WHEN.timestamp() * 1000)


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow"])
def test_a_row_of_a_file_with_columns_is_a_json_object(cli, topic, tmp_path, kind):
    table = pa.table({"origin": ["JFK", "EWR"], "late": [4, None]})
    path = tmp_path / f"rows.{kind}"
    if kind == "csv":
        csv.write_csv(table, path)
    elif kind == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    assert cli("produce", topic, path, "--key", "origin").code == 0
    found = {row["key"]: json.loads(row["value"]) for row in cli("consume", topic, "-o", "jsonl").rows}
    assert found == {"JFK": {"origin": "JFK", "late": 4}, "EWR": {"origin": "EWR", "late": None}}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "arrow"])
def test_what_consume_wrote_goes_back_in_as_it_was(cli, filled, tmp_path, kind):
    path = tmp_path / f"out.{kind}"
    assert cli("consume", filled, "--to", path).code == 0
    assert cli("topic", "create", "back", "-p", 2, "-c", "retention.ms=-1").code == 0
    assert cli("produce", "back", path).code == 0
    rows = [cli("consume", name, "-o", "jsonl").rows for name in (filled, "back")]
    for row in rows[1]:
        row["topic"] = filled
    assert len(rows[0]) == len(RECORDS)
    assert rows[1] == rows[0]


def test_bytes_that_are_no_text_survive_json(cli, topic, tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.topic(topic).append(b"\xff\x00", key=b"\x80")
    out = cli("consume", topic, "-o", "jsonl").out
    assert json.loads(out)["value"] == {"base64": "/wA="}
    (tmp_path / "rows.jsonl").write_text(out)
    assert cli("produce", topic, tmp_path / "rows.jsonl").code == 0
    assert cli("consume", topic, "-o", "raw").raw == b"\xff\x00\n" * 2


def test_a_value_that_is_no_text_cannot_be_csv_and_says_what_can(cli, topic, tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.topic(topic).append(b"\xff")
    result = cli("consume", topic, "-o", "csv")
    assert (result.code, "jsonl" in result.err) == (1, True)


def test_the_table_has_a_line_a_record(cli, filled):
    lines = cli("consume", filled, "-o", "table").out.splitlines()
    assert lines[0].split() == ["partition", "offset", "timestamp", "key", "value"]
    assert lines[1].split() == ["0", "0", "2013-01-01", "10:15:00.000", "JFK", "landed", "h=v"]
    assert len(lines) == 1 + len(RECORDS)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--start", "latest"], 0),
        (["--start", "1"], 2),
        (["--start", "0=1,1=latest"], 1),
        (["--end", "0=1,1=0"], 1),
        (["--partition", "1"], 2),
        (["--start", "2013-01-01T10:15:00.002Z"], 2),
        (["--limit", "3"], 3),
        (["--limit", "0"], 0),
    ],
)
def test_a_range_can_be_asked_for(cli, filled, options, count):
    assert len(values(cli, filled, *options)) == count


def test_a_group_goes_on_from_what_it_committed(cli, filled, tmp_path):
    assert len(values(cli, filled, "--group", "g")) == len(RECORDS)
    assert values(cli, filled, "--group", "g") == []
    with pk.open(tmp_path / "log") as log:
        log.topic(filled).append(b"news")
    assert values(cli, filled, "--group", "g") == ["news"]


def test_a_group_takes_no_range(cli, filled):
    assert cli("consume", filled, "--group", "g", "--limit", "1").code == 2


def test_an_unknown_topic_is_named_with_the_way_to_make_it(cli, topic, stdin):
    stdin(b"a\n")
    result = cli("produce", "other", "--json")
    assert (result.code, "--create" in result.error["message"]) == (3, True)
    stdin(b"a\n")
    assert cli("produce", "other", "--create", "--partitions", 2).code == 0
    assert values(cli, "other") == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"a": 1}\nnonsense\n', "line 2 is not JSON"),
        ("a.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("a.jsonl", b'{"value": "a"}\n{"value": "b", "timestamp": "noon"}\n', "row 2: "),
        ("a.jsonl", b'{"value": "a", "headers": [1]}\n', "row 1: "),
        ("a.jsonl", b'{"value": "a", "partition": "x"}\n', "row 1: "),
        ("a.jsonl", b'{"value": {"base64": "@@@@"}}\n', "row 1: "),
        ("a.jsonl", b'{"value": "a", "partition": 9}\n', "partition 9"),
        ("a.csv", b"a,b\n1,2,3\n", "not CSV"),
        ("a.parquet", b"not parquet", "not Parquet"),
        ("a.arrow", b"not arrow at all", "not Arrow IPC"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(cli, topic, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    result = cli("produce", topic, tmp_path / name)
    assert (result.code, said in result.err) == (1, True)


def test_a_record_too_large_says_how_many_are_stored_before_it(cli, topic, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"small\n" * 1_000_000 + b"x" * 2_000_000)
    result = cli("produce", topic, tmp_path / "lines.txt", "--json")
    assert (result.code, result.error["type"]) == (1, "MessageTooLarge")
    (row,) = cli("topic", "list", "--json").json
    assert f"after {row['records']:,} records (which are stored)" in result.error["message"]
    assert row["records"] > 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--start", "nonsense"], 2),
        (["--start", "-10parsecs"], 2),
        (["--start", "0=1,1=nonsense"], 2),
        (["--start", "99999"], 3),
        (["--partition", "9"], 3),
        (["--group", ""], 2),
        (["--output", "parquet", "--follow"], 2),
        (["--at", "ftp://host"], 2),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_what_can(cli, filled, options, code):
    result = cli("consume", filled, *options, "--json")
    assert (result.code, result.error["exit"], result.out) == (code, code, "")


def test_a_damaged_batch_is_named_and_the_offset_given_goes_on_behind_it(cli, topic, tmp_path):
    with pk.open(tmp_path / "log") as log:
        for value in (b"one", b"two", b"three"):
            log.topic(topic).append(value, partition=0)
    segment = tmp_path / "log" / f"{topic}-0" / f"{0:020d}.log"
    segment.write_bytes(segment.read_bytes().replace(b"two", b"2wo"))
    result = cli("consume", topic, "-o", "jsonl", "--json")
    assert (result.code, result.error["type"], result.error["path"]) == (1, "CorruptBatch", str(segment))
    assert [row["value"] for row in result.rows] == ["one"]
    assert values(cli, topic, "--start", f"0={result.error['next_offset']}") == ["three"]


def test_a_column_that_is_not_there_is_named_with_those_that_are(cli, topic, tmp_path):
    (tmp_path / "rows.csv").write_text("origin,late\nJFK,4\n")
    result = cli("produce", topic, tmp_path / "rows.csv", "--key", "dest")
    assert (result.code, "origin, late" in result.err) == (1, True)


def test_columns_of_a_raw_file_are_a_usage_error(cli, topic, stdin):
    stdin(b"")
    assert cli("produce", topic, "--key", "a").code == 2
