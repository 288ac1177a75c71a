"""The log you can import: a Kafka-compatible storage engine, Arrow in and Arrow out.

    import pykafkalite as pk

    log = pk.open("data")
    flights = log.create_topic("flights", partitions=3)
    flights.append(b"departed", key=b"JFK")
    flights.scan().to_arrow()

    with pk.Broker(log) as broker:      # any Kafka client, at broker.bootstrap_servers
        ...

Importing this is quick: what it names is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pykafkalite import errors

if TYPE_CHECKING:
    import os

    from pykafkalite import api as api
    from pykafkalite._core import Message as Message
    from pykafkalite.broker.in_process import Broker as Broker
    from pykafkalite.embedded import Log as Log

__all__ = ["Broker", "Log", "Message", "api", "errors", "open"]

_LAZY = {
    "Broker": "pykafkalite.broker.in_process",
    "Log": "pykafkalite.embedded",
    "Message": "pykafkalite._core",
}


def open(address: str | os.PathLike[str], *, mode: str = "a", durability: str = "os") -> Log:
    """Opens a log: a directory (created when it is not there), or `":memory:"` (nothing is left after close).

    mode "a" writes: one process at a time, others get StoreLocked.  mode "r" reads beside the
    writing process, live, and also reads a real Kafka's log directory.
    durability "os" acknowledges from the page cache and syncs behind; "fsync" after the sync.
    Raises StoreLocked, NotAStore (mode "r"), NewerVersion, ReadOnly, StorageError.
    """
    from pykafkalite.embedded import Log

    return Log.open(address, mode=mode, durability=durability)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from pykafkalite._version import version

        return version
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "api":
        return importlib.import_module("pykafkalite.api")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
