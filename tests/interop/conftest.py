"""One oracle for all interop tests; nodes of Kafka that end with the test or the session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from real_kafka import GOLDEN, Kafka, Oracle, Unavailable, classpath
from running import RunningBroker

import pykafkalite as pk

# What both brokers are told, beyond Kafka's defaults.
SERVES = {"auto_create_topics_enable": "true", "group_min_session_timeout_ms": 500}

StartKafka = Callable[..., Kafka]


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Kafka's own code; without Java and Maven the test is skipped (a failure under CI=true)."""
    try:
        classpath()
    except Unavailable as why:
        pytest.skip(str(why))
    oracle = Oracle(tmp_path_factory.mktemp("oracle") / "stderr")
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def kafka(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A running node over a directory of its own, for tests that only add topics."""
    home = tmp_path_factory.mktemp("kafka")
    kafka = Kafka(oracle, home / "data", home, **SERVES)
    kafka.format()
    with kafka:
        yield kafka


@pytest.fixture(scope="session")
def pykafkalite_broker(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """This project's broker over a directory of its own."""
    config = {name.replace("_", "."): value for name, value in SERVES.items()}
    with pk.Broker(tmp_path_factory.mktemp("pykafkalite") / "data", config=config) as broker:
        yield RunningBroker(oracle, broker.bootstrap_servers)
        oracle.ask("forget", server=broker.bootstrap_servers)


@pytest.fixture(scope="session", params=["pykafkalite", "kafka"])
def kafka_broker(request: pytest.FixtureRequest, oracle: Oracle) -> RunningBroker:
    """One broker and then the other: what a test says of it is true of both."""
    if request.param == "pykafkalite":
        ours: RunningBroker = request.getfixturevalue("pykafkalite_broker")
        return ours
    return RunningBroker(oracle, request.getfixturevalue("kafka").server)


@pytest.fixture
def new_kafka(oracle: Oracle, tmp_path: Path) -> Iterator[StartKafka]:
    """`new_kafka(directory, **config)`: a node, not started yet; killed after the test if it still runs."""
    with ExitStack() as stack:

        def new(data: Path, **config: str | int) -> Kafka:
            kafka = Kafka(oracle, data, tmp_path / "kafka-home", **config)
            stack.callback(kafka.kill)
            return kafka

        yield new


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> tuple[Path, dict[str, Any]]:
    """A directory that Kafka left, and what Kafka said of it; parametrised indirectly by its name."""
    directory = GOLDEN / request.param
    return directory / "data", json.loads((directory / "expected.json").read_text())
