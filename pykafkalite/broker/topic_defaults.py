"""Broker configs that are the defaults of topic configs: `log.retention.hours` of `retention.ms`.

The names, units and their order are those of org.apache.kafka.server.config.ServerTopicConfigSynonyms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..storage.config import Setting, TopicConfig
from ..storage.config_types import INT_MAX, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..storage.config_types import ConfigType

MINUTE = 60_000
HOUR = 60 * MINUTE

# (topic config, broker config, how many of the topic's unit), the one that counts first in front.
_SYNONYMS = (
    ("cleanup.policy", "log.cleanup.policy", 1),
    ("compression.gzip.level", "compression.gzip.level", 1),
    ("compression.lz4.level", "compression.lz4.level", 1),
    ("compression.type", "compression.type", 1),
    ("compression.zstd.level", "compression.zstd.level", 1),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms", 1),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms", 1),
    ("flush.messages", "log.flush.interval.messages", 1),
    ("flush.ms", "log.flush.interval.ms", 1),
    ("flush.ms", "log.flush.scheduler.interval.ms", 1),
    ("index.interval.bytes", "log.index.interval.bytes", 1),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", 1),
    ("max.message.bytes", "message.max.bytes", 1),
    ("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", 1),
    ("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", 1),
    ("message.timestamp.type", "log.message.timestamp.type", 1),
    ("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", 1),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", 1),
    ("min.insync.replicas", "min.insync.replicas", 1),
    ("preallocate", "log.preallocate", 1),
    ("retention.bytes", "log.retention.bytes", 1),
    ("retention.ms", "log.retention.ms", 1),
    ("retention.ms", "log.retention.minutes", MINUTE),
    ("retention.ms", "log.retention.hours", HOUR),
    ("segment.bytes", "log.segment.bytes", 1),
    ("segment.index.bytes", "log.index.size.max.bytes", 1),
    ("segment.jitter.ms", "log.roll.jitter.ms", 1),
    ("segment.jitter.ms", "log.roll.jitter.hours", HOUR),
    ("segment.ms", "log.roll.ms", 1),
    ("segment.ms", "log.roll.hours", HOUR),
    ("unclean.leader.election.enable", "unclean.leader.election.enable", 1),
)


class TopicDefault:
    """One broker config and the topic config that it is the default of; of several, rank 0 counts first."""

    def __init__(self, name: str, topic: str, unit: int, rank: int) -> None:
        setting: Setting[Any] = TopicConfig.table[topic]
        self.name = name
        self.topic = topic
        self.unit = unit
        self.rank = rank
        self.kind: ConfigType[Any] = setting.kind if unit == 1 else Whole(-1, INT_MAX)
        self.default = setting.default if unit == 1 else setting.default // unit
        self.kafka = self.kind.text(self.default)
        self.doc = f"The default of the topic config {topic}. {setting.doc}"

    def parse(self, value: object) -> Any:
        """The typed value, in this config's unit. Raises InvalidConfig."""
        return Setting(self.name, self.kind, self.default, self.doc).parse(value)

    def in_topic(self, value: Any) -> Any:
        """The value in the topic config's unit; -1 stays: no limit."""
        return value if self.unit == 1 or value < 0 else value * self.unit


def _table() -> dict[str, TopicDefault]:
    table: dict[str, TopicDefault] = {}
    for topic, name, unit in _SYNONYMS:
        rank = sum(row.topic == topic for row in table.values())
        table[name] = TopicDefault(name, topic, unit, rank)
    return table


TOPIC_DEFAULTS: Mapping[str, TopicDefault] = _table()
"""By the broker config's name."""
