"""The named workloads: each gives one or more figures of one broker in one round."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bench.versus import confluent, idle, kafkas_tools
from bench.versus.brokers import Contender, resident
from bench.versus.topics import drop, new_topic


class Need(NamedTuple):
    """What a figure has to be: ours as a part of theirs, or, for a bound of our own, by itself."""

    bound: float
    at_least: bool = True
    alone: bool = False

    def is_met(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:.3g}{' alone' if self.alone else ''}"


class Workload(NamedTuple):
    """`run` gives as many figures as `figures` names (name and unit, need)."""

    figures: dict[str, Need | None]
    run: Callable[[Contender], tuple[float, ...]]


def producer_tool(count: int, size: int, *config: str) -> Callable[[Contender], tuple[float]]:
    def run(broker: Contender) -> tuple[float]:
        topic = new_topic(broker)
        rate = kafkas_tools.producer(broker, count, size, *config, topic=topic)
        drop(broker, topic)
        return (rate,)

    return run


def reading(count: int, read: Callable[[Contender, str, int], float]) -> Callable[[Contender], tuple[float]]:
    """`read` over a topic that Kafka's tool has filled."""
    filled: dict[str, str] = {}

    def run(broker: Contender) -> tuple[float]:
        if broker.name not in filled:
            filled[broker.name] = new_topic(broker)
            kafkas_tools.producer(broker, count, 100, topic=filled[broker.name])
        return (read(broker, filled[broker.name], count),)

    return run


def confluent_producer(broker: Contender, count: int) -> tuple[float]:
    topic = new_topic(broker)
    rate = confluent.produce(broker, count, topic)
    drop(broker, topic)
    return (rate,)


def end_to_end(broker: Contender) -> tuple[float, ...]:
    return tuple(1000 * seconds for seconds in confluent.end_to_end(broker, 2_000))


def idle_connections(broker: Contender) -> tuple[float, ...]:
    cost, share = idle.connections(broker, 1_000)
    return cost / 1024, 100 * share


def ready(broker: Contender) -> tuple[float]:
    broker.stop()
    return (broker.start(),)


WORKLOADS = {
    "producer-64k": Workload(
        {"ProducerPerformance 100 B, 64 KiB batches, records/s": Need(2.0)},
        producer_tool(1_500_000, 100, "batch.size=65536"),
    ),
    "producer": Workload(
        {"ProducerPerformance 100 B, defaults, records/s": Need(1.3)}, producer_tool(1_000_000, 100)
    ),
    "producer-1k": Workload({"ProducerPerformance 1 KB, records/s": Need(1.5)}, producer_tool(200_000, 1000)),
    "consumer": Workload(
        {"ConsumerPerformance 100 B, records/s": Need(1.1)}, reading(2_000_000, kafkas_tools.consumer)
    ),
    "confluent-produce": Workload(
        {"confluent-kafka produce 100 B, records/s": Need(0.95)}, partial(confluent_producer, count=500_000)
    ),
    "confluent-consume": Workload(
        {"confluent-kafka consume 100 B, records/s": Need(0.95)}, reading(1_000_000, confluent.consume)
    ),
    "end-to-end": Workload(
        {"end to end, p50, ms": Need(0.8, at_least=False), "end to end, p99, ms": Need(0.6, at_least=False)},
        end_to_end,
    ),
    "memory": Workload(
        {"resident after the run, MiB": Need(1 / 8, at_least=False)},
        lambda broker: (resident(broker.pid) / (1 << 20),),
    ),
    "connections": Workload(
        {
            "1,000 idle connections, KiB each": Need(30, at_least=False, alone=True),
            "1,000 idle connections, % of a processor": Need(1, at_least=False, alone=True),
        },
        idle_connections,
    ),
    "ready": Workload({"ready to serve, s": Need(0.1, at_least=False)}, ready),
}
"""In the order of the run: memory after everything that fills it, restarts last."""
