"""Replacing a small file so that a crash leaves the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from pykafkalite.errors import DiskFull, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

TEMPORARY = ".tmp"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def storage_error(error: OSError, doing: str) -> StorageError:
    """The exception that callers catch for what the operating system refused while `doing`."""
    kind = DiskFull if error.errno in _NO_ROOM else StorageError
    return kind(error.errno, f"{doing}: {error.strerror or error}", error.filename)


def write_all(descriptor: int, data: Buffer, position: int) -> None:
    """pwrite until everything is written.  OSError: any part of it may have been."""
    left = memoryview(data).cast("B")
    while left:
        written = os.pwrite(descriptor, left, position)
        position += written
        left = left[written:]


def sync_directory(directory: Path) -> None:
    """Makes created, renamed and removed entries of `directory` survive a power cut.  OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: Buffer) -> None:
    """Puts `data` at `path`: a temporary file beside it, fsync, rename, fsync of the directory.

    On return the new content survives a power cut.  Raises StorageError (DiskFull); the old content is
    then still there, unless it was the very last step that failed.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, data, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(error, f"writing {path}") from error
