"""`pykafkalite.live`: which slot of it is whose, and what stands there between two opens.

Readers in other processes follow partitions here. After a clean close the slots also are
where the next open finds every partition's end, so that it has to look into no directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from .._core import Live
from ..errors import NewerVersion, StorageError
from .reading import EMPTY, Bounds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIVE_FILE = "pykafkalite.live"
LARGER = ".larger"
FIRST_SLOTS = 1024
NO_TOPIC = UUID(int=0)

Key = tuple[UUID, int]


class Slots:
    """The writer's side: one slot per partition. The caller serialises what changes the table."""

    def __init__(self, path: Path) -> None:
        """Open the live file, or make it. `self.clean`: its slots are those of a clean close."""
        self._path = path
        self.live = self._open() or Live.create(str(path), FIRST_SLOTS)
        self.clean = self.live.closed_cleanly
        self._clear_half_written()
        self._slots = named_slots(self.live)
        self._free = sorted(set(range(self.live.slots)) - set(self._slots.values()), reverse=True)

    def _open(self) -> Live | None:
        try:
            return Live.open(str(self._path), writable=True)
        except (StorageError, NewerVersion):  # missing, or no live file: what it said can be found out anew
            return None

    def _clear_half_written(self) -> None:
        """A writer that died while it wrote a slot left it unreadable: nobody's, until it is taken again."""
        for slot in range(self.live.slots):
            try:
                self.live.named(slot)
            except StorageError:
                self.live.name(slot, NO_TOPIC.bytes, 0)
                self.clean = False

    def has(self, key: Key) -> bool:
        """Whether the partition was ever written."""
        return key in self._slots

    def bounds(self, key: Key) -> Bounds | None:
        """What was last published of a partition; None when nobody can tell."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        try:
            return Bounds(*self.live.read(slot))
        except StorageError:  # the writer died while it wrote here
            return None

    def slot(self, key: Key) -> int:
        """The partition's slot, for good; a new partition gets one."""
        slot = self._slots.get(key)
        return self._take(key) if slot is None else slot

    def publish(self, slot: int, bounds: Bounds) -> None:
        """Show `bounds` to readers, and wake who waits."""
        self.live.publish(slot, *bounds)

    def drop(self, keys: Iterable[Key]) -> None:
        """The partitions are no more: their slots are free."""
        for key in keys:
            slot = self._slots.pop(key, None)
            if slot is not None:
                self.live.name(slot, NO_TOPIC.bytes, 0)
                self._free.append(slot)

    def _take(self, key: Key) -> int:
        if not self._free:
            self._grow()
        slot = self._slots[key] = self._free.pop()
        topic_id, partition = key
        # Before it has the name: a slot that was another partition's must not speak of that one's records.
        self.live.publish(slot, *EMPTY)
        self.live.name(slot, topic_id.bytes, partition)
        return slot

    def _grow(self) -> None:
        """Twice the slots in a new file under the old name; who maps the old one is told to look again.

        It gets the name once it is complete: who opens it meanwhile, or after a kill, finds everything.
        """
        old = self.live
        larger = self._path.with_name(self._path.name + LARGER)
        new = Live.create(str(larger), old.slots * 2)
        for (topic_id, partition), slot in self._slots.items():
            new.name(slot, topic_id.bytes, partition)
            new.publish(slot, *old.read(slot))
        larger.replace(self._path)
        old.mark_moved()
        self._free = list(range(new.slots - 1, old.slots - 1, -1))
        self.live = new


def named_slots(live: Live) -> dict[Key, int]:
    """Which partition each used slot is of."""
    names = ((slot, live.named(slot)) for slot in range(live.slots))
    return {
        (UUID(bytes=topic_id), partition): slot
        for slot, (topic_id, partition) in names
        if topic_id != NO_TOPIC.bytes
    }
