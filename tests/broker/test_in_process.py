"""`pk.Broker`: the same log, from the process and over the wire."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from raw import Raw, batch, fetch, fetch_request, produce, values_of

import pykafkalite as pk
from pykafkalite import errors
from pykafkalite.broker import in_process
from pykafkalite.broker.loops import new_event_loop

METADATA = {
    "allow_auto_topic_creation": False,
    "include_cluster_authorized_operations": False,
    "include_topic_authorized_operations": False,
}


def test_a_directory_is_served_and_closed_with_the_broker(tmp_path):
    with pk.Broker(tmp_path / "data") as broker:
        broker.log.create_topic("t", config={"retention.ms": -1}).append(b"from inside")
        raw = Raw(broker.bootstrap_servers)
        produce(raw, "t", batch(b"from outside"))
        assert values_of(fetch(raw, "t", 0).records) == [b"from inside", b"from outside"]
        assert broker.log.topic("t").scan().to_arrow()["value"].to_pylist() == [
            b"from inside",
            b"from outside",
        ]
        raw.socket.close()
    assert broker.closed
    assert broker.log.closed
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists()


def test_a_log_that_was_given_stays_open():
    with pk.open(":memory:") as log:
        with pk.Broker(log):
            pass
        assert not log.closed


def test_the_repr_says_what_is_served_where(broker):
    assert repr(broker) == f"<Broker :memory: at {broker.bootstrap_servers}, 1 topic>"
    broker.close()
    assert repr(broker) == "<Broker :memory: closed>"


def test_closing_twice_is_fine(broker):
    broker.close()
    broker.close()


def test_a_read_only_log_is_not_served(tmp_path):
    pk.open(tmp_path).close()
    with pk.open(tmp_path, mode="r") as log, pytest.raises(errors.ReadOnly, match='mode="a"'):
        pk.Broker(log)


def test_a_port_in_use_is_told_and_leaves_nothing_open(broker, tmp_path):
    with pytest.raises(errors.AddressInUse, match=r"another program listens on 127\.0\.0\.1:"):
        pk.Broker(tmp_path, listen=broker.bootstrap_servers)
    pk.Broker(tmp_path).close()


def test_localhost_is_both_loopbacks(tmp_path):
    with pk.Broker(":memory:", listen="localhost:0") as broker:
        host, port = broker.bootstrap_servers.split(":")
        assert host == "localhost"
        addresses = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
        for address in {"127.0.0.1", *addresses}:
            socket.create_connection((address, int(port)), timeout=5).close()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", ":0", "[::]:0"])
def test_an_address_that_others_reach_has_to_be_allowed_in_words(listen):
    with pytest.raises(errors.InvalidConfig, match=r"allow\.unauthenticated=true"):
        pk.Broker(":memory:", listen=listen)


def test_an_address_that_others_reach_can_be_allowed():
    config = {"allow.unauthenticated": True, "advertised.listeners": "PLAINTEXT://broker.example:19092"}
    with pk.Broker(":memory:", listen="0.0.0.0:0", config=config) as broker:
        assert broker.bootstrap_servers == "broker.example:19092"


@pytest.mark.parametrize("listen", ["localhost", "localhost:65536", "http:/x", "", "SSL://localhost:0"])
def test_what_is_no_address_is_told(listen):
    with pytest.raises(errors.InvalidConfig, match="listeners cannot be"):
        pk.Broker(":memory:", listen=listen)


def test_nobody_is_told_to_connect_to_every_address():
    with pytest.raises(errors.InvalidConfig, match="name a host"):
        pk.Broker(":memory:", config={"advertised.listeners": "0.0.0.0:9092"})


def test_clients_are_told_the_address_of_the_listener_that_they_came_by():
    """As for containers: one address for those beside it, one for the host."""
    config = {
        "listeners": "INTERNAL://localhost:0,EXTERNAL://127.0.0.1:0,CONTROLLER://localhost:0",
        "advertised.listeners": "INTERNAL://kafka:29092,EXTERNAL://outside.example:9092",
        "listener.security.protocol.map": "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
    with pk.Broker(":memory:", config=config) as broker:
        assert broker.bootstrap_servers == "kafka:29092"
        told = []
        for server in (broker._server._servers[0], broker._server._servers[-1]):
            host, port = server.sockets[0].getsockname()[:2]
            raw = Raw(f"{host}:{port}")
            node = raw.ask(3, 9, topics=(), **METADATA).brokers[0]
            told.append((node.host, node.port))
            raw.socket.close()
    assert told == [("kafka", 29092), ("outside.example", 9092)]


def test_a_listener_that_is_mapped_to_security_is_refused():
    config = {"listeners": "SAFE://localhost:0", "listener.security.protocol.map": "SAFE:SASL_SSL"}
    with pytest.raises(errors.InvalidConfig, match="SAFE is SASL_SSL, and there is only PLAINTEXT"):
        pk.Broker(":memory:", config=config)


def test_a_start_that_fails_leaves_the_log_as_it_was(log):
    free = socket.create_server(("127.0.0.1", 0))
    taken = free.getsockname()[1]
    with pytest.raises(errors.AddressInUse):
        pk.Broker(log, config={"listeners": f"A://127.0.0.1:0,B://127.0.0.1:{taken}"})
    free.close()
    assert len(log.store.listeners) == 1  # of the fixture's broker


def test_one_durability_per_log(tmp_path):
    with pk.open(tmp_path) as log, pytest.raises(errors.InvalidConfig, match="open with 'os' already"):
        pk.Broker(log, config={"durability": "fsync"})
    with pk.Broker(tmp_path, config={"durability": "fsync"}) as broker:
        assert broker.log.durability == "fsync"


def test_topic_defaults_hold_for_old_and_new_topics_and_are_recorded_nowhere(tmp_path):
    with pk.open(tmp_path) as log:
        log.create_topic("old")
        log.create_topic("own", config={"retention.ms": 7})
    with pk.Broker(tmp_path, config={"log.retention.hours": 2}) as broker:
        broker.log.create_topic("new")
        broker.log.topic("new").alter_config({"segment.ms": 5})
        told = {name: topic.config["retention.ms"] for name, topic in broker.log.topics().items()}
        assert told == {"old": 7_200_000, "own": 7, "new": 7_200_000}
        assert dict(broker.log.topic("new").overrides) == {"segment.ms": "5"}
    with pk.open(tmp_path) as log:
        assert log.topic("new").config["retention.ms"] == 7 * 24 * 3_600_000


def test_an_idle_broker_has_loaded_no_arrow():
    script = (
        "import sys, pykafkalite as pk\nwith pk.Broker(':memory:') as broker:\n"
        " print(sorted({'pyarrow', 'numpy', 'rich', 'click'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_broker_of_memory_leaves_nothing_behind():
    with pk.Broker(":memory:") as broker:
        path = Path(broker.log.store.path)
        assert path.is_dir()
    assert not path.exists()


def test_closing_waits_for_no_long_poll_and_answers_it(broker, raw):
    sent = raw.send(1, 11, **fetch_request("events", 0, wait=30))
    time.sleep(0.1)
    begun = time.monotonic()
    broker.close()
    assert time.monotonic() - begun < 3
    assert raw.receive(1, 11)[0] == sent
    assert raw.receive_frame() == b""


def test_a_client_that_never_stops_asking_does_not_hold_up_closing(broker, raw):
    stop = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set() and raw.send(18, 0):
                raw.receive_frame()

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.05)
    begun = time.monotonic()
    broker.close()
    took = time.monotonic() - begun
    stop.set()
    asking.join()
    assert took < 3


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, new_event_loop], ids=["asyncio", "installed"])
def test_it_works_on_either_event_loop(monkeypatch, loop):
    monkeypatch.setattr(in_process, "new_event_loop", loop)
    with pk.Broker(":memory:") as broker:
        broker.log.create_topic("t", config={"retention.ms": -1})
        raw = Raw(broker.bootstrap_servers)
        produce(raw, "t", batch(*[b"x" * 1000] * 500))
        assert len(values_of(fetch(raw, "t", 0).records)) == 500
        raw.socket.close()


def test_uvloop_is_used_where_it_is_installed():
    loop = new_event_loop()
    assert type(loop).__module__ == "uvloop"
    loop.close()
