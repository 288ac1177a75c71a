"""Bytes in, answers out: framing, order, versions, and what a connection is closed for."""

import struct
import time

import pytest
from kio.schema.errors import ErrorCode
from raw import Raw, batch, fetch, fetch_request, produce, values_of

import pykafkalite as pk
from pykafkalite.broker.frames import FrameError, Frames


def feed(frames, data, step):
    taken = []
    for at in range(0, len(data), step):
        part = data[at : at + step]
        while part:
            room = frames.room()
            count = min(len(room), len(part))
            room[:count] = part[:count]
            frames.received(count)
            part = part[count:]
            while (frame := frames.take()) is not None:
                taken.append(bytes(frame))
    return taken


@pytest.mark.parametrize("step", [1, 3, 1000, 70_000, 1 << 20])
def test_requests_come_out_whole_however_the_bytes_come_in(step):
    sent = [b"", b"a", b"b" * 20_000, b"c" * 300_000, b"d" * 70_000, b"e"]
    stream = b"".join(struct.pack(">i", len(one)) + one for one in sent)
    assert feed(Frames(1 << 20), stream, step) == sent


@pytest.mark.parametrize("size", [-1, -(2**31), 2**31 - 1, (1 << 20) + 1])
def test_a_length_that_no_request_has_is_an_error(size):
    frames = Frames(1 << 20)
    with pytest.raises(FrameError, match=r"socket\.request\.max\.bytes"):
        feed(frames, struct.pack(">i", size), 4)


def test_an_announced_request_that_never_comes_takes_no_memory():
    frames = Frames(100 << 20)
    feed(frames, struct.pack(">i", 100 << 20), 4)
    assert len(frames.room()) <= 64 << 10


def test_answers_come_in_the_order_of_the_requests(raw):
    first = raw.send(1, 11, **fetch_request("events", 0, wait=0.3))
    second = raw.send(18, 0)
    assert raw.receive(1, 11)[0] == first
    assert raw.receive(18, 0)[0] == second


def test_an_unknown_version_of_api_versions_is_answered_in_version_0_with_the_list(raw):
    raw.send_bytes(18, 99, b"\x00\x00\x00", flexible=True)
    _, response = raw.receive(18, 0)
    assert response.error_code is ErrorCode.unsupported_version
    assert {key.api_key for key in response.api_keys} >= {0, 1, 3, 18}


def test_produce_is_advertised_from_version_0(raw):
    versions = {key.api_key: key for key in raw.ask(18, 0).api_keys}
    assert (versions[0].min_version, versions[0].max_version) == (0, 13)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        struct.pack(">hhih", 18, 3, 1, 500) + b"short",
        struct.pack(">hhih", 3, 12, 1, -1) + b"\xff\xff\xff\xff\x07",
        struct.pack(">hhih", 3, 12, 1, -1) + b"\x00" + b"\xff\xff\xff\xff\x07",
        struct.pack(">hhih", 999, 0, 1, -1),
        struct.pack(">hhih", 0, 2, 1, -1),
    ],
    ids=["empty", "short", "client id", "tagged fields", "array", "unknown api", "old version"],
)
def test_what_is_no_request_ends_the_connection_and_nothing_else(raw, broker, frame):
    other = Raw(broker.bootstrap_servers)
    raw.socket.sendall(struct.pack(">i", len(frame)) + frame)
    assert raw.receive_frame() == b""
    assert other.ask(18, 0).error_code is ErrorCode.none
    other.socket.close()


def test_unknown_tagged_fields_are_stepped_over(raw):
    body = (
        b"\x00" + b"\x00" + b"\x00" + b"\x01" + b"\x63\x03abc"
    )  # no topics, two flags, one tag 99 of 3 bytes
    raw.send_bytes(3, 12, b"\x01" + body[1:], flexible=True)
    _, response = raw.receive(3, 12)
    assert response.brokers[0].node_id == 0


def test_a_client_that_vanishes_in_the_middle_of_a_request_leaves_nothing(raw, broker):
    raw.socket.sendall(struct.pack(">i", 1000) + b"half")
    raw.socket.close()
    deadline = time.monotonic() + 5
    while broker._server.core.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not broker._server.core.connections


def test_a_client_that_does_not_read_its_answers_gets_them_all_later(raw):
    produce(raw, "events", batch(*[b"x" * 1000] * 900))
    for _ in range(20):
        raw.send(1, 11, **fetch_request("events", 0))
    time.sleep(0.1)
    for _ in range(20):
        _, response = raw.receive(1, 11)
        assert len(values_of(response.responses[0].partitions[0].records)) == 900


def test_acks_0_is_not_answered(raw):
    assert produce(raw, "events", batch(b"quiet"), acks=0) is None
    assert values_of(fetch(raw, "events", 0).records) == [b"quiet"]


def test_stopping_finishes_what_is_under_way(broker, raw):
    raw.send(1, 11, **fetch_request("events", 0, wait=0.2))
    time.sleep(0.05)
    broker.close()
    assert raw.receive(1, 11)[1].responses[0].partitions[0].error_code is ErrorCode.none


def wait_for_connections(broker, count):
    deadline = time.monotonic() + 5
    while len(broker._server.core.connections) != count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("count", [1, 300])
def test_what_a_client_sent_before_it_closed_is_carried_out(tmp_path, count):
    with pk.Broker(tmp_path, config={"durability": "fsync"}) as broker:
        broker.log.create_topic("events", config={"retention.ms": -1})
        raw = Raw(broker.bootstrap_servers)
        for _ in range(count):
            produce(raw, "events", batch(b"unconfirmed"), acks=0)
        raw.socket.close()
        deadline = time.monotonic() + 10
        while (found := broker.log.topic("events").describe()[0].end_offset) < count:
            assert time.monotonic() < deadline, f"{found} of {count}"
            time.sleep(0.01)


def test_a_client_that_leaves_a_long_poll_behind_is_forgotten_at_once(broker):
    raw = Raw(broker.bootstrap_servers)
    raw.send(1, 11, **fetch_request("events", 0, wait=1000))
    wait_for_connections(broker, 1)
    raw.socket.close()
    wait_for_connections(broker, 0)


def test_what_comes_behind_bytes_that_are_no_request_is_not_carried_out(raw, store):
    produce(raw, "events", batch(b"first"))
    raw.socket.sendall(struct.pack(">i", 1) + b"?" + raw.keep[-1])
    assert raw.receive_frame() == b""
    assert store.partition("events", 0).high_watermark == 1
