"""Directories that real Kafka wrote and left (tests/golden), read by us; needs no Java."""

import shutil
from datetime import UTC, datetime

import pytest
from ours import records, without_type
from real_kafka import GOLDEN, brief

import pykafkalite as pk
from pykafkalite.storage.verify import verify

CASES = sorted(it.name for it in GOLDEN.iterdir() if it.is_dir())
each_case = pytest.mark.parametrize("golden", CASES, indirect=True)


def files(directory):
    return {it: it.read_bytes() for it in directory.rglob("*") if it.is_file()}


@each_case
def test_a_directory_of_kafka_is_read_with_the_records_that_kafka_gave(golden):
    data, expected = golden
    with pk.open(data, mode="r") as log:
        found = [it | {"value": brief(it["value"])} for it in records(log)]
    assert found == without_type(expected["records"])


@each_case
def test_a_directory_of_kafka_has_kafkas_topics_ids_and_offsets(golden):
    data, expected = golden
    with pk.open(data, mode="r") as log:
        topics = log.topics(internal=True)
        assert {name: it.partitions for name, it in topics.items()} == {
            name: it["partitions"] for name, it in expected["topics"].items()
        }
        offsets = {
            f"{name}-{it.partition}": [it.start_offset, it.end_offset]
            for name, topic in log.topics().items()
            for it in topic.describe()
        }
    assert offsets == expected["offsets"]


@each_case
def test_reading_a_directory_of_kafka_changes_nothing_in_it(golden, tmp_path):
    data = shutil.copytree(golden[0], tmp_path / "data")
    before = files(data)
    with pk.open(data, mode="r") as log:
        records(log)
    assert files(data) == before


@pytest.mark.parametrize("golden", ["groups"], indirect=True)
def test_the_offsets_that_groups_committed_to_kafka_are_read(golden):
    data, expected = golden
    with pk.open(data, mode="r") as log:
        committed = {
            name: [
                [it.topic, it.partition, it.committed] for it in group.describe() if it.committed is not None
            ]
            for name, group in log.groups().items()
        }
    assert committed == {name: [it[:3] for it in at] for name, at in expected["groups"].items()}


@pytest.mark.parametrize("golden", ["segments"], indirect=True)
def test_a_scan_from_any_offset_of_kafkas_segments_begins_there(golden):
    data, expected = golden
    rolled = [it["offset"] for it in expected["records"] if it["topic"] == "rolled"]
    with pk.open(data, mode="r") as log:
        for first in rolled[::17]:
            found = log.topic("rolled").scan(start=first, columns=["offset"]).to_arrow()
            assert found["offset"].to_pylist() == rolled[rolled.index(first) :]


@pytest.mark.parametrize("golden", ["segments"], indirect=True)
def test_kafkas_time_indexes_find_the_first_record_of_a_time(golden):
    data, expected = golden
    timed = [it for it in expected["records"] if it["topic"] == "timed"]
    with pk.open(data, mode="r") as log:
        topic = log.topic("timed")
        for it in timed:
            moment = datetime.fromtimestamp(it["timestamp"] / 1000, UTC)
            first = min(other["offset"] for other in timed if other["timestamp"] >= it["timestamp"])
            assert topic.offsets(moment) == {0: first}


@pytest.mark.parametrize("golden", ["groups"], indirect=True)
def test_a_consumer_goes_on_from_what_its_group_committed_to_kafka(golden):
    data, expected = golden
    committed = {(topic, p): offset for topic, p, offset, _ in expected["groups"]["simple"]}
    left = [(it["partition"], it["offset"]) for it in expected["records"]]
    left = [(p, offset) for p, offset in left if offset >= committed["read", p]]
    with pk.open(data, mode="r") as log, log.consumer(["read"], group="simple") as consumer:
        found = [(it.partition, it.offset) for it in consumer.messages(timeout=0)]
        assert sorted(found) == left
        with pytest.raises(pk.errors.ReadOnly):
            consumer.commit()


@each_case
def test_a_directory_of_kafka_is_verified_without_a_complaint(golden):
    report = verify(golden[0])
    assert report.problems == []
    assert report.records > len(golden[1]["records"])  # Those of internal topics too.
