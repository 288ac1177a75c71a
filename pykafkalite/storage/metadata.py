"""pykafkalite.metadata: the log of the store's metadata.

A file of commits (commits.py) whose records are Kafka's metadata records.
Whatever creates, changes or deletes a topic is one commit.

Rule 1: this file alone says what is true.  It is complete by itself; nothing is
        read from bootstrap.checkpoint, which is only written, for Kafka.
Rule 2: once it holds several times what it needs, it is replaced: the whole image
        is written beside it, synced and renamed over it.  A crash before the
        rename leaves the old file, after it the new one; both say the same.
Rule 3: a damaged file keeps the store from opening, as guessing could delete
        data: a lost `retention.ms=-1` is enough.

Readers in other processes hold the file open and read on from where they were;
when another file has the name, they start anew with that.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from pykafkalite.errors import (
    Closed,
    InvalidPartitions,
    InvalidTopic,
    NotAStore,
    ReadOnly,
    StorageError,
    TopicExists,
    UnknownTopic,
)
from pykafkalite.storage import bootstrap
from pykafkalite.storage.commits import CommitFile
from pykafkalite.storage.config import TopicConfig
from pykafkalite.storage.files import storage_error
from pykafkalite.storage.image import Image, Topic, config_records, leader_epoch_record
from pykafkalite.storage.naming import (
    check_topic_name,
    collision_key,
    known_topics,
    partition_directory,
    random_id,
)
from pykafkalite.storage.records import ProducerIdsRecord, RemoveTopicRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from uuid import UUID

    from pykafkalite.storage.commits import Torn
    from pykafkalite.storage.schema import Record

FILE = "pykafkalite.metadata"
MAX_PARTITIONS = 100_000
"""Of one topic: a bound on what one commit may hold, not on what works well."""
REPLACE_BYTES = 4 << 20
REPLACE_FACTOR = 4
"""The file is replaced when it has this many bytes and this many times the records that it needs."""


def _now() -> int:
    return time.time_ns() // 1_000_000


class MetadataLog:
    """The metadata of one store.  Threads: any; changes wait for each other, reads never wait.

    Every change is durable and visible when its method returns; when it raises, nothing has changed.
    StorageError (DiskFull) is what the disk refused.
    """

    def __init__(self, directory: Path, node_id: int, writable: bool, now: Callable[[], int]) -> None:
        """Use `open`."""
        self._directory = directory
        self._path = directory / FILE
        self._writable = writable
        self._now = now
        self._lock = threading.Lock()
        self._image = Image(node_id)
        self._file: CommitFile | None = None
        self._snapshot_due = writable and not (directory / bootstrap.FILE).exists()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        node_id: int,
        writable: bool,
        torn: Torn | None = None,
        now: Callable[[], int] = _now,
    ) -> MetadataLog:
        """Writable (for the holder of the store's lock only), it is made when missing, and a torn tail is
        given to `torn(path, position, bytes)` and cut.

        Raises NotAStore, CorruptBatch for damage, NewerVersion, StorageError.
        """
        log = cls(directory, node_id, writable, now)
        if writable and not log._path.exists():
            log._replace()
        else:
            log._load(torn)
        return log

    # --- reading

    def topics(self) -> dict[str, Topic]:
        """A copy: names -> topics, in the order of their creation."""
        return dict(self._image.topics)

    def topic(self, name: str) -> Topic:
        """Raises UnknownTopic with the nearest name."""
        try:
            return self._image.topics[name]
        except (KeyError, TypeError):
            raise UnknownTopic(f"there is no topic {name!r}{known_topics(name, self.topics())}") from None

    def topic_by_id(self, topic_id: UUID) -> Topic | None:
        """None when there is no topic of that id."""
        name = self._image.names.get(topic_id)
        return None if name is None else self._image.topics.get(name)

    @property
    def leader_epoch(self) -> int:
        """Under which the store appends."""
        return self._image.leader_epoch

    @property
    def end_offset(self) -> int:
        """Of the metadata log's file; it begins anew when the file is replaced."""
        file = self._file
        return 0 if file is None else file.next_offset

    def refresh(self) -> bool:
        """Follows what the writing process committed since; whether there was any.  Raises CorruptBatch."""
        with self._lock:
            file = self._opened()
            try:
                if self._writable or not (file.stale or file.grew):
                    return False
                if not file.stale:
                    return file.read_on(self._image.apply)
            except OSError as error:
                raise storage_error(error, f"reading {self._path}") from error
            self._load(None)
            return True

    # --- changing

    def create_topic(
        self, name: str, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> Topic:
        """Raises InvalidTopic, TopicExists, InvalidPartitions, InvalidConfig."""
        check_topic_name(name)
        if name == "__cluster_metadata":
            raise InvalidTopic("__cluster_metadata is Kafka's own: no topic can have that name")
        topic = Topic(name, random_id(), _check_partitions(name, partitions), self.config(config))
        with self._lock:
            if name in self._image.topics:
                raise TopicExists(f"topic {name!r} already exists")
            if other := self._image.taken.get(collision_key(name)):
                raise TopicExists(
                    f"{name!r} collides with {other!r}: Kafka's metrics do not tell '.' from '_'"
                )
            self._commit(self._image.topic_records(topic))
            return self.topic(name)

    def config(self, given: Mapping[str, object] | None) -> TopicConfig:
        """What a topic of such configs would have.  Raises InvalidConfig."""
        return TopicConfig(given, self._image.defaults)

    def use_topic_defaults(self, defaults: Mapping[str, object]) -> None:
        """Typed topic configs that hold where a topic has none of its own; until the log is closed."""
        with self._lock:
            self._image.use_defaults(defaults)

    def delete_topic(self, name: str) -> Topic:
        """What was deleted.  Raises UnknownTopic."""
        with self._lock:
            topic = self.topic(name)
            self._commit([RemoveTopicRecord(topic_id=topic.id)])
            return topic

    def add_partitions(self, name: str, count: int) -> Topic:
        """`count` is the new total.  Raises UnknownTopic, InvalidPartitions."""
        with self._lock:
            topic = self.topic(name)
            if _check_partitions(name, count) <= topic.partitions:
                raise InvalidPartitions(
                    f"{name!r} has {topic.partitions} partitions already: ask for more than that"
                )
            self._commit([*self._image.partition_records(topic, range(topic.partitions, count))])
            return self.topic(name)

    def alter_config(self, name: str, changes: Mapping[str, object | None]) -> Topic:
        """None sets a config back to its default.  Raises UnknownTopic, InvalidConfig."""
        with self._lock:
            topic = self.topic(name)
            before, after = topic.config.overrides, topic.config.with_changes(changes).overrides
            changed = {key: after.get(key) for key in changes if after.get(key) != before.get(key)}
            if changed:
                self._commit([*config_records(name, changed)])
            return self.topic(name)

    def raise_leader_epoch(self) -> int:
        """The new epoch: after each unclean open, so that clients can learn what a crash took."""
        with self._lock:
            self._commit([leader_epoch_record(self._image.leader_epoch + 1)])
            return self._image.leader_epoch

    def allocate_producer_ids(self, count: int = 1000) -> range:
        """A block of ids that was never given out before."""
        with self._lock:
            image, first = self._image, self._image.next_producer_id
            self._commit(
                [ProducerIdsRecord(broker_id=image.node_id, broker_epoch=0, next_producer_id=first + count)]
            )
            return range(first, first + count)

    def write_bootstrap(self) -> None:
        """Brings bootstrap.checkpoint up to date, if it is not: for a clean close.  Raises StorageError."""
        with self._lock:
            if self._writable_file().broken:
                self._replace()
            if self._snapshot_due:
                self._write_bootstrap()

    def close(self) -> None:
        """Closes the file and writes nothing."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    # --- the file

    def _commit(self, records: list[Record]) -> None:
        if self._writable_file().broken:
            self._replace()
        file = self._writable_file()
        file.append(records, self._image.leader_epoch, self._now())
        self._snapshot_due = True
        try:
            self._image.apply(records)
        except BaseException:  # an interrupt: the image is what the next commit goes on from
            file.broken = True
            raise
        if file.end > REPLACE_BYTES and file.next_offset > REPLACE_FACTOR * self._image.live_records:
            with contextlib.suppress(StorageError):  # this commit stands; a later one will try again
                self._replace()
                self._write_bootstrap()

    def _replace(self) -> None:
        """Rule 2; when it fails, the file is broken and the next commit tries again."""
        if self._file is not None:
            self._file.broken = True
        new = CommitFile.write(self._path, self._image.records(), self._image.leader_epoch, self._now())
        self._use(new)

    def _load(self, torn: Torn | None) -> None:
        """Reads the whole file into a new image, which then takes the place of the old one."""
        image = Image(self._image.node_id)
        try:
            file = CommitFile(self._path, self._writable)
        except FileNotFoundError:
            raise NotAStore(f"there is no {FILE} in {self._directory}") from None
        except OSError as error:
            raise storage_error(error, f"opening {self._path}") from error
        try:
            file.read_on(image.apply, torn)
            if not file.end:
                raise file.damaged("it does not begin with a valid batch")
        except OSError as error:
            file.close()
            raise storage_error(error, f"reading {self._path}") from error
        except BaseException:
            file.close()
            raise
        self._image = image
        self._use(file)

    def _use(self, file: CommitFile) -> None:
        if self._file is not None:
            self._file.close()
        self._file = file

    def _write_bootstrap(self) -> None:
        bootstrap.write_bootstrap(self._directory, self._image, self._now())
        self._snapshot_due = False

    def _opened(self) -> CommitFile:
        if self._file is None:
            raise Closed("the store is closed")
        return self._file

    def _writable_file(self) -> CommitFile:
        file = self._opened()
        if not self._writable:
            raise ReadOnly("the store is open for reading only")
        return file


def _check_partitions(name: str, count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_PARTITIONS:
        raise InvalidPartitions(f"a topic has 1 to {MAX_PARTITIONS} partitions, not {count!r}")
    partition_directory(name, count - 1)
    return count
