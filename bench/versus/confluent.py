"""confluent-kafka, the client of most Python programs, with its defaults."""

from __future__ import annotations

import statistics
import time

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from bench.versus.brokers import Contender
from bench.versus.topics import new_topic

VALUE = bytes(100)


def produce(broker: Contender, count: int, topic: str | None = None) -> float:
    """Records a second, until the last is acknowledged."""
    topic = topic or new_topic(broker)
    producer = Producer({"bootstrap.servers": broker.server, "queue.buffering.max.messages": 2 * count})
    producer.list_topics(topic)
    began = time.perf_counter()
    for _ in range(count):
        producer.produce(topic, VALUE)
    if left := producer.flush(120):
        raise RuntimeError(f"{broker.name} has not acknowledged {left} of {count}")
    return count / (time.perf_counter() - began)


def consume(broker: Contender, topic: str, count: int) -> float:
    """Records a second, from the assignment to the last record."""
    consumer = _consumer(broker, topic, 0)
    began, seen = time.perf_counter(), 0
    while seen < count:
        messages = consumer.consume(10_000, 10)
        if not messages:
            raise RuntimeError(f"{broker.name} gave {seen} of {count}")
        seen += len([message for message in messages if _checked(message)])
    took = time.perf_counter() - began
    consumer.close()
    return count / took


def end_to_end(broker: Contender, count: int) -> tuple[float, float]:
    """p50 and p99, in seconds, from produce() to the record at a consumer that waits; one at a time."""
    topic = new_topic(broker)
    producer = Producer({"bootstrap.servers": broker.server, "linger.ms": 0})
    consumer = _consumer(broker, topic, 0)
    took = []
    for number in range(-100, count):
        began = time.perf_counter()
        producer.produce(topic, VALUE)
        producer.poll(0)
        message = consumer.poll(30)
        if message is None or not _checked(message):
            raise RuntimeError(f"{broker.name} gave no record in 30 s")
        if number >= 0:
            took.append(time.perf_counter() - began)
    producer.flush(30)
    consumer.close()
    centiles = statistics.quantiles(took, n=100)
    return centiles[49], centiles[98]


def _consumer(broker: Contender, topic: str, offset: int) -> Consumer:
    consumer = Consumer(
        {"bootstrap.servers": broker.server, "group.id": "versus", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, 0, offset)])
    return consumer


def _checked(message: Message) -> Message:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return message
