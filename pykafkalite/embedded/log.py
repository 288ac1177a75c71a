"""An embedded log: what `pykafkalite.open()` gives for a directory or `":memory:"`."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Self

from pykafkalite import api
from pykafkalite.api import implements
from pykafkalite.coordinator.coordinator import Coordinator
from pykafkalite.embedded import arguments, display
from pykafkalite.embedded.consumer import Consumer
from pykafkalite.embedded.group import Group
from pykafkalite.embedded.topic import Topic
from pykafkalite.errors import Closed
from pykafkalite.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from pykafkalite.api import Moment


@implements(api.Log)
class Log(arguments.OfThisProcess):
    """Made by `open`.  Safe from any thread; of no use in a forked child."""

    def __init__(self, address: str, store: Store) -> None:
        self.address = address
        self.coordinator = Coordinator.of(store)
        self._store = store
        self._closed = False
        self._topics: dict[str, Topic] = {}
        self._consumers: weakref.WeakSet[Consumer] = weakref.WeakSet()

    @classmethod
    def open(cls, address: str | os.PathLike[str], *, mode: str = "a", durability: str = "os") -> Log:
        """See `pykafkalite.open`."""
        if not isinstance(address, str | os.PathLike):
            raise TypeError(f'open() takes a directory (str or Path), or ":memory:", not {address!r:.40}')
        text = os.fsdecode(address)
        if "://" in text or "\0" in text or not text:
            raise ValueError(f'{text!r} is no address here: open() takes a directory, or ":memory:"')
        store = Store.open(text, mode=mode, durability=durability)
        try:
            return cls(text, store)
        except BaseException:
            store.close()
            raise

    @property
    def store(self) -> Store:
        """What lies below.  Raises Closed."""
        if self._closed:
            raise Closed(f"the log {self.address} is closed: open it again")
        return self._store

    @property
    def read_only(self) -> bool:
        return self._store.read_only

    @property
    def durability(self) -> str:
        """ "os" or "fsync"."""
        return str(self._store.durability)

    @property
    def closed(self) -> bool:
        return self._closed or self._store.closed

    def topics(self, *, internal: bool = False) -> Mapping[str, Topic]:
        known = self.store.topics()
        return {name: self._topic(name) for name in sorted(known) if internal or not known[name].is_internal}

    def topic(self, name: str) -> Topic:
        return self._topic(self.store.topic(name).name)

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> Topic:
        return self._topic(self.store.create_topic(name, partitions, config).name)

    def delete_topic(self, name: str) -> None:
        self.store.delete_topic(name)
        self.coordinator.forget_topic(name)
        self._topics.pop(name, None)

    def _topic(self, name: str) -> Topic:
        found = self._topics.get(name)
        return self._topics.setdefault(name, Topic(self, name)) if found is None else found

    def consumer(
        self, topics: str | Iterable[str], group: str | None = None, *, start: Moment = "earliest"
    ) -> Consumer:
        names = (topics,) if isinstance(topics, str) else arguments.several("topics", topics, '["flights"]')
        consumer = Consumer(self, names, group, start)
        self._consumers.add(consumer)
        return consumer

    def groups(self) -> Mapping[str, Group]:
        self.store.check_usable()
        return {name: Group(self, name) for name in self.coordinator.names()}

    def group(self, name: str) -> Group:
        self.store.check_usable()
        return Group(self, self.coordinator.check(name))

    def close(self) -> None:
        """Leaves groups, syncs and lets go of the directory; what was read stays valid."""
        if self._closed:
            return
        for consumer in list(self._consumers):
            consumer.close()
        try:
            self._store.close()
        except KeyboardInterrupt:
            raise  # it may not have got far: closing again goes on
        except BaseException:
            self._closed = True
            raise
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self) -> tuple[str, list[str], list[list[str]]]:
        rows, records, size = [], 0, 0
        for name, topic in self.topics().items():
            count, bytes_, first, last = topic._summary()
            records, size = records + count, size + bytes_
            times = display.time_range(first, last)
            rows.append([name, f"{topic.partitions:,}", f"{count:,}", display.human_size(bytes_), times])
        how = "read-only" if self.read_only else f"durability {self.durability}"
        title = (
            f"Log {self.address}: {display.plural(len(rows), 'topic')}, "
            f"{display.plural(records, 'record')}, {display.human_size(size)}, {how}"
        )
        return title, ["topic", "partitions", "records", "size", "time (UTC)"], rows

    def __repr__(self) -> str:
        return display.as_text(f"Log {self.address}", self._rows)

    def _repr_html_(self) -> str:
        return display.as_html(f"Log {self.address}", self._rows)
