"""The coordinator's log: records of `__consumer_offsets` in Kafka's schema, groups and commits.

Rule 1: the log is the truth.  What is known of it is what replaying it gave; a commit is appended
        and then replayed like any other, so that a reader beside the writer goes the same way.
Rule 2: a group's records go to the partition Kafka would choose: |hashCode(group)| % partitions.
Rule 3: a transaction's commits count when its commit marker is read, as in Kafka's coordinator.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from pykafkalite import _core
from pykafkalite.errors import ReadOnly, TopicExists, UnknownTopic
from pykafkalite.storage import codecs
from pykafkalite.storage.clock import SYSTEM
from pykafkalite.storage.config import INTERNAL_CONFIGS
from pykafkalite.storage.naming import OFFSETS_TOPIC
from pykafkalite.storage.partition import Appended, WritablePartition
from pykafkalite.storage.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_group,
    encode_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from pykafkalite._core import Batch
    from pykafkalite.coordinator.requests import NewCommit, Place
    from pykafkalite.storage.clock import Clock
    from pykafkalite.storage.reading import Partition
    from pykafkalite.storage.schema import Record
    from pykafkalite.storage.store import Store

_SPAN = 1 << 20
_LARGEST = 512 << 20
_COMMIT_MARKER = b"\x00\x01"


class Committed(NamedTuple):
    """One commit: the offset of the next record to read; `timestamp` (ms) is that of the commit.

    `expires` (ms): when it is forgotten, if the client said so; else -1, and the coordinator's retention counts.
    """

    offset: int
    leader_epoch: int
    metadata: str
    timestamp: int
    expires: int = -1


class Written(NamedTuple):
    """Records that are in the log and not acknowledged yet."""

    partition: WritablePartition
    appended: Appended

    @property
    def is_settled(self) -> bool:
        """Whether `settle` would return at once."""
        return self.partition.is_settled(self.appended)

    def settle(self) -> None:
        """Returns once they may be acknowledged.  Raises StorageError."""
        self.partition.settle(self.appended)


def java_hash(text: str) -> int:
    """java.lang.String.hashCode."""
    value = 0
    units = memoryview(text.encode("utf-16-be", "surrogatepass"))
    for i in range(0, len(units), 2):
        value = (31 * value + (units[i] << 8 | units[i + 1])) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def partition_for_group(group: str, partitions: int) -> int:
    """Where a group's records are (GroupCoordinatorService.partitionFor; |Integer.MIN_VALUE| is 0 there)."""
    value = java_hash(group)
    return 0 if value == -(1 << 31) else abs(value) % partitions


