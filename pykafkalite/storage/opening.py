"""How a directory is taken over for writing: who it is, what belongs to it, what has to be recovered.

Order of truth: the metadata log says which topics exist; the logs say which records; the live file
and the checkpoints say again what the logs say, so that a clean stop needs no look into them.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CorruptBatch, NotAStore
from .checkpoints import (
    CLEAN_SHUTDOWN,
    LOG_STARTS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    MetaProperties,
)
from .files import remove_quietly, sync_filesystem
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
from .partition_directory import refuse_link, restore_leader_epochs, restore_topic_id
from .producer_state import ProducerState
from .publishing import LIVE_FILE, Slots
from .reading import EMPTY, Bounds
from .recovery import keep_aside, recover_partition
from .segments import base_offsets, open_for_reading
from .takeover import remove_refused_start, was_taken_over

if TYPE_CHECKING:
    from uuid import UUID

    from .clock import Clock
    from .config import TopicConfig
    from .image import Topic

logger = logging.getLogger(__name__)


class OpenDirectory:
    """A directory taken over by the holder of its lock: identity, metadata, live slots, checkpoints."""

    def __init__(self, path: Path, clock: Clock, *, durable: bool) -> None:
        """Open or make everything in it, and recover what an unclean stop left. `notes` says what was done."""
        self.path = path
        self.notes: list[str] = []
        self._durable = durable
        self._clock = clock
        if was_taken_over(path):
            raise NotAStore(
                f'a Kafka broker has taken {path} over; read it with mode="r", write to another directory'
            )
        self.meta = self._load_meta()
        remove_refused_start(path)
        was_clean = self._was_clean = CLEAN_SHUTDOWN.read(path).value is not None
        self.metadata = MetadataLog.open(
            path, node_id=self.meta.node_id, writable=True, torn=self._keep_torn_commit, now=clock.now_ms
        )
        self.slots = Slots(path / LIVE_FILE)
        is_clean = was_clean and self.slots.clean
        if was_clean:
            CLEAN_SHUTDOWN.remove(path)
        self.slots.live.take_over()
        self.recovery_points = dict(RECOVERY_POINTS.read(path).value or {})
        log_starts = LOG_STARTS.read(path)
        self.log_starts = dict(log_starts.value or {})
        self._trusts_live_starts = log_starts.problem is not None
        if log_starts.problem is not None:
            self._say(log_starts.problem)
        self._sort_directories(check_ids=not is_clean)
        topics = self.metadata.topics().values()
        if topics and not is_clean:
            self.metadata.raise_leader_epoch()
            for topic in topics:
                for index in range(topic.partitions):
                    self.recover(topic, index)
            if durable:
                # What a killed process had written, nobody may have synced; from now on it counts as safe.
                sync_filesystem(path)

    def bounds(self, topic: Topic, index: int) -> Bounds:
        """What is published of a partition: the live file is believed where the files confirm it."""
        directory = self.path / partition_directory(topic.name, index)
        bounds = self.slots.bounds((topic.id, index)) or EMPTY
        if _agrees(directory, bounds, topic.config):
            producers = ProducerState.load(directory, topic.config, bounds, self._clock.now_ms())
            if producers.stable(bounds.high_watermark) == bounds.stable:
                return bounds
        return self.recover(topic, index)

    def recover(self, topic: Topic, index: int) -> Bounds:
        """Recover one partition from its recovery point on, and publish its bounds."""
        directory = self.path / partition_directory(topic.name, index)
        refuse_link(directory)
        before = self.slots.bounds((topic.id, index))
        if not directory.is_dir() and before is None:
            return EMPTY
        key = (topic.name, index)
        point, start = self.recovery_points.get(key, 0), self.log_starts.get(key, 0)
        if before is not None and self._trusts_live_starts:
            start = before.start
        now = self._clock.now_ms()
        recovered = recover_partition(directory, topic.config, point, start, now, before)
        restore_topic_id(directory, topic.id)
        restore_leader_epochs(directory, recovered.epochs, recovered.bounds.high_watermark)
        # The generation goes on rising, so that readers that stayed look again.
        bounds = recovered.bounds._replace(generation=before.generation + 1 if before else 1)
        self.slots.publish(self.slots.slot((topic.id, index)), bounds)
        for note in recovered.notes:
            self._say(note)
        return bounds

    def close(self) -> None:
        """Close the files; the directory's lock is its holder's."""
        self.metadata.close()
        self.slots.live.close()

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
        META_PROPERTIES.write(self.path, meta, durable=self._durable)
        return meta

    def _sort_directories(self, *, check_ids: bool) -> None:
        """Finish deletions; set partition directories aside that no topic record knows."""
        known = {
            partition_directory(topic.name, index): topic.id
            for topic in self.metadata.topics().values()
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

    def _keep_torn_commit(self, path: Path, position: int, torn: bytes) -> None:
        if self._was_clean:
            raise CorruptBatch(
                f"{path} is damaged at byte {position}, though the store was closed cleanly: put back a copy of it, "
                f"or remove {CLEAN_SHUTDOWN.name} to go on without what stands there",
                path=str(path),
                position=position,
            )
        kept = keep_aside(path, position)
        self._say(f"{path}: torn commit: cut {len(torn):,} bytes from {position} on{kept}")

    def _say(self, note: str) -> None:
        self.notes.append(note)
        logger.warning("%s", note)


def _belongs(directory: Path, topic_id: UUID | None, check_id: bool) -> bool:
    if topic_id is None or not check_id:
        return topic_id is not None
    found = PARTITION_METADATA.read(directory).value
    # Not synced when it is made: after a power cut it may be missing, and is written anew.
    return found is None or found == topic_id


def _agrees(directory: Path, bounds: Bounds, config: TopicConfig) -> bool:
    """Whether the files are as the live file says, which no checksum guards: looked at once a partition."""
    bases = base_offsets(directory)
    if not bases or bases[-1] < bounds.base:  # nothing was appended yet, at all or behind what is damaged
        return bounds.position == 0 and bounds.start <= bounds.high_watermark == bounds.base
    if bases[-1] > bounds.base or not bases[0] <= bounds.start <= bounds.high_watermark:
        return False
    if (directory / segment_file(bounds.base)).stat().st_size != bounds.position:
        return False
    try:
        active = open_for_reading(directory, bounds.base, bounds.position, config, mapped=False)
        return active.next_offset == bounds.high_watermark
    except (CorruptBatch, OSError):
        return False
