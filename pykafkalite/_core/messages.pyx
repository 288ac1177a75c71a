"""One record as a Python object, and the iterator that makes them from decoded columns."""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t

from pykafkalite._core.columns cimport pkl_decoder, pkl_span, pkl_view_bytes, pkl_view_column


# No cycle can go through a message of bytes and text; staying out of the garbage collector's lists
# keeps a loop over a million of them from setting it off a thousand times.
@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Message:
    """One record: topic, partition, offset, timestamp (ms), key, value, headers [(str, bytes or None)].

    It owns its bytes and keeps no log alive.
    """

    def __init__(self, str topic not None, int32_t partition, int64_t offset, int64_t timestamp,
                 bytes key, bytes value, headers=()):
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self._headers = list(headers) if headers else None

    @property
    def headers(self):
        if self._headers is None:
            self._headers = []
        return self._headers

    def __repr__(self):
        headers = f" headers={self._headers!r}" if self._headers else ""
        return (
            f"<Message {self.topic}-{self.partition} @{self.offset} timestamp={self.timestamp} "
            f"key={self.key!r} value={short(self.value)}{headers}>"
        )

    def __eq__(self, other):
        if not isinstance(other, Message):
            return NotImplemented
        return astuple(self) == astuple(other)

    def __hash__(self):
        return hash((self.topic, self.partition, self.offset))

    def __reduce__(self):
        return Message, astuple(self)


cdef tuple astuple(Message m):
    return m.topic, m.partition, m.offset, m.timestamp, m.key, m.value, m._headers or []


cdef str short(value):
    """What a person wants to see of a value: its beginning."""
    if value is None or len(value) <= 64:
        return repr(value)
    return f"{value[:48]!r}... ({len(value)} bytes)"


cdef inline bint is_null(pkl_view_column *c, int64_t row, int64_t rows) noexcept:
    if c.nulls == 0:
        return False
    return c.nulls == rows or not c.valid[row >> 3] >> (row & 7) & 1


cdef inline bytes_at(pkl_view_column *c, int64_t row, int64_t rows, pkl_span *spans):
    if c.views is NULL or is_null(c, row, rows):
        return None
    return PyBytes_FromStringAndSize(<const char *>pkl_view_bytes(&c.views[row], spans), c.views[row].size)


@cython.final
cdef class Messages:
    """An iterator of Message over columns handed over by a ColumnReader."""

    @staticmethod
    cdef Messages over(pkl_decoder *decoder, pkl_span *spans, object keep, str topic, int32_t partition):
        """`keep` owns everything that decoder and spans point at."""
        cdef Messages self = Messages.__new__(Messages)
        self.decoder = decoder[0]
        self.spans = spans
        self.keep = keep
        self.topic = topic
        self.partition = partition
        self.next_offset = decoder.offsets[0] if decoder.rows else -1
        return self

    def stop(self):
        """Gives no further message."""
        self.row = self.decoder.rows
        self.keep = None

    def __iter__(self):
        return self

    def __length_hint__(self):
        return self.decoder.rows - self.row

    def __next__(self):
        cdef pkl_decoder *d = &self.decoder
        cdef int64_t row = self.row
        if row >= d.rows:
            self.keep = None
            raise StopIteration
        self.row += 1
        cdef Message message = Message.__new__(Message)
        message.topic = self.topic
        message.partition = self.partition
        message.offset = d.offsets[row]
        message.timestamp = d.timestamps[row]
        self.next_offset = message.offset + 1
        message.key = bytes_at(&d.key, row, d.rows, self.spans)
        message.value = bytes_at(&d.value, row, d.rows, self.spans)
        if d.header_count and d.header_ends[row + 1] > self.header:
            message._headers = self.headers_of(d.header_ends[row + 1])
        return message

    cdef list headers_of(self, int64_t end):
        cdef pkl_decoder *d = &self.decoder
        cdef list headers = []
        cdef int64_t i
        cdef Py_ssize_t size
        for i in range(self.header, end):
            size = d.name_ends[i + 1] - d.name_ends[i]
            name = PyUnicode_DecodeUTF8(<const char *>d.names + d.name_ends[i], size, NULL)
            headers.append((name, bytes_at(&d.header_value, i, d.header_count, self.spans)))
        self.header = end
        return headers
