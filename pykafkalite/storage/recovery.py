"""What an unclean stop leaves, put right: only from the recovery point on, and saying what was done.

Indexes are caches and are rebuilt. A bad batch with nothing valid after it is a torn tail: copied
aside (`.torn`), then cut. A bad batch with valid ones after it stays where it is: readers are told,
and appends go on in a new segment (design decision 7).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from .._core import Segment
from .files import sync_directory
from .naming import segment_file
from .producer_state import ProducerState
from .reading import Bounds
from .repair import UNFINISHED, rewrite_segments
from .segments import base_offsets

if TYPE_CHECKING:
    from pathlib import Path

    from .config import TopicConfig

DELETED = ".deleted"
TORN = ".torn"


class Recovered(NamedTuple):
    """A partition after recovery: its bounds, (leader epoch, first offset) as its batches tell, and what was done."""

    bounds: Bounds
    epochs: list[tuple[int, int]]
    notes: list[str]


def recover_partition(
    directory: Path,
    config: TopicConfig,
    recovery_point: int,
    start: int,
    now_ms: int,
    published: Bounds | None = None,
) -> Recovered:
    """Recover the segments that hold offsets from `recovery_point` on; `start`: the checkpointed log start.

    `published`: what readers were told last, who may still map it; None when nobody knows.
    """
    _remove_leftovers(directory)
    bases = base_offsets(directory)
    if not bases:
        return Recovered(Bounds(start, start, start, start, 0, 0), [], [])
    notes: list[str] = []
    followers = [*bases[1:], None]
    suspects = [
        _Suspect(directory, base, config, recovery_point)
        for base, following in zip(bases, followers, strict=True)
        if following is None or following > recovery_point
    ]
    while len(suspects) > 1 and suspects[-1].is_empty:
        suspects.pop().remove(notes)
    last = suspects[-1]
    for suspect in suspects:
        suspect.settle(notes, is_last=suspect is last, published=published)
    start = max(start, bases[0])
    end = max(start, *(suspect.found.next_offset for suspect in suspects))
    # Nothing is appended behind bytes that cannot be read: they end their segment.
    base, position = (end, 0) if last.found.holes else (last.base, last.found.end)
    epochs = [epoch for suspect in suspects for epoch in suspect.found.epochs]
    bounds = Bounds(start, end, end, base, position, 0)
    producers = ProducerState.load(directory, config, bounds, now_ms, trusted=recovery_point)
    producers.take_snapshot(end)
    return Recovered(bounds._replace(stable=producers.stable(end)), epochs, notes)


class _Suspect:
    """A segment that may hold what an unclean stop left."""

    def __init__(self, directory: Path, base: int, config: TopicConfig, recovery_point: int) -> None:
        self.base = base
        self.path = directory / segment_file(base)
        self._segment = Segment.open(
            str(directory),
            base,
            segment_bytes=config.segment_size,
            index_bytes=config.segment_index_bytes,
            index_interval=config.index_interval_bytes,
            end=self.path.stat().st_size,
            writable=True,
        )
        start = self._segment.lookup(recovery_point) if recovery_point > base else 0
        self.found = self._segment.recover(start)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no batch at all, valid or not, that something valid follows."""
        return self.found.end == 0

    def settle(self, notes: list[str], *, is_last: bool, published: Bounds | None) -> None:
        """Cut the torn tail of the last segment; say what stays in others."""
        found = self.found
        notes += (
            f"{self.path}: bytes {hole.position} to {hole.valid_after}: {hole.problem}; kept, but not readable"
            for hole in found.holes
        )
        tail = found.file_size - found.end
        if tail and is_last:
            kept = keep_aside(self.path, found.end)
            if published is not None and (self.base, found.end) >= (published.base, published.position):
                self._segment.truncate(found.end)
            else:
                # Readers map what is cut: a shorter file would be a SIGBUS to them, another file is none.
                rewrite_segments(self.path.parent, [(self.base, found.end)])
            if not found.zeros:
                notes.append(
                    f"{self.path}: torn tail ({found.problem}): cut {tail:,} bytes from {found.end} on{kept}"
                )
        elif tail:
            notes.append(
                f"{self.path}: bytes from {found.end} on: {found.problem}; kept, later segments are valid"
            )
        self._segment.flush_indexes()
        self._segment.close()

    def remove(self, notes: list[str]) -> None:
        """The segment holds no valid batch and none follows: it is begun anew."""
        self.settle(notes, is_last=True, published=None)
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
