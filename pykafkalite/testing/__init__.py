"""A Kafka for tests: in this process, in memory, in milliseconds, and gone afterwards.

With pytest there is nothing to set up, the plugin is found by itself:

    def test_an_order_is_announced(kafka):
        producer = confluent_kafka.Producer({"bootstrap.servers": kafka.bootstrap_servers})
        ...
        assert kafka.log.topic("orders").scan().to_arrow().num_rows == 1

Elsewhere: `with pykafkalite.testing.kafka(topics={"orders": 3}) as broker: ...`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pykafkalite.broker.in_process import Broker

__all__ = ["VARIABLE", "kafka"]

VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"
"""Set while a broker for tests runs."""


@contextmanager
def kafka(
    topics: Mapping[str, int] | Iterable[str] = (), config: Mapping[str, object] | None = None
) -> Iterator[Broker]:
    """A new broker in memory, its address in KAFKA_BOOTSTRAP_SERVERS too.

    `topics`: names, or names and how many partitions. `config`: the broker's, with Kafka's names.
    """
    from pykafkalite.broker.in_process import Broker

    counts = topics if hasattr(topics, "items") else dict.fromkeys(topics, 1)
    before = os.environ.get(VARIABLE)
    with Broker(":memory:", config=config) as broker:
        for name, partitions in counts.items():
            broker.log.create_topic(name, partitions)
        os.environ[VARIABLE] = broker.bootstrap_servers
        try:
            yield broker
        finally:
            if before is None:
                os.environ.pop(VARIABLE, None)
            else:
                os.environ[VARIABLE] = before
