"""What a log has to be before a broker serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InvalidConfig, ReadOnly
from ..storage.writing import WritingStore

if TYPE_CHECKING:
    from ..embedded import Log
    from .settings import Settings


def writable_store(log: Log, settings: Settings) -> WritingStore:
    """The log's store, with the broker's defaults for topics in force. Raises ReadOnly, InvalidConfig."""
    store = log.store
    if not isinstance(store, WritingStore):
        raise ReadOnly(f'a broker writes: open {log.address} with mode="a"')
    if "durability" in settings.sources and store.durability not in (settings.durability, "memory"):
        raise InvalidConfig(
            f"durability cannot be {settings.durability!r}: "
            f"{log.address} is open with {store.durability!r} already"
        )
    store.use_topic_defaults(settings.topic_defaults)
    return store
