"""Record batches, seen from Python: batch.h and record.h without pointers."""

from libc.stdint cimport uint8_t, uint32_t

from pykafkalite._core cimport native


def crc32c(const uint8_t[::1] data, uint32_t crc=0):
    """CRC-32C of `data`; `crc` is the result for the bytes before."""
    cdef size_t size = data.shape[0]
    if size == 0:
        return crc
    # For a few kilobytes the GIL costs more to give back than the work itself.
    if size <= 5 << 10:
        return native.pkl_crc32c(crc, &data[0], size)
    with nogil:
        crc = native.pkl_crc32c(crc, &data[0], size)
    return crc


def crc32c_kind():
    """ "sse4.2", "armv8" or "table": what crc32c uses on this machine."""
    return native.pkl_crc32c_kind().decode()
