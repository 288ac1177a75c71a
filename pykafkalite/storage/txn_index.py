"""Transaction indexes: which transactions were aborted by the markers in a segment (Kafka's TransactionIndex).

Like the other indexes they are caches of the log: recovery writes them anew from the recovery point on.
A segment without aborted transactions has none.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from .files import replace_file, write_all
from .naming import TXN_INDEX, segment_file
from .producers import AbortedTransaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

VERSION = 0
_ENTRY = struct.Struct(">hqqqq")  # version, producer id, first offset, last offset, last stable offset


def encode(aborted: Iterable[AbortedTransaction]) -> bytes:
    """The bytes of these entries."""
    return b"".join(_ENTRY.pack(VERSION, *transaction) for transaction in aborted)


def decode(data: bytes) -> list[AbortedTransaction]:
    """The entries up to the first that cannot be one: a torn tail, garbage, offsets that do not rise."""
    entries: list[AbortedTransaction] = []
    whole = memoryview(data)[: len(data) // _ENTRY.size * _ENTRY.size]
    for version, *fields in _ENTRY.iter_unpack(whole):
        entry = AbortedTransaction(*fields)
        previous = entries[-1].last_offset if entries else -1
        if version != VERSION or not (0 <= entry.first_offset <= entry.last_offset > previous):
            break
        entries.append(entry)
    return entries


def read_aborted(directory: Path, base: int) -> list[AbortedTransaction]:
    """Of one segment, in the order in which they ended. Raises OSError."""
    try:
        return decode((directory / segment_file(base, TXN_INDEX)).read_bytes())
    except FileNotFoundError:
        return []


def append_aborted(directory: Path, base: int, aborted: Sequence[AbortedTransaction]) -> Path:
    """Add entries; the file, which is not synced here. Raises OSError: any part of them may be there."""
    path = directory / segment_file(base, TXN_INDEX)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        end = os.fstat(descriptor).st_size
        write_all(descriptor, encode(aborted), end - end % _ENTRY.size)
    finally:
        os.close(descriptor)
    return path


def rewrite_aborted(directory: Path, base: int, aborted: Sequence[AbortedTransaction]) -> None:
    """These entries and no others; synced on return. Raises StorageError."""
    path = directory / segment_file(base, TXN_INDEX)
    if aborted:
        replace_file(path, encode(aborted))
    else:
        path.unlink(missing_ok=True)


def overlapping(directory: Path, bases: Iterable[int], start: int, end: int) -> list[AbortedTransaction]:
    """Aborted transactions with records from offset `start` up to `end` (not included), in the order in which they
    ended. `bases`: of the segments from the one that holds `start` on: a marker may lie in any later one.
    """
    found = []
    for base in bases:
        for transaction in read_aborted(directory, base):
            if transaction.last_offset >= start and transaction.first_offset < end:
                found.append(transaction)
            if transaction.last_stable_offset >= end:  # whatever ends later, began later
                return found
    return found
