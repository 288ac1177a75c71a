"""Stored record batches, seen from Python: batch.h and record.h without pointers."""

cimport cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport INT32_MAX, INT64_MAX, uint8_t
from libc.string cimport memcpy

from pykafkalite._core cimport native
from pykafkalite._core.borrowed cimport Borrowed
from pykafkalite._core.given cimport bytes_given, headers_given, milliseconds_given
from pykafkalite._core.native cimport (
    PKL_ATTR_CODEC,
    PKL_ATTR_CONTROL,
    PKL_ATTR_LOG_APPEND_TIME,
    PKL_ATTR_TRANSACTIONAL,
    PKL_BATCH_HEADER,
    PKL_COMPRESSED,
    PKL_CORRUPT,
    PKL_OK,
    PKL_TRUNCATED,
    PKL_TOO_LARGE,
    pkl_cursor,
    pkl_header,
    pkl_record,
    pkl_records_summary,
    pkl_status,
)
from pykafkalite._core.status cimport check, fail

from pykafkalite.errors import InvalidRecord

BATCH_HEADER = native.PKL_BATCH_HEADER
ATTR_CODEC = native.PKL_ATTR_CODEC
ATTR_LOG_APPEND_TIME = native.PKL_ATTR_LOG_APPEND_TIME
ATTR_TRANSACTIONAL = native.PKL_ATTR_TRANSACTIONAL
ATTR_CONTROL = native.PKL_ATTR_CONTROL
ATTR_DELETE_HORIZON = native.PKL_ATTR_DELETE_HORIZON

CODECS = ("uncompressed", "gzip", "snappy", "lz4", "zstd")

# Below this many bytes, giving the GIL back costs more than the work itself.
cdef enum:
    SMALL = 5 << 10


def crc32c(data, uint32_t crc=0):
    """CRC-32C of `data`; `crc` is 0 or the result for the bytes before."""
    cdef Borrowed b = Borrowed(data)
    if b.size <= SMALL:
        return native.pkl_crc32c(crc, b.data, b.size)
    with nogil:
        crc = native.pkl_crc32c(crc, b.data, b.size)
    return crc


def crc32c_kind():
    """The way crc32c takes on this machine: sse4.2, armv8 or table."""
    return native.pkl_crc32c_kind().decode()


@cython.final
@cython.no_gc
cdef class Batch:
    """A parsed batch header: plain numbers, nothing borrowed."""

    def __init__(self):
        raise TypeError("a Batch comes from parse_batch or walk_batches")

    @staticmethod
    cdef Batch new(const pkl_batch *header, Py_ssize_t position):
        cdef Batch b = Batch.__new__(Batch)
        b.position = position
        b.size = header.size
        b.base_offset = header.base_offset
        b.last_offset = header.last_offset
        b.base_timestamp = header.base_timestamp
        b.max_timestamp = header.max_timestamp
        b.producer_id = header.producer_id
        b.leader_epoch = header.leader_epoch
        b.base_sequence = header.base_sequence
        b.count = header.count
        b.crc = header.crc
        b.producer_epoch = header.producer_epoch
        b.attributes = header.attributes
        return b

    @property
    def codec(self):
        """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
        return self.attributes & PKL_ATTR_CODEC

    @property
    def is_control(self):
        """A transaction marker, nothing for a reader of records."""
        return bool(self.attributes & PKL_ATTR_CONTROL)

    @property
    def is_transactional(self):
        return bool(self.attributes & PKL_ATTR_TRANSACTIONAL)

    @property
    def is_append_time(self):
        """Every record's timestamp is max_timestamp, set by the log."""
        return bool(self.attributes & PKL_ATTR_LOG_APPEND_TIME)

    def __repr__(self):
        codec = CODECS[self.codec] if self.codec < len(CODECS) else f"codec {self.codec}"
        kind = "control " if self.is_control else ""
        return (
            f"<{kind}batch of offsets {self.base_offset} to {self.last_offset}: {self.count} records, "
            f"{codec}, {self.size} bytes at {self.position}>"
        )


# --- reading -------------------------------------------------------------------


