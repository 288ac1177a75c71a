"""A store on a real disk, and the ways in which disks and processes fail, as verbs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pykafkalite import _core
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.partition import WritablePartition
from pykafkalite.storage.store import Store

NOW = 1_700_000_000_000


def sealed(*values: bytes | None, key: bytes | None = None, timestamp: int = NOW) -> bytearray:
    """One batch, as a producer would send it."""
    return _core.build_batch([(key, value, None, timestamp) for value in values])


class Disk:
    """One topic `events` with one partition, in a directory that tests may damage."""

    def __init__(self, path: Path, durability: str = "os", **config: Any) -> None:
        self.path = path
        self.durability = durability
        self.clock = ManualClock(NOW)
        self.store = self._open()
        if "events" not in self.store.topics():
            self.store.create_topic(
                "events", 1, {name.replace("_", "."): value for name, value in config.items()}
            )

    def _open(self) -> Store:
        return Store.open(self.path, durability=self.durability, clock=self.clock)

    @property
    def partition(self) -> WritablePartition:
        found = self.store.partition("events", 0)
        assert isinstance(found, WritablePartition)
        return found

    @property
    def directory(self) -> Path:
        return self.path / "events-0"

    @property
    def log(self) -> Path:
        """The newest segment."""
        return max(self.directory.glob("*.log"))

    def append(self, *values: bytes | None, **how: Any) -> int:
        """Append one batch; its base offset."""
        return self.partition.append(sealed(*values, **how)).base_offset

    def values(self, offset: int | None = None) -> list[bytes | None]:
        """Everything that can be read from `offset` on."""
        return [value for _, value in self.records(offset)]

    def records(self, offset: int | None = None) -> list[tuple[int, bytes | None]]:
        return read_all(self.store, "events", 0, offset)

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> Disk:
        """Stop cleanly, start again."""
        self.store.close()
        self.store = self._open()
        return self

    def after_a_kill(self, name: str = "killed") -> Disk:
        """What a SIGKILL at this moment leaves, not opened yet: the files as they are."""
        target = self.path.with_name(f"{self.path.name}-{name}")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.path, target)
        left = object.__new__(Disk)
        left.path, left.durability, left.clock = target, self.durability, self.clock
        return left

    def open(self) -> Disk:
        """Open what `after_a_kill` left."""
        self.store = self._open()
        return self

    def chop(self, count: int) -> None:
        """The last `count` bytes of the newest segment are gone."""
        data = self.log.read_bytes()
        self.log.write_bytes(data[: len(data) - count])

    def zero(self, count: int) -> None:
        """The last `count` bytes of the newest segment are zeros."""
        data = self.log.read_bytes()
        self.log.write_bytes(data[: len(data) - count] + bytes(count))

    def scribble(self, count: int) -> None:
        """The last `count` bytes of the newest segment are garbage."""
        data = self.log.read_bytes()
        garbage = bytes((i * 7 + 13) % 251 + 1 for i in range(count))
        self.log.write_bytes(data[: len(data) - count] + garbage)

    def flip(self, position: int, bit: int = 0, file: Path | None = None) -> None:
        """One bit of the newest segment (or another file) is the other way round."""
        path = file or self.log
        data = bytearray(path.read_bytes())
        data[position] ^= 1 << bit
        path.write_bytes(data)


def read_all(
    store: Store, topic: str, index: int, offset: int | None = None
) -> list[tuple[int, bytes | None]]:
    """[(offset, value)] of a partition, as a scan would read it."""
    partition = store.partition(topic, index)
    reader = _core.ColumnReader(topic, index, ["offset", "value"])
    at = partition.start_offset if offset is None else offset
    end = partition.high_watermark
    found: list[tuple[int, bytes | None]] = []
    while at < end:
        at = partition.fill(reader, at, end)
        batch = reader.finish()
        found += zip(batch["offset"].to_pylist(), batch["value"].to_pylist(), strict=True)
    return found
