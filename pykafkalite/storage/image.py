"""What the metadata records add up to: topics, and the few things kept beside them.

Rule 1: an Image changes by `apply` only, one commit at a time; a topic appears
or changes in one step, so that other threads never see half of it.
Rule 2: `records` gives records that add up to the same Image again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pykafkalite.errors import CorruptBatch
from pykafkalite.storage.config import TopicConfig
from pykafkalite.storage.naming import INTERNAL_TOPICS, collision_key
from pykafkalite.storage.records import (
    ConfigRecord,
    FeatureLevelRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RemoveTopicRecord,
    TopicRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from pykafkalite.storage.schema import Record

FEATURES: Mapping[str, int] = {
    "metadata.version": 30,
    "eligible.leader.replicas.version": 1,
    "group.version": 1,
    "share.version": 1,
    "streams.version": 1,
    "transaction.version": 2,
}
"""The feature levels of Kafka 4.3; a broker refuses metadata without a metadata.version."""

TOPIC, BROKER = 2, 4
"""org.apache.kafka.common.config.ConfigResource.Type"""

LEADER_EPOCH = (BROKER, "", "pykafkalite.leader.epoch")
"""The store's leader epoch, kept as a config of all brokers: Kafka has no record for it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is now; a change makes a new one."""

    name: str
    id: UUID
    partitions: int
    config: TopicConfig

    @property
    def is_internal(self) -> bool:
        return self.name in INTERNAL_TOPICS


@dataclass(slots=True)
class _Draft:
    name: str
    id: UUID
    partitions: int = 0
    overrides: dict[str, str] = field(default_factory=dict)
    config: TopicConfig | None = None  # until an override changes

    @classmethod
    def of(cls, topic: Topic) -> _Draft:
        return cls(topic.name, topic.id, topic.partitions, dict(topic.config.overrides), topic.config)

    def finish(self, defaults: Mapping[str, object]) -> Topic:
        config = self.config or TopicConfig.stored(self.overrides, defaults)
        return Topic(self.name, self.id, self.partitions, config)