cdef Py_ssize_t find(Borrowed b, Py_ssize_t position, Py_ssize_t end, bint check_crc, pkl_batch *out) except -1:
    """Parses the batch at `position` of b.data[:end]; returns the position after it."""
    cdef pkl_status status
    if position < 0 or position > end:
        raise ValueError(f"position {position} is outside the data (0 to {end})")
    status = native.pkl_batch_parse(b.data + position, end - position, out)
    if status == PKL_OK and check_crc:
        if out.size <= SMALL:
            status = native.pkl_batch_check_crc(out)
        else:
            with nogil:
                status = native.pkl_batch_check_crc(out)
    if status != PKL_OK:
        fail(status, "record batch", position)
    return position + <Py_ssize_t>out.size


def parse_batch(data, Py_ssize_t position=0, *, bint check_crc=True):
    """The batch at `position` of `data`.

    Raises CorruptBatch (with .position) for anything that is not one whole valid batch, EOFError
    when nothing is left there, ValueError for a position outside the data.
    """
    cdef pkl_batch header
    cdef Borrowed b = Borrowed(data)
    find(b, position, b.size, check_crc, &header)
    return Batch.new(&header, position)


def parse_header(data, Py_ssize_t position=0):
    """The header at `position` of `data`, of whose batch the records may lie outside `data`.

    Raises as parse_batch does, CorruptBatch also when fewer than BATCH_HEADER bytes are there.
    """
    cdef pkl_batch header
    cdef Borrowed b = Borrowed(data)
    cdef pkl_status status
    if not 0 <= position <= b.size:
        raise ValueError(f"position {position} is outside the data (0 to {b.size})")
    status = native.pkl_batch_parse(b.data + position, b.size - position, &header)
    if status != PKL_OK and (status != PKL_TRUNCATED or b.size - position < PKL_BATCH_HEADER):
        fail(status, "record batch", position)
    return Batch.new(&header, position)


def walk_batches(data, Py_ssize_t start=0, end=None, *, bint check_crc=True):
    """All batches in data[start:end]; CorruptBatch at the first that is not whole and valid."""
    cdef pkl_batch header
    cdef Borrowed b = Borrowed(data)
    cdef Py_ssize_t position = start, after, stop = b.size if end is None else end
    if not 0 <= start <= stop <= b.size:
        raise ValueError(f"{start} to {stop} is not inside the data (0 to {b.size})")
    batches = []
    while position < stop:
        PyErr_CheckSignals()
        after = find(b, position, stop, check_crc, &header)
        batches.append(Batch.new(&header, position))
        position = after
    return batches


cdef int open_records(Borrowed data, Batch batch, Borrowed records, pkl_batch *header, pkl_cursor *out) except -1:
    """A cursor over the uncompressed records of `batch`, whose header is read anew: `data` may have changed."""
    find(data, batch.position, data.size, False, header)
    if records is not None:
        out[0] = native.pkl_cursor_over(records.data, records.size)
        return 0
    if header.attributes & PKL_ATTR_CODEC:
        fail(PKL_COMPRESSED, f"record batch at byte {batch.position}")
    out[0] = native.pkl_cursor_over(header.data + PKL_BATCH_HEADER, header.size - PKL_BATCH_HEADER)
    return 0


def check_records(data, Batch batch not None, records=None, *, bint dense=True):
    """Walks the records of `batch`, which lies in `data`; `records` are their decompressed bytes, else the batch's own.

    (min timestamp, max timestamp, offset of the first record with the max timestamp, records with headers,
    records without a key).
    Raises CorruptBatch unless there are exactly `batch.count` records whose offsets rise within the batch;
    with `dense`, without a gap, as a producer has to send them.
    """
    cdef pkl_batch header
    cdef pkl_cursor c
    cdef pkl_records_summary found
    cdef pkl_status status
    cdef Borrowed source = Borrowed(data), payload = None if records is None else Borrowed(records)
    open_records(source, batch, payload, &header, &c)
    with nogil:
        status = native.pkl_records_check(&header, c.at, native.pkl_cursor_left(&c), dense, &found)
    if status != PKL_OK:
        fail(status, "records of the batch", batch.position)
    return (
        found.min_timestamp,
        found.max_timestamp,
        found.max_timestamp_offset,
        found.header_records,
        found.keyless_records,
    )


cdef object nullable(const uint8_t *data, int32_t size):
    return None if size < 0 else PyBytes_FromStringAndSize(<const char *>data, size)


