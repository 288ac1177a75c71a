"""Record batches -> Arrow columns: memory, owners and the door to pyarrow.  The decoding is in decode.h."""

from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uintptr_t
from libc.string cimport memcpy, memset

from functools import cache

from pykafkalite._core.borrowed cimport Borrowed
from pykafkalite._core.columns cimport (
    PKL_COLUMN_HEADERS,
    PKL_COLUMN_KEY,
    PKL_COLUMN_OFFSET,
    PKL_COLUMN_TIMESTAMP,
    PKL_COLUMN_VALUE,
    PKL_DECODED_COMPRESSED,
    PKL_DECODED_CORRUPT,
    PKL_DECODED_END,
    PKL_DECODED_FULL,
    PKL_DECODED_HEADERS,
    PKL_DECODED_SLICE,
    PKL_DECODED_TRUNCATED,
    PKL_DECODED_UNTIL,
    ArrowArray,
    pkl_column,
    pkl_constants,
    pkl_decode,
    pkl_decode_records,
    pkl_decoded,
    pkl_decoder,
    pkl_decoder_begin,
    pkl_export,
    pkl_span,
    pkl_view,
    pkl_view_column,
)
from pykafkalite._core.memory cimport Block
from pykafkalite._core.messages cimport Messages
from pykafkalite._core.native cimport PKL_BAD_CRC, PKL_BAD_MAGIC, PKL_OK, pkl_status
from pykafkalite._core.status cimport check


cdef extern from *:
    """
    /* Arrow arrays may outlive the interpreter: nothing can be given back then. */
    #if PY_VERSION_HEX >= 0x030D0000
    #define pkl_python_is_gone() (!Py_IsInitialized() || Py_IsFinalizing())
    #else
    #define pkl_python_is_gone() (!Py_IsInitialized() || _Py_IsFinalizing())
    #endif
    """
    bint pkl_python_is_gone() nogil


# In the order of pkl_column, which is the order of a scan's columns.
NAMES = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")
MOST_HEADERS = 1 << 26

PROBLEMS = {
    PKL_BAD_CRC: "the checksum does not match the bytes",
    PKL_BAD_MAGIC: "not a record batch of format v2",
}

cdef long LENT = 0      # exports not released yet


@cache
def column_types():
    """Name -> Arrow type of each column (needs pyarrow)."""
    import pyarrow as pa

    header = pa.struct([("key", pa.string()), ("value", pa.binary_view())])
    types = (pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.int64(), pa.timestamp("ms", "UTC"),
             pa.binary_view(), pa.binary_view(), pa.list_(header))
    return dict(zip(NAMES, types))


def record_batch_schema(columns):
    """The pyarrow.Schema of these columns of a scan, in the order given."""
    import pyarrow as pa

    types = column_types()
    return pa.schema([(name, types[name]) for name in columns])


def live_exports():
    """How many RecordBatches (or parts of them) made by readers are alive: for tests."""
    return LENT


cdef void release(void *owner) noexcept nogil:
    """Called by Arrow on whatever thread drops the last part of a RecordBatch."""
    if not pkl_python_is_gone():
        drop(owner)


cdef void drop(void *owner) noexcept with gil:
    global LENT
    LENT -= 1
    Py_DECREF(<object>owner)


cdef class Spans:
    """The variadic buffers of one RecordBatch, and what keeps them alive."""

    cdef pkl_span *items
    cdef size_t count
    cdef size_t room
    cdef list owners

    def __cinit__(self):
        self.owners = []

    def __dealloc__(self):
        PyMem_Free(self.items)

    cdef int put(self, size_t number, const uint8_t *data, int64_t size) except -1:
        cdef size_t room = 2 * number + 4
        if number >= self.room:
            items = <pkl_span *>PyMem_Realloc(self.items, room * sizeof(pkl_span))
            if items is NULL:
                raise MemoryError
            self.items = items
            self.room = room
        self.items[number] = pkl_span(data, size)
        self.count = number + 1
        return 0


cdef int check_span(Borrowed view, size_t start, size_t end) except -1:
    if start > end or end > <size_t>view.size:
        raise ValueError(f"[{start}, {end}) is outside of {view.size} bytes")
    return 0


cdef size_t aligned(size_t size) noexcept:
    return (size + 63) & ~<size_t>63


