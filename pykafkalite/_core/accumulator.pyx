"""One record at a time, fast: what Writer.append is made of."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from pykafkalite._core.borrowed cimport Borrowed
from pykafkalite._core.columns cimport (
    Encoded,
    pkl_builder,
    pkl_builder_add,
    pkl_builder_add_with_headers,
    pkl_builder_begin,
    pkl_builder_seal,
    pkl_partition_for_key,
)
from pykafkalite._core.given cimport bytes_given, headers_given, milliseconds_given
from pykafkalite._core.memory cimport Block, give, take
from pykafkalite._core.native cimport (
    PKL_BATCH_HEADER,
    PKL_OK,
    pkl_put_varlong,
    pkl_record_size,
    pkl_status,
    pkl_varlong_size,
)

from pykafkalite.errors import InvalidRecord, MessageTooLarge


cdef struct Open:
    pkl_builder builder     # data is NULL: no batch is open
    size_t capacity         # of its memory
    int64_t deadline        # ms: linger_ms after its first record


cdef struct Bytes:
    const uint8_t *data
    int64_t size            # -1: null


cdef class RecordAccumulator:
    """Encodes each record straight into its partition's batch (see __init__.pyi)."""

    cdef Open *open
    cdef readonly int32_t partitions
    cdef int32_t sticky             # where records without key and partition go
    cdef int64_t nearest            # the first deadline of all; INT64_MAX: nothing is open
    cdef size_t batch_size
    cdef int64_t max_bytes
    cdef int64_t linger
    cdef object clock
    cdef object drain

    def __init__(self, int32_t partitions, drain, *, int64_t batch_size, int64_t max_bytes, int64_t linger_ms=5,
                 clock_ms=None, sticky=None):
        if self.open is not NULL:
            raise RuntimeError("already initialised")
        if partitions < 1:
            raise ValueError(f"{partitions} partitions")
        if not 0 < max_bytes <= INT32_MAX or batch_size < 1 or linger_ms < 0:
            raise ValueError(f"batch_size={batch_size}, max_bytes={max_bytes}, linger_ms={linger_ms}")
        self.clock = clock_ms
        if sticky is None:
            # Anywhere, as in Kafka: many short writers should not all begin with the first.
            self.sticky = (now_ns() // 1000) % partitions
        elif 0 <= sticky < partitions:
            self.sticky = sticky
        else:
            raise ValueError(f"sticky partition {sticky} of {partitions}")
        self.drain = drain
        self.batch_size = max(min(batch_size, max_bytes), <int64_t>PKL_BATCH_HEADER)
        self.max_bytes = max_bytes
        self.linger = linger_ms
        self.nearest = INT64_MAX
        self.open = <Open *>calloc(partitions, sizeof(Open))
        if self.open is NULL:
            raise MemoryError
        self.partitions = partitions

    def __dealloc__(self):
        cdef int32_t i
        if self.open is not NULL:
            for i in range(self.partitions):
                if self.open[i].builder.data is not NULL:
                    give(self.open[i].builder.data, self.open[i].capacity)
            free(self.open)

    @property
    def pending(self):
        """Records not drained yet."""
        cdef int64_t count = 0
        cdef int32_t i
        for i in range(self.partitions):
            count += self.open[i].builder.count
        return count

    def append(self, value, key=None, headers=None, timestamp=None, partition=None):
        """Adds one record; `drain` is called first when its batch is full, afterwards when one has lingered.

        MessageTooLarge, InvalidRecord, TypeError: the record was not taken, all others were.  What `drain` raises
        comes through: the batch it was given is no longer here, and when it was full the record was not taken.
        """
        cdef int64_t now = self.now()
        cdef pkl_builder *builder
        if key is None and headers is None and timestamp is None and partition is None and type(value) is bytes:
            if self.open is NULL:
                raise RuntimeError("not initialised")
            builder = &self.open[self.sticky].builder
            if pkl_builder_add(builder, NULL, -1, <const uint8_t *>PyBytes_AS_STRING(value),
                               PyBytes_GET_SIZE(value), now) != PKL_OK:
                self.append_any(value, None, None, now, None)
        else:
            self.append_any(value, key, headers, self.timestamp_of(timestamp, now), partition)
        if now >= self.nearest:
            self.drain_due(now)

    def poll(self):
        """Drains the batches that have lingered."""
        cdef int64_t now = self.now()
        if now >= self.nearest:
            self.drain_due(now)

    def drain_all(self):
        """Drains everything; what `drain` raises stops it, and the rest stays pending."""
        self.drain_due(INT64_MAX)

    cdef inline int64_t now(self) except? -1:
        return now_ns() // 1000000 if self.clock is None else <int64_t>self.clock()

    cdef int64_t timestamp_of(self, timestamp, int64_t now) except? -1:
        cdef int64_t ms = now if timestamp is None else milliseconds_given(timestamp)
        if ms < 0:
            raise InvalidRecord(f"the timestamp {ms} ms is negative")
        return ms

    cdef int append_any(self, value, key, headers, int64_t timestamp, partition) except -1:
        """The record in all its forms, into a batch with room for it."""
        cdef Borrowed held_value = bytes_given(value, "value")
        cdef Borrowed held_key = bytes_given(key, "key")
        cdef Bytes v = bytes_of(held_value)
        cdef Bytes k = bytes_of(held_key)
        cdef int32_t count = 0
        cdef Block encoded = encode_headers(headers, &count) if headers else None
        cdef size_t headers_size = 0 if encoded is None else encoded.size
        # By itself at offset delta 0 and timestamp delta 0, as Columns.check counts.
        cdef int64_t size = PKL_BATCH_HEADER + pkl_record_size(0, 0, k.size, v.size, count, headers_size)
        if size > self.max_bytes:
            raise MessageTooLarge(
                f"the record alone makes a batch of {size} bytes; max.message.bytes is {self.max_bytes}"
            )
        cdef int32_t target
        while True:
            # Anew each time: `drain` leads records without a key to the next partition.
            target = self.target(partition, k)
            if self.open[target].builder.data is NULL:
                self.begin(target, size)
            if add(&self.open[target].builder, k, v, timestamp, encoded, count) == PKL_OK:
                return 0
            self.drain_one(target)

    cdef int32_t target(self, partition, Bytes key) except -1:
        if partition is not None:
            if type(partition) is not int and (isinstance(partition, bool) or not hasattr(partition, "__index__")):
                raise TypeError(f"partition is a number from 0, not {partition!r:.40}")
            if not 0 <= partition < self.partitions:
                raise InvalidRecord(f"partition {partition} is outside 0..{self.partitions - 1}")
            return partition
        if self.open is NULL:
            raise RuntimeError("not initialised")
        return self.sticky if key.size < 0 else pkl_partition_for_key(key.data, key.size, self.partitions)

    cdef int begin(self, int32_t partition, int64_t size) except -1:
        """Opens a batch for at least a record whose batch alone has `size` bytes."""
        cdef Open *batch = &self.open[partition]
        cdef size_t bound = max(<size_t>size, self.batch_size)
        cdef uint8_t *data = take(bound, &batch.capacity)
        pkl_builder_begin(&batch.builder, data, bound)
        batch.deadline = self.now() + self.linger
        self.nearest = min(self.nearest, batch.deadline)
        return 0

    cdef int drain_one(self, int32_t partition) except -1:
        # Out of the table first: from here on the batch belongs to this call alone.
        cdef Open batch = self.open[partition]
        self.open[partition].builder.data = NULL
        self.open[partition].builder.capacity = 0
        self.open[partition].builder.size = 0
        self.open[partition].builder.count = 0
        if partition == self.sticky:
            self.sticky = (partition + 1) % self.partitions
        with nogil:
            pkl_builder_seal(&batch.builder, 0)
        self.drain(partition, Encoded.adopt(&batch.builder, batch.capacity))
        return 0

    cdef int drain_due(self, int64_t now) except -1:
        cdef int32_t i
        try:
            for i in range(self.partitions):
                if self.open[i].builder.count and self.open[i].deadline <= now:
                    self.drain_one(i)
        finally:
            self.nearest = INT64_MAX
            for i in range(self.partitions):
                if self.open[i].builder.count:
                    self.nearest = min(self.nearest, self.open[i].deadline)
        return 0


cdef inline int64_t now_ns() noexcept:
    cdef timespec t
    clock_gettime(CLOCK_REALTIME, &t)
    return t.tv_sec * <int64_t>1000000000 + t.tv_nsec


cdef inline Bytes bytes_of(Borrowed held) noexcept:
    return Bytes(NULL, -1) if held is None else Bytes(held.data, held.size)


cdef inline pkl_status add(pkl_builder *builder, Bytes key, Bytes value, int64_t timestamp, Block headers,
                           int32_t count) noexcept:
    if headers is None:
        return pkl_builder_add(builder, key.data, key.size, value.data, value.size, timestamp)
    return pkl_builder_add_with_headers(builder, key.data, key.size, value.data, value.size, timestamp,
                                        headers.data, headers.size, count)


cdef Block encode_headers(headers, int32_t *count):
    """The pairs as they lie in a record, without their count."""
    cdef list held = []
    cdef Borrowed name
    cdef Borrowed value
    cdef size_t size = 0
    for key, content in headers_given(headers):
        name = Borrowed(key.encode())
        value = bytes_given(content, "the value of a header")
        held.append((name, value))
        size += pkl_varlong_size(name.size) + name.size
        size += 1 if value is None else pkl_varlong_size(value.size) + value.size
    cdef Block block = Block(size)
    cdef uint8_t *at = block.data
    for name, value in held:
        at = put(at, name.data, name.size)
        at = put(at, NULL, -1) if value is None else put(at, value.data, value.size)
    count[0] = len(held)
    return block


cdef uint8_t *put(uint8_t *at, const uint8_t *data, Py_ssize_t size) noexcept:
    at = pkl_put_varlong(at, size)
    if size > 0:
        memcpy(at, data, size)
        at += size
    return at
