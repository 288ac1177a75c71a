from collections.abc import Iterator

import pytest
from raw import Raw

from pykafkalite.broker.server import Broker
from pykafkalite.broker.settings import Settings
from pykafkalite.storage.store import Store
from pykafkalite.storage.writing import WritingStore


@pytest.fixture
def store() -> Iterator[WritingStore]:
    with Store.open(":memory:") as opened:
        assert isinstance(opened, WritingStore)
        opened.create_topic("events", 2, {"retention.ms": -1})
        yield opened


@pytest.fixture
def broker(store: WritingStore) -> Iterator[Broker]:
    running = Broker(store, Settings(socket_request_max_bytes=1 << 20), "127.0.0.1", 0)
    yield running
    running.close()


@pytest.fixture
def raw(broker: Broker) -> Iterator[Raw]:
    connection = Raw(broker.bootstrap_servers)
    yield connection
    connection.socket.close()