class GroupLog:
    """The stored groups and commits of one store.  Safe from any thread."""

    def __init__(self, store: Store, clock: Clock = SYSTEM) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.RLock()
        self._forget_all()

    @property
    def read_only(self) -> bool:
        return self._store.read_only

    def committed(self, group: str) -> dict[Place, Committed]:
        """What `group` has committed, as of now."""
        with self._lock:
            self._catch_up()
            return dict(self._commits.get(group, {}))

    def unstable(self, group: str) -> set[Place]:
        """What open transactions have committed for `group`."""
        with self._lock:
            self._catch_up()
            keys = (decode_group(key, None) for records in self._pending.values() for key, _ in records)
            return {
                (found[0].topic, found[0].partition)
                for found in keys
                if found and isinstance(found[0], OffsetCommitKey) and found[0].group == group
            }

    def groups(self) -> list[str]:
        """The groups that have commits, sorted."""
        with self._lock:
            self._catch_up()
            return sorted(self._commits)

    def metadata(self) -> dict[str, GroupMetadataValue]:
        """Group -> what was last stored of its members."""
        with self._lock:
            self._catch_up()
            return dict(self._metadata)

    def commit(self, group: str, offsets: Mapping[Place, NewCommit]) -> None:
        """Stores offsets, all or none.  Returns once acknowledged.  Raises ReadOnly, StorageError."""
        _settle(self.write_commit(group, offsets))

    def write_commit(
        self, group: str, offsets: Mapping[Place, NewCommit], retention: int = -1
    ) -> Written | None:
        """As `commit`, not acknowledged yet; `retention` (ms): how long to keep them, if the client says."""
        now = self._clock.now_ms()
        expires = -1 if retention < 0 else now + retention
        return self._write(
            group,
            [
                (
                    _key(group, place),
                    OffsetCommitValue(
                        offset=commit.offset,
                        leader_epoch=commit.leader_epoch,
                        metadata=commit.metadata,
                        commit_timestamp=now,
                        expire_timestamp=expires,
                    ),
                )
                for place, commit in offsets.items()
            ],
        )

    def forget(self, group: str, places: Iterable[Place]) -> None:
        """Deletes commits, by tombstones.  Raises ReadOnly, StorageError."""
        _settle(self._write(group, [(_key(group, place), None) for place in places]))

    def write_group(self, group: str, value: GroupMetadataValue) -> Written | None:
        """Who its members are, not acknowledged yet.  A reader keeps that to itself.  Raises StorageError."""
        return None if self.read_only else self._write(group, [(GroupMetadataKey(group=group), value)])

    def delete_group(self, group: str) -> None:
        """Tombstones for all that is stored of a group.  Raises ReadOnly, StorageError."""
        entries: list[tuple[Record, Record | None]] = [
            (_key(group, place), None) for place in {*self.committed(group), *self.unstable(group)}
        ]
        if group in self._metadata:
            entries.append((GroupMetadataKey(group=group), None))
        _settle(self._write(group, entries))

    def _write(self, group: str, entries: Iterable[tuple[Record, Record | None]]) -> Written | None:
        if self._store.read_only:
            raise ReadOnly(
                "this log is open for reading only, so nothing can be committed: commit in the process that "
                "writes it, or let that be a broker (`pykafkalite serve`) that consumers anywhere commit to"
            )
        now = self._clock.now_ms()
        records = [(*encode_group(key, value), None, now) for key, value in entries]
        if not records:
            return None
        with self._lock:
            partitions = self._topic_partitions()
            partition = self._store.partition(OFFSETS_TOPIC, partition_for_group(group, partitions))
            assert isinstance(partition, WritablePartition)
            return Written(partition, partition.write(_core.build_batch(records)))

    def _topic_partitions(self) -> int:
        """How many `__consumer_offsets` has; made, with one, when it is not there."""
        while True:
            try:
                return self._store.topic(OFFSETS_TOPIC).partitions
            except UnknownTopic:
                pass
            try:
                return self._store.create_topic(OFFSETS_TOPIC, 1, INTERNAL_CONFIGS[OFFSETS_TOPIC]).partitions
            except TopicExists:
                continue

    def _forget_all(self) -> None:
        self._topic_id: UUID | None = None
        self._commits: dict[str, dict[Place, Committed]] = {}
        self._metadata: dict[str, GroupMetadataValue] = {}
        self._positions: dict[int, int] = {}
        self._pending: dict[tuple[int, int], list[tuple[bytes | None, bytes | None]]] = {}

    def _catch_up(self) -> None:
        """Replays what has come since the last time."""
        topic = self._store.topics().get(OFFSETS_TOPIC)
        if topic is None or topic.id != self._topic_id:
            self._forget_all()
        if topic is None:
            return
        self._topic_id = topic.id
        for index in range(topic.partitions):
            self._replay(index, self._store.partition(OFFSETS_TOPIC, index))

    def _replay(self, index: int, partition: Partition) -> None:
        position = max(self._positions.get(index, 0), partition.start_offset)
        end = partition.high_watermark
        while position < end:
            span = partition.read(position, end, _SPAN)
            if span is None:
                position = end
                break
            data = memoryview(span.owner)[span.start : span.end]
            for batch in _core.walk_batches(data):
                self._take_in(index, data, batch)
                position = batch.last_offset + 1
        self._positions[index] = position

    def _take_in(self, index: int, data: memoryview, batch: Batch) -> None:
        payload = None
        if batch.codec:
            body = data[batch.position + _core.BATCH_HEADER : batch.position + batch.size]
            payload = codecs.decompress(batch.codec, body, _LARGEST)
        records = _core.records_of(data, batch, payload)
        transaction = (index, batch.producer_id)
        if batch.is_control:
            pending = self._pending.pop(transaction, [])
            if any((key or b"")[2:4] == _COMMIT_MARKER for _, _, key, *_ in records):
                self._apply(pending)
        elif batch.is_transactional:
            self._pending.setdefault(transaction, []).extend((key, value) for _, _, key, value, _ in records)
        else:
            self._apply((key, value) for _, _, key, value, _ in records)

    def _apply(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        for raw_key, raw_value in records:
            decoded = decode_group(raw_key, raw_value)
            key, value = decoded or (None, None)
            if isinstance(key, GroupMetadataKey):
                if isinstance(value, GroupMetadataValue):
                    self._metadata[key.group] = value
                else:
                    self._metadata.pop(key.group, None)
            elif isinstance(key, OffsetCommitKey):
                self._apply_commit(key, value)

    def _apply_commit(self, key: OffsetCommitKey, value: Record | None) -> None:
        place = (key.topic, key.partition)
        if isinstance(value, OffsetCommitValue):
            commit = Committed(
                value.offset,
                value.leader_epoch,
                value.metadata,
                value.commit_timestamp,
                value.expire_timestamp,
            )
            self._commits.setdefault(key.group, {})[place] = commit
        elif key.group in self._commits:
            self._commits[key.group].pop(place, None)
            if not self._commits[key.group]:
                del self._commits[key.group]


def _settle(written: Written | None) -> None:
    if written is not None:
        written.settle()


def _key(group: str, place: Place) -> OffsetCommitKey:
    return OffsetCommitKey(group=group, topic=place[0], partition=place[1])
