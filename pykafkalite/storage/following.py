"""Our own directory, read live beside the process that writes it (design decision 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import Live
from ..errors import NotAStore, StorageError, UnknownTopic
from .checkpoints import META_PROPERTIES
from .metadata import MetadataLog
from .naming import partition_directory
from .publishing import LIVE_FILE, named_slots
from .reading import EMPTY, Bounds, Partition
from .segments import SegmentCache
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

    from .image import Topic


class FollowingStore(Store):
    """Follows the metadata log and the live file; writes nothing at all."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        meta = META_PROPERTIES.read(path).value
        self._cluster_id = meta.cluster_id if meta else ""
        self._metadata = MetadataLog.open(path, node_id=meta.node_id if meta else 0, writable=False)
        self._cache = SegmentCache()
        self._live = self._open_live()
        self._slots: dict[tuple[UUID, int], int] = {}
        self._metadata_seen = -1

    @property
    def cluster_id(self) -> str:
        return self._cluster_id

    @property
    def sequence(self) -> int:
        return self._live.sequence

    def wait(self, seen: int, timeout: float) -> int:
        self.check_usable()
        return self._live.wait(seen, timeout)

    def topics(self) -> Mapping[str, Topic]:
        self.check_usable()
        with self._lock:
            sequence = self.live().sequence
            if sequence != self._metadata_seen:
                self._metadata.refresh()
                self._metadata_seen = sequence
            return self._metadata.topics()

    def live(self) -> Live:
        """The live file; the new one when the writer has needed a larger one."""
        if self._live.moved:
            with self._lock:
                if self._live.moved:
                    self._live = self._open_live()
                    self._slots = {}
        return self._live

    def slot(self, key: tuple[UUID, int]) -> int | None:
        """The partition's slot; None while the writer has given it none."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is None or self.live().named(slot) != (key[0].bytes, key[1]):
                self._slots = named_slots(self.live())
                slot = self._slots.get(key)
            return slot

    def _open_live(self) -> Live:
        try:
            return Live.open(str(self.path / LIVE_FILE))
        except StorageError as error:
            raise NotAStore(
                f"{self.path} has no usable {LIVE_FILE} ({error}); open it once for writing, which makes it anew"
            ) from error

    def partition(self, name: str, index: int) -> Partition:
        known = self._partitions.get((name, index))
        if isinstance(known, LivePartition) and known.topic_id != self.topic(name).id:
            with self._lock:  # the topic was deleted and created anew: what is open is the old one's
                self._cache.forget(known.directory)
                self._partitions.pop((name, index), None)
        return super().partition(name, index)

    def _make_partition(self, topic: Topic, index: int) -> Partition:
        return LivePartition(self, topic, index, self._cache)

    def _release(self) -> None:
        self._metadata.close()
        self._cache.clear()


class LivePartition(Partition):
    """A partition that another process writes."""

    def __init__(self, store: FollowingStore, topic: Topic, index: int, cache: SegmentCache) -> None:
        directory = store.path / partition_directory(topic.name, index)
        super().__init__(topic.name, index, directory, topic.config, cache)
        self._store = store
        self._key = (topic.id, index)
        self._name = (topic.id.bytes, index)
        self._slot: int | None = None

    @property
    def topic_id(self) -> UUID:
        """Which topic of that name it is a partition of."""
        return self._key[0]

    def bounds(self) -> Bounds:
        self._store.check_usable()
        live = self._store.live()
        slot = self._slot
        if slot is None or live.named(slot) != self._name:
            slot = self._slot = self._store.slot(self._key)
            if slot is None:
                topic = self._store.topics().get(self.topic)
                if topic is None or topic.id != self._key[0]:
                    raise UnknownTopic(f"the topic {self.topic!r} was deleted")
                return EMPTY
        bounds = Bounds(*live.read(slot))
        if live.named(slot) != self._name:  # given to another partition meanwhile
            return self.bounds()
        return bounds
