"""Files: replacing a small one so that a crash leaves the old or the new, whole; a disk's errors in words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING

from pykafkalite import _core
from pykafkalite.errors import DiskFull, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def sync_file(path: Path) -> None:
    """Makes what was written to a file survive a power cut; gone already is fine.  OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(directory: Path) -> None:
    """Everything written to the file system of `directory` survives a power cut.  Raises StorageError."""
    try:
        _core.syncfs(str(directory))
    except OSError as error:
        raise storage_error(error, f"syncing {directory}") from error


def replace_file(path: Path, data: Buffer, *, durable: bool = True) -> None:
    """Puts `data` at `path`: a temporary file beside it, fsync, rename, fsync of the directory.

    On return the new content survives a power cut, unless `durable` is false: no fsyncs then.  Raises
    StorageError (DiskFull); the old content is then still there, unless it was the very last step that failed.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, data, 0)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        if durable:
            sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise storage_error(error, f"writing {path}") from error


def remove_quietly(paths: Iterable[Path]) -> None:
    """Deletes files and directories that are no part of the store any more; gone already is fine."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
