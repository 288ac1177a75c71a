from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

from pykafkalite._core.native cimport pkl_batch


cdef class Batch:
    cdef readonly Py_ssize_t position
    cdef readonly Py_ssize_t size
    cdef readonly int64_t base_offset
    cdef readonly int64_t last_offset
    cdef readonly int64_t base_timestamp
    cdef readonly int64_t max_timestamp
    cdef readonly int64_t producer_id
    cdef readonly int32_t leader_epoch
    cdef readonly int32_t base_sequence
    cdef readonly int32_t count
    cdef readonly uint32_t crc
    cdef readonly int16_t producer_epoch
    cdef readonly int16_t attributes

    @staticmethod
    cdef Batch new(const pkl_batch *header, Py_ssize_t position)