cdef list headers_of(pkl_record *record):
    cdef pkl_header h
    cdef int32_t i
    headers = []
    for i in range(record.header_count):
        check(native.pkl_header_next(&record.headers, &h), "header of a record")
        # As Java does: a key that is not UTF-8 must not make a log unreadable.
        key = PyUnicode_DecodeUTF8(<const char *>h.key, h.key_size, "replace")
        headers.append((key, nullable(h.value, h.value_size)))
    return headers


def records_of(data, Batch batch not None, records=None):
    """[(offset, timestamp, key, value, headers)] of `batch`; as check_records, but offsets may have gaps."""
    cdef pkl_batch header
    cdef pkl_cursor c
    cdef pkl_record r
    cdef pkl_records_summary found
    cdef int64_t timestamp
    cdef int32_t i
    cdef Borrowed source = Borrowed(data), payload = None if records is None else Borrowed(records)
    open_records(source, batch, payload, &header, &c)
    cdef pkl_status status = native.pkl_records_check(&header, c.at, native.pkl_cursor_left(&c), False, &found)
    if status != PKL_OK:
        fail(status, "records of the batch", batch.position)
    result = []
    for i in range(header.count):
        check(native.pkl_record_next(&c, &r), "record")
        timestamp = header.max_timestamp
        if not header.attributes & PKL_ATTR_LOG_APPEND_TIME:
            timestamp = header.base_timestamp + r.timestamp_delta
        result.append((
            header.base_offset + r.offset_delta,
            timestamp,
            nullable(r.key, r.key_size),
            nullable(r.value, r.value_size),
            headers_of(&r),
        ))
    return result


# --- changing ------------------------------------------------------------------


def stamp(data, int64_t base_offset, int32_t leader_epoch, append_time=None):
    """Assigns offsets to all batches in `data` (writable), in order; returns the next offset.

    With `append_time` (ms) also sets log-append time and the CRC anew.  Structure is checked, not the CRC.
    Nothing is changed when anything is wrong: CorruptBatch; ValueError for numbers that no log has.
    """
    cdef pkl_batch header
    cdef Borrowed b = Borrowed(data, writable=True)
    cdef Py_ssize_t position = 0
    cdef int64_t offset = base_offset, time = -1 if append_time is None else append_time
    if base_offset < 0 or leader_epoch < -1 or (append_time is not None and time < 0):
        raise ValueError(f"base offset {base_offset}, leader epoch {leader_epoch}, append time {append_time}")
    while position < b.size:
        position = find(b, position, b.size, False, &header)
        if header.last_offset - header.base_offset >= INT64_MAX - offset:
            raise ValueError(f"offsets from {base_offset} would not fit 64 bits")
        offset += header.last_offset - header.base_offset + 1
    with nogil:
        position, offset = 0, base_offset
        while native.pkl_batch_parse(b.data + position, b.size - position, &header) == PKL_OK:
            native.pkl_batch_stamp(b.data + position, offset, leader_epoch)
            if time >= 0:
                native.pkl_batch_stamp_append_time(b.data + position, header.size, time)
            offset += header.last_offset - header.base_offset + 1
            position += header.size
    return offset


# --- building ------------------------------------------------------------------


cdef int32_t size_of(Borrowed b) except -2:
    """The size as a record's field has it: -1 for None."""
    if b is None:
        return -1
    if b.size > INT32_MAX:
        fail(PKL_TOO_LARGE, f"{b.size} bytes in one field")
    return <int32_t>b.size


cdef bytes encode_headers(tuple headers):
    """The headers of one record as they lie in it, without their count."""
    cdef pkl_header h
    cdef uint8_t *room
    cdef Borrowed key, value
    cdef bytes encoded
    parts = []
    for name, content in headers:
        key, value = Borrowed(name.encode()), bytes_given(content, "the value of a header")
        h.key, h.key_size = key.data, size_of(key)
        h.value, h.value_size = NULL if value is None else value.data, size_of(value)
        encoded = PyBytes_FromStringAndSize(NULL, native.pkl_header_size(h.key_size, h.value_size))
        native.pkl_header_put(<uint8_t *>PyBytes_AS_STRING(encoded), &h)
        parts.append(encoded)
    return b"".join(parts)


