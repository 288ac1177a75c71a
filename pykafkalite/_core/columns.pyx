"""Arrow columns -> record batches, and where keys go."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport INT32_MAX, int16_t, int32_t, int64_t, uint8_t

from pykafkalite._core.borrowed cimport Borrowed
from pykafkalite._core.memory cimport Block, give, take
from pykafkalite._core.native cimport PKL_BATCH_HEADER, PKL_INVALID, PKL_OK, pkl_status

from pykafkalite.errors import InvalidColumns, InvalidRecord, MessageTooLarge


def murmur2(data):
    """Kafka's murmur2 of `data`, as Java's signed int."""
    cdef Borrowed held = Borrowed(data)
    return pkl_murmur2(held.data, held.size)


def partition_for_key(key, int32_t partitions):
    """Where Java's default partitioner puts `key`: toPositive(murmur2(key)) % partitions."""
    if partitions < 1:
        raise ValueError(f"{partitions} partitions")
    cdef Borrowed held = Borrowed(key)
    return pkl_partition_for_key(held.data, held.size, partitions)


@cython.final
@cython.freelist(64)
cdef class Encoded:
    """A sealed, writable batch in pooled memory; the buffer protocol gives exactly its bytes."""

    def __cinit__(self):
        self.data = NULL

    def __dealloc__(self):
        if self.data is not NULL:
            give(self.data, self.capacity)

    @staticmethod
    cdef Encoded adopt(pkl_builder *builder, size_t capacity):
        """Owns the memory of a sealed builder from now on."""
        cdef Encoded self = Encoded.__new__(Encoded)
        self.data = builder.data
        self.capacity = capacity
        self.size = builder.size
        self.count = builder.count
        self.min_timestamp = builder.min_timestamp
        self.max_timestamp = builder.max_timestamp
        self.max_timestamp_offset_delta = builder.max_timestamp_delta
        return self

    @property
    def producer_id(self):
        return -1

    @property
    def base_sequence(self):
        return -1

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        if self.data is NULL:
            raise BufferError("an Encoded is made by Rows.encode or a RecordAccumulator")
        PyBuffer_FillInfo(view, self, self.data, self.size, 0, flags)

    def __repr__(self):
        return f"<Encoded: {self.count} records, {self.size} bytes>"


@cython.final
cdef class Columns:
    """Rows to append, borrowed from Arrow memory through the C data interface (see __init__.pyi)."""

    cdef object schema      # the capsules own what `columns` points into
    cdef object array
    cdef pkl_columns columns
    cdef int32_t checked    # check() found no partition outside 0..checked-1

    def __cinit__(self, source):
        cdef char problem[PKL_PROBLEM]
        try:
            export = source.__arrow_c_array__
        except AttributeError:
            raise InvalidColumns(
                f"{type(source).__name__} has no __arrow_c_array__: give a pyarrow.RecordBatch or something like it"
            ) from None
        schema, array = export()
        if pkl_columns_import(<ArrowSchema *>PyCapsule_GetPointer(schema, "arrow_schema"),
                              <ArrowArray *>PyCapsule_GetPointer(array, "arrow_array"),
                              &self.columns, problem) != PKL_OK:
            self.columns.rows = 0
            raise InvalidColumns(problem.decode("utf-8", "replace"))
        self.schema = schema
        self.array = array

    @property
    def rows(self):
        return self.columns.rows

    @property
    def has_key(self):
        return self.columns.key.layout != PKL_ABSENT

    @property
    def has_timestamp(self):
        return self.columns.timestamp.data is not NULL

    @property
    def has_partition(self):
        return self.columns.partition.data is not NULL

    def check(self, int64_t max_bytes, int32_t partitions):
        """Every row, before any is written; (min, max) of the timestamp column, (-1, -1) without one.

        MessageTooLarge or InvalidRecord names the first row that is wrong.
        """
        cdef pkl_columns_facts facts
        cdef pkl_columns_fault fault
        if max_bytes > INT32_MAX:
            max_bytes = INT32_MAX
        with nogil:
            fault = pkl_columns_check(&self.columns, max_bytes, partitions, &facts)
        if fault != PKL_COLUMNS_GOOD:
            raise self.problem(fault, &facts, max_bytes, partitions)
        self.checked = partitions
        return facts.min_timestamp, facts.max_timestamp

    cdef problem(self, pkl_columns_fault fault, pkl_columns_facts *facts, int64_t max_bytes, int32_t partitions):
        row = facts.row
        if fault == PKL_COLUMNS_TOO_LARGE:
            return MessageTooLarge(
                f"row {row} alone makes a batch of {facts.size} bytes; max.message.bytes is {max_bytes}"
            )
        if fault == PKL_COLUMNS_PARTITION:
            partition = pkl_partition_at(&self.columns, row)
            return InvalidRecord(f"row {row}: partition {partition} is outside 0..{partitions - 1}")
        if fault == PKL_COLUMNS_TIMESTAMP:
            return InvalidRecord(f"row {row}: the timestamp {pkl_timestamp_at(&self.columns, row)} ms is negative")
        return InvalidRecord(
            f"row {row}: a null header, a null header key, or Arrow offsets that contradict each other"
        )

    def route(self, int32_t partitions, int32_t sticky):
        """[(partition, Rows)], input order kept: the partition column, else murmur2 of the key, else `sticky`.

        A null partition or key counts as absent.  Only after check().
        """
        if partitions < 1 or not 0 <= sticky < partitions:
            raise ValueError(f"sticky partition {sticky} of {partitions}")
        if self.columns.partition.data is not NULL and not 0 < self.checked <= partitions:
            raise ValueError(f"check(max_bytes, {partitions}) comes first")
        if self.columns.rows == 0:
            return []
        if partitions == 1 or (self.columns.key.layout == PKL_ABSENT and self.columns.partition.data is NULL):
            return [(sticky, Rows.range(self, 0, self.columns.rows))]
        return self.scatter(partitions, sticky)

    cdef list scatter(self, int32_t partitions, int32_t sticky):
        cdef int64_t rows = self.columns.rows
        # One allocation: the rows by partition, then what is needed to group them.
        cdef Block grouped = Block(rows * sizeof(int64_t))
        cdef Block scratch = Block(rows * sizeof(int32_t) + 2 * partitions * sizeof(int64_t))
        cdef int64_t *counts = <int64_t *>scratch.data
        cdef int64_t *ends = counts + partitions
        cdef int32_t *targets = <int32_t *>(ends + partitions)
        cdef int32_t partition
        cdef list routed = []
        with nogil:
            pkl_columns_route(&self.columns, partitions, sticky, targets, counts)
            if counts[targets[0]] != rows:
                pkl_columns_group(targets, rows, partitions, counts, ends, <int64_t *>grouped.data)
        if counts[targets[0]] == rows:
            return [(targets[0], Rows.range(self, 0, rows))]
        for partition in range(partitions):
            if counts[partition]:
                rows = counts[partition]
                routed.append((partition, Rows.listed(self, grouped, ends[partition] - rows, rows)))
        return routed


