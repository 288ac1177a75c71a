"""Files and mappings; the contracts of the C functions are in the header."""

from libc.stdint cimport int64_t, uint8_t

from pykafkalite._core.native cimport pkl_status


cdef extern from "pkl/os.h" nogil:
    ctypedef struct pkl_file:
        int fd

    int pkl_file_acquire(pkl_file *file)
    void pkl_file_release(pkl_file *file)
    pkl_status pkl_os_open(const char *path, int flags, int *fd)
    void pkl_os_close(int fd)
    pkl_status pkl_os_size(int fd, int64_t *size)
    pkl_status pkl_os_read(int fd, void *data, size_t size, int64_t at, size_t *got)
    pkl_status pkl_os_sync(int fd)
    pkl_status pkl_os_sync_filesystem(int fd)
    pkl_status pkl_os_map(int fd, size_t size, int writable, void **address)
    void pkl_os_unmap(void *address, size_t size)
    void pkl_os_release(void *address, size_t size)
    size_t pkl_os_page_size()


cdef class Mapping:
    cdef uint8_t *data
    cdef readonly Py_ssize_t capacity
    cdef Py_ssize_t published
    cdef object lend(self, Py_ssize_t start, Py_ssize_t end)


cdef Mapping map_file(int fd, int64_t capacity, int64_t published, str path)
