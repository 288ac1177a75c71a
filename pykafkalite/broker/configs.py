"""Topic configs as DescribeConfigs tells them: value, where it comes from, type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..storage.config_types import INT_MAX, Choice, Flag, Ratio, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..storage.config import Setting, TopicConfig

# org.apache.kafka.clients.admin.ConfigEntry.ConfigSource and ConfigType, as DescribeConfigs numbers them.
DYNAMIC_TOPIC_CONFIG, STATIC_BROKER_CONFIG, DEFAULT_CONFIG = 1, 4, 5
BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 1, 2, 3, 5, 6, 7


def topic_configs(config: TopicConfig) -> Iterator[dict[str, Any]]:
    """Each config with Kafka's name, its text and its source, in Kafka's order."""
    for name, setting in config.table.items():
        value = config[name]
        if value is None:
            continue
        is_set = name in config.overrides
        yield {
            "name": name,
            "value": setting.kind.text(value),
            "config_source": DYNAMIC_TOPIC_CONFIG if is_set else DEFAULT_CONFIG,
        }


def type_of(setting: Setting[Any]) -> int:
    """The number of a config's type."""
    kind = setting.kind
    if isinstance(kind, Whole):
        return INT if kind.high <= INT_MAX else LONG
    for cls, number in ((Flag, BOOLEAN), (Choice, STRING), (Ratio, DOUBLE)):
        if isinstance(kind, cls):
            return number
    return LIST
