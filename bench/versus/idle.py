"""What clients cost that are connected and say nothing."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack

from bench.versus.brokers import Contender, connect, processor_time, resident

SECONDS = 3.0


def connections(broker: Contender, count: int) -> tuple[float, float]:
    """Bytes of the broker for each of them, and its share of one processor while all are idle."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = resident(broker.pid)
    with ExitStack() as open_ones:
        for _ in range(count):
            open_ones.enter_context(connect(broker.server))
        time.sleep(1)
        cost = (resident(broker.pid) - before) / count
        used = processor_time(broker.pid)
        time.sleep(SECONDS)
        share = (processor_time(broker.pid) - used) / SECONDS
    return cost, share
