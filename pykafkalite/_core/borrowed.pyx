"""Bytes of somebody else, held for as long as native code looks at them."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Borrowed:
    """The contiguous bytes of `source`, which cannot move or go before this object does.

    `data` may be written to only with `writable`, which a read-only source answers with BufferError.
    Not a typed memoryview: those refuse what is not unsigned bytes, such as pyarrow.Buffer, and cost more.
    """

    def __cinit__(self, source, bint writable=False):
        PyObject_GetBuffer(source, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.data = <uint8_t *>self.view.buf
        self.size = self.view.len

    def __dealloc__(self):
        PyBuffer_Release(&self.view)
