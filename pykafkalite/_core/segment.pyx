"""Segments of a log: one .log, its two indexes, and the map that its readers share."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t

import os

from pykafkalite._core.borrowed cimport Borrowed
from pykafkalite._core.files cimport (
    map_file,
    pkl_file_acquire,
    pkl_file_release,
    pkl_os_close,
    pkl_os_open,
    pkl_os_read,
    pkl_os_release,
    pkl_os_sync,
)
from pykafkalite._core.native cimport PKL_END, PKL_OK, pkl_batch, pkl_status
from pykafkalite._core.recovery cimport recover
from pykafkalite._core.status cimport check

from pykafkalite.errors import Closed, ReadOnly


@cython.final
cdef class Segment:
    """One .log with its .index and .timeindex.  Threads: one appender (the caller locks), any number of readers."""

    def __init__(self):
        raise TypeError("use Segment.create or Segment.open")

    def __cinit__(self):
        self.closed = True

    def __dealloc__(self):
        if not self.closed:
            pkl_segment_close(&self.c)
        pkl_segment_free(&self.c)

    @staticmethod
    def create(str directory, int64_t base_offset, *, int64_t segment_bytes, int64_t index_bytes,
               int64_t index_interval, bint preallocate=False):
        """Makes the three files, empty; the .log must not exist.  StorageError, DiskFull."""
        cdef Segment self = Segment.__new__(Segment)
        cdef pkl_status status
        cdef pkl_segment_limits limits = pkl_segment_limits(segment_bytes, index_bytes, index_interval)
        stem = os.fsencode(os.path.join(directory, f"{base_offset:020}"))
        cdef const char *c_stem = stem
        with nogil:
            status = pkl_segment_create(&self.c, c_stem, base_offset, limits, preallocate)
        self.closed = False
        self.path = os.fsdecode(stem + b".log")
        check(status, f"cannot create {self.path}")
        self.mapping = map_file(self.c.file.fd, self.c.capacity, 0, self.path)
        return self

    @staticmethod
    def open(str directory, int64_t base_offset, *, int64_t segment_bytes, int64_t index_bytes,
             int64_t index_interval, int64_t end, bint writable, bint mapped=True):
        """`end`: bytes of the .log known to be whole batches (the published end); nothing behind it is looked at.

        `mapped=False` reads by pread, for files that another kind of writer may be shortening, and keeps one
        descriptor; a mapped segment that is not writable keeps none.  CorruptBatch when the file is shorter than `end`.
        """
        cdef Segment self = Segment.__new__(Segment)
        cdef pkl_status status
        cdef pkl_segment_limits limits = pkl_segment_limits(segment_bytes, index_bytes, index_interval)
        stem = os.fsencode(os.path.join(directory, f"{base_offset:020}"))
        cdef const char *c_stem = stem
        with nogil:
            status = pkl_segment_open(&self.c, c_stem, base_offset, limits, end, writable)
        self.closed = False
        self.path = os.fsdecode(stem + b".log")
        check(status, f"cannot open {self.path} to byte {end}")
        if mapped:
            self.mapping = map_file(self.c.file.fd, self.c.capacity, end, self.path)
            if not writable:
                pkl_segment_close(&self.c)
        return self

    # What every method that reads does first and last.  The mapping is held by the caller's
    # reference, so that close() in another thread cannot take it away.

    cdef Mapping begin(self, pkl_source *source):
        cdef Mapping mapping = self.mapping
        if self.closed:
            raise Closed(f"{self.path} is closed")
        source.map = NULL
        source.fd = -1
        if mapping is not None:
            source.map = mapping.data
            return mapping
        source.fd = pkl_file_acquire(&self.c.file)
        if source.fd < 0:
            raise Closed(f"{self.path} is closed")
        return None

    cdef void finish(self, pkl_source *source) noexcept:
        if source.fd >= 0:
            pkl_file_release(&self.c.file)

    cdef pkl_summary summary(self) except *:
        cdef pkl_summary summary
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping held = self.begin(&source)
        with nogil:
            status = pkl_segment_summarize(&self.c, source, &summary)
        self.finish(&source)
        check(status, f"cannot read {self.path}")
        return summary

    cdef int prepare(self) except -1:
        """Before anything that only the writer does: its view of the indexes is there."""
        if self.closed:
            raise Closed(f"{self.path} is closed")
        if not self.c.writable:
            raise ReadOnly(f"{self.path} was opened for reading")
        if self.c.summary.upto < 0:
            self.summary()
        return 0

    @property
    def base_offset(self):
        return self.c.base_offset

    @property
    def end(self):
        """Position after the last appended batch."""
        return pkl_segment_end(&self.c)

    @property
    def next_offset(self):
        return self.summary().next_offset

    @property
    def max_timestamp(self):
        """The largest so far, ms; -1 none."""
        return self.summary().max_timestamp

    @property
    def max_timestamp_offset(self):
        """Last offset of the first batch that has max_timestamp; -1 none."""
        return self.summary().max_timestamp_offset

    @property
    def rolling_timestamp(self):
        """Max timestamp of the first batch, from which segment.ms counts; -1 none."""
        cdef pkl_batch first
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping held = self.begin(&source)
        with nogil:
            status = pkl_source_batch(&source, 0, pkl_segment_end(&self.c), &first)
        self.finish(&source)
        return first.max_timestamp if status == PKL_OK else -1

    def append(self, batches):
        """Writes whole stamped batches at `end`, which moves; returns their position.

        ValueError: not whole batches in increasing offsets from next_offset on.  BufferError: no room (see `fits`).
        StorageError, DiskFull: nothing was appended, the next append overwrites whatever was written.
        """
        cdef Borrowed borrowed = Borrowed(batches)
        cdef int64_t position
        cdef pkl_status status
        self.prepare()
        with nogil:
            status = pkl_segment_append(&self.c, borrowed.data, <size_t>borrowed.size, &position)
        if status != PKL_OK:
            check(status, f"cannot append to {self.path}")
        if self.mapping is not None:
            self.mapping.published = position + borrowed.size
        return position

    def fits(self, int64_t size, int64_t last_offset):
        """False when Kafka would roll: size, index full, or relative offset over int32."""
        self.prepare()
        return pkl_segment_fits(&self.c, size, last_offset)

    def lookup(self, int64_t offset):
        """Position of the batch that holds `offset`, or of the first one after it; `end` when there is none.

        Believes an index entry only when the batch there confirms it.  Where a bad batch may have held the offset,
        the bad batch's position.
        """
        cdef int64_t position
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping held = self.begin(&source)
        with nogil:
            status = pkl_segment_lookup(&self.c, source, offset, &position)
        self.finish(&source)
        check(status, f"cannot read {self.path}")
        return position

    def lookup_timestamp(self, int64_t timestamp, int64_t start=0):
        """(position, base offset) of the first batch from position `start` on that has a record with that timestamp (ms)
        or a later one; None when there is none."""
        cdef int64_t position, base_offset
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping held = self.begin(&source)
        with nogil:
            status = pkl_segment_lookup_timestamp(&self.c, source, timestamp, start, &position, &base_offset)
        self.finish(&source)
        if status == PKL_END:
            return None
        check(status, f"cannot read {self.path}")
        return position, base_offset

    def next_valid(self, int64_t position):
        """(position, base offset) of the first whole valid batch behind the bad one at `position`; None when there is none."""
        cdef int64_t found
        cdef pkl_batch batch
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping held = self.begin(&source)
        with nogil:
            status = pkl_next_valid(&source, position, pkl_segment_end(&self.c), self.c.base_offset, &batch, &found)
        self.finish(&source)
        if status == PKL_END:
            return None
        check(status, f"cannot read {self.path}")
        return found, batch.base_offset

    def advance(self, int64_t end):
        """A reader learns of a new published end; it never goes back."""
        cdef int fd
        if end > self.c.capacity and self.mapping is not None:
            # segment.bytes is larger now than this reader knew: another map for what comes.
            check(pkl_os_open(self.c.path, os.O_RDONLY, &fd), f"cannot open {self.path}")
            try:
                self.c.capacity = max(end, 2 * self.c.capacity)
                self.mapping = map_file(fd, self.c.capacity, end, self.path)
            finally:
                pkl_os_close(fd)
        pkl_segment_advance(&self.c, end)
        if self.mapping is not None:
            self.mapping.published = pkl_segment_end(&self.c)

    def span(self, int64_t start, int64_t max_bytes, int64_t until):
        """(owner, start, end): whole batches from file position `start`, in the owner's coordinates.

        At most max_bytes, but at least one batch, and not past `until` or `end`.  The owner is a view into the mapping,
        or bytes when the segment is not mapped (then shorter, too, when the file was shortened).
        """
        cdef int64_t span_end
        cdef pkl_source source
        cdef pkl_status status
        cdef Mapping mapping
        if self.mapping is None:
            return self.read_span(start, max_bytes, until)
        mapping = self.begin(&source)
        with nogil:
            status = pkl_segment_span(&self.c, source, start, max_bytes, until, &span_end)
        check(status, f"no span of {self.path} begins at {start}")
        return mapping.lend(start, span_end), 0, span_end - start

    cdef object read_span(self, int64_t start, int64_t max_bytes, int64_t until):
        cdef int64_t span_end
        cdef size_t got = 0
        cdef char *data
        cdef pkl_source source
        cdef pkl_status status
        self.begin(&source)
        try:
            with nogil:
                status = pkl_segment_span(&self.c, source, start, max_bytes, until, &span_end)
            check(status, f"no span of {self.path} begins at {start}")
            owner = PyBytes_FromStringAndSize(NULL, span_end - start)
            data = PyBytes_AS_STRING(owner)
            with nogil:
                status = pkl_os_read(source.fd, data, <size_t>(span_end - start), start, &got)
            check(status, f"cannot read {self.path}")
        finally:
            self.finish(&source)
        if <int64_t>got < span_end - start:
            owner = owner[:got]
        return owner, 0, <Py_ssize_t>got

    def release(self, int64_t start, int64_t end):
        """The bytes [start, end) leave this process's resident memory; views of them stay good.  `start`: on a page."""
        cdef Mapping mapping = self.mapping
        if mapping is not None and 0 <= start < end <= mapping.capacity:
            with nogil:
                pkl_os_release(mapping.data + start, <size_t>(end - start))

    def sync(self):
        """fdatasync of the .log.  StorageError, after which nothing may be believed to be on the disk."""
        cdef pkl_status status
        cdef int fd
        self.prepare()
        fd = pkl_file_acquire(&self.c.file)
        if fd < 0:
            raise Closed(f"{self.path} is closed")
        with nogil:
            status = pkl_os_sync(fd)
            pkl_file_release(&self.c.file)
        check(status, f"cannot sync {self.path}")

    def flush_indexes(self, bint sync=False):
        """Writes the index entries that wait in memory.  StorageError leaves them waiting."""
        cdef pkl_status status
        self.prepare()
        with nogil:
            status = pkl_segment_flush_indexes(&self.c, sync)
        check(status, f"cannot write the indexes of {self.path}")

    def seal(self):
        """Roll or clean close: last time index entry, indexes written, preallocated tail cut."""
        cdef pkl_status status
        self.prepare()
        with nogil:
            status = pkl_segment_seal(&self.c)
        check(status, f"cannot seal {self.path}")

    def recover(self, int64_t start=0):
        """Walks the whole file from `start` (a batch boundary), checking every CRC; returns what was found.

        A writable segment then ends after the last valid batch, with index files made anew (entries before `start`
        are kept if they prove right); nothing is cut, see `truncate`.  A segment opened for reading is only checked.
        """
        if self.closed:
            raise Closed(f"{self.path} is closed")
        found = recover(&self.c, self.path, start)
        if self.mapping is not None and self.c.writable:
            self.mapping.published = found.end
        return found

    def truncate(self, int64_t end):
        """Cuts the file to `end` bytes.  Only for a tail that was never published: others may have the rest mapped."""
        cdef pkl_status status
        self.prepare()
        with nogil:
            status = pkl_segment_truncate(&self.c, end)
        check(status, f"cannot truncate {self.path} to {end}")

    def close(self):
        """Closes descriptors, writes nothing; the map lives as long as its views."""
        if self.closed:
            return
        self.closed = True
        pkl_segment_close(&self.c)
        self.mapping = None

    def __repr__(self):
        state = "closed" if self.closed else f"{self.end} bytes"
        return f"<Segment {self.path}: {state}>"
