"""The door to kio: requests become its entities, its entities become bytes to send.

Rule 1: message versions are imported on first use; all of them would take 0.55 s and 36 MB.
Rule 2: a handler names response entities and fields as the newest version has them; what an older
        version lacks is left out here, so that no handler asks which version it answers.
Rule 3: bytes of a segment are never copied: they go through `Pieces` as the memoryviews they are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from kio.index import load_payload_module, load_request_schema, load_response_schema
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

from .tolerance import MAX_ELEMENTS, InvalidRequest, read_entity, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

    from .listening import Address

API_VERSIONS = 18

# Below this, a copy into one buffer costs less than one more entry of a sendmsg.
SMALL = 1024


class Request(NamedTuple):
    """One request: its header's fields and its body, a kio entity of the version that the client chose."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str | None
    body: Any
    told: Address
    """Where clients of the listener that it came by are told to connect to."""
    client_host: str = ""
    """The address that it came from, as Kafka writes it: "/127.0.0.1"."""

    def entity(self, name: str, /, **values: object) -> Any:
        """An entity of this request's response, by name; fields that its version lacks are left out."""
        kind, known = _shape(self.api_key, self.version, name)
        return kind(**{field: value for field, value in values.items() if field in known})

    def response(self, **values: object) -> Any:
        """The response itself; as `entity`."""
        return self.entity("", **values)


def parse(
    frame: Buffer, supported: Callable[[int, int], bool], told: Address, client_host: str = ""
) -> Request:
    """A frame (without its length) as a request; raises InvalidRequest, UnsupportedVersion."""
    header = read_header(frame, lambda key, version: supported(key, version) and _is_flexible(key, version))
    if not supported(header.api_key, header.version):
        raise UnsupportedVersion(header.api_key, header.version, header.correlation_id)
    schema = _request_schema(header.api_key, header.version)
    data = memoryview(frame)
    try:
        if data.nbytes <= MAX_ELEMENTS:
            body, _ = _reader(schema)(frame, header.size)
        else:
            body, _ = read_entity(schema, data, header.size)
    except InvalidRequest:
        raise
    except KeyError:  # an unknown tagged field, which KIP-482 says to skip and kio does not
        body, _ = read_entity(schema, data, header.size)
    except Exception as error:
        raise InvalidRequest(f"{schema.__name__} v{header.version}: {error}") from error
    # Bytes may be left over, as for Kafka: librdkafka's Metadata v13 has one too many.
    return Request(
        header.api_key, header.version, header.correlation_id, header.client_id, body, told, client_host
    )


class UnsupportedVersion(Exception):
    """A request of an API or a version that this broker does not serve."""

    def __init__(self, api_key: int, version: int, correlation_id: int) -> None:
        super().__init__(f"API {api_key} in version {version} is not served here")
        self.api_key = api_key
        self.version = version
        self.correlation_id = correlation_id


class Records:
    """Spans of segments as one `records` field: borrowed, in order."""

    __slots__ = ("size", "spans")

    def __init__(self, spans: Sequence[memoryview]) -> None:
        self.spans = spans
        self.size = sum(span.nbytes for span in spans)

    def __len__(self) -> int:
        return self.size


class Pieces:
    """What kio writes to: small writes are gathered, spans of segments are kept as they are."""

    __slots__ = ("_tail", "parts", "size")

    def __init__(self) -> None:
        self.parts: list[Buffer] = []
        self.size = 0
        self._tail = bytearray()

    def write(self, data: bytes | Records) -> None:
        """The next bytes."""
        if isinstance(data, Records) and data.size > SMALL:
            self._cut()
            self.parts += data.spans
        elif isinstance(data, Records):
            for span in data.spans:
                self._tail += span
        else:
            self._tail += data
        self.size += len(data)

    def _cut(self) -> None:
        if self._tail:
            self.parts.append(self._tail)
            self._tail = bytearray()

    def finish(self, head: bytes) -> list[Buffer]:
        """All parts, behind `head`."""
        self._cut()
        return [head, *self.parts]


def encode(request: Request, response: Any) -> list[Buffer]:
    """The response's frame, its length in front."""
    pieces = Pieces()
    schema: Any = type(response)
    _writer(schema)(pieces, response)
    flexible = schema.__header_schema__.__flexible__
    head = struct.pack(">ii", pieces.size + 4 + flexible, request.correlation_id) + bytes(flexible)
    return pieces.finish(head)


@cache
def _request_schema(api_key: int, version: int) -> Any:
    """kio resolves the class by its dotted name, which costs as much as parsing a small request."""
    return load_request_schema(api_key, version)


@cache
def _reader(schema: Any) -> Any:
    return entity_reader(schema)


@cache
def _writer(schema: Any) -> Any:
    return entity_writer(schema)


@cache
def _is_flexible(api_key: int, version: int) -> bool:
    return bool(_request_schema(api_key, version).__header_schema__.__flexible__)


@cache
def _shape(api_key: int, version: int, name: str) -> tuple[type[Any], frozenset[str]]:
    kind: type[Any]
    if name:
        kind = getattr(load_payload_module(api_key, version, EntityType.response), name, None) or _Absent
    else:
        kind = load_response_schema(api_key, version)
    return kind, frozenset(field.name for field in fields(kind))


@dataclass(frozen=True)
class _Absent:
    """An entity that this version of the response does not have: whatever holds it has no field for it."""
