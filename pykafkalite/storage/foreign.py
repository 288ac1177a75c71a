"""A real Kafka's log directory, stopped or running, read with nobody's help.

Nothing tells us what its broker has published, and the broker may shorten files: so everything is
read by `pread`, the end of a partition is where its last whole batch ends, and news are found by
looking at file sizes. Records are read as `read_uncommitted` reads them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from .. import _core
from ..errors import CorruptBatch, NotAStore
from .checkpoints import LOG_STARTS, META_PROPERTIES, PARTITION_METADATA
from .config import INTERNAL_CONFIGS, TopicConfig
from .image import Topic
from .naming import INDEX, LOG, parse_directory, parse_segment_file, partition_directory, segment_file
from .reading import Bounds, Partition
from .segments import SegmentCache
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .checkpoints import Offsets

POLL_SECONDS = 0.02
INDEX_ENTRY = 8


class KafkaDirectory(Store):
    """Topics are the partition directories that are there; configs are unknown and taken as the defaults."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        meta = META_PROPERTIES.read(path).value
        self._cluster_id = meta.cluster_id if meta else ""
        self._cache = SegmentCache()
        self._sequence = 0
        self._seen: object = None
        self._topics: dict[str, Topic] = {}
        self._listed_at = -1
        self._starts: tuple[int, Offsets] = (-1, {})
        if not self.topics() and meta is None:
            raise NotAStore(f"{path} holds neither a pykafkalite store nor a Kafka log directory")

    @property
    def cluster_id(self) -> str:
        return self._cluster_id

    def topics(self) -> Mapping[str, Topic]:
        self.check_usable()
        changed_at = self.path.stat().st_mtime_ns
        if changed_at != self._listed_at:
            self._topics = _list_topics(self.path)
            # A directory that is being made has its id a moment later.
            is_complete = all(topic.id.int for topic in self._topics.values())
            self._listed_at = changed_at if is_complete else -1
        return self._topics

    @property
    def sequence(self) -> int:
        self.check_usable()
        seen = (
            self.path.stat().st_mtime_ns,
            [partition.bounds() for partition in list(self._partitions.values())],
        )
        if seen != self._seen:
            self._seen = seen
            self._sequence += 1
        return self._sequence

    def wait(self, seen: int, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (sequence := self.sequence) == seen and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(POLL_SECONDS, left))
        return sequence

    def log_start(self, topic: str, index: int) -> int:
        """As checkpointed; a running Kafka writes that file every minute, when records were deleted."""
        try:
            written_at = (self.path / LOG_STARTS.name).stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        if written_at != self._starts[0]:
            self._starts = written_at, LOG_STARTS.read(self.path).value or {}
        return self._starts[1].get((topic, index), 0)

    def _make_partition(self, topic: Topic, index: int) -> Partition:
        return FilePartition(self, topic, index, self._cache)

    def _release(self) -> None:
        self._cache.clear()


class FilePartition(Partition):
    """A partition whose bounds are what its files show."""

    mapped = False

    def __init__(self, kafka: KafkaDirectory, topic: Topic, index: int, cache: SegmentCache) -> None:
        directory = kafka.path / partition_directory(topic.name, index)
        super().__init__(topic.name, index, directory, topic.config, cache)
        self._kafka = kafka
        self._known = Bounds(0, 0, 0, -1, 0, 0)
        self._files: dict[int, int] = {}

    def bounds(self) -> Bounds:
        files = _segment_files(self.directory)
        if not files:
            return Bounds(0, 0, 0, 0, 0, 0)
        known, active = self._known, max(files)
        generation = known.generation + (files != self._files)
        if not files.items() >= self._files.items():
            # Compacted or deleted: what is open are files that are no more.
            self._cache.forget(self.directory)
        resumes = known.base == active and self._file_size(active) >= known.position
        position, offset = (known.position, known.high_watermark) if resumes else self._last_indexed(active)
        position, offset = _walk(self.directory / segment_file(active), position, offset)
        start = max(self._kafka.log_start(self.topic, self.index), min(files))
        offset = max(offset, start)
        self._files = files
        self._known = Bounds(start, offset, offset, active, position, generation)
        return self._known

    def _last_indexed(self, base: int) -> tuple[int, int]:
        """Position of a batch near the end of a segment, by its index; (0, base) where that tells nothing."""
        try:
            index = (self.directory / segment_file(base, INDEX)).read_bytes()
        except FileNotFoundError:
            return 0, base
        entries = index[: len(index) // INDEX_ENTRY * INDEX_ENTRY].rstrip(b"\0")
        for entry in range(-(-len(entries) // INDEX_ENTRY) - 1, -1, -1):
            at = entry * INDEX_ENTRY
            relative, position = (int.from_bytes(index[i : i + 4]) for i in (at, at + 4))
            header = _header(self.directory / segment_file(base), position)
            if header is not None and header.last_offset == base + relative:
                return position, header.base_offset
        return 0, base


def _segment_files(directory: Path) -> dict[int, int]:
    """Base offset -> inode: the cleaner puts another file under the same name."""
    try:
        with os.scandir(directory) as entries:
            named = [(parse_segment_file(entry.name), entry.inode()) for entry in entries]
    except FileNotFoundError:
        return {}
    return {found[0]: inode for found, inode in named if found and found[1] == LOG}


def _walk(path: Path, position: int, offset: int) -> tuple[int, int]:
    """(position, next offset) behind the last whole batch, from a batch boundary on."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while position + _core.BATCH_HEADER <= size:
            header = _parse(os.pread(file.fileno(), _core.BATCH_HEADER, position))
            if header is None or position + header.size > size:
                break
            position += header.size
            offset = header.last_offset + 1
    return position, offset


def _header(path: Path, position: int) -> _core.Batch | None:
    with open(path, "rb", buffering=0) as file:
        return _parse(os.pread(file.fileno(), _core.BATCH_HEADER, position))


def _parse(data: bytes) -> _core.Batch | None:
    try:
        return _core.parse_header(data)
    except (CorruptBatch, EOFError):
        return None


def _list_topics(path: Path) -> dict[str, Topic]:
    counts: dict[str, int] = {}
    ids: dict[str, UUID] = {}
    for entry in os.scandir(path):
        name = parse_directory(entry.name)
        if name is None or name.suffix or not entry.is_dir() or name.topic == "__cluster_metadata":
            continue
        counts[name.topic] = max(counts.get(name.topic, 0), name.partition + 1)
        topic_id = PARTITION_METADATA.read(Path(entry.path)).value
        if topic_id is not None:
            ids[name.topic] = topic_id
    return {
        name: Topic(
            name, ids.get(name, UUID(int=0)), counts[name], TopicConfig.stored(INTERNAL_CONFIGS.get(name, {}))
        )
        for name in sorted(counts)
    }
