"""`dump` shows what each kind of file holds."""

from __future__ import annotations

import base64
import json
import os
from itertools import groupby

import pytest

import pykafkalite as pk
from tests.cli.conftest import GOLDEN
from tests.cli.test_verify import batch_positions, flip

TRANSACTIONS = GOLDEN / "transactions" / "data"
ROLLED = GOLDEN / "segments" / "data" / "rolled-0"


def as_bytes(value):
    """The reverse of how JSON shows a key or value."""
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value and value.encode()


@pytest.mark.parametrize("name", ["codecs", "records"])
def test_every_record_that_kafkas_consumer_read_is_shown(cli, name):
    expected = json.loads((GOLDEN / name / "expected.json").read_text())["records"]
    assert expected
    for (topic, partition), wanted in groupby(expected, lambda r: (r["topic"], r["partition"])):
        logs = (GOLDEN / name / "data" / f"{topic}-{partition}").glob("*.log")
        shown = [record for batch in cli("dump", "--json", *logs).rows for record in batch["records"]]
        for record, want in zip(shown, wanted, strict=True):
            assert (record["offset"], record["timestamp"]) == (want["offset"], want["timestamp"])
            key = None if want["key"] is None else base64.b64decode(want["key"])
            assert as_bytes(record["key"]) == key
            assert len(record["headers"]) == len(want["headers"])


def test_transaction_markers_are_named(cli):
    logs = sorted(TRANSACTIONS.glob("[a-z]*-0/*.log"))
    out = cli("dump", *logs).out
    assert "commit -> " in out
    assert "abort -> " in out


def test_commits_are_shown_by_their_fields(cli):
    log = next((GOLDEN / "groups" / "data" / "__consumer_offsets-0").glob("*.log"))
    keys = [record["key"] for batch in cli("dump", log, "--json").rows for record in batch["records"]]
    assert {"type": "OffsetCommitKey", "group": "classic", "topic": "read", "partition": 0} in keys


def test_the_metadata_snapshot_is_shown_by_its_fields(cli):
    rows = cli("dump", GOLDEN / "groups" / "data" / "bootstrap.checkpoint", "--json").rows
    values = [record["value"] for batch in rows for record in batch["records"]]
    assert {"type": "FeatureLevelRecord", "name": "group.version", "feature_level": 1} in values


def test_index_entries_are_absolute_offsets(cli):
    base = sorted(ROLLED.glob("*.log"))[1]
    rows = cli("dump", base.with_suffix(".index"), base.with_suffix(".timeindex"), "--json").rows
    assert {row["kind"] for row in rows} == {"index", "timeindex"}
    assert all(row["offset"] >= int(base.stem) for row in rows)


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [("*/*.snapshot", "producer"), ("*/*.txnindex", "aborted"), ("meta.properties", "line")],
)
def test_the_other_files_have_a_line_an_entry(cli, pattern, kind):
    files = [path for path in TRANSACTIONS.glob(pattern) if path.stat().st_size]
    rows = cli("dump", "--json", *files).rows
    assert kind in {row["kind"] for row in rows}


def test_a_damaged_place_is_shown_between_the_batches_and_fails(cli, golden):
    log = golden / "rolled-0" / "00000000000000000000.log"
    flip(log, list(batch_positions(log))[1] + 70)
    result = cli("dump", "--no-records", "--json", log)
    assert result.code == 1
    assert [row["kind"] for row in result.rows][:3] == ["batch", "damage", "batch"]


def test_batches_alone_are_a_line_each(cli):
    log = min(ROLLED.glob("*.log"))
    assert len(cli("dump", "--no-records", log).out.splitlines()) == len(list(batch_positions(log)))


def test_what_the_writer_publishes_is_shown_by_partition(cli, tmp_path):
    assert cli("topic", "create", "t", "-p", 2).code == 0
    with pk.open(tmp_path / "log") as log:
        log.topic("t").append(b"value", partition=1)
        live, *slots = cli("dump", tmp_path / "log" / "pykafkalite.live", "--json").rows
    assert (live["kind"], live["pid"]) == ("live", os.getpid())
    assert (1, 1) in [(slot["partition"], slot["high_watermark"]) for slot in slots]


def test_a_file_of_no_known_kind_is_refused(cli, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    result = cli("dump", tmp_path / "picture.png")
    assert result.code == 1
    assert "no kind that dump knows" in result.err
