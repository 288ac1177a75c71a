import tracemalloc
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykafkalite.errors import CorruptBatch, InvalidRecord, NewerVersion
from pykafkalite.storage import records
from pykafkalite.storage.records import (
    ConfigRecord,
    FeatureLevelRecord,
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    PartitionRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    TopicRecord,
    decode_group,
    decode_metadata,
    encode_control,
    encode_group,
    encode_metadata,
)
from pykafkalite.storage.schema import Cursor, read_body, write_body

ID = UUID(bytes=bytes(range(16)))
HEX = bytes(range(16)).hex()

# The left column was written down from Kafka's definitions, byte by byte.
METADATA_BYTES = [
    (
        "010c00 11 6d657461646174612e76657273696f6e 001e 00",
        FeatureLevelRecord(name="metadata.version", feature_level=30),
    ),
    (f"010200 06 706c61696e {HEX} 00", TopicRecord(name="plain", topic_id=ID)),
    (
        f"010300 00000002 {HEX} 0200000000 0200000000 01 01 00000000 00000005 00000000 00",
        PartitionRecord(
            partition_id=2, topic_id=ID, replicas=(0,), isr=(0,), leader=0, leader_epoch=5, partition_epoch=0
        ),
    ),
    ("010400 02 02 74 02 6b 02 76 00", ConfigRecord(resource_type=2, resource_name="t", name="k", value="v")),
    ("010400 02 02 74 02 6b 00 00", ConfigRecord(resource_type=2, resource_name="t", name="k", value=None)),
    (f"010900 {HEX} 00", RemoveTopicRecord(topic_id=ID)),
    (
        "010f00 00000001 ffffffffffffffff 00000000000003e8 00",
        ProducerIdsRecord(broker_id=1, next_producer_id=1000),
    ),
]


@pytest.mark.parametrize(("expected", "record"), METADATA_BYTES)
def test_a_metadata_record_has_kafkas_bytes(expected, record):
    assert encode_metadata(record) == bytes.fromhex(expected)
    assert decode_metadata(bytes.fromhex(expected)) == record


def test_tagged_fields_are_stepped_over():
    plain = encode_metadata(TopicRecord(name="t", topic_id=ID))
    assert decode_metadata(plain[:-1] + bytes.fromhex("02 00 01 ff 07 02 aabb")) == decode_metadata(plain)


def test_a_partition_of_a_newer_version_is_refused_as_newer():
    data = bytearray(encode_metadata(PartitionRecord(partition_id=0, topic_id=ID)))
    data[2] = 1
    with pytest.raises(NewerVersion, match="PartitionRecord of version 1"):
        decode_metadata(bytes(data))


def test_an_unknown_type_of_metadata_is_refused_as_newer():
    with pytest.raises(NewerVersion, match="type 99"):
        decode_metadata(bytes([1, 99, 0]))


def test_the_control_records_of_a_snapshot_have_kafkas_bytes():
    assert encode_control(SnapshotHeaderRecord()) == (
        bytes.fromhex("00000003"),
        bytes.fromhex("0000 0000000000000000 00"),
    )
    assert encode_control(SnapshotFooterRecord()) == (bytes.fromhex("00000004"), bytes.fromhex("0000 00"))


COMMIT = OffsetCommitValue(offset=7, leader_epoch=3, metadata="m", commit_timestamp=9)
COMMIT_KEY = OffsetCommitKey(group="g", topic="t", partition=2)
MEMBER = MemberMetadata(
    member_id="m",
    client_id="c",
    client_host="h",
    session_timeout=1,
    rebalance_timeout=2,
    subscription=b"s",
    assignment=b"",
)
GROUP = GroupMetadataValue(
    protocol_type="consumer",
    generation=4,
    protocol="range",
    leader=None,
    current_state_timestamp=5,
    members=(MEMBER,),
)


def test_a_committed_offset_has_kafkas_bytes():
    key, value = encode_group(COMMIT_KEY, COMMIT)
    assert key == bytes.fromhex("0001 0001 67 0001 74 00000002")
    assert value == bytes.fromhex("0003 0000000000000007 00000003 0001 6d 0000000000000009")
    assert decode_group(key, value) == (COMMIT_KEY, COMMIT)


def test_a_group_has_kafkas_bytes():
    key, value = encode_group(GroupMetadataKey(group="g"), GROUP)
    assert key == bytes.fromhex("0002 0001 67")
    assert value == bytes.fromhex(
        "0003 0008 636f6e73756d6572 00000004 0005 72616e6765 ffff 0000000000000005 00000001"
        "0001 6d ffff 0001 63 0001 68 00000002 00000001 00000001 73 00000000"
    )
    assert decode_group(key, value) == (GroupMetadataKey(group="g"), GROUP)


def test_a_tombstone_has_no_value():
    key, value = encode_group(COMMIT_KEY, None)
    assert value is None
    assert decode_group(key, None) == (COMMIT_KEY, None)


