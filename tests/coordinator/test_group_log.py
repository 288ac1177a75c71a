"""Commits in `__consumer_offsets`: what is written, what is made of what is there."""

import json
import shutil
from pathlib import Path

import pytest

from pykafkalite import _core
from pykafkalite.coordinator import membership
from pykafkalite.coordinator.coordinator import Coordinator
from pykafkalite.coordinator.group_log import GroupLog, java_hash, partition_for_group
from pykafkalite.coordinator.requests import NewCommit
from pykafkalite.errors import NonEmptyGroup, ReadOnly, UnknownGroup
from pykafkalite.storage.config import INTERNAL_CONFIGS
from pykafkalite.storage.naming import OFFSETS_TOPIC
from pykafkalite.storage.producers import Origin
from pykafkalite.storage.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_group,
    encode_group,
)
from pykafkalite.storage.store import Store

GOLDEN = Path(__file__).parent.parent / "golden" / "groups"
COMMIT, ABORT = b"\x00\x00\x00\x01", b"\x00\x00\x00\x00"


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "log") as opened:
        yield opened


@pytest.fixture
def offsets(store):
    return GroupLog(store)


def stored(store):
    """[(key, value)] of all records, decoded."""
    topic = store.topic(OFFSETS_TOPIC)
    found = []
    for index in range(topic.partitions):
        partition = store.partition(OFFSETS_TOPIC, index)
        position = partition.start_offset
        while position < partition.high_watermark:
            span = partition.read(position, partition.high_watermark, 1 << 20)
            data = memoryview(span.owner)[span.start : span.end]
            for batch in _core.walk_batches(data):
                found += [decode_group(key, value) for _, _, key, value, _ in _core.records_of(data, batch)]
                position = batch.last_offset + 1
    return found


def record(group, partition, offset):
    value = None if offset is None else OffsetCommitValue(offset=offset, commit_timestamp=5)
    return (*encode_group(OffsetCommitKey(group=group, topic="t", partition=partition), value), None, 5)


def commits(offsets, metadata=""):
    return {place: NewCommit(offset, metadata=metadata) for place, offset in offsets.items()}


def plain(committed):
    return {place: commit.offset for place, commit in committed.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a", 97),
        ("hello", 99162322),
        ("polygenelubricants", -(1 << 31)),
        ("Grüße", 69215351),
        ("😀", 1772899),
    ],
)
def test_strings_hash_as_in_java(text, expected):
    assert java_hash(text) == expected


def test_a_groups_partition_is_kafkas():
    assert partition_for_group("hello", 50) == 99162322 % 50
    assert partition_for_group("polygenelubricants", 50) == 0


def test_a_commit_is_one_record_of_kafkas_schema_for_each_partition(store, offsets):
    offsets.commit("g", commits({("t", 0): 7, ("t", 1): 9}, "note"))
    assert store.topic(OFFSETS_TOPIC).config.overrides == INTERNAL_CONFIGS[OFFSETS_TOPIC]
    (key, value), (second, _) = stored(store)
    assert key == OffsetCommitKey(group="g", topic="t", partition=0)
    assert second.partition == 1
    assert (value.offset, value.leader_epoch, value.metadata, value.expire_timestamp) == (7, -1, "note", -1)
    assert value.commit_timestamp > 1_600_000_000_000


def test_the_last_commit_counts_and_survives_a_reopening(store, offsets, tmp_path):
    offsets.commit("g", commits({("t", 0): 7}))
    offsets.commit("g", commits({("t", 0): 8}))
    offsets.commit("other", commits({("t", 0): 1}))
    assert plain(offsets.committed("g")) == {("t", 0): 8}
    store.close()
    with Store.open(tmp_path / "log") as again:
        assert plain(GroupLog(again).committed("g")) == {("t", 0): 8}
        assert GroupLog(again).groups() == ["g", "other"]


def test_a_tombstone_forgets_a_commit_and_the_last_one_the_group(offsets):
    offsets.commit("g", commits({("t", 0): 7, ("t", 1): 8}))
    offsets.forget("g", [("t", 0)])
    assert plain(offsets.committed("g")) == {("t", 1): 8}
    offsets.forget("g", [("t", 1)])
    assert offsets.groups() == []


