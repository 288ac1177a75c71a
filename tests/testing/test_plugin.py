"""The plugin as its users have it: sessions of pytest in processes of their own."""

from __future__ import annotations

import os
import time
import tomllib
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from pykafkalite import testing

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def session(pytester, monkeypatch):
    """Runs the given tests with the plugin and nothing else of this tree's."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(testing.VARIABLE, raising=False)
    pytester.makeconftest("pytest_plugins = ['pykafkalite.testing.plugin']")

    def session(tests, *arguments):
        pytester.makepyfile(tests)
        return pytester.runpytest_subprocess("--strict-markers", *arguments)

    return session


@pytest.mark.parametrize("conftest", ["", "pytest_plugins = ['pykafkalite.testing.plugin']"])
def test_where_it_is_installed_it_is_found_by_itself_and_once(pytester, monkeypatch, conftest):
    """As pip would install it: a distribution with this tree's entry points."""
    (entries,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"].values()
    distribution = pytester.mkdir("pykafkalite-1.dist-info")
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: pykafkalite\nVersion: 1\n")
    lines = [f"{name} = {module}" for name, module in entries.items()]
    (distribution / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))
    pytester.makeconftest(conftest)
    pytester.makepyfile("def test_it(kafka):\n    assert kafka.bootstrap_servers")
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=1)


@pytest.mark.kafka(topics=["orders"])
def test_a_kafka_client_writes_and_the_test_looks_into_the_log(kafka):
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    producer.produce("orders", b"coffee")
    assert producer.flush(10) == 0
    assert kafka.log.topic("orders").scan().to_arrow()["value"].to_pylist() == [b"coffee"]


@pytest.mark.kafka(topics={"orders": 3})
def test_the_test_appends_and_a_kafka_client_reads(kafka):
    kafka.log.topic("orders").append(b"tea", partition=2)
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "g"})
    consumer.assign([TopicPartition("orders", 2, 0)])
    message = consumer.poll(10)
    consumer.close()
    assert message.value() == b"tea"


@pytest.mark.kafka(config={"num.partitions": 5})
def test_a_marker_tells_the_broker_its_configs(kafka):
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    assert len(producer.list_topics("made-on-the-way", timeout=10).topics["made-on-the-way"].partitions) == 5


def test_each_test_has_a_new_one_and_the_variable_is_set_while_it_runs(session):
    found = session(
        """
        import os

        def test_one(kafka):
            kafka.log.create_topic("t")
            assert os.environ["KAFKA_BOOTSTRAP_SERVERS"] == kafka.bootstrap_servers

        def test_two(kafka):
            assert not kafka.log.topics()

        def test_without_one():
            assert "KAFKA_BOOTSTRAP_SERVERS" not in os.environ
        """
    )
    found.assert_outcomes(passed=3)


def test_the_session_s_is_one_for_all_tests(session):
    found = session(
        """
        def test_one(kafka_session):
            kafka_session.log.create_topic("t")

        def test_two(kafka_session, kafka):
            assert "t" in kafka_session.log.topics()
            assert not kafka.log.topics()
        """
    )
    found.assert_outcomes(passed=2)


def test_workers_of_xdist_do_not_meet(session):
    found = session(
        """
        import pytest

        @pytest.mark.parametrize("n", range(8))
        def test_same_name(kafka_session, kafka, n):
            kafka.log.create_topic("t")
            kafka_session.log.create_topic(f"t{n}")
        """,
        "-n2",
    )
    found.assert_outcomes(passed=8)


def test_nothing_is_left_of_a_test_that_failed(session, pytester):
    found = session(
        """
        from pathlib import Path

        def test_fails(kafka):
            kafka.log.create_topic("t").append(b"x")
            Path("where").write_text(str(kafka.log.store.path))
            assert 0
        """
    )
    found.assert_outcomes(failed=1)
    assert not Path((pytester.path / "where").read_text()).exists()


def test_a_plugin_that_is_not_used_loads_no_broker(session):
    session(
        """
        import sys

        def test_it():
            assert not {"kio", "pyarrow", "pykafkalite.broker"} & set(sys.modules)
        """
    ).assert_outcomes(passed=1)


def test_a_new_one_takes_20_milliseconds(kafka):
    """The best of many: what else this machine does is not the plugin's."""
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        with testing.kafka(topics=["t"]):
            took.append(time.perf_counter() - begun)
    assert min(took) <= 0.020


def test_outside_of_pytest_the_variable_goes_back_to_what_it_was(monkeypatch):
    monkeypatch.setenv(testing.VARIABLE, "elsewhere:9092")
    with testing.kafka() as broker:
        assert os.environ[testing.VARIABLE] == broker.bootstrap_servers
    assert os.environ[testing.VARIABLE] == "elsewhere:9092"
