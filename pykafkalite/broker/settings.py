"""What a broker can be told: Kafka's names, Kafka's defaults, and the few that differ.

One table. A row is acted on; names that real `server.properties` files hold and that mean nothing on a single
node are accepted with a note (`noted.py`); any other name is an error. Where values come from: `configuration.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..errors import InvalidConfig
from ..storage.config import Setting, TopicConfig
from ..storage.config_types import INT_MAX, Choice, Flag, Whole
from ..storage.naming import hint
from .noted import NOTED, REFUSED
from .texts import OneDirectory, Text
from .topic_defaults import TOPIC_DEFAULTS, TopicDefault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..storage.config_types import ConfigType

T = TypeVar("T")

_POSITIVE = Whole(1, INT_MAX)
_MILLISECONDS = Whole(0, INT_MAX)


class BrokerSetting(Setting[T]):
    """A row; `kafka` is Kafka's own default where ours differs, "" where Kafka has no such config."""

    def __init__(
        self, name: str, kind: ConfigType[T], default: T, doc: str, *, kafka: str | None = None
    ) -> None:
        super().__init__(name, kind, default, doc)
        self.kafka = kind.text(default) if kafka is None else kafka


class Settings:
    """The configs of one broker: immutable; attributes are Kafka's names with underscores.

    `Settings(num_partitions=3)`, or `Settings.given({"num.partitions": 3})` by Kafka's names.
    """

    # fmt: off
    advertised_listeners = BrokerSetting("advertised.listeners", Text(), "",
        "The addresses that clients are told to connect to, by listener; empty: those listened on.")
    allow_unauthenticated = BrokerSetting("allow.unauthenticated", Flag(), False,
        "Listen on other addresses than loopback, where anyone who reaches them may read and write.", kafka="")
    auto_create_topics_enable = BrokerSetting("auto.create.topics.enable", Flag(), True,
        "Make a topic when a client asks for one that is not there.")
    controller_listener_names = BrokerSetting("controller.listener.names", Text(), "CONTROLLER",
        "Listeners that are a controller's: they are not opened.", kafka="")
    durability = BrokerSetting("durability", Choice(("os", "fsync")), "os",
        "When records are acknowledged: os, from the page cache; fsync, once they are on disk.", kafka="")
    fetch_max_bytes = BrokerSetting("fetch.max.bytes", Whole(1024, INT_MAX), 55 << 20,
        "The most that one fetch answers, its first batch aside.")
    group_initial_rebalance_delay_ms = BrokerSetting("group.initial.rebalance.delay.ms", _MILLISECONDS, 0,
        "How long a new group waits for more members.", kafka="3000")
    group_max_session_timeout_ms = BrokerSetting("group.max.session.timeout.ms", _POSITIVE, 1_800_000,
        "The longest session timeout that a member may ask for.")
    group_max_size = BrokerSetting("group.max.size", _POSITIVE, INT_MAX,
        "How many members a group may have.")
    group_min_session_timeout_ms = BrokerSetting("group.min.session.timeout.ms", _POSITIVE, 6_000,
        "The shortest session timeout that a member may ask for.")
    listener_security_protocol_map = BrokerSetting("listener.security.protocol.map", Text(),
        "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "What the names of listeners mean; only PLAINTEXT can be served.")
    listeners = BrokerSetting("listeners", Text(), "PLAINTEXT://localhost:9092",
        "The addresses to listen on; port 0: any that is free.", kafka="PLAINTEXT://:9092")
    log_dirs = BrokerSetting("log.dirs", OneDirectory(), "./pykafkalite-data",
        "The data directory; one.", kafka="/tmp/kafka-logs")
    max_incremental_fetch_session_cache_slots = BrokerSetting(
        "max.incremental.fetch.session.cache.slots", Whole(0, INT_MAX), 1000,
        "How many fetch sessions are kept.")
    metrics_listen = BrokerSetting("metrics.listen", Text(), "",
        "HOST:PORT for /metrics (Prometheus) and /healthz; empty: neither.", kafka="")
    node_id = BrokerSetting("node.id", Whole(0, INT_MAX), 0,
        "This broker's number.", kafka="")
    num_partitions = BrokerSetting("num.partitions", _POSITIVE, 1,
        "Partitions of a topic that is created without saying how many.")
    offset_metadata_max_bytes = BrokerSetting("offset.metadata.max.bytes", Whole(0, INT_MAX), 4096,
        "The most metadata that a client may commit with an offset.")
    offsets_retention_minutes = BrokerSetting("offsets.retention.minutes", _POSITIVE, 10_080,
        "How long an empty group's offsets are kept.")
    socket_request_max_bytes = BrokerSetting("socket.request.max.bytes", _POSITIVE, 100 << 20,
        "The largest request taken.")
    # fmt: on

    table: ClassVar[Mapping[str, BrokerSetting[Any]]]
    """The rows by Kafka's name, in its order."""

    sources: Mapping[str, str]
    """What was set: Kafka's name -> where, in words."""

    topic_defaults: Mapping[str, Any]
    """Topic configs, typed, that hold where a topic has none of its own."""

    by_name: Mapping[str, Any]
    """What was set and has an effect, typed."""

    notes: list[str]
    """What was set to no effect, a sentence each."""

    def __init__(self, **values: object) -> None:
        """By attribute. Raises InvalidConfig."""
        self._fill({name.replace("_", "."): value for name, value in values.items()}, {})

    @classmethod
    def given(cls, configs: Mapping[str, object], sources: Mapping[str, str] | None = None) -> Settings:
        """By Kafka's names. Raises InvalidConfig for an unknown one, with the nearest, and for a wrong value."""
        settings = cls()
        settings._fill(configs, sources or {})
        return settings

    def _fill(self, configs: Mapping[str, object], sources: Mapping[str, str]) -> None:
        topics: dict[str, tuple[TopicDefault, Any]] = {}
        self.__dict__.update(sources={}, notes=[], topic_defaults={}, by_name={})
        for given, value in configs.items():
            name, where = canonical(given), sources.get(given, "given")
            try:
                self._take(name, value, topics)
            except InvalidConfig as error:
                raise InvalidConfig(f"{error} ({where})" if given in sources else str(error)) from None
            self.__dict__["sources"][name] = where
        # The finer of several units counts, as in Kafka: log.retention.ms before log.retention.hours.
        for topic, (default, value) in topics.items():
            self.__dict__["topic_defaults"][topic] = default.in_topic(value)
            self.__dict__["by_name"][default.name] = value
        TopicConfig(None, self.topic_defaults)  # checks what they say together

    def _take(self, name: str, value: object, topics: dict[str, tuple[TopicDefault, Any]]) -> None:
        if row := self.table.get(name):
            self.__dict__[row.attribute] = self.__dict__["by_name"][name] = row.parse(value)
        elif default := TOPIC_DEFAULTS.get(name):
            parsed = default.parse(value)
            other = topics.get(default.topic)
            if other is None or default.rank < other[0].rank:
                topics[default.topic] = default, parsed
        elif name in NOTED:
            self.notes.append(f"{name} is accepted and has no effect: {NOTED[name]}")
        else:
            raise _unknown(name)

    def rows(self) -> Iterator[tuple[BrokerSetting[Any] | TopicDefault, str]]:
        """Each config that has an effect, and its text, in order of the names."""
        rows: dict[str, BrokerSetting[Any] | TopicDefault] = {**self.table, **TOPIC_DEFAULTS}
        for name, row in sorted(rows.items()):
            if not isinstance(row, TopicDefault) or self._is_in_force(row):
                yield row, row.kind.text(self.by_name.get(name, row.default))

    def _is_in_force(self, row: TopicDefault) -> bool:
        """Of several units of one config, the one that was set and counts; else the finest."""
        if row.topic in self.topic_defaults:
            return row.name in self.by_name
        return row.rank == 0

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a broker's settings do not change")

    def __repr__(self) -> str:
        return f"Settings.given({dict(self.by_name)})"


Settings.table = {row.name: row for row in vars(Settings).values() if isinstance(row, BrokerSetting)}

_OTHER_NAMES = {"broker.id": "node.id", "log.dir": "log.dirs"}


def canonical(name: str) -> str:
    """Kafka has a few configs under two names."""
    return _OTHER_NAMES.get(name, name)


def _unknown(name: str) -> InvalidConfig:
    for prefix, reason in REFUSED.items():
        if name.startswith(prefix):
            return InvalidConfig(f"{name} cannot be set: {reason}")
    known = [*Settings.table, *TOPIC_DEFAULTS, *NOTED]
    return InvalidConfig(f"there is no broker config {name!r}{hint(name, known)}")
