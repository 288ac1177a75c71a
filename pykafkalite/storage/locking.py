"""`.lock`: one writing process per directory, Kafka's own included.

Kafka takes a fcntl record lock (Java's FileChannel.tryLock). An open-file-description
lock conflicts with it, `flock` does not; unlike a plain fcntl lock it also keeps two
openers of one process apart and is not dropped when some other descriptor of the file
is closed. Where a platform has none (macOS), a plain fcntl lock has to do.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import TYPE_CHECKING

from ..errors import StoreLocked

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = ".lock"

# struct flock on 64-bit Linux: type, whence, start, len, pid. A zero length is the whole file.
_WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class DirectoryLock:
    """Holds a directory for writing until `release`; the file names the holder's pid."""

    _descriptor: int | None = None

    def __init__(self, directory: Path) -> None:
        """Take the lock. Raises StoreLocked, naming the holder's pid, when another has it."""
        path = directory / LOCK_FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _try_lock(self._descriptor)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            self.release()
            raise _locked(directory, holder) from None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:  # a full disk, an interrupt: nobody would let go of it
            self.release()
            raise

    def release(self) -> None:
        """Give the directory free; a forked child calls it to let go of its inherited copy."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        # Ctrl-C in the middle of an open or a close: what nobody holds must not hold the directory.
        self.release()


def _try_lock(descriptor: int) -> None:
    if hasattr(fcntl, "F_OFD_SETLK"):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(directory: Path, holder: str) -> StoreLocked:
    who = f"process {holder}" if holder.isdigit() else "another process (a Kafka broker, perhaps)"
    error = StoreLocked(
        f'{directory} is open for writing in {who}; stop it, or open the directory beside it with mode="r"'
    )
    error.pid = int(holder) if holder.isdigit() else None
    return error
