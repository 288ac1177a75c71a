"""The pytest plugin: the fixtures `kafka` and `kafka_session`, the marker `kafka`.

Under pytest-xdist every worker is a process with brokers of its own. pykafkalite's broker is imported by the first
test that asks for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pykafkalite import testing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykafkalite.broker.in_process import Broker


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        'kafka(topics={"orders": 3}, config={"num.partitions": 2}): what the `kafka` fixture is to have.',
    )


@pytest.fixture
def kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A new, empty Kafka for this test: `kafka.bootstrap_servers` for clients, `kafka.log` to look into it.

    `@pytest.mark.kafka(topics={"orders": 3})` makes topics; KAFKA_BOOTSTRAP_SERVERS is set.
    """
    marker = request.node.get_closest_marker("kafka")
    with testing.kafka(**(marker.kwargs if marker else {})) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_session() -> Iterator[Broker]:
    """One Kafka for the whole session (of each xdist worker): what tests leave in it, later ones see."""
    with testing.kafka() as broker:
        yield broker
