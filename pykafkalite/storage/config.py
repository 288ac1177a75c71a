"""Topic configs: Kafka's complete table of 4.3, and one topic's settings.

Names, types, ranges and defaults are those of
org.apache.kafka.storage.internals.log.LogConfig.  Setting what storage does
not act on (replication, tiered storage) is allowed where a single Kafka broker
allows it, so that a topic keeps its settings when it moves to a real cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, overload

from pykafkalite.errors import InvalidConfig
from pykafkalite.storage.config_types import INT_MAX, LONG_MAX, Choice, ConfigType, Flag, Ratio, Whole, Words
from pykafkalite.storage.naming import OFFSETS_TOPIC, TRANSACTIONS_TOPIC, hint

T = TypeVar("T")

_DAY = 24 * 60 * 60 * 1000
_ANY_LONG = Whole()
_AMOUNT = Whole(0)
_POLICIES = frozenset({"compact", "delete"})
_REPLICA = re.compile(r"\*|[0-9]+:[0-9]+", re.ASCII)
_POLICY = Words("a list of compact and delete", _POLICIES.__contains__)
_REPLICAS = Words("* or a list of partition:broker", _REPLICA.fullmatch, alone="*")


class Setting(Generic[T]):
    """One row of a table; on a TopicConfig (or a broker's Settings), the attribute with that config's value.

    Not a data descriptor: its owner keeps what was set, and each default that was asked for, in its
    `__dict__`, which Python looks at first.  An append reads a dozen of them.
    """

    def __init__(self, name: str, kind: ConfigType[T], default: T, doc: str) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.doc = doc
        self.attribute = name.replace(".", "_")

    @overload
    def __get__(self, config: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, config: object, owner: type) -> T: ...
    def __get__(self, config: Any, owner: type) -> Setting[T] | T:
        return self if config is None else config.__dict__.setdefault(self.attribute, self.default)

    def parse(self, value: object) -> T:
        """The typed value.  Raises InvalidConfig, which says what is allowed."""
        try:
            return self.kind.parse(value)
        except (ValueError, KeyError, OverflowError):
            raise InvalidConfig(f"{self.name} cannot be {value!r}: it takes {self.kind.allowed}") from None


class TopicConfig(Mapping[str, Any]):
    """The configs of one topic: immutable, complete with defaults, equal when the same things were set.

    Attributes are typed (`config.segment_bytes`), items go by Kafka's name (`config["segment.bytes"]`).
    `overrides` is what was set, in Kafka's text; `defaults` is what a broker was told for all topics.
    """

    # fmt: off
    cleanup_policy = Setting("cleanup.policy", _POLICY, ("delete",),
        "What happens to old segments: delete them, compact them by key, or both; nothing when empty.")
    compression_gzip_level = Setting("compression.gzip.level", Whole(1, 9, also=-1), -1,
        "Level for compression.type=gzip; -1 is the library's own default.")
    compression_lz4_level = Setting("compression.lz4.level", Whole(1, 17), 9,
        "Level for compression.type=lz4.")
    compression_type = Setting(
        "compression.type", Choice(("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")), "producer",
        "How batches are compressed on disk; producer keeps them as they come.")
    compression_zstd_level = Setting("compression.zstd.level", Whole(-131072, 22), 3,
        "Level for compression.type=zstd.")
    delete_retention_ms = Setting("delete.retention.ms", _AMOUNT, _DAY,
        "How long compaction keeps a tombstone after it first saw it.")
    file_delete_delay_ms = Setting("file.delete.delay.ms", _AMOUNT, 60_000,
        "How long a deleted file waits, renamed, before it is removed.")
    flush_messages = Setting("flush.messages", Whole(1), LONG_MAX,
        "Sync the log to disk after this many records.")
    flush_ms = Setting("flush.ms", _AMOUNT, LONG_MAX,
        "Sync the log to disk when a record has waited this long.")
    follower_replication_throttled_replicas = Setting(
        "follower.replication.throttled.replicas", _REPLICAS, (),
        "Followers whose replication is throttled; for clusters.")
    index_interval_bytes = Setting("index.interval.bytes", Whole(0, INT_MAX), 4096,
        "About how many bytes of log lie between two index entries.")
    internal_segment_bytes = Setting("internal.segment.bytes", Whole(1, INT_MAX), 0,
        "For tests: takes the place of segment.bytes, without its lower limit; 0 when not set.")
    leader_replication_throttled_replicas = Setting(
        "leader.replication.throttled.replicas", _REPLICAS, (),
        "Leaders whose replication is throttled; for clusters.")
    local_retention_bytes = Setting("local.retention.bytes", Whole(-2), -2,
        "Tiered storage: size kept locally; -2 follows retention.bytes.")
    local_retention_ms = Setting("local.retention.ms", Whole(-2), -2,
        "Tiered storage: time kept locally; -2 follows retention.ms.")
    max_compaction_lag_ms = Setting("max.compaction.lag.ms", Whole(1), LONG_MAX,
        "The longest time a record may wait for compaction.")
    max_message_bytes = Setting("max.message.bytes", Whole(0, INT_MAX), 1_048_588,
        "The largest record batch taken, as stored (after compression).")
    message_timestamp_after_max_ms = Setting("message.timestamp.after.max.ms", _AMOUNT, 3_600_000,
        "How far ahead of the clock a record's timestamp may be.")
    message_timestamp_before_max_ms = Setting("message.timestamp.before.max.ms", _AMOUNT, LONG_MAX,
        "How far behind the clock a record's timestamp may be.")
    message_timestamp_type = Setting(
        "message.timestamp.type", Choice(("CreateTime", "LogAppendTime")), "CreateTime",
        "Whose timestamp is stored: the producer's, or the time of the append.")
    min_cleanable_dirty_ratio = Setting("min.cleanable.dirty.ratio", Ratio(), 0.5,
        "The share of uncompacted bytes at which compaction starts.")
    min_compaction_lag_ms = Setting("min.compaction.lag.ms", _AMOUNT, 0,
        "The shortest time a record stays uncompacted.")
    min_insync_replicas = Setting("min.insync.replicas", Whole(1, INT_MAX), 1,
        "Replicas that must have a record before acks=all is answered; for clusters.")
    preallocate = Setting("preallocate", Flag(), False,
        "Reserve the whole segment on disk when it is created.")
    remote_log_copy_disable = Setting("remote.log.copy.disable", Flag(), False,
        "Tiered storage: copy nothing more to the remote tier.")
    remote_log_delete_on_disable = Setting("remote.log.delete.on.disable", Flag(), False,
        "Tiered storage: delete the remote tier when it is turned off.")
    remote_storage_enable = Setting("remote.storage.enable", Flag(), False,
        "Tiered storage, which this engine does not have: only false can be set.")
    retention_bytes = Setting("retention.bytes", _ANY_LONG, -1,
        "Size above which a partition's oldest segments are deleted; negative for no limit.")
    retention_ms = Setting("retention.ms", Whole(-1), 7 * _DAY,
        "Age above which segments are deleted; -1 for no limit.")
    segment_bytes = Setting("segment.bytes", Whole(1 << 20, INT_MAX), 1 << 30,
        "Size at which a new segment is begun.")
    segment_index_bytes = Setting("segment.index.bytes", Whole(4, INT_MAX), 10 << 20,
        "Size of a segment's offset index, reserved when the segment is created.")
    segment_jitter_ms = Setting("segment.jitter.ms", _AMOUNT, 0,
        "Up to this much is taken off segment.ms at random, so that not all segments roll at once.")
    segment_ms = Setting("segment.ms", Whole(1), 7 * _DAY,
        "Age at which a new segment is begun, full or not.")
    unclean_leader_election_enable = Setting("unclean.leader.election.enable", Flag(), False,
        "Whether a replica that is behind may become leader; for clusters.")
    # fmt: on

    table: ClassVar[Mapping[str, Setting[Any]]]
    """All settings by Kafka's name, in its order."""

    overrides: Mapping[str, str]
    """What was set: Kafka's name -> Kafka's text."""

    defaults: Mapping[str, Any]
    """Where they are not Kafka's: Kafka's name -> typed value."""

    def __init__(
        self, given: Mapping[str, object] | None = None, defaults: Mapping[str, Any] | None = None
    ) -> None:
        """Raises InvalidConfig for an unknown name (with the nearest one) or a value that is not allowed."""
        values = {name: _setting(name).parse(value) for name, value in _mapping(given or {}).items()}
        overrides = {name: self.table[name].kind.text(value) for name, value in values.items()}
        self._fill(values, overrides, defaults or {})
        self._check()

    @classmethod
    def stored(cls, overrides: Mapping[str, str], defaults: Mapping[str, Any] | None = None) -> TopicConfig:
        """From text that was checked when it was stored; what is unknown here is kept but has no effect."""
        values = {}
        for name, text in overrides.items():
            try:
                values[name] = _setting(name).parse(text)
            except InvalidConfig:
                continue
        config = cls.__new__(cls)
        config._fill(values, dict(overrides), defaults or {})
        return config

    def with_changes(self, changes: Mapping[str, object | None]) -> TopicConfig:
        """A copy with some set anew and others (None) back at their default.  Raises InvalidConfig."""
        for name in _mapping(changes):
            _setting(name)
        kept = {name: text for name, text in self.overrides.items() if name not in changes}
        unknown = {name: text for name, text in kept.items() if name not in self.table}
        known = {name: text for name, text in kept.items() if name in self.table}
        changed = TopicConfig(
            {**known, **{name: value for name, value in changes.items() if value is not None}}, self.defaults
        )
        changed.__dict__["overrides"] = {**unknown, **changed.overrides}
        return changed

    @cached_property
    def compacts(self) -> bool:
        return "compact" in self.cleanup_policy

    @cached_property
    def deletes(self) -> bool:
        return "delete" in self.cleanup_policy

    @cached_property
    def segment_size(self) -> int:
        """Bytes at which a segment is full: internal.segment.bytes when set, else segment.bytes."""
        return self.internal_segment_bytes or self.segment_bytes

    @cached_property
    def max_batch_bytes(self) -> int:
        """The largest batch an append takes: max.message.bytes, or a whole segment where that is less."""
        return min(self.max_message_bytes, self.segment_size)

    def _fill(
        self, values: Mapping[str, object], overrides: dict[str, str], defaults: Mapping[str, object]
    ) -> None:
        every = {**defaults, **values}
        self.__dict__.update({self.table[name].attribute: value for name, value in every.items()})
        self.__dict__["overrides"] = overrides
        self.__dict__["defaults"] = defaults

    def _check(self) -> None:
        if self.min_compaction_lag_ms > self.max_compaction_lag_ms:
            raise InvalidConfig(
                f"min.compaction.lag.ms ({self.min_compaction_lag_ms}) cannot be more than "
                f"max.compaction.lag.ms ({self.max_compaction_lag_ms})"
            )
        if self.remote_storage_enable:
            raise InvalidConfig("remote.storage.enable cannot be true: there is no tiered storage here")

    def __getitem__(self, name: str) -> Any:
        return getattr(self, self.table[name].attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a TopicConfig does not change; with_changes() makes a new one")

    def __eq__(self, other: object) -> bool:
        return self.overrides == other.overrides if isinstance(other, TopicConfig) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.overrides.items()))

    def __repr__(self) -> str:
        return f"TopicConfig({dict(self.overrides)})"


def _mapping(configs: Mapping[str, T]) -> Mapping[str, T]:
    if not isinstance(configs, Mapping):
        raise InvalidConfig(f'configs are a mapping such as {{"retention.ms": -1}}, not {configs!r:.40}')
    return configs


def _setting(name: object) -> Setting[Any]:
    try:
        return TopicConfig.table[name]  # type: ignore[index]
    except (KeyError, TypeError):
        raise InvalidConfig(f"there is no topic config {name!r}{hint(name, TopicConfig.table)}") from None


TopicConfig.table = {row.name: row for row in vars(TopicConfig).values() if isinstance(row, Setting)}

INTERNAL_CONFIGS: Mapping[str, Mapping[str, str]] = {
    OFFSETS_TOPIC: {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": "104857600",
    },
    TRANSACTIONS_TOPIC: {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "segment.bytes": "104857600",
        "unclean.leader.election.enable": "false",
    },
}
"""What Kafka creates its internal topics with; a topic without them would be deleted by retention."""
