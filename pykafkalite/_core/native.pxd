"""The C functions of native/include/pkl, word for word; contracts are in the headers.

tests/core/test_native_pxd.py parses both and compares, so that they cannot drift.
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t


cdef extern from "pkl/status.h" nogil:
    ctypedef enum pkl_status:
        PKL_OK
        PKL_END
        PKL_TRUNCATED
        PKL_CORRUPT
        PKL_BAD_CRC
        PKL_BAD_MAGIC
        PKL_FULL
        PKL_COMPRESSED
        PKL_TOO_LARGE
        PKL_INVALID
        PKL_NO_MEMORY
        PKL_SYSTEM


cdef extern from "pkl/crc32c.h" nogil:
    uint32_t pkl_crc32c(uint32_t crc, const void *data, size_t size)
    uint32_t pkl_crc32c_table(uint32_t crc, const void *data, size_t size)
    const char *pkl_crc32c_kind()


cdef extern from "pkl/cursor.h" nogil:
    ctypedef struct pkl_cursor:
        const uint8_t *at
        const uint8_t *end

    pkl_cursor pkl_cursor_over(const uint8_t *data, size_t size)
    bint pkl_cursor_ok(const pkl_cursor *c)
    size_t pkl_cursor_left(const pkl_cursor *c)
    int64_t pkl_take_varlong(pkl_cursor *c)
    int32_t pkl_take_varint(pkl_cursor *c)
    uint8_t *pkl_put_varlong(uint8_t *p, int64_t value)
    size_t pkl_varlong_size(int64_t value)


cdef extern from "pkl/batch.h" nogil:
    enum:
        PKL_AT_BASE_OFFSET
        PKL_AT_LENGTH
        PKL_AT_LEADER_EPOCH
        PKL_AT_MAGIC
        PKL_AT_CRC
        PKL_AT_ATTRIBUTES
        PKL_AT_LAST_OFFSET_DELTA
        PKL_AT_BASE_TIMESTAMP
        PKL_AT_MAX_TIMESTAMP
        PKL_AT_PRODUCER_ID
        PKL_AT_PRODUCER_EPOCH
        PKL_AT_BASE_SEQUENCE
        PKL_AT_COUNT
        PKL_BATCH_HEADER
        PKL_LOG_OVERHEAD

        PKL_ATTR_CODEC
        PKL_ATTR_LOG_APPEND_TIME
        PKL_ATTR_TRANSACTIONAL
        PKL_ATTR_CONTROL
        PKL_ATTR_DELETE_HORIZON

    ctypedef struct pkl_batch:
        const uint8_t *data
        size_t size
        int64_t base_offset
        int64_t last_offset
        int64_t base_timestamp
        int64_t max_timestamp
        int64_t producer_id
        int32_t leader_epoch
        int32_t base_sequence
        int32_t count
        uint32_t crc
        int16_t producer_epoch
        int16_t attributes

    pkl_status pkl_batch_parse(const uint8_t *data, size_t available, pkl_batch *out)
    pkl_status pkl_batch_check_crc(const pkl_batch *batch)
    void pkl_batch_stamp(uint8_t *data, int64_t base_offset, int32_t leader_epoch)
    void pkl_batch_stamp_append_time(uint8_t *data, size_t size, int64_t timestamp)
    void pkl_batch_seal(uint8_t *data, const pkl_batch *h)


cdef extern from "pkl/record.h" nogil:
    ctypedef struct pkl_record:
        const uint8_t *key
        const uint8_t *value
        int64_t timestamp_delta
        int32_t offset_delta
        int32_t key_size
        int32_t value_size
        int32_t header_count
        pkl_cursor headers

    ctypedef struct pkl_header:
        const uint8_t *key
        const uint8_t *value
        int32_t key_size
        int32_t value_size

    ctypedef struct pkl_records_summary:
        int64_t min_timestamp
        int64_t max_timestamp
        int64_t max_timestamp_offset
        int32_t header_records
        int32_t keyless_records

    pkl_status pkl_record_next(pkl_cursor *c, pkl_record *out)
    pkl_status pkl_header_next(pkl_cursor *c, pkl_header *out)
    pkl_status pkl_records_check(const pkl_batch *batch, const uint8_t *records, size_t size, int dense,
                                 pkl_records_summary *out)
    size_t pkl_record_size(int64_t timestamp_delta, int32_t offset_delta, int64_t key_size, int64_t value_size,
                           int32_t header_count, size_t headers_size)
    uint8_t *pkl_record_put(uint8_t *p, const pkl_record *r)
    size_t pkl_header_size(int32_t key_size, int32_t value_size)
    uint8_t *pkl_header_put(uint8_t *p, const pkl_header *h)