def test_records_of_other_kinds_and_of_newer_coordinators_are_stepped_over(store, offsets):
    offsets.commit("g", commits({("t", 0): 7}))
    metadata = encode_group(
        GroupMetadataKey(group="g"), GroupMetadataValue(protocol_type="consumer", generation=1)
    )
    unknown = (b"\x00\x63future", b"\x00\x00whatever")
    batch = _core.build_batch([(*metadata, None, 5), (*unknown, None, 5)])
    store.partition(OFFSETS_TOPIC, 0).append(batch)
    assert plain(offsets.committed("g")) == {("t", 0): 7}


def test_a_topic_that_was_made_anew_has_no_commits(store, offsets):
    offsets.commit("g", commits({("t", 0): 7}))
    assert offsets.groups() == ["g"]
    store.delete_topic(OFFSETS_TOPIC)
    assert offsets.groups() == []
    offsets.commit("h", commits({("t", 0): 1}))
    assert offsets.groups() == ["h"]


def transactional(store, records, producer, *, control=False):
    attributes = _core.ATTR_TRANSACTIONAL | (_core.ATTR_CONTROL if control else 0)
    batch = _core.build_batch(
        records,
        attributes=attributes,
        producer_id=producer,
        producer_epoch=0,
        base_sequence=-1 if control else 0,
    )
    store.partition(OFFSETS_TOPIC, 0).append(batch, Origin.COORDINATOR if control else Origin.CLIENT)


def test_a_transactions_commits_count_once_it_is_committed_and_never_when_aborted(store, offsets):
    offsets.commit("g", commits({("t", 0): 1}))
    transactional(store, [record("g", 0, 5)], producer=1)
    transactional(store, [record("g", 1, 6)], producer=2)
    assert plain(offsets.committed("g")) == {("t", 0): 1}
    end = b"\x00\x00\x00\x00\x00\x00"
    transactional(store, [(ABORT, end, None, 5)], producer=2, control=True)
    transactional(store, [(COMMIT, end, None, 5)], producer=1, control=True)
    assert plain(offsets.committed("g")) == {("t", 0): 5}


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_compressed_commits_are_read(store, offsets, codec):
    store.create_topic(OFFSETS_TOPIC, 3, {**INTERNAL_CONFIGS[OFFSETS_TOPIC], "compression.type": codec})
    many = {("a-topic-with-a-long-name", partition): partition for partition in range(200)}
    offsets.commit("g", commits(many))
    assert plain(offsets.committed("g")) == many
    assert store.partition(OFFSETS_TOPIC, partition_for_group("g", 3)).high_watermark == 200


def test_what_real_kafka_committed_is_read_as_it_said(tmp_path):
    expected = json.loads((GOLDEN / "expected.json").read_text())["groups"]
    shutil.copytree(GOLDEN / "data", tmp_path / "data")
    with Store.open(tmp_path / "data", mode="r") as store:
        offsets = GroupLog(store)
        assert offsets.groups() == sorted(expected)
        for group, commits_of_group in expected.items():
            found = [
                [topic, partition, commit.offset, commit.metadata]
                for (topic, partition), commit in sorted(offsets.committed(group).items())
            ]
            assert found == commits_of_group
        with pytest.raises(ReadOnly, match="pykafkalite serve"):
            offsets.commit("g", commits({("read", 0): 1}))


# --- the coordinator -------------------------------------------------------


def test_a_store_has_one_coordinator(store):
    coordinator = Coordinator.of(store)
    assert Coordinator.of(store) is coordinator


def test_a_group_is_known_by_its_members_or_its_commits(store):
    store.create_topic("t", 2)
    coordinator = Coordinator.of(store)
    member = membership.join(coordinator, "g", ["t"])
    assert coordinator.names() == ["g"]
    assert coordinator.describe("g").state == "Stable"
    member.commit(member.sync()[0], {("t", 0): 1})
    with pytest.raises(NonEmptyGroup):
        coordinator.delete_group("g")
    member.leave()
    member.leave()
    assert (coordinator.names(), coordinator.describe("g").state) == (["g"], "Empty")
    coordinator.delete_group("g")
    assert (coordinator.names(), coordinator.describe("g").state) == ([], "Dead")
    with pytest.raises(UnknownGroup):
        coordinator.delete_group("g")


def test_without_a_group_a_member_is_alone_and_nobody_sees_it(store):
    store.create_topic("t", 2)
    coordinator = Coordinator.of(store)
    assert [membership.join(coordinator, None, ["t"]).sync()[1] for _ in range(2)] == [
        (("t", 0), ("t", 1))
    ] * 2
    assert coordinator.names() == []
