"""The records that the store itself keeps, as one table of fields, and how each kind is framed.

Fields, numbers and versions are Kafka's: metadata/src/main/resources/common/metadata/*.json,
group-coordinator and clients .../common/message/*.json of 4.3.1.  Tagged fields
are skipped when read and not written; none of them matters to a single broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykafkalite.errors import CorruptBatch, NewerVersion
from pykafkalite.storage.schema import (
    INT32,
    Cursor,
    Number,
    Record,
    array,
    blob,
    int8,
    int16,
    int32,
    int64,
    read_body,
    record,
    string,
    uuid,
    write_body,
    write_uvarint,
)

if TYPE_CHECKING:
    from uuid import UUID

# --- metadata: value = frame 1, key, version (uvarints), fields ------------------------------------


@record(key=2)
class TopicRecord(Record):
    name: str = string()
    topic_id: UUID = uuid()


@record(key=3)
class PartitionRecord(Record):
    partition_id: int = int32()
    topic_id: UUID = uuid()
    replicas: tuple[int, ...] = array(INT32, default=())
    isr: tuple[int, ...] = array(INT32, default=())
    removing_replicas: tuple[int, ...] = array(INT32, default=())
    adding_replicas: tuple[int, ...] = array(INT32, default=())
    leader: int = int32(default=-1)
    leader_epoch: int = int32(default=-1)
    partition_epoch: int = int32(default=-1)


@record(key=4)
class ConfigRecord(Record):
    resource_type: int = int8()
    resource_name: str = string()
    name: str = string()
    value: str | None = string(nullable=0)


@record(key=9)
class RemoveTopicRecord(Record):
    topic_id: UUID = uuid()


@record(key=12)
class FeatureLevelRecord(Record):
    name: str = string()
    feature_level: int = int16()


@record(key=15)
class ProducerIdsRecord(Record):
    broker_id: int = int32()
    broker_epoch: int = int64(default=-1)
    next_producer_id: int = int64()


# --- control records of a snapshot: value = fields -------------------------------------------------


@record(key=3)
class SnapshotHeaderRecord(Record):
    version: int = int16(default=0)
    last_contained_log_timestamp: int = int64(default=0)


@record(key=4)
class SnapshotFooterRecord(Record):
    version: int = int16(default=0)


# --- __consumer_offsets: key = int16 number, fields; value = int16 version, fields -----------------


@record(key=1, flexible=None)
class OffsetCommitKey(Record):
    group: str = string()
    topic: str = string()
    partition: int = int32()


@record(key=1, newest=4, stored=3, flexible=4)
class OffsetCommitValue(Record):
    offset: int = int64()
    leader_epoch: int = int32(default=-1, since=3)
    metadata: str = string(default="")
    commit_timestamp: int = int64()
    expire_timestamp: int = int64(default=-1, since=1, until=1)


@record(key=2, flexible=None)
class GroupMetadataKey(Record):
    group: str = string()


@record(newest=4, stored=3, flexible=4)
class MemberMetadata(Record):
    member_id: str = string()
    group_instance_id: str | None = string(default=None, since=3, nullable=3)
    client_id: str = string()
    client_host: str = string()
    rebalance_timeout: int = int32(default=-1, since=1)
    session_timeout: int = int32()
    subscription: bytes = blob()
    assignment: bytes = blob()


@record(key=2, newest=4, stored=3, flexible=4)
class GroupMetadataValue(Record):
    protocol_type: str = string()
    generation: int = int32()
    protocol: str | None = string(default=None, nullable=0)
    leader: str | None = string(default=None, nullable=0)
    current_state_timestamp: int = int64(default=-1, since=2)
    members: tuple[MemberMetadata, ...] = array(MemberMetadata, default=())


METADATA: dict[int, type[Record]] = {
    cls.key: cls
    for cls in (
        TopicRecord,
        PartitionRecord,
        ConfigRecord,
        RemoveTopicRecord,
        FeatureLevelRecord,
        ProducerIdsRecord,
    )
}
GROUPS: dict[int, tuple[type[Record], type[Record]]] = {
    0: (OffsetCommitKey, OffsetCommitValue),
    1: (OffsetCommitKey, OffsetCommitValue),
    2: (GroupMetadataKey, GroupMetadataValue),
}
"""The number at the start of a key -> the types of key and value; 0 is what old Kafkas wrote for 1."""

_FRAME = 1
_INT16 = Number(">h")


def encode_metadata(value: Record) -> bytes:
    """The value of a metadata record (its key is null)."""
    out = bytearray()
    for number in (_FRAME, value.key, value.stored):
        write_uvarint(out, number)
    write_body(out, value, value.stored)
    return bytes(out)


def decode_metadata(data: bytes | None) -> Record:
    """Raises CorruptBatch, or NewerVersion for a type or version of record unknown here."""
    cursor = Cursor(data or b"")
    frame, key, version = cursor.uvarint(), cursor.uvarint(), cursor.uvarint()
    if frame != _FRAME or key not in METADATA:
        raise NewerVersion(
            f"a metadata record of type {key} (frame {frame}) is not known to this pykafkalite"
        )
    return read_body(cursor, METADATA[key], version)


def encode_control(value: SnapshotHeaderRecord | SnapshotFooterRecord) -> tuple[bytes, bytes]:
    """(key, value) of a control record."""
    key, out = bytearray(), bytearray()
    for number in (0, value.key):
        key += _INT16.struct.pack(number)
    write_body(out, value, 0)
    return bytes(key), bytes(out)


def encode_group(key: Record, value: Record | None) -> tuple[bytes, bytes | None]:
    """(key, value) of a record of __consumer_offsets; a value of None is a tombstone."""
    key_bytes = bytearray(_INT16.struct.pack(key.key))
    write_body(key_bytes, key, 0)
    if value is None:
        return bytes(key_bytes), None
    # Only v1 has room for a time that a client set.
    expires = isinstance(value, OffsetCommitValue) and value.expire_timestamp >= 0
    version = 1 if expires else value.stored
    out = bytearray(_INT16.struct.pack(version))
    write_body(out, value, version)
    return bytes(key_bytes), bytes(out)


def decode_group(key: bytes | None, value: bytes | None) -> tuple[Record, Record | None] | None:
    """The reverse; None for a type of record that only newer coordinators write, to be stepped over.

    Raises CorruptBatch, or NewerVersion for a newer version of a known type.
    """
    if key is None:
        raise CorruptBatch("a record of __consumer_offsets has no key")
    cursor = Cursor(key)
    number = int.from_bytes(cursor.take(2), "big", signed=True)
    if number not in GROUPS:
        return None
    key_type, value_type = GROUPS[number]
    decoded_key = read_body(cursor, key_type, 0)
    if value is None:
        return decoded_key, None
    cursor = Cursor(value)
    version = int.from_bytes(cursor.take(2), "big", signed=True)
    return decoded_key, read_body(cursor, value_type, version)
