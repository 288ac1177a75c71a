"""The C functions behind the live file; contracts are in the header."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from pykafkalite._core.native cimport pkl_status


cdef extern from "pkl/live.h" nogil:
    enum:
        PKL_LIVE_CLOSED
        PKL_LIVE_MOVED

    ctypedef struct pkl_live_state:
        int64_t start
        int64_t high_watermark
        int64_t stable
        int64_t base_offset
        int64_t position
        int64_t generation

    ctypedef struct pkl_live_header:
        int64_t pid
        uint32_t flags

    ctypedef struct pkl_live:
        pkl_live_header *header
        uint32_t slot_count

    pkl_status pkl_live_create(pkl_live *live, const char *path, uint32_t slots, int64_t pid)
    pkl_status pkl_live_open(pkl_live *live, const char *path, bint writable)
    void pkl_live_close(pkl_live *live)
    void pkl_live_publish(pkl_live *live, uint32_t slot, const pkl_live_state *state)
    void pkl_live_name(pkl_live *live, uint32_t slot, const uint8_t *topic_id, int32_t partition)
    void pkl_live_bump(pkl_live *live)
    void pkl_live_set_flags(pkl_live *live, uint32_t flags)
    void pkl_live_take_over(pkl_live *live, int64_t pid)
    pkl_status pkl_live_read(const pkl_live *live, uint32_t slot, pkl_live_state *state)
    pkl_status pkl_live_named(const pkl_live *live, uint32_t slot, uint8_t *topic_id, int32_t *partition)
    uint32_t pkl_live_sequence(const pkl_live *live)
    void pkl_live_wait(const pkl_live *live, uint32_t seen, int64_t timeout_us)


cdef class Live:
    cdef pkl_live c
    cdef bint writable
    cdef bint closed
    cdef readonly str path
    cdef int opened(self) except -1
    cdef int may_write(self) except -1
    cdef uint32_t slot(self, Py_ssize_t slot) except? 0xFFFFFFFF
