"""Are the entries of an index true?  Each is held against the batch it speaks of, as the log goes by.

Kafka's rules (OffsetIndex, TimeIndex): an offset index entry is the last offset of
a batch and where that batch begins; a time index entry is the largest timestamp so
far and an offset of the batch that has it.  Both are relative to the segment's base
offset, in strictly rising order, and end at the first entry of zeros (a file that was
allocated ahead and never trimmed).  What lies in a damaged place proves nothing.
"""

from __future__ import annotations

import itertools
import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from pykafkalite.storage.naming import INDEX, TIME_INDEX
from pykafkalite.storage.walking import Damage, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OFFSET_ENTRY = struct.Struct(">ii")  # relative last offset of a batch, its position
TIME_ENTRY = struct.Struct(">qi")  # largest timestamp so far, relative offset of its batch


class Entry(NamedTuple):
    """An entry of either index: `key` is what it is searched by, `target` what it leads to."""

    number: int
    key: int
    target: int


def entries(path: Path, layout: struct.Struct) -> Iterator[Entry]:
    """The entries before the padding, as they stand.  Raises OSError."""
    data = path.read_bytes()
    whole = len(data) - len(data) % layout.size
    for number, (key, target) in enumerate(layout.iter_unpack(data[:whole])):
        if key == 0 and target == 0 and not any(data[number * layout.size :]):
            return
        yield Entry(number, key, target)


class Index(ABC):
    """Walks the entries of one file beside the batches of its segment; collects (position, problem).

    `path` is the file, `problems` what is wrong with it: a position of None is the file as a whole.
    """

    layout: struct.Struct
    suffix: str

    def __init__(self, log: Path, base_offset: int) -> None:
        self.path = log.with_suffix(self.suffix)
        self.base = base_offset
        self.problems: list[tuple[int | None, str]] = []
        self.left = iter(self._ordered())
        self.next = next(self.left, None)

    def _ordered(self) -> list[Entry]:
        """The entries up to the first that does not rise."""
        try:
            odd = self.path.stat().st_size % self.layout.size
            found = list(entries(self.path, self.layout))
        except FileNotFoundError:
            self.problems.append((None, "is missing; the next open makes it anew"))
            return []
        if odd:
            self.problems.append((None, f"ends with {odd} bytes that are no entry"))
        for before, entry in itertools.pairwise(found):
            if entry.key <= before.key or entry.target <= before.target:
                self._wrong(entry, "does not rise above the one before it")
                return found[: entry.number]
        return found

    def _wrong(self, entry: Entry, problem: str) -> None:
        self.problems.append((entry.number * self.layout.size, f"entry {entry.number} {problem}"))

    def _advance(self) -> None:
        self.next = next(self.left, None)

    @abstractmethod
    def meet(self, found: Whole | Damage) -> None:
        """What comes next in the log."""

    def end(self) -> None:
        """The log has ended: what is left leads nowhere."""
        if self.next is not None:
            self._wrong(self.next, "leads behind the end of the log")


class OffsetIndex(Index):
    """`.index`"""

    layout = OFFSET_ENTRY
    suffix = INDEX

    def meet(self, found: Whole | Damage) -> None:
        end = found.end if isinstance(found, Damage) else found.position + 1
        while self.next is not None and self.next.target < end:
            entry = self.next
            if isinstance(found, Whole):
                said, last = self.base + entry.key, found.batch.last_offset
                if entry.target < found.position:
                    self._wrong(entry, f"leads to byte {entry.target}, where no batch begins")
                elif said != last:
                    self._wrong(entry, f"says {said}, the batch there ends with offset {last}")
            self._advance()


class TimeIndex(Index):
    """`.timeindex`"""

    layout = TIME_ENTRY
    suffix = TIME_INDEX
    after_damage = False

    def meet(self, found: Whole | Damage) -> None:
        if isinstance(found, Damage):
            self.after_damage = True
            return
        batch = found.batch
        while self.next is not None and self.base + self.next.target <= batch.last_offset:
            entry, offset = self.next, self.base + self.next.target
            if offset < batch.base_offset:
                if not self.after_damage:
                    self._wrong(entry, f"speaks of offset {offset}, which no batch holds")
            elif entry.key != batch.max_timestamp and batch.count:  # the cleaner keeps emptied batches
                latest = batch.max_timestamp
                self._wrong(entry, f"says {entry.key} ms, the batch of offset {offset} has {latest}")
            self._advance()
        self.after_damage = False

    def end(self) -> None:
        if not self.after_damage:
            super().end()
