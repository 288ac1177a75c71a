"""A broker that serves on loopback, this project's or Kafka: tests talk to either in the same words."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from real_kafka import KafkaError, Oracle

TOOLS = {
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-consumer-perf-test": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-groups": "org.apache.kafka.tools.GroupsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
}
FOREVER = {"retention.ms": "-1"}


@dataclass
class RunningBroker:
    """Its address, and Kafka's own clients and tools to ask it with."""

    oracle: Oracle
    servers: str
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def ask(self, do: str, **request: Any) -> Any:
        """The oracle's clients, on this broker."""
        return self.oracle.ask(do, server=self.servers, **request)

    def name(self, hint: str) -> str:
        """A name that no other test uses."""
        return f"{hint}-{next(self._numbers)}"

    def topic(self, hint: str, partitions: int = 1, **config: str) -> str:
        """A new topic's name.  `config`: Kafka's names, `_` for `.`."""
        name = self.name(hint)
        configs = FOREVER | {it.replace("_", "."): value for it, value in config.items()}
        self.ask("create", topics={name: {"partitions": partitions, "config": configs}})
        wait_for(lambda: self._serves(name, partitions))  # Kafka's leaders take their time.
        return name

    def _serves(self, topic: str, partitions: int) -> bool:
        try:
            self.ask("offsets", partitions=[[topic, it] for it in range(partitions)])
        except KafkaError as error:
            if "UnknownTopicOrPartition" in str(error):
                return False
            raise
        return True

    def tool(self, name: str, *args: str, stdin: str = "", bootstrap: str = "--bootstrap-server") -> str:
        """What one of Kafka's tools prints; KafkaError with its complaints when it ends in failure."""
        given = [bootstrap, self.servers, *args] if bootstrap else args
        said = self.oracle.ask("tool", tool=TOOLS[name], args=given, input=stdin)
        if said["status"]:
            raise KafkaError(said["out"] + said["err"])
        out: str = said["out"]
        return out


def wait_for(what: Callable[[], bool], timeout: float = 20.0) -> None:
    """Until it is so."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)
