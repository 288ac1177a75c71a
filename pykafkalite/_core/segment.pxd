"""The C functions behind a segment's files; contracts are in the headers."""

from libc.stdint cimport int64_t, uint8_t

from pykafkalite._core.files cimport Mapping, pkl_file
from pykafkalite._core.native cimport pkl_batch, pkl_status


cdef extern from "pkl/window.h" nogil:
    ctypedef struct pkl_source:
        const uint8_t *map
        int fd

    pkl_status pkl_source_batch(const pkl_source *source, int64_t position, int64_t end, pkl_batch *out)


cdef extern from "pkl/segment.h" nogil:
    ctypedef struct pkl_summary:
        int64_t upto
        int64_t next_offset
        int64_t max_timestamp
        int64_t max_timestamp_offset

    ctypedef struct pkl_segment:
        pkl_file file
        const char *path
        int64_t base_offset
        int64_t segment_bytes
        int64_t capacity
        bint writable
        pkl_summary summary

    ctypedef struct pkl_segment_limits:
        int64_t segment_bytes
        int64_t index_bytes
        int64_t index_interval

    pkl_status pkl_segment_create(pkl_segment *segment, const char *stem, int64_t base_offset,
                                  pkl_segment_limits limits, bint preallocate)
    pkl_status pkl_segment_open(pkl_segment *segment, const char *stem, int64_t base_offset,
                                pkl_segment_limits limits, int64_t end, bint writable)
    void pkl_segment_close(pkl_segment *segment)
    void pkl_segment_free(pkl_segment *segment)
    int64_t pkl_segment_end(const pkl_segment *segment)
    void pkl_segment_advance(pkl_segment *segment, int64_t end)
    pkl_status pkl_segment_append(pkl_segment *segment, const uint8_t *batches, size_t size, int64_t *position)
    bint pkl_segment_fits(pkl_segment *segment, int64_t size, int64_t last_offset)
    pkl_status pkl_segment_summarize(pkl_segment *segment, pkl_source source, pkl_summary *out)
    pkl_status pkl_segment_flush_indexes(pkl_segment *segment, bint sync)
    pkl_status pkl_segment_seal(pkl_segment *segment)
    pkl_status pkl_segment_truncate(pkl_segment *segment, int64_t end)


cdef extern from "pkl/lookup.h" nogil:
    pkl_status pkl_segment_lookup(pkl_segment *segment, pkl_source source, int64_t offset, int64_t *position)
    pkl_status pkl_segment_lookup_timestamp(pkl_segment *segment, pkl_source source, int64_t timestamp,
                                            int64_t start, int64_t *position, int64_t *base_offset)
    pkl_status pkl_next_valid(const pkl_source *source, int64_t position, int64_t end, int64_t first_offset,
                              pkl_batch *batch, int64_t *found)
    pkl_status pkl_segment_span(pkl_segment *segment, pkl_source source, int64_t start, int64_t max_bytes,
                                int64_t until, int64_t *span_end)


cdef class Segment:
    cdef pkl_segment c
    cdef bint closed
    cdef readonly str path
    cdef readonly Mapping mapping
    cdef Mapping begin(self, pkl_source *source)
    cdef void finish(self, pkl_source *source) noexcept
    cdef int prepare(self) except -1
    cdef pkl_summary summary(self) except *
    cdef object read_span(self, int64_t start, int64_t max_bytes, int64_t until)