def test_the_key_that_old_kafkas_wrote_is_read():
    assert decode_group(bytes.fromhex("0000 0001 67 0001 74 00000002"), None) == (COMMIT_KEY, None)


@pytest.mark.parametrize(("version", "missing"), [(0, -1), (1, -1), (2, -1), (3, 3), (4, 3)])
def test_every_version_of_a_committed_offset_is_read(version, missing):
    out = bytearray(version.to_bytes(2, "big"))
    write_body(out, COMMIT, version)
    _, value = decode_group(encode_group(COMMIT_KEY, None)[0], bytes(out))
    assert (value.offset, value.metadata, value.commit_timestamp, value.leader_epoch) == (7, "m", 9, missing)


@pytest.mark.parametrize("version", range(5))
def test_every_version_of_a_group_is_read(version):
    out = bytearray()
    write_body(out, GROUP, version)
    read = read_body(Cursor(bytes(out)), GroupMetadataValue, version)
    assert (read.generation, read.protocol, read.members[0].assignment) == (4, "range", b"")


def test_a_topic_id_that_newer_kafkas_tag_on_is_stepped_over():
    value = bytes.fromhex("0004 0000000000000007 00000003 02 6d 0000000000000009 01 00 10") + ID.bytes
    assert decode_group(encode_group(COMMIT_KEY, None)[0], value) == (COMMIT_KEY, COMMIT)


def test_records_of_newer_coordinators_are_stepped_over():
    assert decode_group(bytes.fromhex("0003 0001 67"), b"anything") is None


def test_what_a_field_cannot_hold_is_refused():
    with pytest.raises(InvalidRecord, match="OffsetCommitKey"):
        encode_group(OffsetCommitKey(group="g" * 40_000, topic="t", partition=0), None)
    with pytest.raises(InvalidRecord, match="null"):
        encode_metadata(TopicRecord(name=None, topic_id=ID))


@pytest.mark.parametrize(("data", "record"), METADATA_BYTES)
def test_a_truncated_or_longer_metadata_record_is_corrupt(data, record):
    whole = bytes.fromhex(data)
    for size in range(3, len(whole)):
        with pytest.raises(CorruptBatch):
            decode_metadata(whole[:size])
    with pytest.raises(CorruptBatch, match="follow"):
        decode_metadata(whole + b"\0")


@pytest.mark.parametrize(
    "body",
    [
        "ffffffff0f",  # array of 2^32 - 2
        "ffffffff7f",  # a varint over 32 bits
        "ffffffffff01",  # a varint of six bytes
        "00",  # null where null is not allowed
    ],
)
def test_a_hostile_length_is_corrupt_and_allocates_nothing(body):
    data = bytes.fromhex("010300 00000002" + HEX + body)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptBatch):
            decode_metadata(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_hostile_tags_are_corrupt_quickly():
    with pytest.raises(CorruptBatch):
        decode_metadata(bytes.fromhex(f"010900 {HEX} ffffffff0f 00 ffffffff0f"))


def test_a_string_that_is_not_utf8_is_corrupt():
    with pytest.raises(CorruptBatch, match="UTF-8"):
        decode_metadata(bytes.fromhex(f"010200 02 ff {HEX} 00"))


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_bytes_are_a_record_or_an_error_of_ours(key, value):
    for decode in (lambda: decode_metadata(key), lambda: decode_group(key, value)):
        try:
            decode()
        except (CorruptBatch, NewerVersion):
            continue


names = st.text(max_size=30)


@given(st.sampled_from(sorted(records.METADATA)), st.data())
def test_all_metadata_records_come_back(key, data):
    record = data.draw(_any(key))
    assert decode_metadata(encode_metadata(record)) == record


def _any(key):
    ints = st.integers(-(2**31), 2**31 - 1)
    many = st.lists(ints, max_size=5).map(tuple)
    return {
        2: st.builds(TopicRecord, name=names, topic_id=st.uuids()),
        3: st.builds(
            PartitionRecord,
            partition_id=ints,
            topic_id=st.uuids(),
            replicas=many,
            isr=many,
            removing_replicas=many,
            adding_replicas=many,
            leader=ints,
            leader_epoch=ints,
            partition_epoch=ints,
        ),
        4: st.builds(
            ConfigRecord,
            resource_type=st.integers(-128, 127),
            resource_name=names,
            name=names,
            value=st.none() | names,
        ),
        9: st.builds(RemoveTopicRecord, topic_id=st.uuids()),
        12: st.builds(FeatureLevelRecord, name=names, feature_level=st.integers(-(2**15), 2**15 - 1)),
        15: st.builds(
            ProducerIdsRecord, broker_id=ints, broker_epoch=ints, next_producer_id=st.integers(0, 2**63 - 1)
        ),
    }[key]
