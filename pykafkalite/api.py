"""What every target offers: a directory, `":memory:"`, and later a real cluster.

The classes here are protocols: upper layers and type checkers know the targets
by them alone, and `tests/conformance` runs the same sentences against each.
Times are milliseconds since 1970 UTC wherever a number is meant; keys and values
are bytes.  Every method may raise `errors.Closed` after `close()`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from pykafkalite._core import Message

if TYPE_CHECKING:
    from types import TracebackType
    from uuid import UUID

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from typing_extensions import Buffer

__all__ = [
    "Batches",
    "Bound",
    "Consumer",
    "Group",
    "GroupOffset",
    "Headers",
    "Log",
    "Message",
    "Moment",
    "OffsetRanges",
    "PartitionInfo",
    "RecordMetadata",
    "Scan",
    "Topic",
    "TopicPartition",
    "Values",
    "Writer",
    "implements",
]

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
"""Header names may repeat; their order is kept."""

Moment: TypeAlias = int | datetime | str
"""A place in a partition: an offset; a datetime (without a zone: UTC, as in Kafka's tools);
"earliest", "latest", "-10min" (ms, s, min, h, d, w), or an ISO 8601 date or time."""

Bound: TypeAlias = Moment | Mapping[int, Moment]
"""One place for all partitions, or one for each (those not named keep the default)."""

Values: TypeAlias = Literal["view", "binary"]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class RecordMetadata(NamedTuple):
    """Where a record was stored, and the timestamp it was stored with (ms)."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class PartitionInfo(NamedTuple):
    """What a partition holds now: offsets in [start_offset, end_offset), `size` bytes in the log."""

    partition: int
    start_offset: int
    end_offset: int
    size: int


class GroupOffset(NamedTuple):
    """A group's standing in one partition.  `committed` and `lag` are None where nothing was committed,
    `member` where no consumer has the partition."""

    topic: str
    partition: int
    committed: int | None
    start_offset: int
    end_offset: int
    lag: int | None
    member: str | None


class OffsetRanges(dict[int, tuple[int, int]]):
    """Where the rows of an `append_batch` went: partition -> (first offset, last offset).

    `rows` is their number.  Within a range only another appender's records can
    lie between them.
    """

    def __init__(self, topic: str) -> None:
        super().__init__()
        self.topic = topic
        self.rows = 0

    def add(self, partition: int, first: int, last: int) -> None:
        """Counts another batch that was stored."""
        begin = self[partition][0] if partition in self else first
        self[partition] = (begin, last)
        self.rows += last - first + 1

    def __repr__(self) -> str:
        ranges = ", ".join(f"{partition}: {first}..{last}" for partition, (first, last) in self.items())
        return f"<{self.rows} rows appended to {self.topic} {{{ranges}}}>"


C = TypeVar("C")


def implements(protocol: type) -> Callable[[type[C]], type[C]]:
    """Marks a target's class: its members without a docstring are described by `protocol`."""

    def describe(cls: type[C]) -> type[C]:
        for name, member in vars(cls).items():
            if not name.startswith("_") and hasattr(protocol, name) and not member.__doc__:
                member.__doc__ = getattr(protocol, name).__doc__
        return cls

    return describe


class Log(Protocol):
    """What `open()` gives: topics by name, consumers, groups."""

    @property
    def address(self) -> str:
        """As it was opened: a path, or ":memory:"."""
        ...

    @property
    def read_only(self) -> bool:
        """Opened with mode="r"."""
        ...

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        ...

    def topics(self, *, internal: bool = False) -> Mapping[str, Topic]:
        """The topics by name, sorted; those of Kafka's own (`__consumer_offsets`) with `internal`."""
        ...

    def topic(self, name: str) -> Topic:
        """Raises UnknownTopic with the nearest name."""
        ...

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> Topic:
        """Raises InvalidTopic, TopicExists, InvalidPartitions, InvalidConfig, ReadOnly."""
        ...

    def delete_topic(self, name: str) -> None:
        """With all its records and what groups have committed in it.  Raises UnknownTopic, ReadOnly."""
        ...

    def consumer(
        self, topics: str | Iterable[str], group: str | None = None, *, start: Moment = "earliest"
    ) -> Consumer:
        """Reads `topics` on from where `group` has committed, and from `start` where it has not.

        Without a group all partitions are this consumer's and nothing can be committed.
        """
        ...

    def groups(self) -> Mapping[str, Group]:
        """The groups that have members or committed offsets, by name, sorted."""
        ...

    def group(self, name: str) -> Group:
        """Raises UnknownGroup with the nearest name, InvalidGroup."""
        ...

    def close(self) -> None:
        """Leaves groups, syncs, lets go of the directory; what was read stays valid."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Topic(Protocol):
    """A named log of one or more partitions."""

    @property
    def name(self) -> str:
        """As it was created."""
        ...

    @property
    def id(self) -> UUID:
        """Another one after it was deleted and created anew."""
        ...

    @property
    def partitions(self) -> int:
        """How many there are."""
        ...

    @property
    def is_internal(self) -> bool:
        """Whether it is one of Kafka's own, `__consumer_offsets` for example."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """Every config in effect, by Kafka's name."""
        ...

    @property
    def overrides(self) -> Mapping[str, object]:
        """The configs that were set for this topic."""
        ...

    def append(
        self,
        value: Buffer | None,
        key: Buffer | None = None,
        headers: Headers | None = None,
        timestamp: int | datetime | None = None,
        partition: int | None = None,
    ) -> RecordMetadata:
        """Stores one record; returns once it is acknowledged.

        Without `partition`, Java's default partitioner chooses: murmur2 of the key, else
        one partition until a batch of it is full (sticky).  Without `timestamp`: now.
        Raises MessageTooLarge, InvalidRecord, InvalidTimestamp, StorageError, ReadOnly.
        """
        ...

    def append_batch(self, data: Any) -> OffsetRanges:
        """Stores the rows of a pyarrow RecordBatch or Table, or of anything with `__arrow_c_stream__`
        (Polars, pandas, DuckDB); returns once they are acknowledged.

        Columns: `value` (required), `key`: binary or string, plain, large, view, fixed-size or
        dictionary; `timestamp`: of any unit, or int64 ms; `headers`: list of struct<key, value>, or
        a map; `partition`: integers.  `topic` and `offset`, as a scan has them, are ignored.
        Raises InvalidColumns for any other column or type.  What is in memory is checked whole
        before any of it is written, a stream batch by batch.
        """
        ...

    def writer(self, *, linger_ms: int = 5, batch_size: int | None = None) -> Writer:
        """A buffered appender for one thread: the fast way to append one at a time."""
        ...

    def scan(
        self,
        start: Bound = "earliest",
        end: Bound = "latest",
        *,
        partitions: Iterable[int] | None = None,
        columns: Sequence[str] | None = None,
        values: Values = "view",
        follow: bool = False,
    ) -> Scan:
        """The records in [start, end), bounds fixed now; reads nothing yet.

        `follow` waits for more instead of ending at "latest".  Columns that were not asked for
        are not touched.  `values="binary"` copies keys and values out of the log into plain
        binary columns, for kernels that cannot take views.  Raises OffsetOutOfRange.
        """
        ...

    def offsets(self, at: Bound) -> dict[int, int]:
        """The offset of each partition that `at` means now."""
        ...

    def describe(self) -> list[PartitionInfo]:
        """What each partition holds now."""
        ...

    def alter_config(self, changes: Mapping[str, object | None]) -> None:
        """Sets configs; None: back to the default.  All of them or, at an error, none."""
        ...

    def add_partitions(self, count: int) -> None:
        """Grows the topic to `count` partitions; keys may then go elsewhere than before."""
        ...

    def delete_records(self, before: Bound) -> dict[int, int]:
        """Deletes what lies before; returns each partition's new start offset."""
        ...


class Scan(Protocol):
    """Records between fixed bounds, read anew at every iteration; commits nothing."""

    @property
    def topic(self) -> str:
        """Its name."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Of the RecordBatches."""
        ...

    @property
    def bounds(self) -> Mapping[int, tuple[int, int | None]]:
        """partition -> (first offset, offset after the last; None: follows for ever)."""
        ...

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Each batch holds one partition in offset order and keeps alive what it borrows."""
        ...

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def messages(self) -> Iterator[Message]:
        """The records one by one, with all their columns."""
        ...

    def to_arrow(self) -> pa.Table:
        """All of it; keys and values stay where they are in the log."""
        ...

    def to_polars(self) -> pl.DataFrame:
        """All of it; keys and values stay where they are in the log."""
        ...

    def to_pandas(self, **options: Any) -> pd.DataFrame:
        """All of it; `options` go to pyarrow's `Table.to_pandas`."""
        ...


class Batches(Protocol):
    """What `Consumer.batches` gives: to be used by `for` or by `async for`."""

    def __iter__(self) -> Iterator[pa.RecordBatch]: ...
    def __next__(self) -> pa.RecordBatch: ...
    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]: ...


