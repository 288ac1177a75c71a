from collections.abc import Iterator

import pytest
from raw import Raw

import pykafkalite as pk
from pykafkalite import testing
from pykafkalite.storage.writing import WritingStore


@pytest.fixture
def broker() -> Iterator[pk.Broker]:
    with testing.kafka(config={"socket.request.max.bytes": 1 << 20}) as running:
        running.log.create_topic("events", 2, {"retention.ms": -1})
        yield running


@pytest.fixture
def log(broker: pk.Broker) -> pk.Log:
    return broker.log


@pytest.fixture
def store(log: pk.Log) -> WritingStore:
    assert isinstance(log.store, WritingStore)
    return log.store


@pytest.fixture
def raw(broker: pk.Broker) -> Iterator[Raw]:
    connection = Raw(broker.bootstrap_servers)
    yield connection
    connection.socket.close()
