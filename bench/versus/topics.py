"""Topics of one partition, each with a name of its own."""

from __future__ import annotations

import itertools

from confluent_kafka.admin import AdminClient, NewTopic

from bench.versus.brokers import Contender

_numbers = itertools.count()


def new_topic(broker: Contender) -> str:
    """Made and known to the broker."""
    name = f"versus-{next(_numbers)}"
    admin = _admin(broker)  # Futures of one that is gone never end.
    for made in admin.create_topics([NewTopic(name, 1, 1)]).values():
        made.result(30)
    return name


def drop(broker: Contender, name: str) -> None:
    """Its room is the next round's."""
    admin = _admin(broker)
    for deleted in admin.delete_topics([name]).values():
        deleted.result(30)


def _admin(broker: Contender) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.server})
