"""What an unclean stop leaves, put right: only from the recovery point on, and saying what was done.

Indexes are caches and are rebuilt. A bad batch with nothing valid after it is a torn tail: copied
aside (`.torn`), then cut. A bad batch with valid ones after it stays where it is: readers are told,
and appends go on in a new segment (design decision 7).
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple

from .._core import Recovery, Segment
from .config import TopicConfig
from .files import sync_directory
from .naming import segment_file
from .reading import Bounds
from .repair import UNFINISHED
from .segments import base_offsets

logger = logging.getLogger(__name__)

DELETED = ".deleted"
TORN = ".torn"


class Recovered(NamedTuple):
    """A partition after recovery: its bounds, (leader epoch, first offset) as its batches tell, and what was done."""

    bounds: Bounds
    epochs: list[tuple[int, int]]
    notes: list[str]


def recover_partition(directory: Path, config: TopicConfig, recovery_point: int, start: int) -> Recovered:
    """Recover the segments that hold offsets from `recovery_point` on; `start`: the checkpointed log start."""
    _remove_leftovers(directory)
    bases = base_offsets(directory)
    if not bases:
        return Recovered(Bounds(start, start, start, start, 0, 0), [], [])
    notes: list[str] = []
    epochs: list[tuple[int, int]] = []
    suspects = [base for base, following in zip(bases, [*bases[1:], None], strict=True)
                if following is None or following > recovery_point]  # fmt: skip
    walks = [_SegmentWalk(directory, base, config) for base in suspects]
    for walk in walks:
        walk.run(recovery_point)
        epochs += walk.epochs
    while len(walks) > 1 and walks[-1].is_empty:
        walks.pop().remove(notes)
    last = walks[-1]
    for walk in walks:
        walk.settle(notes, torn_is_cut=walk is last)
    for note in notes:
        logger.warning("%s", note)
    end, position, base = max(walk.next_offset for walk in walks), last.end, last.base
    if last.is_damaged:
        base, position = end, 0
    start = max(start, bases[0])
    return Recovered(Bounds(start, max(end, start), max(end, start), base, position, len(bases)), epochs, notes)


class _SegmentWalk:
    """One segment under recovery: where it ends, and the bad places on the way."""

    def __init__(self, directory: Path, base: int, config: TopicConfig) -> None:
        self.base = base
        self.path = directory / segment_file(base)
        self.size = self.path.stat().st_size
        self.end = 0
        self.next_offset = base
        self.epochs: list[tuple[int, int]] = []
        self.damage: list[tuple[int, str]] = []  # bad batches with valid ones after them
        self.torn: tuple[int, str] | None = None
        self._segment = Segment.open(
            str(directory),
            base,
            segment_bytes=config.segment_size,
            index_bytes=config.segment_index_bytes,
            index_interval=config.index_interval_bytes,
            end=self.size,
            writable=True,
        )

    @property
    def is_empty(self) -> bool:
        return self.end == 0 and not self.damage

    @property
    def is_damaged(self) -> bool:
        """Whether bytes that cannot be read stay inside: nothing may be appended behind them."""
        return bool(self.damage)

    def run(self, recovery_point: int) -> None:
        """Walk the batches from the one at the recovery point on; indexes are rebuilt on the way."""
        start = self._segment.lookup(recovery_point) if recovery_point > self.base else 0
        found = self._take(self._segment.recover(start))
        while found.bad_position >= 0 and found.valid_after >= 0:
            self.damage.append((found.bad_position, found.problem))
            found = self._take(self._segment.recover(found.valid_after))
        if found.bad_position >= 0:
            self.torn = (found.bad_position, found.problem)

    def _take(self, found: Recovery) -> Recovery:
        self.end = found.end
        self.next_offset = max(self.next_offset, found.next_offset)
        self.epochs += found.epochs
        return found

    def settle(self, notes: list[str], *, torn_is_cut: bool) -> None:
        """Cut the torn tail of the last segment; describe what stays."""
        for position, problem in self.damage:
            notes.append(f"{self.path}: byte {position}: {problem}; kept, readers step over it only when told to")
        if self.torn is not None:
            position, problem = self.torn
            if torn_is_cut:
                kept = keep_aside(self.path, position)
                self._segment.truncate(position)
                lost = f"{self.size - position:,} bytes from {position} on"
                notes.append(f"{self.path}: torn tail ({problem}): cut {lost}{kept}")
            else:
                notes.append(f"{self.path}: byte {position}: {problem}; kept, later segments are valid")
        self._segment.flush_indexes()
        self._segment.close()

    def remove(self, notes: list[str]) -> None:
        """The segment holds no valid batch and none follows: begin it anew."""
        if self.size:
            kept = keep_aside(self.path, 0)
            notes.append(f"{self.path}: nothing valid in {self.size:,} bytes: removed{kept}")
        self._segment.close()
        for path in self.path.parent.glob(f"{self.base:020d}.*"):
            if not path.name.endswith(TORN):
                path.unlink()


def keep_aside(path: Path, position: int) -> str:
    """Copy what follows `position` to `<name>.torn` unless it is all zeros; what to say about it."""
    with open(path, "rb") as file:
        file.seek(position)
        tail = file.read()
    if not tail.strip(b"\0"):
        return ""
    target = path.with_name(path.name + TORN)
    with open(target, "ab") as file:
        file.write(tail)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return f", kept in {target.name}"


def _remove_leftovers(directory: Path) -> None:
    """Files whose deletion or rewriting was under way: neither was ever part of the log."""
    for path in directory.glob("*"):
        if path.name.endswith((DELETED, UNFINISHED)):
            path.unlink()
