"""The store that this process writes: topics, partitions, upkeep, and the way to a clean close."""

from __future__ import annotations

import logging
import os
import weakref
from functools import partial
from typing import TYPE_CHECKING

from ..errors import Closed, StorageError, UnknownTopic
from .checkpoints import (
    CLEAN_SHUTDOWN,
    HIGH_WATERMARKS,
    LOG_STARTS,
    RECOVERY_POINTS,
)
from .durability import Durability, NoSync, SyncBehind, SyncOnAppend
from .files import remove_quietly, storage_error, sync_filesystem
from .locking import DirectoryLock
from .naming import DELETE, partition_directory, renamed_directory
from .opening import OpenDirectory
from .partition import WritablePartition
from .partition_directory import refuse_link
from .retention import enforce_retention
from .scheduler import Scheduler
from .segments import SegmentCache
from .store import Store
from .takeover import remove_refused_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from uuid import UUID

    from .clock import Clock
    from .config import TopicConfig
    from .image import Topic

logger = logging.getLogger(__name__)

# Active segments that keep their descriptor: of the usual 1,024, the rest is the application's.
OPEN_ACTIVE_SEGMENTS = 256
# Kafka's log.flush.offset.checkpoint.interval.ms, log.retention.check.interval.ms, log.initial.task.delay.ms
# and producer.id.expiration.check.interval.ms.
CHECKPOINT_SECONDS = 60.0
RETENTION_SECONDS = 300.0
FIRST_RETENTION_SECONDS = 30.0
PRODUCER_EXPIRY_SECONDS = 600.0


