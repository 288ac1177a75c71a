"""Whether a real Kafka has taken a directory of ours over, or only tried to.

A combined node (broker and controller) writes its metadata log before it finds our lock taken and
exits (seen with 4.3.1). That leftover must go: a metadata log that is not empty makes the next Kafka
ignore our bootstrap.checkpoint. Only a broker that got the lock registers itself with its controller;
from then on the directory is Kafka's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import records_of, walk_batches
from ..errors import CorruptBatch
from .files import remove_quietly

if TYPE_CHECKING:
    from pathlib import Path

METADATA_DIRECTORY = "__cluster_metadata-0"
REGISTER_BROKER = bytes([1, 0])  # a metadata record's frame, and RegisterBrokerRecord's apiKey


def was_taken_over(root: Path) -> bool:
    """Whether a Kafka broker has run on this directory."""
    directory = root / METADATA_DIRECTORY
    return directory.is_dir() and any(map(_registers_a_broker, directory.glob("*.log")))


def remove_refused_start(root: Path) -> None:
    """Removes what a Kafka left that our lock kept out; for the holder of the lock."""
    if not was_taken_over(root):
        remove_quietly([root / METADATA_DIRECTORY])


def _registers_a_broker(log: Path) -> bool:
    if int(log.stem):
        return True  # It has rolled: it has been in use.
    data = log.read_bytes()
    try:
        return any(
            (value or b"").startswith(REGISTER_BROKER)
            for batch in walk_batches(data)
            if not batch.is_control
            for _, _, _, value, _ in records_of(data, batch)
        )
    except CorruptBatch:
        return True  # Not for us to judge, and not ours to remove.