cdef uint8_t *place(uint8_t **at, size_t size) noexcept:
    """The next `size` bytes of a block, on cache lines of their own."""
    cdef uint8_t *here = at[0]
    at[0] = here + aligned(size)
    return here


cdef class ColumnReader:
    """Turns stored batches of one partition into Arrow columns (see __init__.pyi)."""

    FULL = PKL_DECODED_FULL
    END = PKL_DECODED_END
    UNTIL = PKL_DECODED_UNTIL
    COMPRESSED = PKL_DECODED_COMPRESSED
    CORRUPT = PKL_DECODED_CORRUPT
    TRUNCATED = PKL_DECODED_TRUNCATED

    cdef pkl_decoder decoder
    cdef pkl_constants constants
    cdef pkl_column kinds[7]
    cdef size_t kind_count
    cdef bint wanted[7]
    cdef int32_t max_rows
    cdef Block rows_memory       # what `decoder` fills; None between finish and add
    cdef Block headers_memory    # the same for headers, once there are any
    cdef Spans spans
    cdef const uint8_t *stopped  # where the last add stopped: a span that begins there goes on
    cdef Block zeros
    cdef Block numbers           # of the partition, once per row
    cdef readonly str topic
    cdef readonly int32_t partition
    cdef Block dictionary        # of the topic column: its two offsets, its one text
    cdef object schema
    cdef readonly tuple columns
    cdef readonly str problem
    cdef size_t at

    def __cinit__(self, str topic not None, int32_t partition, columns, *, int32_t max_rows=65536,
                  int64_t max_bytes=16 << 20):
        if max_rows < 1 or max_rows > INT32_MAX // 64:
            raise ValueError(f"max_rows={max_rows}")
        if max_bytes < 1 or max_bytes > INT32_MAX // 2:
            raise ValueError(f"max_bytes={max_bytes}")
        self.columns = tuple(columns)
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"a column twice: {self.columns}")
        for i, name in enumerate(self.columns):
            if name not in NAMES:
                raise ValueError(f"unknown column {name!r}; there are {', '.join(NAMES)}")
            self.kinds[i] = <pkl_column><int>NAMES.index(name)
            self.wanted[<int>self.kinds[i]] = True
        self.kind_count = len(self.columns)
        self.topic = topic
        self.partition = partition
        cdef bytes utf8 = topic.encode()
        self.dictionary = Block(8 + len(utf8))
        (<int32_t *>self.dictionary.data)[0] = 0
        (<int32_t *>self.dictionary.data)[1] = len(utf8)
        memcpy(self.dictionary.data + 8, <const char *>utf8, len(utf8))
        self.max_rows = max_rows
        self.decoder.max_bytes = max_bytes
        self.decoder.check_crc = 1
        self.decoder.next_offset = 0
        self.problem = ""
        self.begin()

    @property
    def rows(self):
        return self.decoder.rows

    @property
    def position(self):
        return self.at

    @property
    def next_offset(self):
        return self.decoder.next_offset

    # --- memory ---

    cdef begin(self):
        pkl_decoder_begin(&self.decoder)
        self.decoder.capacity = 0
        self.decoder.header_capacity = 0
        self.decoder.name_capacity = 0
        self.rows_memory = None
        self.headers_memory = None
        self.spans = Spans()
        self.stopped = NULL

    cdef Block layout(self, pkl_decoder *d, int32_t rows):
        """A block for `rows` rows of what was asked for; points `d` into it."""
        cdef size_t bitmap = (rows + 7) // 8
        cdef size_t size = 64
        cdef bint *wanted = self.wanted
        size += aligned(rows * 8) * (wanted[<int>PKL_COLUMN_OFFSET] + wanted[<int>PKL_COLUMN_TIMESTAMP])
        cdef size_t views = wanted[<int>PKL_COLUMN_KEY] + wanted[<int>PKL_COLUMN_VALUE]
        size += (aligned(rows * sizeof(pkl_view)) + aligned(bitmap)) * views
        size += aligned((rows + 1) * 4) * wanted[<int>PKL_COLUMN_HEADERS]
        cdef Block block = Block(size)
        cdef uint8_t *at = block.data
        d.offsets = <int64_t *>place(&at, rows * 8) if wanted[<int>PKL_COLUMN_OFFSET] else NULL
        d.timestamps = <int64_t *>place(&at, rows * 8) if wanted[<int>PKL_COLUMN_TIMESTAMP] else NULL
        d.header_ends = <int32_t *>place(&at, (rows + 1) * 4) if wanted[<int>PKL_COLUMN_HEADERS] else NULL
        d.key.views = <pkl_view *>place(&at, rows * sizeof(pkl_view)) if wanted[<int>PKL_COLUMN_KEY] else NULL
        d.key.valid = place(&at, bitmap) if wanted[<int>PKL_COLUMN_KEY] else NULL
        d.value.views = <pkl_view *>place(&at, rows * sizeof(pkl_view)) if wanted[<int>PKL_COLUMN_VALUE] else NULL
        d.value.valid = place(&at, bitmap) if wanted[<int>PKL_COLUMN_VALUE] else NULL
        d.capacity = rows
        return block

    cdef bint more_headers(self) except -1:
        """Twice the room for headers; False when that would be out of all proportion."""
        cdef pkl_decoder *d = &self.decoder
        cdef pkl_decoder old = d[0]
        cdef size_t headers = max(1024, 2 * d.header_capacity)
        cdef size_t names = 16 * headers
        if headers > MOST_HEADERS:
            return False
        cdef size_t bitmap = (headers + 7) // 8
        cdef Block block = Block(64 + aligned((headers + 1) * 4) + aligned(names) + aligned(headers * sizeof(pkl_view))
                                 + aligned(bitmap))
        cdef uint8_t *at = block.data
        d.name_ends = <int32_t *>place(&at, (headers + 1) * 4)
        d.names = place(&at, names)
        d.header_value.views = <pkl_view *>place(&at, headers * sizeof(pkl_view))
        d.header_value.valid = place(&at, bitmap)
        d.header_capacity = headers
        d.name_capacity = names
        if d.header_count:
            memcpy(d.name_ends, old.name_ends, (d.header_count + 1) * 4)
            memcpy(d.names, old.names, d.name_size)
            memset(d.header_value.valid, 0xFF, bitmap)
            copy_views(&d.header_value, &old.header_value, d.header_count)
        self.headers_memory = block
        return True

    cdef shrink(self):
        """A few rows do not hold on to the memory of a full RecordBatch."""
        cdef pkl_decoder *d = &self.decoder
        cdef pkl_decoder old = d[0]
        if d.rows > self.max_rows // 4:
            return
        big = self.rows_memory
        self.rows_memory = self.layout(d, max(d.rows, 1))
        if d.offsets is not NULL:
            memcpy(d.offsets, old.offsets, d.rows * 8)
        if d.timestamps is not NULL:
            memcpy(d.timestamps, old.timestamps, d.rows * 8)
        if d.header_ends is not NULL and d.header_count:
            memcpy(d.header_ends, old.header_ends, (d.rows + 1) * 4)
        copy_views(&d.key, &old.key, d.rows)
        copy_views(&d.value, &old.value, d.rows)

    cdef prepare_constants(self):
        cdef int32_t rows = self.max_rows
        cdef int32_t i
        global ZEROS
        if self.zeros is None:
            if ZEROS is None or ZEROS.size < 16 * (<size_t>rows + 1):
                ZEROS = Block.zeroed(16 * (<size_t>rows + 1))
            self.zeros = ZEROS
            self.constants.zeros = ZEROS.data
            self.constants.topic = self.dictionary.data + 8
            self.constants.topic_ends = <int32_t *>self.dictionary.data
        if self.numbers is None or self.numbers.size < <size_t>self.decoder.rows * 4:
            rows = min(rows, 2 * self.decoder.rows)
            self.numbers = Block(rows * 4)
            self.constants.partition = <int32_t *>self.numbers.data
            for i in range(rows):
                (<int32_t *>self.numbers.data)[i] = self.partition

    # --- decoding ---

    def add(self, owner, size_t start, size_t end, int64_t first_offset, int64_t until_offset):
        """Decodes batches in owner[start:end]; returns why it stopped (see __init__.pyi)."""
        cdef Borrowed view = Borrowed(owner)
        check_span(view, start, end)
        cdef const uint8_t *data = view.data
        self.expect(first_offset)
        if self.stopped is NULL or self.stopped != data + start:
            self.next_buffer()
        self.spans.owners.append(view)
        cdef size_t at = start
        cdef pkl_decoded state
        cdef pkl_status why = PKL_OK
        while True:
            with nogil:
                state = pkl_decode(&self.decoder, data, &at, end, first_offset, until_offset, &why)
            if state == PKL_DECODED_SLICE:
                PyErr_CheckSignals()
            elif state != PKL_DECODED_HEADERS:
                break
            elif not self.more_headers():
                state = self.give_up_headers()
                break
        self.stopped = data + at
        return self.outcome(state, at, why)

    def add_decompressed(self, owner, size_t position, records, int64_t first_offset, int64_t until_offset):
        """The batch at owner[position] with its records decompressed in `records`, which the views borrow."""
        cdef Borrowed view = Borrowed(owner)
        cdef Borrowed payload = Borrowed(records)
        check_span(view, position, view.size)
        self.expect(first_offset)
        self.next_buffer()
        self.spans.owners.append(payload)
        cdef size_t at = position
        cdef pkl_decoded state
        cdef pkl_status why = PKL_OK
        while True:
            with nogil:
                state = pkl_decode_records(&self.decoder, view.data, &at, view.size, payload.data, payload.size,
                                           first_offset, until_offset, &why)
            if state != PKL_DECODED_HEADERS:
                break
            if not self.more_headers():
                state = self.give_up_headers()
                break
        self.stopped = NULL
        return self.outcome(state, at, why)

    cdef expect(self, int64_t first_offset):
        if self.rows_memory is None:
            self.rows_memory = self.layout(&self.decoder, self.max_rows)
        if self.decoder.rows == 0 or self.decoder.next_offset < first_offset:
            self.decoder.next_offset = first_offset
        self.problem = ""

    cdef next_buffer(self):
        """What follows does not go on where the last span ended."""
        cdef pkl_decoder *d = &self.decoder
        self.note_span()
        if d.base is not NULL:
            d.buffer += 1
            d.base = d.limit = NULL

    cdef note_span(self):
        """The current variadic buffer ends where its last view does, so far."""
        cdef pkl_decoder *d = &self.decoder
        if d.base is not NULL:
            self.spans.put(d.buffer, d.base, d.limit - d.base)

    cdef pkl_decoded give_up_headers(self) except *:
        if self.decoder.rows:
            return PKL_DECODED_FULL
        raise MemoryError("the headers of one batch are more than 2 GiB")

    cdef outcome(self, pkl_decoded state, size_t at, pkl_status why):
        self.at = at
        if state == PKL_DECODED_CORRUPT:
            self.problem = PROBLEMS.get(why, "lengths, counts or offsets contradict each other")
        return <int>state

    # --- handing over ---

    cdef tuple hand_over(self):
        """What the columns need to live; the reader begins anew after it."""
        if self.rows_memory is None:
            self.rows_memory = self.layout(&self.decoder, 1)
        self.note_span()
        self.shrink()
        self.prepare_constants()
        return self.rows_memory, self.headers_memory, self.zeros, self.numbers, self.dictionary, self.spans

    def finish(self):
        """The rows so far as a pyarrow.RecordBatch; the reader begins anew."""
        global LENT
        if self.schema is None:
            self.schema = record_batch_schema(self.columns)
        import pyarrow as pa

        cdef ArrowArray array
        cdef tuple keep = self.hand_over()
        check(pkl_export(&self.decoder, &self.constants, self.spans.items, self.spans.count, self.kinds,
                         self.kind_count, release, <void *>keep, &array), "columns")
        Py_INCREF(keep)
        LENT += 1
        self.begin()
        try:
            return pa.RecordBatch._import_from_c(<uintptr_t>&array, self.schema)
        finally:
            if array.release is not NULL:
                array.release(&array)

    def messages(self):
        """The rows so far as an iterator of Message; the reader begins anew.

        Needs the columns offset and timestamp; key, value and headers that were not asked for are None or empty.
        """
        if not (self.wanted[<int>PKL_COLUMN_OFFSET] and self.wanted[<int>PKL_COLUMN_TIMESTAMP]):
            raise ValueError("messages need the columns offset and timestamp")
        cdef tuple keep = self.hand_over()
        messages = Messages.over(&self.decoder, self.spans.items, keep, self.topic, self.partition)
        self.begin()
        return messages


cdef Block ZEROS = None     # grows to the largest max_rows; never written


cdef void copy_views(pkl_view_column *to, const pkl_view_column *source, int32_t rows) noexcept:
    if to.views is NULL or source.nulls == rows:
        return
    memcpy(to.views, source.views, rows * sizeof(pkl_view))
    if source.nulls:
        memcpy(to.valid, source.valid, (rows + 7) // 8)
