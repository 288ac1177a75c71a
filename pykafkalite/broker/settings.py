"""What a broker can be told: Kafka's names, Kafka's defaults, and the few that differ."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Settings:
    """Broker configs that are acted on; attributes are Kafka's names with underscores."""

    node_id: int = 0
    auto_create_topics_enable: bool = True
    num_partitions: int = 1
    socket_request_max_bytes: int = 100 << 20
    fetch_max_bytes: int = 55 << 20
    max_incremental_fetch_session_cache_slots: int = 1000

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each as Kafka writes it: name and text."""
        for field in fields(self):
            value = getattr(self, field.name)
            yield field.name.replace("_", "."), str(value).lower() if isinstance(value, bool) else str(value)
