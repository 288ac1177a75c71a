"""The store that this process writes: how a directory is opened, changed and closed.

Order of truth: the metadata log says which topics exist; the logs say which records; the live file
and the checkpoints say again what the logs say, so that a clean stop needs no look into them.
"""

from __future__ import annotations

import logging
import os
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import _core
from ..errors import Closed, NotAStore, UnknownTopic
from .checkpoints import (
    CLEAN_SHUTDOWN,
    HIGH_WATERMARKS,
    LOG_STARTS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    MetaProperties,
)
from .durability import Durability, NoSync, SyncBehind, SyncOnAppend
from .files import remove_quietly
from .locking import DirectoryLock
from .metadata import FILE as METADATA_FILE
from .metadata import MetadataLog
from .naming import (
    DELETE,
    STRAY,
    id_text,
    parse_directory,
    partition_directory,
    random_id,
    renamed_directory,
    segment_file,
)
from .partition import WritablePartition
from .partition_directory import restore_leader_epochs
from .publishing import LIVE_FILE, Slots
from .reading import Bounds
from .recovery import keep_aside, recover_partition
from .retention import enforce_retention
from .scheduler import Scheduler
from .segments import SegmentCache
from .store import Store
from .takeover import remove_refused_start, was_taken_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from .clock import Clock
    from .image import Topic

logger = logging.getLogger(__name__)

# Active segments that keep their descriptor: of the usual 1,024, the rest is the application's.
OPEN_ACTIVE_SEGMENTS = 256
# Kafka's log.flush.offset.checkpoint.interval.ms, log.retention.check.interval.ms and log.initial.task.delay.ms.
CHECKPOINT_SECONDS = 60.0
RETENTION_SECONDS = 300.0
FIRST_RETENTION_SECONDS = 30.0
EMPTY = Bounds(0, 0, 0, 0, 0, 0)


