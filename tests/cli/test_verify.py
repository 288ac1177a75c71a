"""`verify` lists every place that is wrong, and nothing else."""

from __future__ import annotations

import os
import struct
import threading
import time

import pytest

import pykafkalite as pk
from tests.cli.conftest import GOLDEN

SEGMENT = "rolled-0/00000000000000000000"


def batch_positions(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        yield at
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()))
def test_nothing_is_wrong_in_what_kafka_wrote(cli, name):
    result = cli("verify", GOLDEN / name / "data", "--json")
    assert (result.code, result.json["problems"]) == (0, [])
    assert result.json["records"] > 0


def test_a_flipped_bit_in_a_record_is_a_corrupt_batch_with_the_offset_to_go_on_from(cli, golden):
    log = golden / f"{SEGMENT}.log"
    second, third = list(batch_positions(log))[1:3]
    next_offset = int.from_bytes(log.read_bytes()[third : third + 8], "big")
    flip(log, third - 1)
    result = cli("verify", golden, "--json")
    assert result.code == 1
    (problem,) = result.json["problems"]
    assert (problem["kind"], problem["path"]) == ("corrupt batch", str(log))
    assert (problem["position"], problem["next_offset"]) == (second, next_offset)


def test_two_damaged_places_are_both_listed(cli, golden):
    log = golden / f"{SEGMENT}.log"
    positions = list(batch_positions(log))
    flip(log, positions[1] + 70)
    flip(log, positions[5] + 10)  # the length: the next batch is found all the same
    found = cli("verify", golden, "--json").json["problems"]
    assert [(p["kind"], p["position"]) for p in found] == [
        ("corrupt batch", positions[1]),
        ("corrupt batch", positions[5]),
    ]


@pytest.mark.parametrize("missing", [1, 30, 62])
def test_a_cut_last_batch_is_a_torn_tail(cli, golden, missing):
    log = max((golden / "rolled-0").glob("*.log"))
    last = list(batch_positions(log))[-1]
    os.truncate(log, log.stat().st_size - missing)
    found = cli("verify", golden, "--json").json["problems"]
    assert ("torn tail", last, None) in [(p["kind"], p["position"], p["next_offset"]) for p in found]


def test_zeros_behind_the_last_batch_are_a_torn_tail_named_so(cli, golden):
    log = max((golden / "rolled-0").glob("*.log"))
    size = log.stat().st_size
    os.truncate(log, size + 100)
    result = cli("verify", golden)
    assert result.code == 1
    assert f"torn tail: {log}: byte {size}: zeros; 100 bytes" in result.out


def test_an_index_entry_that_leads_into_a_batch_is_named(cli, golden):
    index = golden / f"{SEGMENT}.index"
    offset, position = struct.unpack_from(">ii", index.read_bytes(), 8)
    with open(index, "r+b") as file:
        file.seek(8)
        file.write(struct.pack(">ii", offset, position + 1))
    (problem,) = cli("verify", golden, "--json").json["problems"]
    assert (problem["kind"], problem["position"]) == ("index", 8)
    assert "no batch begins" in problem["message"]


def test_a_time_index_entry_of_another_time_is_named(cli, golden):
    flip(golden / f"{SEGMENT}.timeindex", 12 + 7)
    (problem,) = cli("verify", golden, "--json").json["problems"]
    assert (problem["kind"], problem["position"]) == ("time index", 12)


def test_an_index_allocated_ahead_and_never_trimmed_is_right(cli, golden):
    for suffix, entry in ((".index", 8), (".timeindex", 12)):
        path = golden / f"{SEGMENT}{suffix}"
        os.truncate(path, path.stat().st_size + 100 * entry)
    assert cli("verify", golden).code == 0


def test_a_missing_index_and_a_broken_checkpoint_are_named(cli, golden):
    (golden / f"{SEGMENT}.index").unlink()
    (golden / "rolled-0" / "leader-epoch-checkpoint").write_text("nonsense")
    found = cli("verify", golden, "--json").json["problems"]
    assert [p["kind"] for p in found] == ["checkpoint", "index"]


def test_a_segment_that_begins_inside_the_one_before_it_is_named(cli, golden):
    second = sorted((golden / "rolled-0").glob("*.log"))[1]
    for suffix in (".log", ".index", ".timeindex"):
        second.with_suffix(suffix).rename(golden / "rolled-0" / f"{5:020d}{suffix}")
    kinds = {problem["kind"] for problem in cli("verify", golden, "--json").json["problems"]}
    assert "offsets" in kinds


def test_one_partition_can_be_verified_alone(cli, golden):
    result = cli("verify", golden / "rolled-0", "--json")
    assert (result.code, result.json["partitions"]) == (0, 1)


def test_a_directory_that_is_not_there_is_said_with_the_next_step(cli, tmp_path):
    result = cli("verify", tmp_path / "nothing")
    assert result.code == 3
    assert "topic create" in result.err


def test_a_directory_that_holds_no_log_is_no_success(cli, tmp_path):
    result = cli("verify", tmp_path, "--json")
    assert (result.code, result.error["type"]) == (3, "NotAStore")


def test_a_log_that_is_being_written_is_whole_at_every_moment(cli, tmp_path):
    reports = []
    with pk.open(tmp_path / "log") as log:
        topic, enough = log.create_topic("t"), threading.Event()

        def append():
            while not enough.is_set():
                topic.append(b"x" * 10_000)

        thread = threading.Thread(target=append)
        thread.start()
        try:
            for count in range(100, 600, 100):
                while topic.describe()[0].end_offset < count:
                    time.sleep(0.001)
                reports.append(cli("verify", tmp_path / "log", "--json").json)
        finally:
            enough.set()
            thread.join()
    assert [report["problems"] for report in reports] == [[]] * 5
    assert reports[0]["records"] >= 100
