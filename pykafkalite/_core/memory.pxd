from libc.stdint cimport uint8_t

cdef uint8_t *take(size_t size, size_t *capacity) except NULL
cdef void give(uint8_t *data, size_t capacity) noexcept nogil


cdef class Block:
    cdef uint8_t *data
    cdef readonly size_t size
    cdef size_t capacity

    @staticmethod
    cdef Block zeroed(size_t size)
