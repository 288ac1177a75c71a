from libc.stdint cimport int32_t, int64_t

from pykafkalite._core.columns cimport pkl_decoder, pkl_span


cdef class Message:
    cdef readonly str topic
    cdef readonly int32_t partition
    cdef readonly int64_t offset
    cdef readonly int64_t timestamp
    cdef readonly object key
    cdef readonly object value
    cdef list _headers


cdef class Messages:
    cdef pkl_decoder decoder
    cdef pkl_span *spans
    cdef object keep
    cdef str topic
    cdef int32_t partition
    cdef int32_t row
    cdef int64_t header
    cdef readonly int64_t next_offset

    @staticmethod
    cdef Messages over(pkl_decoder *decoder, pkl_span *spans, object keep, str topic, int32_t partition)
    cdef list headers_of(self, int64_t end)