class WritingStore(Store):
    """A directory open for writing; it holds the lock until `close`."""

    read_only = False

    def __init__(self, path: Path, durability: str, clock: Clock, *, temporary: bool = False) -> None:
        super().__init__(path)
        self.clock = clock
        self.recovered: list[str] = []
        self._temporary = temporary
        self._cache = SegmentCache()
        self._open_active: dict[WritablePartition, None] = {}  # the longest open first
        path.mkdir(parents=True, exist_ok=True)
        self._directory_lock = DirectoryLock(path)
        _open_stores.add(self)
        try:
            self._load(durability)
        except BaseException:
            self._directory_lock.release()
            raise
        self.scheduler = Scheduler(clock)
        self.scheduler.every(CHECKPOINT_SECONDS, self.checkpoint)
        self.scheduler.every(RETENTION_SECONDS, self.check_retention, first=FIRST_RETENTION_SECONDS)
        self.scheduler.start()

    # --- opening ---------------------------------------------------------------

    def _load(self, durability: str) -> None:
        if was_taken_over(self.path):
            raise NotAStore(
                f'a Kafka broker has taken {self.path} over; read it with mode="r", write to another directory'
            )
        remove_refused_start(self.path)
        self._meta = self._load_meta()
        was_clean = CLEAN_SHUTDOWN.read(self.path).value is not None
        self._metadata = MetadataLog.open(
            self.path,
            node_id=self._meta.node_id,
            writable=True,
            torn=self._keep_torn_commit,
            now=self.clock.now_ms,
        )
        self.slots = Slots(self.path / LIVE_FILE)
        is_clean = was_clean and self.slots.clean
        if was_clean:
            CLEAN_SHUTDOWN.remove(self.path)
        self.slots.live.take_over()
        self._recovery_points = dict(RECOVERY_POINTS.read(self.path).value or {})
        self._log_starts = dict(LOG_STARTS.read(self.path).value or {})
        self.durability = durability
        self.syncing = _SYNCING[durability](self)
        self._sort_directories(check_ids=not is_clean)
        if not is_clean and self._metadata.topics():
            self._metadata.raise_leader_epoch()
            self._recover()

    def _load_meta(self) -> MetaProperties:
        found = META_PROPERTIES.read(self.path)
        if found.value is not None:
            if found.value.format_version is None and not (self.path / METADATA_FILE).exists():
                raise NotAStore(
                    f'{self.path} belongs to a Kafka broker; read it with mode="r", write to another directory'
                )
            return found.value
        if found.problem is not None:
            self._say(f"{found.problem}; written anew, with a new cluster id")
        meta = MetaProperties(id_text(random_id()), 0, random_id())
        META_PROPERTIES.write(self.path, meta, durable=not self._temporary)
        return meta

    def _sort_directories(self, *, check_ids: bool) -> None:
        """Finish deletions; set partition directories aside that no topic record knows."""
        known = {
            partition_directory(topic.name, index): topic.id
            for topic in self._metadata.topics().values()
            for index in range(topic.partitions)
        }
        for entry in list(os.scandir(self.path)):
            name = parse_directory(entry.name)
            if name is None or not entry.is_dir(follow_symlinks=False):
                continue
            if name.suffix == DELETE:
                remove_quietly([Path(entry.path)])
            elif not name.suffix and not _belongs(Path(entry.path), known.get(entry.name), check_ids):
                aside = renamed_directory(name.topic, name.partition, STRAY)
                (self.path / entry.name).rename(self.path / aside)
                self._say(f"{entry.name} belongs to no topic of this store: set aside as {aside}")

    def _recover(self) -> None:
        for topic in self._metadata.topics().values():
            for index in range(topic.partitions):
                self._slot_after_recovery(topic, index)

    def _slot_after_recovery(self, topic: Topic, index: int) -> Bounds:
        directory = self.path / partition_directory(topic.name, index)
        key = (topic.name, index)
        start = self._log_starts.get(key, 0)
        before = self.slots.bounds((topic.id, index))
        if not directory.is_dir() and before is None:
            return EMPTY
        point = self._recovery_points.get(key, 0)
        recovered = recover_partition(directory, topic.config, point, start)
        restore_leader_epochs(directory, recovered.epochs, recovered.bounds.high_watermark)
        # The generation goes on rising, so that readers that stayed look again.
        generation = (before.generation if before else 0) + 1
        bounds = recovered.bounds._replace(generation=generation)
        self.slots.publish(self.slots.slot((topic.id, index)), bounds)
        for note in recovered.notes:
            self._say(note)
        return bounds

    def _keep_torn_commit(self, path: Path, position: int, torn: bytes) -> None:
        kept = keep_aside(path, position)
        self._say(f"{path}: torn commit: cut {len(torn):,} bytes from {position} on{kept}")

    def _say(self, note: str) -> None:
        self.recovered.append(note)
        logger.warning("%s", note)

    # --- what is there ---------------------------------------------------------

    @property
    def cluster_id(self) -> str:
        return self._meta.cluster_id

    @property
    def sequence(self) -> int:
        return self.slots.live.sequence

    def wait(self, seen: int, timeout: float) -> int:
        self.check_usable()
        return self.slots.live.wait(seen, timeout)

    def topics(self) -> Mapping[str, Topic]:
        self.check_usable()
        return self._metadata.topics()

    def topic(self, name: str) -> Topic:
        self.check_usable()
        return self._metadata.topic(name)

    def _make_partition(self, topic: Topic, index: int) -> WritablePartition:
        directory = self.path / partition_directory(topic.name, index)
        bounds = self.slots.bounds((topic.id, index)) or EMPTY
        if bounds is not EMPTY and not _agrees(directory, bounds):
            bounds = self._slot_after_recovery(topic, index)
        return WritablePartition(
            topic.name,
            index,
            directory,
            topic.config,
            self._cache,
            topic_id=topic.id,
            bounds=bounds,
            leader_epoch=self._metadata.leader_epoch,
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
        topic = self._metadata.create_topic(name, partitions, config)
        self.slots.live.bump()
        return topic

    def add_partitions(self, name: str, count: int) -> Topic:
        self.check_usable()
        topic = self._metadata.add_partitions(name, count)
        self.slots.live.bump()
        return topic

    def alter_config(self, name: str, changes: Mapping[str, object | None]) -> Topic:
        self.check_usable()
        topic = self._metadata.alter_config(name, changes)
        for partition in self._loaded():
            if partition.topic == name:
                partition.configure(topic.config)
        self.slots.live.bump()
        return topic

    def delete_topic(self, name: str) -> None:
        with self._lock:
            self.check_usable()
            topic = self._metadata.delete_topic(name)
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
        for file, offsets in ((RECOVERY_POINTS, self._recovery_points), (LOG_STARTS, self._log_starts)):
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
        points, watermarks = dict(self._recovery_points), {}
        for partition in self._loaded():
            key = (partition.topic, partition.index)
            points[key] = partition.commit.synced_offset
            watermarks[key] = partition.high_watermark
        if points != self._recovery_points:
            RECOVERY_POINTS.write(self.path, points, durable=not self._temporary)
            HIGH_WATERMARKS.write(self.path, {**points, **watermarks}, durable=not self._temporary)
            self._recovery_points = points

    def check_retention(self) -> None:
        """Roll and delete what retention lets go, in all partitions (every 5 minutes)."""
        now = self.clock.now_ms()
        for topic in list(self._metadata.topics().values()):
            for index in range(topic.partitions):
                if self.slots.has((topic.id, index)):
                    partition = self.partition(topic.name, index)
                    assert isinstance(partition, WritablePartition)
                    enforce_retention(partition, now, self.scheduler)

    def _write_log_starts(self) -> None:
        starts = dict(self._log_starts)
        for partition in self._loaded():
            if partition.start_offset:
                starts[partition.topic, partition.index] = partition.start_offset
        if starts != self._log_starts:
            LOG_STARTS.write(self.path, starts, durable=not self._temporary)
            self._log_starts = starts

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
        if os.getpid() != self._pid:
            return
        self.scheduler.stop()
        try:
            self.syncing.close()
            failures = [
                failure for partition in self._loaded() if (failure := self._close_partition(partition))
            ]
            if failures:
                raise failures[0]
            if not self._temporary:
                self._leave_clean()
        finally:
            self._cache.clear()
            self._metadata.close()
            self.slots.live.close()
            self._directory_lock.release()
            _open_stores.discard(self)

    def _close_partition(self, partition: WritablePartition) -> OSError | None:
        try:
            partition.close(Closed(f"the store {self.path} is closed; open it again"))
        except OSError as error:  # the others are closed all the same; the next open recovers
            return error
        return None

    def _leave_clean(self) -> None:
        """Everything on disk first, then the marker that says so."""
        _core.syncfs(str(self.path))
        self._write_log_starts()
        self.checkpoint()
        remove_refused_start(self.path)
        self._metadata.write_bootstrap()
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


def _belongs(directory: Path, topic_id: UUID | None, check_id: bool) -> bool:
    if topic_id is None:
        return False
    if not check_id:
        return True
    found = PARTITION_METADATA.read(directory).value
    # Not synced when it is made: after a power cut it may be missing, and is written anew.
    return found is None or found == topic_id


def _agrees(directory: Path, bounds: Bounds) -> bool:
    """Whether the active segment is as long as the live file says."""
    try:
        return (directory / segment_file(bounds.base)).stat().st_size == bounds.position
    except FileNotFoundError:
        return bounds.position == 0
