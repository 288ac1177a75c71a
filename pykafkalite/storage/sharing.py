"""One store per directory and process, counted; and the private directories of `:memory:`."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Error, StoreLocked
from .files import remove_quietly, storage_error
from .writing import WritingStore

if TYPE_CHECKING:
    from .clock import Clock

MEMORY = ":memory:"
_PREFIX = "pykafkalite-memory-"

_lock = threading.RLock()
_shared: dict[Path, SharedStore] = {}


class SharedStore(WritingStore):
    """Closes with the last of its openers."""

    openers = 0

    def close(self) -> None:
        with _lock:
            if self.openers > 0:
                self.openers -= 1
            if self.openers == 0:
                # Interrupted before it is closed, it stays here for the next opener.
                super().close()
                if _shared.get(self.path) is self:
                    del _shared[self.path]
                if self._temporary and self.belongs_here():
                    shutil.rmtree(self.path, ignore_errors=True)


def open_shared(path: str | os.PathLike[str], durability: str, clock: Clock) -> SharedStore:
    """The store of a directory, opened for writing; the one that is open in this process already, if so."""
    if os.fspath(path) == MEMORY:
        directory = _memory_directory()
        store = SharedStore(directory, "memory", clock, temporary=True)
        store.openers = 1
        store.start()
        return store
    directory = Path(path).resolve()
    is_counted = False
    try:
        with _lock:
            shared = _shared.get(directory)
            usable = shared is not None and shared.belongs_here() and not shared.closed
            store = shared if shared and usable else _opened(directory, durability, clock)
            if store.durability != durability:
                raise StoreLocked(
                    f"{directory} is open in this process with durability={store.durability!r} already; "
                    f"use that, or close it first"
                )
            store.openers += 1
            is_counted = True
            return store
    except KeyboardInterrupt:
        if is_counted:
            store.close()  # nobody has it who could
        raise


def _opened(directory: Path, durability: str, clock: Clock) -> SharedStore:
    try:
        store = _shared[directory] = SharedStore(directory, durability, clock)
    except Error:
        raise
    except OSError as error:
        raise storage_error(error, f"opening {directory}") from error
    try:
        store.start()
    except BaseException:
        store.close()
        raise
    return store


def _memory_directory() -> Path:
    """A new private directory in memory; those whose owners died are removed on the way."""
    shared_memory = Path("/dev/shm")
    parent = shared_memory if os.access(shared_memory, os.W_OK) else Path(tempfile.gettempdir())
    remove_quietly(path for path in parent.glob(f"{_PREFIX}*") if not _is_alive(path.name))
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))


def _is_alive(name: str) -> bool:
    """Whether the process that the directory is named after runs."""
    pid = name.removeprefix(_PREFIX).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except ValueError:
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
