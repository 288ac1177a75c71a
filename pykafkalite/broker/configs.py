"""Configs as DescribeConfigs tells them: value, where it comes from, type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..storage.config_types import INT_MAX, Choice, Flag, Ratio, Whole
from .texts import Text
from .topic_defaults import TOPIC_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..storage.config import TopicConfig
    from .settings import BrokerSetting, Settings
    from .topic_defaults import TopicDefault

# org.apache.kafka.clients.admin.ConfigEntry.ConfigSource and ConfigType, as DescribeConfigs numbers them.
DYNAMIC_TOPIC_CONFIG, STATIC_BROKER_CONFIG, DEFAULT_CONFIG = 1, 4, 5
BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7

# Kafka gives these no default: that of the coarser unit counts.
_WITHOUT_DEFAULT = {"log.flush.interval.ms", "log.retention.ms", "log.roll.jitter.ms", "log.roll.ms"}
_FINEST = {row.topic: row for row in TOPIC_DEFAULTS.values() if row.rank == 0}


def topic_configs(config: TopicConfig) -> Iterator[dict[str, Any]]:
    """Each config with Kafka's name, its text and its source, in Kafka's order.

    As in Kafka, internal ones only where they are set.
    """
    for name, setting in config.table.items():
        value = config[name]
        if value is None or (name.startswith("internal.") and name not in config.overrides):
            continue
        is_told = name in config.defaults
        source = STATIC_BROKER_CONFIG if is_told else DEFAULT_CONFIG
        yield {
            "name": name,
            "value": setting.kind.text(value),
            "config_source": DYNAMIC_TOPIC_CONFIG if name in config.overrides else source,
        }


def topic_synonyms(config: TopicConfig, name: str, settings: Settings) -> Iterator[dict[str, Any]]:
    """Where a topic's value is looked for, in that order: the topic, the broker's settings, the default.

    As in Kafka, of several broker configs for one (log.retention.ms, .minutes, .hours) only the finest is
    named, and its default only where it has one itself.
    """
    if name in config.overrides:
        yield {
            "name": name,
            "value": config.table[name].kind.text(config[name]),
            "source": DYNAMIC_TOPIC_CONFIG,
        }
    row = _FINEST.get(name)
    if row is not None and row.name in settings.by_name:
        text = row.kind.text(settings.by_name[row.name])
        yield {"name": row.name, "value": text, "source": STATIC_BROKER_CONFIG}
    if row is not None and row.name not in _WITHOUT_DEFAULT:
        yield {"name": row.name, "value": row.kafka, "source": DEFAULT_CONFIG}


def broker_configs(settings: Settings) -> Iterator[tuple[dict[str, Any], BrokerSetting[Any] | TopicDefault]]:
    """Each config of the broker, described as a topic's is, and its row."""
    for row, text in settings.rows():
        is_told = row.name in settings.sources
        yield (
            {
                "name": row.name,
                "value": text,
                "config_source": STATIC_BROKER_CONFIG if is_told else DEFAULT_CONFIG,
            },
            row,
        )


def type_of(kind: object) -> int:
    """The number of a config's type."""
    if isinstance(kind, Whole):
        return INT if kind.high <= INT_MAX else LONG
    for cls, number in ((Flag, BOOLEAN), (Choice, STRING), (Text, STRING), (Ratio, DOUBLE)):
        if isinstance(kind, cls):
            return number
    return LIST
