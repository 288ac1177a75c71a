from collections.abc import Iterator

import pytest
from raw import Raw

import pykafkalite as pk
from pykafkalite.storage.writing import WritingStore


@pytest.fixture
def log() -> Iterator[pk.Log]:
    with pk.open(":memory:") as opened:
        opened.create_topic("events", 2, {"retention.ms": -1})
        yield opened


@pytest.fixture
def store(log: pk.Log) -> WritingStore:
    assert isinstance(log.store, WritingStore)
    return log.store


@pytest.fixture
def broker(log: pk.Log) -> Iterator[pk.Broker]:
    with pk.Broker(log, config={"socket.request.max.bytes": 1 << 20}) as running:
        yield running


@pytest.fixture
def raw(broker: pk.Broker) -> Iterator[Raw]:
    connection = Raw(broker.bootstrap_servers)
    yield connection
    connection.socket.close()
