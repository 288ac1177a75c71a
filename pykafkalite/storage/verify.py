"""Everything wrong in a directory, without changing it: a log of ours or of a real Kafka.

Each file is read once, front to back.  What is found is a list of `Problem`s; what
could be cured by an open (indexes, a torn tail) is listed too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pykafkalite.errors import CorruptBatch, NewerVersion, NotAStore, StorageError
from pykafkalite.storage import bootstrap, checkpoints, metadata
from pykafkalite.storage.naming import LOG, parse_directory, parse_segment_file
from pykafkalite.storage.verify_indexes import OffsetIndex, TimeIndex
from pykafkalite.storage.walking import Damage, Whole, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IN_ROOT = (
    checkpoints.META_PROPERTIES,
    checkpoints.RECOVERY_POINTS,
    checkpoints.LOG_STARTS,
    checkpoints.HIGH_WATERMARKS,
    checkpoints.CLEAN_SHUTDOWN,
)
IN_PARTITION = (checkpoints.PARTITION_METADATA, checkpoints.LEADER_EPOCHS)


class Problem(NamedTuple):
    """One place that is wrong.  `next_offset`: where reading can go on, when records are lost there."""

    kind: str  # "corrupt batch", "torn tail", "index", "time index", "offsets", "checkpoint"
    path: str
    position: int | None
    message: str
    next_offset: int | None = None


@dataclass
class Report:
    """What was read, and all that is wrong in it."""

    partitions: int = 0
    segments: int = 0
    batches: int = 0
    records: int = 0
    size: int = 0
    problems: list[Problem] = field(default_factory=list)


def files_to_read(directory: Path) -> int:
    """Bytes that `verify` will walk, for a progress bar."""
    return sum(path.stat().st_size for path in directory.rglob(f"*{LOG}"))


def verify(directory: Path, advance: Callable[[int], object] = lambda size: None) -> Report:
    """Reads the whole log directory (or one partition's).  Calls `advance(bytes)` on the way.

    Raises NotAStore for a directory that holds no partition and no log's files.
    """
    report = Report()
    own = parse_directory(directory.name)
    if own is not None and any(directory.glob(f"*{LOG}")):
        _verify_partition(directory, report, advance)
        return report
    partitions = [path for path in sorted(directory.iterdir()) if path.is_dir() and _is_partition(path)]
    root = [kind for kind in IN_ROOT if (directory / kind.name).exists()]
    if not partitions and not root:
        raise NotAStore(f"{directory} holds no log: no partition directories, no meta.properties")
    _verify_checkpoints(directory, IN_ROOT, report)
    apart = Report(problems=report.problems)  # what the store keeps for itself is not counted
    for name in (metadata.FILE, bootstrap.FILE):
        if (directory / name).exists():
            list(_verify_batches(directory / name, apart))
    for partition in partitions:
        _verify_partition(partition, report, advance)
    return report


def _is_partition(path: Path) -> bool:
    name = parse_directory(path.name)
    return name is not None and not name.suffix


def _verify_checkpoints(
    directory: Path, kinds: tuple[checkpoints.Checkpoint[Any], ...], report: Report
) -> None:
    for kind in kinds:
        try:
            problem = kind.read(directory).problem
        except (NewerVersion, StorageError) as error:
            problem = str(error)
        if problem is not None:
            report.problems.append(Problem("checkpoint", str(directory / kind.name), None, problem))


def _verify_partition(directory: Path, report: Report, advance: Callable[[int], object]) -> None:
    report.partitions += 1
    _verify_checkpoints(directory, IN_PARTITION, report)
    bases = sorted(
        name[0] for path in directory.iterdir() if (name := parse_segment_file(path.name)) and name[1] == LOG
    )
    next_offset = 0
    for base in bases:
        path = directory / f"{base:020d}{LOG}"
        if base < next_offset:
            message = f"begins at {base}, but offsets up to {next_offset - 1} lie in the segment before it"
            report.problems.append(Problem("offsets", str(path), 0, message))
        next_offset = max(next_offset, _verify_segment(path, base, report, advance))


def _verify_segment(path: Path, base: int, report: Report, advance: Callable[[int], object]) -> int:
    """Returns the offset after the segment's last."""
    report.segments += 1
    indexes = {"index": OffsetIndex(path, base), "time index": TimeIndex(path, base)}
    next_offset = base
    for found in _verify_batches(path, report):
        for index in indexes.values():
            index.meet(found)
        if isinstance(found, Damage):
            advance(found.end - found.position)
            continue
        advance(found.batch.size)
        if found.batch.base_offset < next_offset:
            message = f"offset {found.batch.base_offset} comes after {next_offset - 1}"
            report.problems.append(Problem("offsets", str(path), found.position, message))
        next_offset = max(next_offset, found.batch.last_offset + 1)
    for kind, index in indexes.items():
        index.end()
        report.problems += [Problem(kind, str(index.path), at, problem) for at, problem in index.problems]
    return next_offset


def _verify_batches(path: Path, report: Report) -> Iterator[Whole | Damage]:
    """Everything in the file; a damaged place is reported once it is known which offset comes after it."""
    damage: Damage | None = None
    for found in walk(path):
        yield found
        if isinstance(found, Damage):
            report.size += found.end - found.position
            damage = found
            continue
        if damage is not None:
            report.problems.append(_lost(path, damage, found.batch.base_offset))
            damage = None
        report.size += found.batch.size
        report.batches += 1
        problem = _problem_of_records(found)
        if problem is None:
            report.records += found.batch.count
        else:
            next_offset = found.batch.last_offset + 1
            report.problems.append(Problem("corrupt batch", str(path), found.position, problem, next_offset))
    if damage is not None:
        report.problems.append(_lost(path, damage, None))


def _problem_of_records(found: Whole) -> str | None:
    """What is wrong inside a batch whose CRC is right: a writer's mistake, not a disk's."""
    try:
        latest = found.check()
    except CorruptBatch as error:
        return str(error)
    batch = found.batch
    if batch.count and not batch.is_append_time and latest != batch.max_timestamp:
        return f"its header says max timestamp {batch.max_timestamp}, its records {latest}"
    return None


def _lost(path: Path, damage: Damage, next_offset: int | None) -> Problem:
    kind = "torn tail" if damage.is_tail else "corrupt batch"
    size = damage.end - damage.position
    return Problem(kind, str(path), damage.position, f"{damage.problem}; {size:,} bytes", next_offset)
