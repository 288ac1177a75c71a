"""A directory of partitions, opened: for writing here, or read-only beside whoever writes.

`Store.open` chooses the kind: `writing.WritingStore` (one process at a time), `following.FollowingStore`
(our directory, live, beside its writer), `foreign.KafkaDirectory` (a real Kafka's, stopped or running).
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import Closed, Forked, NotAStore, ReadOnly, UnknownTopic
from .clock import SYSTEM, Clock
from .metadata import FILE as METADATA_FILE
from .naming import known_topics
from .takeover import was_taken_over

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .image import Topic
    from .reading import Partition


# Asked for at each append: getpid() would be a system call, half a microsecond here.
_process = os.getpid()


def _note_process() -> None:
    global _process
    _process = os.getpid()


os.register_at_fork(after_in_child=_note_process)


class Store(ABC):
    """What every kind of store offers. Safe from any thread; of no use in a forked child."""

    read_only = True
    durability = "none"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = False
        self._process = _process
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._lock = threading.RLock()

    @staticmethod
    def open(
        path: str | os.PathLike[str],
        *,
        mode: str = "a",
        durability: str = "os",
        clock: Clock = SYSTEM,
    ) -> Store:
        """Open a directory, or ":memory:".

        `mode`: "a" to write (the directory is made if need be), "r" to read only. `durability`: "os" or
        "fsync" (see durability.py). Writable opens of one directory in this process share one store,
        which closes with the last of them. Raises StoreLocked, NewerVersion, NotAStore, ValueError.
        """
        if mode not in ("a", "r"):
            raise ValueError(f'mode is "a" (read and write) or "r" (read only), not {mode!r}')
        if durability not in ("os", "fsync"):
            raise ValueError(f'durability is "os" or "fsync", not {durability!r}')
        if mode == "a":
            from .sharing import open_shared

            return open_shared(path, durability, clock)
        directory = Path(path).absolute()
        if not directory.is_dir():
            raise NotAStore(
                f"there is no directory {directory}; create a topic in it first, or check the path"
            )
        if (directory / METADATA_FILE).exists() and not was_taken_over(directory):
            from .following import FollowingStore

            return FollowingStore(directory)
        from .foreign import KafkaDirectory

        return KafkaDirectory(directory)

    # --- what kinds of store differ in -----------------------------------------

    @abstractmethod
    def topics(self) -> Mapping[str, Topic]:
        """All topics by name, internal ones too."""

    @abstractmethod
    def _make_partition(self, topic: Topic, index: int) -> Partition:
        """One partition of an existing topic; called once for each."""

    @property
    @abstractmethod
    def cluster_id(self) -> str:
        """As in `meta.properties`."""

    @property
    @abstractmethod
    def sequence(self) -> int:
        """A number that moves with everything that becomes visible."""

    @abstractmethod
    def wait(self, seen: int, timeout: float) -> int:
        """Sleep until `sequence` is not `seen`, at most `timeout` seconds; the sequence then. Ctrl-C works."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of what the kind of store holds."""

    def _let_go(self) -> None:  # noqa: B027 (readers hold nothing that others wait for)
        """What others wait for, at least, after a `_release` that was interrupted anywhere."""

    # --- what they have in common ----------------------------------------------

    def topic(self, name: str) -> Topic:
        """The topic of that name. Raises UnknownTopic, naming the nearest one."""
        topics = self.topics()
        try:
            return topics[name]
        except (KeyError, TypeError):
            raise UnknownTopic(
                f"there is no topic {name!r} in {self.path}{known_topics(name, topics)}"
            ) from None

    def partition(self, name: str, index: int) -> Partition:
        """One partition, ready to use; made on first use. Raises UnknownTopic."""
        if type(index) is not int:
            raise TypeError(f"a partition is a whole number, not {index!r:.40}")
        found = self._partitions.get((name, index))
        if found is not None and not self._closed:
            return found
        self.check_usable()
        with self._lock:
            topic = self.topic(name)
            if not 0 <= index < topic.partitions:
                raise UnknownTopic(
                    f"{name!r} has no partition {index}: it has {topic.partitions}, numbered from 0"
                )
            partition = self._partitions.get((name, index))
            if partition is None:
                partition = self._partitions[name, index] = self._make_partition(topic, index)
            return partition

    def check_usable(self) -> None:
        """Raises Closed after close, Forked in a forked child."""
        if self._closed:
            raise Closed(f"the store {self.path} is closed; open it again")
        if self._process != _process:
            raise Forked(f"the store {self.path} was opened before a fork; open it anew in the child")

    def belongs_here(self) -> bool:
        """False in a forked child."""
        return self._process == _process

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Let go of everything; RecordBatches and views that were handed out stay valid. Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._release()
            except KeyboardInterrupt:
                self._let_go()
                raise
            self._partitions.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = (
            "closed" if self._closed else "read-only" if self.read_only else f"durability={self.durability!r}"
        )
        return f"<{type(self).__name__} {self.path} {state}>"

    # --- writing: refused, except by a store that was opened for it ------------

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> Topic:
        """Create a topic. Raises InvalidTopic, TopicExists, InvalidPartitions, InvalidConfig, ReadOnly."""
        raise self._refusal("create a topic")

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records. Raises UnknownTopic, ReadOnly."""
        raise self._refusal("delete a topic")

    def add_partitions(self, name: str, count: int) -> Topic:
        """Raise a topic's partition count to `count`. Raises InvalidPartitions, UnknownTopic, ReadOnly."""
        raise self._refusal("add partitions")

    def alter_config(self, name: str, changes: Mapping[str, object | None]) -> Topic:
        """Change a topic's configs; None: back to the default. Raises InvalidConfig, UnknownTopic, ReadOnly."""
        raise self._refusal("alter a topic")

    def delete_records(self, name: str, partition: int, before: int) -> int:
        """Delete records below offset `before` (-1: all); the new log start. Raises OffsetOutOfRange, ReadOnly."""
        raise self._refusal("delete records")

    def _refusal(self, what: str) -> ReadOnly:
        self.check_usable()
        return ReadOnly(f'cannot {what}: {self.path} is open with mode="r"; open it with mode="a" to write')