class Image:
    """Threads: one changes it (the caller locks), any number read."""

    def __init__(self, node_id: int) -> None:
        self.node_id = node_id
        self.topics: dict[str, Topic] = {}
        self.defaults: Mapping[str, object] = {}
        """Typed topic configs that a broker was told for all topics; not recorded."""
        self.names: dict[UUID, str] = {}
        self.taken: dict[str, str] = {}
        """Collision key -> the topic that has it."""
        self.configs: dict[tuple[int, str, str], str] = {}
        """(resource type, resource name, config) -> value, of everything but topics."""
        self.next_producer_id = 0
        self.live_records = len(FEATURES)
        """How many records it takes to say all this, about."""

    @property
    def leader_epoch(self) -> int:
        return int(self.configs.get(LEADER_EPOCH, 0))

    def use_defaults(self, defaults: Mapping[str, object]) -> None:
        """Other defaults for the configs of all topics, those that are there too."""
        self.defaults = defaults
        for topic in list(self.topics.values()):
            self.topics[topic.name] = replace(
                topic, config=TopicConfig.stored(topic.config.overrides, defaults)
            )

    # --- records -> image

    def apply(self, records: Iterable[Record]) -> None:
        """One commit.  CorruptBatch, and nothing is changed, for records that cannot follow on this image."""
        drafts: dict[str, _Draft] = {}
        names: dict[UUID, str] = {}
        removed: list[str] = []
        others: list[ConfigRecord | ProducerIdsRecord] = []

        def draft(name: str | None) -> _Draft:
            if name not in drafts:
                if name is None or name not in self.topics:
                    raise CorruptBatch(f"a metadata record is about a topic that is not there ({name})")
                drafts[name] = _Draft.of(self.topics[name])
            return drafts[name]

        for record in records:
            match record:
                case TopicRecord(name=name, topic_id=topic_id):
                    drafts[name] = _Draft(name, topic_id)
                    names[topic_id] = name
                case PartitionRecord(topic_id=topic_id, partition_id=partition):
                    topic = draft(names.get(topic_id) or self.names.get(topic_id))
                    if partition != topic.partitions:
                        raise CorruptBatch(
                            f"partition {partition} of {topic.name} follows {topic.partitions} others"
                        )
                    topic.partitions += 1
                case ConfigRecord(resource_type=2, resource_name=name, name=setting, value=value):
                    topic = draft(name)
                    topic.config = None
                    if value is None:
                        topic.overrides.pop(setting, None)
                    else:
                        topic.overrides[setting] = value
                case RemoveTopicRecord(topic_id=topic_id):
                    removed.append(draft(self.names.get(topic_id)).name)
                case ConfigRecord() | ProducerIdsRecord():
                    others.append(record)
                case FeatureLevelRecord():
                    continue
        kept = [topic.finish(self.defaults) for name, topic in drafts.items() if name not in removed]
        self._publish(kept, removed)
        for record in others:
            self._set(record)

    def _publish(self, changed: list[Topic], removed: list[str]) -> None:
        for topic in changed:
            if topic.name in self.topics:
                self.live_records -= _weight(self.topics[topic.name])
            self.live_records += _weight(topic)
            self.names[topic.id] = topic.name
            self.taken[collision_key(topic.name)] = topic.name
            self.topics[topic.name] = topic
        for name in removed:
            gone = self.topics.pop(name)
            self.live_records -= _weight(gone)
            self.names.pop(gone.id, None)
            self.taken.pop(collision_key(name), None)

    def _set(self, record: ConfigRecord | ProducerIdsRecord) -> None:
        if isinstance(record, ProducerIdsRecord):
            self.next_producer_id = record.next_producer_id
            return
        key = (record.resource_type, record.resource_name, record.name)
        if record.value is None:
            self.configs.pop(key, None)
        else:
            self.configs[key] = record.value

    # --- image -> records

    def records(self) -> Iterator[list[Record]]:
        """The whole image, in commits: what is no topic first, then topic by topic."""
        yield [
            *feature_records(),
            *(
                ConfigRecord(resource_type=t, resource_name=r, name=n, value=v)
                for (t, r, n), v in self.configs.items()
            ),
            *self.producer_records(),
        ]
        for topic in list(self.topics.values()):
            yield self.topic_records(topic)

    def producer_records(self) -> list[Record]:
        if not self.next_producer_id:
            return []
        return [
            ProducerIdsRecord(broker_id=self.node_id, broker_epoch=0, next_producer_id=self.next_producer_id)
        ]

    def topic_records(self, topic: Topic) -> list[Record]:
        return [
            TopicRecord(name=topic.name, topic_id=topic.id),
            *self.partition_records(topic, range(topic.partitions)),
            *config_records(topic.name, topic.config.overrides),
        ]

    def partition_records(self, topic: Topic, partitions: range) -> list[PartitionRecord]:
        """Each led by this node, its only replica, under the store's leader epoch."""
        only = (self.node_id,)
        epoch = self.leader_epoch
        return [
            PartitionRecord(
                partition_id=partition,
                topic_id=topic.id,
                replicas=only,
                isr=only,
                leader=self.node_id,
                leader_epoch=epoch,
                partition_epoch=0,
            )
            for partition in partitions
        ]


def feature_records() -> list[Record]:
    return [FeatureLevelRecord(name=name, feature_level=level) for name, level in FEATURES.items()]


def config_records(topic: str, values: Mapping[str, str | None]) -> list[ConfigRecord]:
    """One for each; a value of None takes the override away."""
    return [_config_record((TOPIC, topic, name), value) for name, value in values.items()]


def leader_epoch_record(epoch: int) -> ConfigRecord:
    return _config_record(LEADER_EPOCH, str(epoch))


def _config_record(key: tuple[int, str, str], value: str | None) -> ConfigRecord:
    resource_type, resource_name, name = key
    return ConfigRecord(resource_type=resource_type, resource_name=resource_name, name=name, value=value)


def _weight(topic: Topic) -> int:
    return 1 + topic.partitions + len(topic.config.overrides)
