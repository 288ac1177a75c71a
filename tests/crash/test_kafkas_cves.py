"""What Kafka's own CVEs did to brokers without authentication, done to this one: a process, whose memory is watched."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode
from raw import Raw, batch, entity, fetch, fetch_request, produce, values_of
from serving import Served

from pykafkalite import _core
from pykafkalite.storage import codecs

MIB = 1 << 20
SLACK = 64 * MIB
PRODUCE, FETCH, METADATA, FIND_COORDINATOR, DESCRIBE_GROUPS = 0, 1, 3, 10, 15
NOW = 1_700_000_000_000
FAR_TOO_MANY = 2**31 - 1


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "data") as served:
        client = Raw(served.address)
        create(client, "events", {"retention.ms": "-1"})
        assert produce(client, "events", batch(b"before")).error_code is ErrorCode.none
        client.socket.close()
        yield served
        check_alive(served)


def create(client: Raw, topic: str, configs: dict[str, str]) -> None:
    named = tuple(
        entity(19, 4, "CreatableTopicConfig", name=name, value=value) for name, value in configs.items()
    )
    wanted = entity(
        19,
        4,
        "CreatableTopic",
        name=topic,
        num_partitions=1,
        replication_factor=1,
        assignments=(),
        configs=named,
    )
    answer = client.ask(19, 4, topics=(wanted,), timeout=timedelta(seconds=5), validate_only=False)
    assert answer.topics[0].error_code is ErrorCode.none


def check_alive(served: Served) -> None:
    other = Raw(served.address)
    assert values_of(fetch(other, "events", 0).records)[:1] == [b"before"]
    other.socket.close()


def header(api_key: int, version: int, tags: bytes = b"\0") -> bytes:
    return struct.pack(">hhih", api_key, version, 1, -1) + tags


def varint(value: int) -> bytes:
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def send(served: Served, frame: bytes) -> bytes:
    """Send one frame on a connection of its own; the answer, b"" where the broker closed it."""
    client = Raw(served.address)
    try:
        client.socket.sendall(struct.pack(">i", len(frame)) + frame)
        return client.receive_frame()
    except (BrokenPipeError, ConnectionResetError):
        return b""
    finally:
        client.socket.close()


def check_refused_at_little_cost(served: Served, frame: bytes) -> None:
    """The connection ends, at once, and the frame costs no more than its own size twice."""
    memory, spent = peak(served), served.cpu_seconds
    assert send(served, frame) == b""
    assert peak(served) - memory <= 2 * len(frame) + SLACK
    assert served.cpu_seconds - spent < 1.0
    check_alive(served)


@pytest.mark.parametrize("tags", [varint(FAR_TOO_MANY), varint(20_000_000) + b"\x63\0" * 20_000_000])
def test_cve_2026_111115_tagged_fields_of_a_header_by_the_million(served: Served, tags: bytes):
    check_refused_at_little_cost(served, header(METADATA, 12, tags) + b"\1\0\0\0")


def test_cve_2026_111115_tagged_fields_of_a_body_by_the_million(served: Served):
    tags = varint(20_000_000) + b"\x63\0" * 20_000_000
    check_refused_at_little_cost(served, header(METADATA, 12) + b"\1\0\0" + tags)


TIMES = 10_000_000


@pytest.mark.parametrize(
    "frame",
    [
        header(METADATA, 9) + varint(TIMES + 1) + b"\1\0" * TIMES + b"\0\0\0\0",
        header(PRODUCE, 9)
        + b"\0"
        + struct.pack(">hi", -1, 0)
        + varint(TIMES + 1)
        + b"\1\1\0" * TIMES
        + b"\0",
        header(DESCRIBE_GROUPS, 5) + varint(TIMES + 1) + b"\1" * TIMES + b"\0\0",
        header(FIND_COORDINATOR, 4) + b"\0" + varint(TIMES + 1) + b"\1" * TIMES + b"\0",
    ],
    ids=["Metadata", "Produce", "DescribeGroups", "FindCoordinator"],
)
def test_cve_2026_111108_arrays_that_are_as_long_as_they_say(served: Served, frame: bytes):
    check_refused_at_little_cost(served, frame)


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """A batch that fits max.message.bytes and is 900 MiB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    megabyte = bytes(MIB)
    payload = b"".join(packer.compress(megabyte) for _ in range(900)) + packer.flush()
    return bytes(_core.reseal(batch(b"small"), payload, 1))


