"""What consumers tell each other through the coordinator: Kafka's ConsumerProtocol, v0 to v3.

Fields: clients/src/main/resources/common/message/ConsumerProtocol{Subscription,Assignment}.json. Rule
of that protocol: newer versions only add fields at the end, so what is newer is read as the newest known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pykafkalite.storage.schema import (
    INT32,
    TEXT,
    Cursor,
    Record,
    array,
    blob,
    int32,
    read_known,
    record,
    string,
    write_body,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykafkalite.coordinator.assignment import TopicPartitions

PROTOCOL_TYPE = "consumer"
"""The protocol type of groups of consumers; Connect's and others' have types of their own."""

WRITTEN = 1
"""The version that is written here: every client reads it, and what came later is for other assignors."""

R = TypeVar("R", bound=Record)


@record(newest=3, flexible=None)
class Partitions(Record):
    topic: str = string()
    partitions: tuple[int, ...] = array(INT32)


@record(newest=3, stored=WRITTEN, flexible=None)
class Subscription(Record):
    """What a member wants to read, in its JoinGroup."""

    topics: tuple[str, ...] = array(TEXT)
    user_data: bytes | None = blob(default=None, nullable=0)
    owned: tuple[Partitions, ...] = array(Partitions, default=(), since=1)
    generation: int = int32(default=-1, since=2)
    rack: str | None = string(default=None, since=3, nullable=3)


@record(newest=3, stored=WRITTEN, flexible=None)
class Assignment(Record):
    """What a member is to read, in the answer to its SyncGroup."""

    assigned: tuple[Partitions, ...] = array(Partitions)
    user_data: bytes | None = blob(default=None, nullable=0)


def encode(value: Subscription | Assignment, version: int = WRITTEN) -> bytes:
    """The bytes of one version."""
    out = bytearray(version.to_bytes(2, "big"))
    write_body(out, value, version)
    return bytes(out)


def _decode(cls: type[R], data: bytes) -> R:
    cursor = Cursor(bytes(data))
    return read_known(cursor, cls, int.from_bytes(cursor.take(2), "big", signed=True))


def decode_subscription(data: bytes) -> Subscription:
    """Raises CorruptBatch."""
    return _decode(Subscription, data)


def decode_assignment(data: bytes) -> TopicPartitions:
    """(topic, partition) pairs, sorted; none for no bytes, which a member without any gets.  Raises CorruptBatch."""
    if not data:
        return ()
    assigned = _decode(Assignment, data).assigned
    return tuple(sorted((each.topic, partition) for each in assigned for partition in each.partitions))


def encode_assignment(places: Iterable[tuple[str, int]]) -> bytes:
    """The bytes for a member."""
    topics: dict[str, list[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, []).append(partition)
    assigned = tuple(Partitions(topic=topic, partitions=tuple(each)) for topic, each in topics.items())
    return encode(Assignment(assigned=assigned))