cdef int append_record(bytearray batch, Py_ssize_t index, Borrowed key, Borrowed value, tuple headers,
                       int64_t timestamp_delta) except -1:
    cdef pkl_record r
    cdef bytes encoded = encode_headers(headers)
    cdef Py_ssize_t at = len(batch), size
    r.timestamp_delta, r.offset_delta = timestamp_delta, <int32_t>index
    r.key, r.key_size = NULL if key is None else key.data, size_of(key)
    r.value, r.value_size = NULL if value is None else value.data, size_of(value)
    r.header_count = len(headers)
    r.headers = native.pkl_cursor_over(<const uint8_t *>PyBytes_AS_STRING(encoded), len(encoded))
    size = native.pkl_record_size(r.timestamp_delta, r.offset_delta, r.key_size, r.value_size, r.header_count,
                                  len(encoded))
    if at + size > INT32_MAX:
        fail(PKL_TOO_LARGE, f"record {index} takes the batch over 2 GiB")
    PyByteArray_Resize(batch, at + size)
    native.pkl_record_put(<uint8_t *>PyByteArray_AS_STRING(batch) + at, &r)
    return 0


def build_batch(records, *, int16_t attributes=0, int64_t producer_id=-1, int16_t producer_epoch=-1,
                int32_t base_sequence=-1):
    """One sealed batch at base offset 0, leader epoch 0, of (key, value, headers, timestamp) rows.

    For single appends, stored records and control batches; many rows come as columns.  `attributes` may hold
    the transactional and control bits.  Raises MessageTooLarge past 2 GiB, InvalidRecord for a timestamp below -1,
    ValueError without rows.
    """
    cdef pkl_batch h
    cdef int64_t timestamp
    cdef Py_ssize_t i
    cdef bytearray batch = bytearray(PKL_BATCH_HEADER)
    cdef tuple rows = tuple(records)
    if attributes & ~(PKL_ATTR_TRANSACTIONAL | PKL_ATTR_CONTROL):
        raise ValueError(f"attributes {attributes:#x}: only the transactional and control bits can be given")
    if not rows:
        raise ValueError("a batch needs at least one record")
    for i, (key, value, headers, at) in enumerate(rows):
        timestamp = milliseconds_given(at)
        # -1 is Kafka's "no timestamp"; the upper bound keeps every difference inside 64 bits.
        if not -1 <= timestamp < INT64_MAX:
            raise InvalidRecord(f"record {i} has the timestamp {timestamp}; it is milliseconds since 1970, or -1")
        if i == 0:
            h.base_timestamp = h.max_timestamp = timestamp
        append_record(batch, i, bytes_given(key, "key"), bytes_given(value, "value"), headers_given(headers),
                      timestamp - h.base_timestamp)
        h.max_timestamp = max(h.max_timestamp, timestamp)
    h.size = len(batch)
    h.base_offset, h.last_offset, h.leader_epoch = 0, len(rows) - 1, 0
    h.count, h.attributes = <int32_t>len(rows), attributes
    h.producer_id, h.producer_epoch, h.base_sequence = producer_id, producer_epoch, base_sequence
    native.pkl_batch_seal(<uint8_t *>PyByteArray_AS_STRING(batch), &h)
    return batch


def reseal(batch, payload, int codec):
    """`batch` (one, sealed) with its records replaced by `payload`, which is in `codec`; the CRC anew.

    `codec`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.  Raises CorruptBatch unless `batch` is exactly one batch,
    MessageTooLarge past 2 GiB.
    """
    cdef pkl_batch h
    cdef Borrowed source = Borrowed(batch), compressed = Borrowed(payload)
    cdef bytearray sealed
    cdef uint8_t *data
    if find(source, 0, source.size, True, &h) != source.size:
        fail(PKL_CORRUPT, "bytes behind the record batch", h.size)
    if not 0 <= codec < len(CODECS):
        raise ValueError(f"codec {codec} is none of 0 to {len(CODECS) - 1}")
    if compressed.size > INT32_MAX - PKL_BATCH_HEADER:
        fail(PKL_TOO_LARGE, f"{compressed.size} bytes of records")
    h.size = PKL_BATCH_HEADER + compressed.size
    h.attributes = <int16_t>((h.attributes & ~PKL_ATTR_CODEC) | codec)
    sealed = PyByteArray_FromStringAndSize(NULL, h.size)
    data = <uint8_t *>PyByteArray_AS_STRING(sealed)
    with nogil:
        memcpy(data + PKL_BATCH_HEADER, compressed.data, compressed.size)
        native.pkl_batch_seal(data, &h)
    return sealed
