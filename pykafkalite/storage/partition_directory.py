"""A partition's own directory and the two small files in it that are not segments.

Neither file is synced here: after a power cut both are written anew, from the metadata
log and from the batches. What `fsync` promises is synced with the first batches (`sync_new`).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import StorageError
from .checkpoints import LEADER_EPOCHS, PARTITION_METADATA, EpochStart
from .files import sync_directory

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID


def refuse_link(directory: Path) -> None:
    """Raises StorageError where a link stands in a partition's place: what it leads to may be anybody's."""
    if directory.is_symlink():
        raise StorageError(
            errno.ELOOP,
            f"{directory} is a symbolic link, and a partition is never written through one; "
            f"put the directory itself there, or remove the link",
        )


def make_directory(directory: Path, topic_id: UUID) -> None:
    """Make the directory and its `partition.metadata`; one that is there already is completed."""
    directory.mkdir(exist_ok=True)
    PARTITION_METADATA.write(directory, topic_id, durable=False)


def sync_new(directory: Path) -> None:
    """Make a new directory, and new files in it, survive a power cut. OSError."""
    sync_directory(directory)
    sync_directory(directory.parent)


def note_leader_epoch(directory: Path, epoch: int, offset: int) -> None:
    """Batches from `offset` on are of leader epoch `epoch`."""
    epochs = LEADER_EPOCHS.read(directory).value or []
    if not epochs or epochs[-1].epoch < epoch:
        kept = [start for start in epochs if start.offset < offset]
        LEADER_EPOCHS.write(directory, [*kept, EpochStart(epoch, offset)], durable=False)


def end_of_epoch(directory: Path, epoch: int, current: int, end: int) -> tuple[int, int]:
    """(largest epoch up to `epoch`, where it ended): the start of the next one, `end` for the current."""
    if epoch == current:
        return current, end
    known = LEADER_EPOCHS.read(directory).value or []
    earlier = [start for start in known if start.epoch <= epoch]
    later = [start for start in known if start.epoch > epoch]
    if epoch > current or not earlier or not later:
        return -1, -1
    return earlier[-1].epoch, later[0].offset


def restore_topic_id(directory: Path, topic_id: UUID) -> None:
    """After recovery: `partition.metadata`, where a power cut left it empty or none."""
    if directory.is_dir() and PARTITION_METADATA.read(directory).value != topic_id:
        PARTITION_METADATA.write(directory, topic_id, durable=False)


def restore_leader_epochs(directory: Path, walked: list[tuple[int, int]], end: int) -> None:
    """After recovery: the entries before the walked batches, then what these tell."""
    found = LEADER_EPOCHS.read(directory)
    known = found.value or []
    merged: list[EpochStart] = []
    for epoch, offset in sorted([*known, *walked], key=lambda start: start[1]):
        if offset < end and epoch >= 0 and (not merged or epoch > merged[-1].epoch):
            merged.append(EpochStart(epoch, offset))
    if merged != known or found.problem is not None:
        LEADER_EPOCHS.write(directory, merged, durable=False)
