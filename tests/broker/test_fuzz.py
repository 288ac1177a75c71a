"""Bytes from hostile clients: the broker lives, keeps its memory, and writes nothing that it should not."""

import random
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode
from raw import Raw, batch, fetch_request, produce

from pykafkalite.broker.router import ROUTES, load_handlers

load_handlers()
APIS = [(key, version) for key, route in ROUTES.items() for version in range(route.first, route.last + 1)]


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def throw(broker, frame):
    """Send a frame on a connection of its own; whatever comes back, if anything."""
    thrower = Raw(broker.bootstrap_servers)
    thrower.socket.settimeout(0.2)
    thrower.socket.sendall(frame)
    try:
        thrower.receive_frame()
    except TimeoutError:
        pass
    finally:
        thrower.socket.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(api=st.sampled_from(APIS), body=st.binary(max_size=200))
def test_any_bytes_as_the_body_of_any_request(broker, api, body):
    key, version = api
    header = struct.pack(">hhih", key, version, 1, -1)
    throw(broker, struct.pack(">i", len(header) + len(body)) + header + body)
    alive = Raw(broker.bootstrap_servers)
    assert alive.ask(18, 0).error_code is ErrorCode.none
    alive.socket.close()


@pytest.mark.parametrize("count", [2**31 - 1, 1 << 20, -2])
def test_arrays_that_announce_more_than_there_is_take_no_memory(broker, count):
    before = resident()
    for key, version in APIS:
        body = struct.pack(">i", count) * 12
        header = struct.pack(">hhih", key, version, 1, -1)
        throw(broker, struct.pack(">i", len(header) + len(body)) + header + body)
    assert Raw(broker.bootstrap_servers).ask(18, 0).error_code is ErrorCode.none
    assert resident() - before < 64 << 20


def test_flipped_bits_in_real_requests_do_no_harm(broker, store, raw):
    sent: list[bytes] = []
    raw.keep = sent
    produce(raw, "events", batch(b"real"))
    raw.ask(1, 11, **fetch_request("events", 0))
    raw.ask(3, 12, topics=None, allow_auto_topic_creation=False, include_topic_authorized_operations=False)
    raw.ask(
        22,
        3,
        transactional_id=None,
        transaction_timeout=timedelta(seconds=1),
        producer_id=-1,
        producer_epoch=-1,
    )
    chance = random.Random(7)
    for frame in sent:
        for _ in range(60):
            flipped = bytearray(frame)
            flipped[chance.randrange(4, len(frame))] ^= 1 << chance.randrange(8)
            throw(broker, bytes(flipped))
    assert Raw(broker.bootstrap_servers).ask(18, 0).error_code is ErrorCode.none
    assert store.partition("events", 0).start_offset == 0
