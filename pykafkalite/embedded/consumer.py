"""A consumer: reads its share of topics, and commits what it was told to."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from pykafkalite import api
from pykafkalite._core import ColumnReader
from pykafkalite.api import TopicPartition, implements
from pykafkalite.coordinator import membership
from pykafkalite.embedded import bounds
from pykafkalite.embedded.arguments import OfThisProcess, seconds, topic_partition, whole
from pykafkalite.embedded.batches import Batches
from pykafkalite.embedded.cursor import COLUMNS, FOREVER, Cursor
from pykafkalite.errors import Closed, OffsetOutOfRange, ReadOnly, UnknownTopic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from types import TracebackType
    from uuid import UUID

    from pykafkalite._core import Message, Messages
    from pykafkalite.api import Moment, Values
    from pykafkalite.embedded.log import Log
    from pykafkalite.storage.reading import Partition

T = TypeVar("T")


class Fetched(NamedTuple, Generic[T]):
    """What was read of a partition, from one offset to before another."""

    place: TopicPartition
    position: int
    after: int
    rows: T


logger = logging.getLogger(__name__)
_LOOK = 1.0  # seconds; how often a waiting consumer looks whether topics or its group have changed


@implements(api.Consumer)
class Consumer(OfThisProcess):
    """Made by `Log.consumer`.  Belongs to one thread.

    Which partitions it reads is looked up whenever it goes on reading.  Those that it keeps go on
    where they are; those that are new to it start at the group's commit.
    """

    def __init__(self, log: Log, topics: Sequence[str], group: str | None, start: Moment) -> None:
        for name in topics:
            log.store.topic(name)
        if not topics:
            raise UnknownTopic("a consumer reads at least one topic")
        self.topics = tuple(dict.fromkeys(topics))
        self.group = group
        self._log = log
        self._start = bounds.parse(start)
        if isinstance(self._start, int) and self._start < 0:
            raise OffsetOutOfRange(
                f'start={start}: an offset is a number from 0, or give "earliest" or "latest"'
            )
        self._positions: dict[TopicPartition, int] = {}
        self._stored: dict[TopicPartition, int] = {}
        self._generation = -1
        self._ids: dict[str, UUID] = {}
        self._opened: Fetched[Messages] | None = None
        self._membership = membership.join(log.coordinator, group, self.topics)
        self._leave = weakref.finalize(self, self._membership.abandon)
        self._leave.atexit = False
        self._take_up(refresh=True)

    @property
    def assignment(self) -> tuple[TopicPartition, ...]:
        self._take_up()
        return tuple(self._positions)

    # --- reading ------------------------------------------------------------

    def batches(
        self, timeout: float | None = None, *, columns: Sequence[str] | None = None, values: Values = "view"
    ) -> Batches:
        return Batches(self, columns, values, seconds("timeout", timeout))

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Record by record; otherwise as `batches`."""
        for fetched in self._fetch(COLUMNS, ColumnReader.messages, seconds("timeout", timeout)):
            yield from self._open(fetched)
            self._settle(fetched)

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    async def __aiter__(self) -> AsyncIterator[Message]:
        from pykafkalite.embedded.asynchronous import PAUSE, Awaited

        pausing = self._fetch_or_pause(COLUMNS, ColumnReader.messages, None, PAUSE)
        async for fetched in Awaited(pausing, lambda fetched: fetched):
            for message in self._open(fetched):
                yield message
            self._settle(fetched)

    def _fetch(
        self, columns: Sequence[str], take: Callable[[ColumnReader], T], timeout: float | None
    ) -> Iterator[Fetched[T]]:
        fetched = self._fetch_or_pause(columns, take, timeout, _LOOK)
        return (item for item in fetched if item is not None)

    def _fetch_or_pause(
        self, columns: Sequence[str], take: Callable[[ColumnReader], T], timeout: float | None, pause: float
    ) -> Iterator[Fetched[T] | None]:
        """Batches of the partitions in turn, until `timeout` seconds pass without any; None after each sleep.

        Whoever gets a batch moves the partition's position on: it counts as yielded from then on.
        """
        cursors: list[Cursor] = []
        assigned: Mapping[TopicPartition, int] = {}
        turn, look, deadline = 0, 0.0, _deadline(timeout)
        while True:
            store, now = self._log.store, time.monotonic()
            seen = store.sequence
            self._take_up(refresh=now >= look)
            if now >= look:
                look = now + _LOOK
            if self._positions is not assigned:
                assigned = self._positions
                cursors = [Cursor(store.partition(*place), 0, columns=columns) for place in assigned]
            found = self._next(cursors, turn)
            if found is not None:
                turn, cursor = found[0] + 1, cursors[found[0]]
                yield Fetched(_place(cursor), cursor.position, found[1], take(cursor.reader))
                deadline = _deadline(timeout)
                continue
            left = pause if deadline is None else min(pause, deadline - time.monotonic())
            if left <= 0:
                return
            store.wait(seen, left)
            yield None

    def _yielded(self, fetched: Fetched[Any]) -> bool:
        """Counts it as yielded; False when it is stale: the position was moved, or the partition lost, meanwhile."""
        if self._positions.get(fetched.place) != fetched.position:
            return False
        self._positions[fetched.place] = fetched.after
        return True

    def _open(self, fetched: Fetched[Messages]) -> Iterable[Message]:
        """Its messages.  How many of them were yielded is looked up when somebody wants to know."""
        if self._positions.get(fetched.place) != fetched.position:
            return ()
        self._opened = fetched
        return fetched.rows

    def _settle(self, ended: Fetched[Messages] | None = None) -> None:
        """Moves the position behind the messages that were yielded; behind all of `ended`, gaps included."""
        opened = self._opened
        if opened is None or opened.place not in self._positions:
            return
        self._positions[opened.place] = opened.after if opened is ended else opened.rows.next_offset
        if opened is ended:
            self._opened = None

    def _drop(self) -> None:
        """What was read but not yielded yet is to be read again."""
        self._settle()
        if self._opened is not None:
            self._opened.rows.stop()
            self._opened = None

    def _next(self, cursors: Sequence[Cursor], turn: int) -> tuple[int, int] | None:
        """(number, offset after) of the next cursor with rows, asking each once from number `turn` on."""
        self._drop()
        for number in range(turn, turn + len(cursors)):
            cursor = cursors[number % len(cursors)]
            after = self._read(cursor)
            if after is not None:
                return number % len(cursors), after
        return None

    def _read(self, cursor: Cursor) -> int | None:
        """`Cursor.read` from this consumer's position.  What was to be read next may be deleted meanwhile: then it
        goes on where `start` says, as auto.offset.reset does."""
        place = _place(cursor)
        cursor.position = self._positions[place]
        try:
            after = cursor.read()
        except OffsetOutOfRange:
            gone, cursor.position = cursor.position, self._first(cursor.partition)
            logger.warning(
                "offset %d of %s-%d is not there any more: going on at %d", gone, *place, cursor.position
            )
            after = cursor.read()
        self._positions[place] = cursor.position  # over what has no records, too
        return after

    # --- who reads what -----------------------------------------------------

    def _take_up(self, *, refresh: bool = False) -> None:
        """Makes the group's assignment its own: `_positions` is another mapping when it has changed.

        `refresh` looks first whether topics came, went or grew.  Raises Closed, UnknownMember.
        """
        store = self._log.store
        if not self._leave.alive:
            raise Closed("the consumer is closed: make another")
        if refresh:
            self._forget_old_topics()
        elif self._membership.generation == self._generation:
            return
        generation, places = self._membership.sync(refresh=refresh)
        if generation != self._generation:
            self._drop()
            committed = self._membership.committed()
            positions = {}
            for place in map(TopicPartition._make, places):
                position = self._positions.get(place)
                if position is None:
                    commit = committed.get(place)
                    partition = store.partition(*place)
                    position = self._first(partition) if commit is None else commit.offset
                    if commit is not None:
                        self._stored[place] = commit.offset
                positions[place] = position
            self._stored = {place: offset for place, offset in self._stored.items() if place in positions}
            self._positions, self._generation = positions, generation

    def _forget_old_topics(self) -> None:
        """A topic that was deleted and created anew is read from where `start` says."""
        known = self._log.store.topics()
        ids = {name: known[name].id for name in self.topics if name in known}
        old = {name for name, topic_id in self._ids.items() if ids.get(name) != topic_id}
        self._ids = ids
        if old:
            self._drop()
            self._positions = {at: offset for at, offset in self._positions.items() if at.topic not in old}
            self._stored = {at: offset for at, offset in self._stored.items() if at.topic not in old}
            self._generation = -1

    def _first(self, partition: Partition) -> int:
        """Where the start policy begins; an offset or time that is not there any more means the nearest."""
        if isinstance(self._start, int):
            return min(max(self._start, partition.start_offset), partition.high_watermark)
        return bounds.resolve(partition, self._start)

    # --- positions ----------------------------------------------------------

    def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> dict[TopicPartition, int]:
        store = self._log.store
        if not self._leave.alive:
            raise Closed("the consumer is closed: make another")
        if self.group is None:
            raise ReadOnly(
                "a consumer without a group commits nothing: give it one, consumer(topics, group=...)"
            )
        self._settle()
        if offsets is None:
            changed = {
                place: position
                for place, position in self._positions.items()
                if self._stored.get(place) != position
            }
        else:
            if not isinstance(offsets, Mapping):
                raise TypeError(f"commit takes {{TopicPartition: offset}}, not {offsets!r:.40}")
            changed = {topic_partition(given): _offset(offset) for given, offset in offsets.items()}
            for place in changed:
                store.partition(*place)
        self._membership.commit(
            self._generation, {(at.topic, at.partition): offset for at, offset in changed.items()}
        )
        self._stored |= changed
        return changed

    def committed(self, topic: str, partition: int) -> int | None:
        self._log.store.partition(topic, partition)
        commit = self._membership.committed().get((topic, partition))
        return None if commit is None else commit.offset

    def position(self, topic: str, partition: int) -> int:
        """The offset of the next record to be yielded.  Raises UnknownTopic when it is not assigned."""
        place = self._assigned(topic, partition)
        self._settle()
        return self._positions[place]

    def seek(self, topic: str, partition: int, to: Moment) -> int:
        """Raises OffsetOutOfRange, UnknownTopic when the partition is not assigned."""
        place = self._assigned(topic, partition)
        self._drop()
        self._positions[place] = bounds.resolve(self._log.store.partition(topic, partition), to)
        return self._positions[place]

    def _assigned(self, topic: str, partition: int) -> TopicPartition:
        self._take_up()
        place = topic_partition((topic, partition))
        if place not in self._positions:
            self._log.store.partition(topic, partition)
            raise UnknownTopic(
                f"{topic}-{partition} is not assigned to this consumer; it has {self._names()}"
            )
        return place

    # --- the end ------------------------------------------------------------

    def close(self) -> None:
        if self._leave.detach() is not None:
            self._membership.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _names(self) -> str:
        return ", ".join(f"{topic}-{partition}" for topic, partition in self._positions) or "none"

    def __repr__(self) -> str:
        group = "no group" if self.group is None else f"group {self.group}"
        state = self._names() if self._leave.alive else "closed"
        return f"<Consumer of {', '.join(self.topics)} in {group}: {state}>"


def _place(cursor: Cursor) -> TopicPartition:
    return TopicPartition(cursor.partition.topic, cursor.partition.index)


def _offset(offset: int) -> int:
    number = whole("an offset to commit", offset)
    if not 0 <= number < FOREVER:
        raise OffsetOutOfRange(f"{number} cannot be committed: an offset is a number from 0")
    return number


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
