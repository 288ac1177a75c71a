"""Which segments are due for deletion (Kafka's UnifiedLog.deleteOldSegments), and their deletion.

Whole segments only, oldest first. As in Kafka an expired active segment is rolled and deleted too.
Deleting is renaming to `.deleted` now and unlinking after `file.delete.delay.ms`: readers that
mapped the segment keep it, readers that come later do not find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .files import remove_quietly
from .recovery import DELETED
from .segments import largest_timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from .partition import WritablePartition
    from .scheduler import Scheduler


def enforce_retention(partition: WritablePartition, now_ms: int, scheduler: Scheduler) -> int:
    """Delete what retention.ms, retention.bytes and the log start offset let go; how many segments."""
    with partition.lock:
        bases = partition.written_bases()
        count = _deletable(partition, bases, now_ms)
        if not count:
            return 0
        if count == len(bases):
            partition.roll()
        following = bases[count] if count < len(bases) else partition.end_offset
        # Readers learn of the new start before a file goes away.
        partition.move_start(max(partition.written.start, following))
        renamed = [path for base in bases[:count] for path in _mark_deleted(partition.directory, base)]
    scheduler.after(partition.config.file_delete_delay_ms / 1000, lambda: remove_quietly(renamed))
    return count


def _deletable(partition: WritablePartition, bases: list[int], now_ms: int) -> int:
    """How many of the oldest segments may go."""
    config = partition.config
    written, published = partition.written, partition.bounds()
    sizes = [partition.segment_size(base) for base in bases]
    kept_size = sum(sizes)
    for index, base in enumerate(bases):
        is_active = base == written.base
        following = written.high_watermark if is_active else bases[index + 1]
        if following > published.high_watermark or (is_active and not sizes[index]):
            return index
        before_start = not is_active and following <= written.start
        over_size = 0 <= config.retention_bytes <= kept_size - sizes[index]
        too_old = (
            0
            <= config.retention_ms
            < now_ms - largest_timestamp(partition.directory, base, sizes[index], config)
        )
        if not (before_start or (config.deletes and (over_size or too_old))):
            return index
        kept_size -= sizes[index]
    return len(bases)


def _mark_deleted(directory: Path, base: int) -> list[Path]:
    files = [path for path in directory.glob(f"{base:020d}.*") if not path.name.endswith(DELETED)]
    return [path.rename(path.with_name(path.name + DELETED)) for path in files]
