"""Mappings of files, which live as long as somebody looks at them, and syncs."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.memoryview cimport PyMemoryView_FromObject
from libc.stdint cimport int64_t, uint8_t

import os

from pykafkalite._core.native cimport pkl_status
from pykafkalite._core.status cimport check


@cython.final
@cython.no_gc
@cython.freelist(16)
cdef class Lease:
    """A part of a mapping, which it keeps alive: what the memoryviews are made of."""

    cdef Mapping mapping
    cdef uint8_t *data
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.data, self.size, True, flags)


@cython.final
cdef class Mapping:
    """A file, mapped read-only at a fixed capacity for as long as a view of it lives.

    Only bytes that were published can be had: behind them, the file may end.
    """

    def __dealloc__(self):
        if self.data is not NULL:
            pkl_os_unmap(self.data, <size_t>self.capacity)

    @property
    def address(self):
        """Of the file's first byte in memory."""
        return <size_t>self.data

    def slice(self, Py_ssize_t start, Py_ssize_t end):
        """A read-only view of the file's bytes [start, end), without a copy."""
        if not 0 <= start <= end <= self.published:
            raise ValueError(f"bytes {start} to {end} are not all published; {self.published} are")
        return self.lend(start, end)

    cdef object lend(self, Py_ssize_t start, Py_ssize_t end):
        cdef Lease lease = Lease.__new__(Lease)
        lease.mapping = self
        lease.data = self.data + start
        lease.size = end - start
        return PyMemoryView_FromObject(lease)


cdef Mapping map_file(int fd, int64_t capacity, int64_t published, str path):
    cdef Mapping mapping = Mapping.__new__(Mapping)
    cdef void *address = NULL
    check(pkl_os_map(fd, <size_t>capacity, False, &address), f"cannot map {path}")
    mapping.data = <uint8_t *>address
    mapping.capacity = capacity
    mapping.published = published
    return mapping


def sync_directory(str path):
    """Makes names in a directory durable: files that were created, renamed or removed there.  StorageError."""
    sync_path(path, False)


def syncfs(str path):
    """Syncs the whole file system that holds `path`.  StorageError."""
    sync_path(path, True)


cdef int sync_path(str path, bint whole_filesystem) except -1:
    cdef int fd
    cdef pkl_status status
    name = os.fsencode(path)
    check(pkl_os_open(name, os.O_RDONLY, &fd), f"cannot open {path}")
    with nogil:
        status = pkl_os_sync_filesystem(fd) if whole_filesystem else pkl_os_sync(fd)
        pkl_os_close(fd)
    return check(status, f"cannot sync {path}")
