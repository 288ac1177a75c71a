"""A client that sends exactly what a test says: kio's entities, or bytes of its own."""

from __future__ import annotations

import socket
import struct
from datetime import timedelta
from io import BytesIO
from typing import Any

from kio.index import load_payload_module, load_request_schema, load_response_schema
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

from pykafkalite import _core

NOW = timedelta(0)


class Raw:
    """One connection."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self._next = 0
        self.keep: list[bytes] = []  # what was sent

    def send(self, api_key: int, version: int, **fields: Any) -> int:
        """Send a request; its correlation id."""
        schema = load_request_schema(api_key, version)
        body = BytesIO()
        entity_writer(schema)(body, schema(**fields))
        return self.send_bytes(
            api_key, version, body.getvalue(), flexible=schema.__header_schema__.__flexible__
        )

    def send_bytes(self, api_key: int, version: int, body: bytes, *, flexible: bool = False) -> int:
        self._next += 1
        header = struct.pack(">hhih", api_key, version, self._next, 4) + b"test" + bytes(flexible)
        self.keep.append(struct.pack(">i", len(header) + len(body)) + header + body)
        self.socket.sendall(self.keep[-1])
        return self._next

    def receive_frame(self) -> bytes:
        """The next response, without its length; b"" when the broker has closed the connection."""
        size = self._exactly(4)
        return self._exactly(int.from_bytes(size, "big")) if size else b""

    def receive(self, api_key: int, version: int) -> tuple[int, Any]:
        """(correlation id, response)"""
        frame = self.receive_frame()
        assert frame, "the broker has closed the connection"
        schema = load_response_schema(api_key, version)
        at = 4 + bool(schema.__header_schema__.__flexible__)
        return int.from_bytes(frame[:4], "big"), entity_reader(schema)(frame, at)[0]

    def ask(self, api_key: int, version: int, **fields: Any) -> Any:
        """Send a request, wait for its response."""
        sent = self.send(api_key, version, **fields)
        correlation_id, response = self.receive(api_key, version)
        assert correlation_id == sent
        return response

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return b""
            if not more:
                return b""
            data += more
        return data


def entity(api_key: int, version: int, name: str, /, **fields: Any) -> Any:
    """A part of a request."""
    return getattr(load_payload_module(api_key, version, EntityType.request), name)(**fields)


def batch(*values: bytes, timestamp: int = 1_700_000_000_000) -> bytes:
    """One record batch, as a producer would send it."""
    return bytes(_core.build_batch([(None, value, None, timestamp) for value in values]))


def produce(raw: Raw, topic: str, records: bytes | None, *, partition: int = 0, acks: int = -1) -> Any:
    """Produce one batch; the partition's response (None for acks=0)."""
    version = 9
    data = entity(0, version, "PartitionProduceData", index=partition, records=records)
    topics = (entity(0, version, "TopicProduceData", name=topic, partition_data=(data,)),)
    fields = {"transactional_id": None, "acks": acks, "timeout": timedelta(seconds=5), "topic_data": topics}
    if acks == 0:
        raw.send(0, version, **fields)
        return None
    return raw.ask(0, version, **fields).responses[0].partition_responses[0]


def fetch_request(
    topic: str,
    offset: int,
    *,
    wait: float = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    partition_max_bytes: int = 1 << 20,
    session_id: int = 0,
    session_epoch: int = -1,
    partitions: tuple[int, ...] = (0,),
) -> dict[str, Any]:
    """Fields of a Fetch v11."""
    wanted = tuple(
        entity(1, 11, "FetchPartition", partition=index, current_leader_epoch=-1, fetch_offset=offset,
               log_start_offset=-1, partition_max_bytes=partition_max_bytes)
        for index in partitions
    )  # fmt: skip
    topics = (entity(1, 11, "FetchTopic", topic=topic, partitions=wanted),) if partitions else ()
    return {
        "replica_id": -1,
        "max_wait": timedelta(seconds=wait),
        "min_bytes": min_bytes,
        "max_bytes": max_bytes,
        "isolation_level": 0,
        "session_id": session_id,
        "session_epoch": session_epoch,
        "topics": topics,
        "forgotten_topics_data": (),
        "rack_id": "",
    }


def fetch(raw: Raw, topic: str, offset: int, **how: Any) -> Any:
    """Fetch one partition; its part of the response."""
    return raw.ask(1, 11, **fetch_request(topic, offset, **how)).responses[0].partitions[0]


def values_of(records: bytes | None) -> list[bytes | None]:
    """The values in fetched batches."""
    data = records or b""
    return [row[3] for one in _core.walk_batches(data) for row in _core.records_of(data, one)]
