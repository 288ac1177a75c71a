from libc.stdint cimport uint8_t


cdef class Borrowed:
    cdef Py_buffer view
    cdef uint8_t *data
    cdef Py_ssize_t size
