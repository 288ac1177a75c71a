"""Request headers, the tagged fields that kio does not know, and requests large enough to hold too much.

KIP-482: whoever meets a tagged field that it does not know skips it; kio raises KeyError. Requests
with such fields are rare, so they are read a second time, here: field by field with kio's own readers,
stepping over what is unknown. Counts are believed only as far as there are bytes left (CVE-2026-111115), and
only up to a limit: two bytes can be an object of a hundred, and all clients wait while it is made.
"""

from __future__ import annotations

import struct
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from kio._kio_native import get_field_reader, read_compact_array_length, read_legacy_array_length
from kio.serial._introspect import EntityField, EntityTupleField, classify_field, get_field_tag, is_optional
from kio.serial.readers import read_unsigned_varint

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer


# Elements of all arrays of a request together; one of fewer bytes needs no counting.
MAX_ELEMENTS = 200_000
# In one place; Kafka's own requests have a handful.
MAX_TAGS = 1000


class InvalidRequest(Exception):
    """Bytes that are no request: the connection they came on is of no use any more."""


class Header(NamedTuple):
    """A request header; `size`: its bytes."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str | None
    size: int


def read_header(frame: Buffer, is_flexible: Callable[[int, int], bool]) -> Header:
    """The header in front of a request (RequestHeader v1 and v2; the client id is never compact)."""
    data = memoryview(frame)
    try:
        api_key, version, correlation_id, length = struct.unpack_from(">hhih", data)
    except struct.error:
        raise InvalidRequest(f"{data.nbytes} bytes are too few for a request header") from None
    at = 10
    client_id = None
    if length >= 0:
        if data.nbytes - at < length:
            raise InvalidRequest("the client id reaches behind the request")
        client_id = str(data[at : at + length], "utf-8", "replace")
        at += length
    if is_flexible(api_key, version):
        at = _skip_tags(data, at, {}, None)
    return Header(api_key, version, correlation_id, client_id, at)


def read_entity(schema: Any, data: memoryview, start: int) -> tuple[Any, int]:
    """An entity and its size, as kio would read it if it skipped unknown tagged fields and counted elements.

    Raises InvalidRequest.
    """
    try:
        entity, end = _Reader(data).read(schema, start)
    except InvalidRequest:
        raise
    except Exception as error:
        raise InvalidRequest(f"{schema.__name__}: {error}") from error
    return entity, end - start


class _Reader:
    """One request, and how many elements it may still have."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._left = MAX_ELEMENTS

    def read(self, schema: Any, at: int) -> tuple[Any, int]:
        """An entity, and where it ends."""
        values: dict[str, Any] = {}
        tagged: dict[int, Any] = {}
        for field in fields(schema):
            tag = get_field_tag(field)
            if tag is not None:
                tagged[tag] = field
            else:
                values[field.name], at = self._field(schema, field, at, is_tagged=False)

        def take(field: Any, start: int) -> None:
            values[field.name], _ = self._field(schema, field, start, is_tagged=True)

        if schema.__flexible__:
            at = _skip_tags(self._data, at, tagged, take)
        for field in tagged.values():
            if field.name not in values and field.default is MISSING:
                values[field.name] = None
        return schema(**values), at

    def _field(self, schema: Any, field: Any, at: int, *, is_tagged: bool) -> tuple[Any, int]:
        kind: Any = classify_field(field)
        if kind.is_array:
            count, behind = self._count(schema, at)
            if isinstance(kind, EntityTupleField):
                return self._entities(kind.type_, count, behind)
        elif isinstance(kind, EntityField) and not is_optional(field):
            return self.read(kind.type_, at)
        value, size = get_field_reader(schema, field, False, is_tagged)(self._data, at)
        return value, at + size

    def _count(self, schema: Any, at: int) -> tuple[int | None, int]:
        """How many elements follow, None for a null array; and where."""
        read_length = read_compact_array_length if schema.__flexible__ else read_legacy_array_length
        count, size = read_length(self._data, at)
        at += size
        if count is None or count < 0:
            return None, at
        if count > self._data.nbytes - at:
            raise InvalidRequest(f"an array of {count} in {self._data.nbytes - at} bytes")
        self._left -= count
        if self._left < 0:
            raise InvalidRequest(f"more than {MAX_ELEMENTS} elements in one request")
        return count, at

    def _entities(self, schema: Any, count: int | None, at: int) -> tuple[tuple[Any, ...] | None, int]:
        if count is None:
            return None, at
        items = []
        for _ in range(count):
            item, at = self.read(schema, at)
            items.append(item)
        return tuple(items), at


def _skip_tags(
    data: memoryview, at: int, known: dict[int, Any], take: Callable[[Any, int], None] | None
) -> int:
    count, size = _varint(data, at)
    at += size
    if count > MAX_TAGS or 2 * count > data.nbytes - at:
        raise InvalidRequest(f"{count} tagged fields in {data.nbytes - at} bytes")
    for _ in range(count):
        tag, size = _varint(data, at)
        at += size
        length, size = _varint(data, at)
        at += size
        if length > data.nbytes - at:
            raise InvalidRequest(f"a tagged field of {length} bytes where {data.nbytes - at} are left")
        if take is not None and tag in known:
            take(known[tag], at)
        at += length
    return at


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    try:
        value, size = read_unsigned_varint(data, at)
    except Exception as error:
        raise InvalidRequest(f"tagged fields: {error}") from None
    return value, size