class WritingStore(Store):
    """A directory open for writing; it holds the lock until `close`."""

    read_only = False

    def __init__(self, path: Path, durability: str, clock: Clock, *, temporary: bool = False) -> None:
        super().__init__(path)
        self.clock = clock
        self.listeners: list[Callable[[WritablePartition], None]] = []
        self._temporary = temporary
        self._cache = SegmentCache()
        self._open_active: dict[WritablePartition, None] = {}  # the longest open first
        path.mkdir(parents=True, exist_ok=True)
        # Should what follows be interrupted, the lock goes with the store: no thread holds either before `start`.
        self._directory_lock = DirectoryLock(path)
        _open_stores.add(self)
        try:
            self._opened = OpenDirectory(path, clock, durable=not temporary)
        except BaseException:
            self._directory_lock.release()
            raise
        self.slots = self._opened.slots
        self.durability = durability
        self.syncing = _SYNCING[durability](self)
        self.scheduler = Scheduler(clock)
        self.scheduler.every(CHECKPOINT_SECONDS, self.checkpoint)
        self.scheduler.every(RETENTION_SECONDS, self.check_retention, first=FIRST_RETENTION_SECONDS)
        self.scheduler.every(PRODUCER_EXPIRY_SECONDS, self.expire_producers)

    def start(self) -> None:
        """Begin the upkeep in the background; whoever opened the store holds it now, and closes it."""
        self.scheduler.start()

    # --- what is there ---------------------------------------------------------

    @property
    def leader_epoch(self) -> int:
        """Under which records are appended; it has risen at each unclean open."""
        return self._opened.metadata.leader_epoch

    @property
    def metadata_end_offset(self) -> int:
        """Behind the last record of the metadata log."""
        return self._opened.metadata.end_offset

    def allocate_producer_ids(self) -> range:
        """A block of producer ids that was never given out before; durable."""
        return self._opened.metadata.allocate_producer_ids()

    def topic_by_id(self, topic_id: UUID) -> Topic | None:
        """The topic of that id; None when there is none (any more)."""
        return self._opened.metadata.topic_by_id(topic_id)

    @property
    def recovered(self) -> list[str]:
        """What recovery found and did, a sentence each; empty after a clean stop."""
        return self._opened.notes

    @property
    def cluster_id(self) -> str:
        return self._opened.meta.cluster_id

    @property
    def sequence(self) -> int:
        return self.slots.live.sequence

    def wait(self, seen: int, timeout: float) -> int:
        self.check_usable()
        return self.slots.live.wait(seen, timeout)

    def topics(self) -> Mapping[str, Topic]:
        self.check_usable()
        return self._opened.metadata.topics()

    def topic(self, name: str) -> Topic:
        self.check_usable()
        return self._opened.metadata.topic(name)

    def _make_partition(self, topic: Topic, index: int) -> WritablePartition:
        directory = self.path / partition_directory(topic.name, index)
        refuse_link(directory)
        return WritablePartition(
            topic.name,
            index,
            directory,
            topic.config,
            self._cache,
            topic_id=topic.id,
            bounds=self._opened.bounds(topic, index),
            leader_epoch=self._opened.metadata.leader_epoch,
            services=self,
        )

    def _loaded(self) -> list[WritablePartition]:
        return [
            partition
            for partition in list(self._partitions.values())
            if isinstance(partition, WritablePartition)
        ]

    # --- topics ----------------------------------------------------------------

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> Topic:
        self.check_usable()
        topic = self._opened.metadata.create_topic(name, partitions, config)
        self.slots.live.bump()
        return topic

    def add_partitions(self, name: str, count: int) -> Topic:
        self.check_usable()
        topic = self._opened.metadata.add_partitions(name, count)
        self.slots.live.bump()
        return topic

    def alter_config(self, name: str, changes: Mapping[str, object | None]) -> Topic:
        self.check_usable()
        topic = self._opened.metadata.alter_config(name, changes)
        for partition in self._loaded():
            if partition.topic == name:
                partition.configure(topic.config)
        self.slots.live.bump()
        return topic

    def topic_config(self, given: Mapping[str, object] | None = None) -> TopicConfig:
        """What a topic that is created with such configs would have.  Raises InvalidConfig."""
        return self._opened.metadata.config(given)

    def use_topic_defaults(self, defaults: Mapping[str, object]) -> None:
        """Typed topic configs that hold where a topic has none of its own, until the store is closed."""
        self.check_usable()
        self._opened.metadata.use_topic_defaults(defaults)
        for partition in self._loaded():
            partition.configure(self.topic(partition.topic).config)

    def delete_topic(self, name: str) -> None:
        with self._lock:
            self.check_usable()
            topic = self._opened.metadata.delete_topic(name)
            gone = UnknownTopic(f"the topic {name!r} was deleted")
            delay = topic.config.file_delete_delay_ms / 1000
            for index in range(topic.partitions):
                partition = self._partitions.pop((name, index), None)
                if isinstance(partition, WritablePartition):
                    partition.close(gone)
                directory = self.path / partition_directory(name, index)
                self._cache.forget(directory)
                if directory.is_dir():
                    renamed = directory.rename(self.path / renamed_directory(name, index, DELETE))
                    self.scheduler.after(delay, partial(remove_quietly, [renamed]))
            self._forget_checkpoints(topic)
            self.slots.drop((topic.id, index) for index in range(topic.partitions))
            self.slots.live.bump()

    def _forget_checkpoints(self, topic: Topic) -> None:
        """They go by name: a new topic of that name must not be recovered from the old one's offsets."""
        keys = {(topic.name, index) for index in range(topic.partitions)}
        for file, offsets in (
            (RECOVERY_POINTS, self._opened.recovery_points),
            (LOG_STARTS, self._opened.log_starts),
        ):
            if keys & offsets.keys():
                for key in keys:
                    offsets.pop(key, None)
                file.write(self.path, offsets, durable=not self._temporary)

    def delete_records(self, name: str, partition: int, before: int) -> int:
        target = self.partition(name, partition)
        assert isinstance(target, WritablePartition)
        start = target.delete_records(before)
        self._write_log_starts()
        enforce_retention(target, self.clock.now_ms(), self.scheduler)
        return start

    # --- upkeep ----------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write the recovery points and high watermarks (every 60 s, and at close)."""
        points, watermarks = dict(self._opened.recovery_points), {}
        for partition in self._loaded():
            key = (partition.topic, partition.index)
            points[key] = partition.commit.synced_offset
            watermarks[key] = partition.high_watermark
        if points != self._opened.recovery_points:
            RECOVERY_POINTS.write(self.path, points, durable=not self._temporary)
            HIGH_WATERMARKS.write(self.path, {**points, **watermarks}, durable=not self._temporary)
            self._opened.recovery_points = points

    def check_retention(self) -> None:
        """Roll and delete what retention lets go, in all partitions (every 5 minutes)."""
        now = self.clock.now_ms()
        for topic in list(self._opened.metadata.topics().values()):
            for index in range(topic.partitions):
                if self.slots.has((topic.id, index)):
                    partition = self.partition(topic.name, index)
                    assert isinstance(partition, WritablePartition)
                    enforce_retention(partition, now, self.scheduler)

    def expire_producers(self) -> None:
        """Forget producers that have been silent for a day (every 10 minutes)."""
        now = self.clock.now_ms()
        for partition in self._loaded():
            partition.expire_producers(now)

    def _write_log_starts(self) -> None:
        starts = dict(self._opened.log_starts)
        for partition in self._loaded():
            if partition.start_offset:
                starts[partition.topic, partition.index] = partition.start_offset
        if starts != self._opened.log_starts:
            LOG_STARTS.write(self.path, starts, durable=not self._temporary)
            self._opened.log_starts = starts

    def opened(self, partition: WritablePartition) -> None:
        self._open_active.pop(partition, None)
        self._open_active[partition] = None

    def limit_open_files(self) -> None:
        if len(self._open_active) <= OPEN_ACTIVE_SEGMENTS:
            return
        # Half of them at once, so that one syncfs serves for many.
        self.syncing.sync_all()
        for partition in list(self._open_active)[: OPEN_ACTIVE_SEGMENTS // 2]:
            if partition.release_files():
                self._open_active.pop(partition, None)

    # --- closing ---------------------------------------------------------------

    def _release(self) -> None:
        if not self.belongs_here():
            return
        try:
            self.scheduler.stop()
            self.syncing.close()
            failures = [
                failure for partition in self._loaded() if (failure := self._close_partition(partition))
            ]
            if failures:
                raise failures[0]
            if not self._temporary:
                self._leave_clean()
        except StorageError:
            raise
        except OSError as error:
            raise storage_error(error, f"closing {self.path}") from error
        finally:
            # First what others wait for: another Ctrl-C may cut the rest short.
            self._directory_lock.release()
            self._cache.clear()
            self._opened.close()
            _open_stores.discard(self)

    def _let_go(self) -> None:
        try:
            self.scheduler.stop()
        finally:
            self._directory_lock.release()

    def _close_partition(self, partition: WritablePartition) -> OSError | None:
        try:
            partition.mend()
            partition.close(Closed(f"the store {self.path} is closed; open it again"))
        except OSError as error:  # the others are closed all the same; the next open recovers
            return error
        return None

    def _leave_clean(self) -> None:
        """Everything on disk first, then the marker that says so."""
        sync_filesystem(self.path)
        self._write_log_starts()
        self.checkpoint()
        remove_refused_start(self.path)
        self._opened.metadata.write_bootstrap()
        self.slots.live.mark_closed()
        CLEAN_SHUTDOWN.write(self.path, -1)

    def let_go_in_child(self) -> None:
        """In a forked child: drop the inherited lock descriptor, so that the lock ends with the parent."""
        self._directory_lock.release()


_open_stores: weakref.WeakSet[WritingStore] = weakref.WeakSet()


def _let_go_in_child() -> None:
    for store in list(_open_stores):
        store.let_go_in_child()


os.register_at_fork(after_in_child=_let_go_in_child)

_SYNCING: Mapping[str, Callable[[WritingStore], Durability]] = {
    "os": lambda store: SyncBehind(store.path, store.clock),
    "fsync": lambda store: SyncOnAppend(),
    "memory": lambda store: NoSync(),
}