@cython.final
@cython.freelist(64)
cdef class Rows:
    """Rows of `Columns` that go to one partition: a range, or a list of row numbers."""

    cdef Columns source
    cdef Block numbers      # None: a range
    cdef int64_t offset     # of the first: into `numbers`, or the row itself
    cdef readonly int64_t count

    @staticmethod
    cdef Rows range(Columns source, int64_t offset, int64_t count):
        return Rows.listed(source, None, offset, count)

    @staticmethod
    cdef Rows listed(Columns source, Block numbers, int64_t offset, int64_t count):
        cdef Rows self = Rows.__new__(Rows)
        self.source = source
        self.numbers = numbers
        self.offset = offset
        self.count = count
        return self

    cdef int64_t row(self, int64_t i) noexcept:
        return self.offset + i if self.numbers is None else (<int64_t *>self.numbers.data)[self.offset + i]

    def encode(self, int64_t first, int64_t now, int64_t target_bytes, *, int16_t attributes=0):
        """One sealed batch of rows[first:], as many as fit `target_bytes`, at least one (see __init__.pyi)."""
        if self.source is None or not 0 <= first < self.count:
            raise IndexError(f"row {first} of {self.count}")
        cdef pkl_builder builder
        cdef pkl_status status
        cdef pkl_columns *columns = &self.source.columns
        cdef int64_t *rows = NULL if self.numbers is None else (<int64_t *>self.numbers.data) + self.offset + first
        cdef int64_t offset = self.offset + first
        cdef int64_t count = self.count - first
        cdef size_t capacity
        # The first record decides when it is larger than the target by itself.
        cdef int64_t size = pkl_row_batch_size(columns, self.row(first))
        if size >= 0 and size < target_bytes:
            size = min(target_bytes, <int64_t>INT32_MAX)
        if size < PKL_BATCH_HEADER or size > INT32_MAX:
            raise InvalidRecord(f"row {self.row(first)} cannot be in a batch")
        cdef uint8_t *data = take(size, &capacity)
        with nogil:
            pkl_builder_begin(&builder, data, size)
            pkl_encode_rows(&builder, columns, rows, offset, count, now, &status)
            if status != PKL_INVALID:
                pkl_builder_seal(&builder, attributes)
        if status == PKL_INVALID or builder.count == 0:
            give(data, capacity)
            raise InvalidRecord(f"row {self.row(first + builder.count)}: its Arrow data contradict each other")
        return Encoded.adopt(&builder, capacity)
