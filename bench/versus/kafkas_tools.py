"""Kafka's own perf tools, each in a JVM as its script starts it; records a second, as the tool says."""

from __future__ import annotations

import re
import subprocess

from bench.versus.brokers import JVM, LOGGING, Contender, classpath
from bench.versus.topics import new_topic

TOOLS = "org.apache.kafka.tools."
SENT = re.compile(r"^(\d+) records sent, ([\d.]+) records/sec", re.MULTILINE)


def producer(broker: Contender, count: int, size: int, *config: str, topic: str | None = None) -> float:
    """ProducerPerformance into a topic of its own."""
    topic = topic or new_topic(broker)
    options = f"--topic {topic} --num-records {count} --record-size {size} --throughput -1 --producer-props"
    said = _run("ProducerPerformance", *options.split(), f"bootstrap.servers={broker.server}", *config)
    sent = [float(rate) for number, rate in SENT.findall(said) if int(number) == count]
    if not sent:
        raise RuntimeError(f"ProducerPerformance on {broker.name}: {said}")
    return sent[-1]


def consumer(broker: Contender, topic: str, count: int) -> float:
    """ConsumerPerformance over a topic that is there; the time of joining its group counts, as a user's does."""
    said = _run(
        "ConsumerPerformance",
        *f"--bootstrap-server {broker.server} --topic {topic} --num-records {count} --timeout 60000".split(),
    )
    fields = said.strip().splitlines()[-1].split(", ")
    if len(fields) < 6 or int(fields[4]) < count:
        raise RuntimeError(f"ConsumerPerformance on {broker.name}: {said}")
    return float(fields[5])


def _run(tool: str, *arguments: str) -> str:
    command = ["java", "-Xmx512M", *JVM, *LOGGING, "-cp", classpath(), TOOLS + tool, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr
