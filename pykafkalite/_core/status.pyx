"""The only place where the statuses of native/ become exceptions."""

from libc.errno cimport EDQUOT, ENOSPC, errno

import os

from pykafkalite._core.native cimport (
    PKL_BAD_CRC,
    PKL_BAD_MAGIC,
    PKL_COMPRESSED,
    PKL_CORRUPT,
    PKL_END,
    PKL_FULL,
    PKL_INVALID,
    PKL_NO_MEMORY,
    PKL_SYSTEM,
    PKL_TOO_LARGE,
    PKL_TRUNCATED,
)

from pykafkalite.errors import CorruptBatch, DiskFull, InvalidRecord, MessageTooLarge, StorageError

RAISES = {
    PKL_END: (EOFError, "nothing is left there"),
    PKL_TRUNCATED: (CorruptBatch, "the data ends inside the batch"),
    PKL_CORRUPT: (CorruptBatch, "lengths, counts or offsets contradict each other"),
    PKL_BAD_CRC: (CorruptBatch, "the checksum does not match the bytes"),
    PKL_BAD_MAGIC: (CorruptBatch, "not a record batch of format v2 (Kafka 0.11 or newer)"),
    PKL_FULL: (BufferError, "no room is left"),
    PKL_COMPRESSED: (InvalidRecord, "the records have to be decompressed first"),
    PKL_TOO_LARGE: (MessageTooLarge, "one record alone is over the limit"),
    PKL_INVALID: (ValueError, "an argument is out of its range"),
    PKL_NO_MEMORY: (MemoryError, "out of memory"),
}


cdef int fail(pkl_status status, str what, Py_ssize_t position=-1) except -1:
    """Raises what `status` stands for; PKL_SYSTEM reads errno.  `position` (bytes) goes into a CorruptBatch."""
    cdef int number = errno
    if status == PKL_SYSTEM:
        kind = DiskFull if number in (ENOSPC, EDQUOT) else StorageError
        raise kind(number, f"{what}: {os.strerror(number)}")
    kind, words = RAISES[status]
    if kind is CorruptBatch and position >= 0:
        raise CorruptBatch(f"{what} at byte {position}: {words}", position=position)
    raise kind(f"{what}: {words}")
