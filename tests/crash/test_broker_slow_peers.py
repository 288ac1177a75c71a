"""Peers that hardly read, or never finish what they began to send: the others notice nothing, memory stays bounded."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode
from raw import Raw, batch, fetch, fetch_request, produce, values_of
from serving import Served

import pykafkalite as pk

MIB = 1 << 20


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with pk.open(tmp_path / "data") as log:
        log.create_topic("events", 1, {"retention.ms": -1})
    with Served(tmp_path / "data") as served:
        yield served


def slowest_round(served: Served, rounds: int = 50) -> float:
    """Seconds that one client waits at most for a record to go in and come out."""
    client, slowest = Raw(served.address), 0.0
    for number in range(rounds):
        begun = time.monotonic()
        value = b"round %d" % number
        answer = produce(client, "events", batch(value))
        assert answer.error_code is ErrorCode.none
        assert values_of(fetch(client, "events", answer.base_offset).records) == [value]
        slowest = max(slowest, time.monotonic() - begun)
    client.socket.close()
    return slowest


def small_window(served: Served) -> Raw:
    """A client whose receive buffer is as small as can be."""
    client = Raw(served.address)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    return client


def test_a_peer_that_reads_a_byte_a_second_costs_the_others_nothing(served: Served):
    client = Raw(served.address)
    for _ in range(16):
        produce(client, "events", batch(*[b"x" * 1000] * 900))
    client.socket.close()
    slowest_round(served)
    before = served.resident
    with ExitStack() as closing:
        peers = [small_window(served) for _ in range(20)]
        for peer in peers:
            closing.callback(peer.socket.close)
            for _ in range(20):
                peer.send(
                    1, 11, **fetch_request("events", 0, max_bytes=16 * MIB, partition_max_bytes=16 * MIB)
                )
        for _ in range(2):
            assert all(len(peer.socket.recv(1)) == 1 for peer in peers)
            assert slowest_round(served) < 1.0
            spent = served.cpu_seconds
            time.sleep(1)
            assert served.cpu_seconds - spent < 0.2
        # Answers are the mapped segment itself, which all of them share.
        assert served.resident - before < 64 * MIB


def test_a_thousand_connections_that_never_finish_a_frame_cost_the_others_nothing(served: Served):
    host, port = served.address.split(":")
    frame = struct.pack(">ihhih", 1000, 0, 9, 1, -1)
    slowest_round(served)
    with ExitStack() as closing:
        peers = [closing.enter_context(socket.create_connection((host, int(port)), 10)) for _ in range(1000)]
        for peer in peers:
            peer.sendall(frame[:10])
        assert slowest_round(served) < 1.0
        for peer in peers:
            peer.sendall(frame[10:])
        assert slowest_round(served) < 1.0
        spent = served.cpu_seconds
        time.sleep(0.5)
        assert served.cpu_seconds - spent < 0.1
    assert slowest_round(served) < 1.0


def test_a_peer_that_floods_and_never_reads_is_held_back(served: Served):
    """Small requests by the ten thousand: each client has its turn."""
    slowest_round(served)
    flood = small_window(served)
    flood.send(18, 0)
    request = flood.keep[-1]
    before = served.resident
    flood.socket.settimeout(0.5)
    requests = request * (40 * MIB // len(request))
    with pytest.raises(TimeoutError):
        flood.socket.sendall(requests)
    assert served.resident - before < 32 * MIB
    assert slowest_round(served) < 1.0
    flood.socket.close()