@pytest.mark.parametrize(
    "wanted",
    [{"compression.type": "uncompressed"}, {"compression.type": "zstd"}, {"cleanup.policy": "compact"}],
    ids=["uncompressed", "zstd", "compacted"],
)
def test_cve_2026_111073_what_a_small_batch_decompresses_to_is_bounded(
    served: Served, bomb: bytes, wanted: dict[str, str]
):
    client = Raw(served.address)
    create(client, "packed", wanted)
    small = codecs.compress(1, bytes(batch(b"small"))[_core.BATCH_HEADER :], 9)
    produce(client, "packed", bytes(_core.reseal(batch(b"small"), small, 1)))  # imports what decompresses
    before = peak(served)
    assert len(bomb) < MIB
    assert produce(client, "packed", bomb).error_code is ErrorCode.invalid_record
    assert peak(served) - before <= 2 * len(bomb) + SLACK
    client.socket.close()


def peak(served: Served) -> int:
    """The most bytes that it ever had in memory."""
    return int(Path(f"/proc/{served.pid}/status").read_text().split("VmHWM:")[1].split()[0]) << 10


def test_cve_2022_34917_a_thousand_frames_that_are_announced_and_never_come(served: Served):
    before = served.resident
    host, port = served.address.split(":")
    with ExitStack() as clients:
        for number in range(1000):
            client = clients.enter_context(socket.create_connection((host, int(port)), 10))
            client.sendall(struct.pack(">i", 100 * MIB) + b"\0" * (number % 5))
        begun = time.monotonic()
        check_alive(served)
        assert time.monotonic() - begun < 2
        assert (served.resident - before) / 1000 <= 30 << 10


def test_cve_2022_34917_a_frame_of_2_gib_is_refused_when_it_is_announced(served: Served):
    client = Raw(served.address)
    client.socket.sendall(struct.pack(">i", FAR_TOO_MANY))
    assert client.receive_frame() == b""
    client.socket.close()


@pytest.mark.parametrize("replica", [0, 1, 2**31 - 1])
def test_cve_2018_1288_a_follower_may_not_fetch(served: Served, replica: int):
    client = Raw(served.address)
    answer = client.ask(FETCH, 11, **fetch_request("events", 0) | {"replica_id": replica})
    assert answer.error_code is ErrorCode.cluster_authorization_failed
    assert answer.responses == ()
    client.socket.close()


@pytest.mark.parametrize("producer_id", [-1, 4000])
def test_cve_2018_17196_a_transactional_batch_is_taken_from_nobody(served: Served, producer_id: int):
    """Whatever its request says; it would keep every reader of committed records waiting."""
    begun = _core.build_batch(
        [(None, b"begun", None, NOW)],
        attributes=_core.ATTR_TRANSACTIONAL,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=0,
    )
    client = Raw(served.address)
    assert produce(client, "events", bytes(begun)).error_code is ErrorCode.invalid_txn_state
    found = client.ask(FETCH, 11, **fetch_request("events", 0) | {"isolation_level": 1})
    part = found.responses[0].partitions[0]
    assert (part.high_watermark, part.last_stable_offset) == (1, 1)
    client.socket.close()


def test_cve_2018_17196_a_second_batch_behind_a_good_one_is_not_written(served: Served):
    client = Raw(served.address)
    begun = _core.build_batch([(None, b"begun", None, NOW)], attributes=_core.ATTR_TRANSACTIONAL)
    assert produce(client, "events", batch(b"good") + begun).error_code is ErrorCode.invalid_record
    assert fetch(client, "events", 0).high_watermark == 1
    client.socket.close()