class Consumer(Protocol):
    """Reads topics, alone or sharing their partitions with its group.  Belongs to one thread.

    Nothing is committed but by `commit()`, which covers what was already yielded.
    """

    @property
    def topics(self) -> tuple[str, ...]:
        """The names of what it reads."""
        ...

    @property
    def group(self) -> str | None:
        """The id of its group."""
        ...

    @property
    def assignment(self) -> tuple[TopicPartition, ...]:
        """The partitions that are its own now."""
        ...

    def batches(
        self,
        timeout: float | None = None,
        *,
        columns: Sequence[str] | None = None,
        values: Values = "view",
    ) -> Batches:
        """RecordBatches of all assigned partitions in turn; ends after `timeout` seconds without
        news; None waits for ever."""
        ...

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Record by record; otherwise as `batches`."""
        ...

    def __iter__(self) -> Iterator[Message]: ...
    def __aiter__(self) -> AsyncIterator[Message]: ...

    def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> dict[TopicPartition, int]:
        """Stores the position after what was yielded (or `offsets`); returns what it stored.

        Raises IllegalGeneration when the group has given one of those partitions to another
        consumer meanwhile, ReadOnly beside a writing process.
        """
        ...

    def position(self, topic: str, partition: int) -> int:
        """The offset of the next record that will be yielded."""
        ...

    def committed(self, topic: str, partition: int) -> int | None:
        """The offset its group has committed; None without a commit."""
        ...

    def seek(self, topic: str, partition: int, to: Moment) -> int:
        """Goes on from there; returns the offset."""
        ...

    def close(self) -> None:
        """Leaves the group, committing nothing."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Group(Protocol):
    """A consumer group as an administrator sees it."""

    @property
    def name(self) -> str:
        """The group id."""
        ...

    @property
    def state(self) -> str:
        """Kafka's word: "Empty" (only offsets), "Stable" (has members), "Dead" (neither)."""
        ...

    @property
    def members(self) -> tuple[str, ...]:
        """The ids of its consumers."""
        ...

    def describe(self) -> list[GroupOffset]:
        """Each partition that it has committed in or reads now, sorted."""
        ...

    def reset(
        self, to: Bound = "earliest", *, topics: str | Iterable[str] | None = None
    ) -> list[GroupOffset]:
        """Commits `to` for every partition of `topics` (default: those with commits).

        Raises NonEmptyGroup while it has members.
        """
        ...

    def delete(self) -> None:
        """Forgets all its offsets.  Raises NonEmptyGroup, UnknownGroup, ReadOnly."""
        ...


class Writer(Protocol):
    """Buffers records per partition; belongs to one thread.

    A batch is sent at `batch_size` bytes, or by the first `append` or `poll` that is
    `linger_ms` or more after its first record.  `flush()` and leaving the block send the
    rest and raise what failed, naming the records.
    """

    @property
    def pending(self) -> int:
        """Records not sent yet."""
        ...

    def append(
        self,
        value: Buffer | None,
        key: Buffer | None = None,
        headers: Headers | None = None,
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Takes one record.  Raises MessageTooLarge, InvalidRecord, TypeError: then it was not taken."""
        ...

    def poll(self) -> None:
        """Sends what has waited `linger_ms`; `append` looks by itself."""
        ...

    def flush(self) -> None:
        """Sends what is buffered; returns once acknowledged.  Raises what failed since the last flush."""
        ...

    def close(self) -> None:
        """The same as `flush`: a writer holds nothing else."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
