"""Round trips of the format for whatever values hypothesis thinks of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

INT8, INT16, INT32, INT64 = (st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64))
NULLABLE = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.binary(max_size=20), NULLABLE), max_size=5)


def zigzag(value: int) -> bytes:
    """Kafka's varint, written here a second time from its definition."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sized(data: bytes | None) -> bytes:
    return zigzag(-1) if data is None else zigzag(len(data)) + data


def record(timestamp_delta, offset_delta, key, value, headers) -> bytes:
    """A record by DefaultRecord's layout, in Python."""
    encoded = b"".join(sized(name) + sized(content) for name, content in headers)
    body = b"\0" + zigzag(timestamp_delta) + zigzag(offset_delta) + sized(key) + sized(value)
    return sized(body + zigzag(len(headers)) + encoded)


def pointer(ffi, data: bytes | None):
    return ffi.NULL if data is None else ffi.from_buffer("uint8_t[]", data)


def length(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def content(ffi, data, size: int) -> bytes | None:
    return None if size < 0 else bytes(ffi.buffer(data, size))


@given(INT64)
def test_a_varlong_is_zigzag(ffi, lib, value):
    room = ffi.new("uint8_t[10]")
    size = lib.pkl_put_varlong(room, value) - room
    assert bytes(ffi.buffer(room, size)) == zigzag(value)
    assert lib.pkl_varlong_size(value) == size


@given(st.binary(max_size=12))
def test_any_bytes_are_a_varlong_or_an_error(ffi, lib, data):
    cursor = ffi.new("pkl_cursor *", lib.pkl_cursor_over(ffi.from_buffer("uint8_t[]", data), len(data)))
    value = lib.pkl_take_varlong(cursor)
    if lib.pkl_cursor_ok(cursor):
        taken = data[: len(data) - lib.pkl_cursor_left(cursor)]
        # More bytes than needed are taken, as protocol buffers do; they mean the same.
        assert zigzag(value)[:-1] == taken[: len(zigzag(value)) - 1]
    else:
        assert value == 0


@given(INT64, INT32, NULLABLE, NULLABLE, HEADERS)
def test_a_record_is_what_the_layout_says_and_comes_back(ffi, lib, timestamp, offset, key, value, headers):
    encoded = b"".join(sized(name) + sized(content) for name, content in headers)
    kept = [pointer(ffi, data) for data in (key, value, encoded)]
    r = ffi.new("pkl_record *")
    r.timestamp_delta, r.offset_delta, r.header_count = timestamp, offset, len(headers)
    r.key, r.key_size, r.value, r.value_size = kept[0], length(key), kept[1], length(value)
    r.headers = lib.pkl_cursor_over(kept[2], len(encoded))

    wanted = record(timestamp, offset, key, value, headers)
    size = lib.pkl_record_size(timestamp, offset, length(key), length(value), len(headers), len(encoded))
    assert size == len(wanted)
    room = ffi.new("uint8_t[]", len(wanted))
    assert lib.pkl_record_put(room, r) - room == len(wanted)
    assert bytes(room) == wanted

    cursor = ffi.new("pkl_cursor *", lib.pkl_cursor_over(room, len(wanted)))
    back = ffi.new("pkl_record *")
    assert lib.pkl_record_next(cursor, back) == lib.PKL_OK
    assert (back.timestamp_delta, back.offset_delta) == (timestamp, offset)
    assert (content(ffi, back.key, back.key_size), content(ffi, back.value, back.value_size)) == (key, value)
    assert headers_of(ffi, lib, back) == headers
    assert lib.pkl_record_next(cursor, back) == lib.PKL_END


def headers_of(ffi, lib, record) -> list[tuple[bytes | None, bytes | None]]:
    h, found = ffi.new("pkl_header *"), []
    while lib.pkl_header_next(ffi.addressof(record, "headers"), h) == lib.PKL_OK:
        found.append((content(ffi, h.key, h.key_size), content(ffi, h.value, h.value_size)))
    assert len(found) == record.header_count
    return found


@given(NULLABLE.filter(lambda data: data is not None), NULLABLE)
def test_a_header_is_its_two_sized_strings(ffi, lib, key, value):
    h = ffi.new("pkl_header *", {"key_size": len(key), "value_size": length(value)})
    h.key, h.value = kept = [pointer(ffi, key), pointer(ffi, value)]
    room = ffi.new("uint8_t[]", lib.pkl_header_size(len(key), length(value)))
    assert lib.pkl_header_put(room, h) - room == len(room)
    assert bytes(room) == sized(key) + sized(value)
    assert kept


FIELDS = {
    "base_offset": st.integers(0, 2**62),
    "base_timestamp": INT64,
    "max_timestamp": INT64,
    "producer_id": INT64,
    "leader_epoch": INT32,
    "base_sequence": INT32,
    "producer_epoch": INT16,
    "attributes": INT16,
}


@given(st.fixed_dictionaries(FIELDS), st.integers(0, 100), st.integers(0, 2**31 - 101), st.binary(max_size=9))
def test_a_header_is_parsed_as_it_was_sealed(ffi, lib, fields, count, gap, payload):
    data = ffi.new("uint8_t[]", bytes(61) + bytes(7 * count) + payload)
    size = len(data)
    last_offset = fields["base_offset"] + max(count - 1, 0) + gap
    sealed = {**fields, "count": count, "size": size, "last_offset": last_offset}
    lib.pkl_batch_seal(data, ffi.new("pkl_batch *", sealed))

    b = ffi.new("pkl_batch *")
    assert lib.pkl_batch_parse(data, size, b) == lib.PKL_OK
    assert lib.pkl_batch_check_crc(b) == lib.PKL_OK
    assert {name: getattr(b, name) for name in fields} == fields
    assert (b.count, b.size, b.last_offset) == (count, size, last_offset)
    assert b.crc == int.from_bytes(bytes(ffi.buffer(data + 17, 4)), "big")


@given(st.binary(max_size=3000), st.integers(0, 2**32 - 1))
def test_both_ways_of_the_checksum_agree(lib, data, crc):
    assert lib.pkl_crc32c(crc, data, len(data)) == lib.pkl_crc32c_table(crc, data, len(data))
