"""Memory that goes round: one pool for columns, batches and decompressed payloads (pkl/pool.h)."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint8_t
from libc.string cimport memset


cdef extern from "pkl/pool.h" nogil:
    ctypedef struct pkl_pool:
        long taken
        long bytes
    uint8_t *pkl_pool_take(pkl_pool *pool, size_t size, size_t *capacity)
    void pkl_pool_give(pkl_pool *pool, uint8_t *block, size_t capacity)


# The only pool: other modules come here for their blocks.
cdef pkl_pool POOL
memset(&POOL, 0, sizeof(POOL))


cdef uint8_t *take(size_t size, size_t *capacity) except NULL:
    cdef uint8_t *data = pkl_pool_take(&POOL, size, capacity)
    if data is NULL:
        raise MemoryError(f"no memory for {size} bytes")
    return data


cdef void give(uint8_t *data, size_t capacity) noexcept nogil:
    pkl_pool_give(&POOL, data, capacity)


def live_blocks():
    """How many blocks of the pool are in use: a number to compare before and after."""
    return POOL.taken


def live_bytes():
    """How many bytes these blocks are."""
    return POOL.bytes


@cython.final
cdef class Block:
    """`size` bytes of pooled memory, exported (writable) through the buffer protocol.

    For a decompressed payload or a span that was read: filled once, and not changed any more after it
    was lent to a ColumnReader, whose columns view it.
    """

    def __cinit__(self, Py_ssize_t size):
        if size < 0:
            raise ValueError(f"a block of {size} bytes")
        self.data = take(size, &self.capacity)
        self.size = size

    def __dealloc__(self):
        if self.data is not NULL:
            give(self.data, self.capacity)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, 0, flags)

    @staticmethod
    cdef Block zeroed(size_t size):
        cdef Block block = Block(size)
        memset(block.data, 0, size)
        return block
