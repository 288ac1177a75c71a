"""columns.h, encode.h, decode.h, export.h and partitioner.h, word for word; and what their modules share."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from pykafkalite._core.native cimport pkl_batch, pkl_status


cdef extern from "pkl/arrow.h" nogil:
    enum:
        PKL_INLINE

    struct ArrowSchema:
        void (*release)(ArrowSchema *)

    struct ArrowArray:
        int64_t length
        void (*release)(ArrowArray *) noexcept

    ctypedef struct pkl_view:
        int32_t size


cdef extern from "pkl/partitioner.h" nogil:
    int32_t pkl_murmur2(const uint8_t *data, size_t size)
    int32_t pkl_partition_for_key(const uint8_t *key, size_t size, int32_t partitions)


cdef extern from "pkl/columns.h" nogil:
    enum:
        PKL_PROBLEM

    ctypedef enum pkl_layout:
        PKL_ABSENT

    ctypedef struct pkl_bytes_column:
        pkl_layout layout

    ctypedef struct pkl_fixed_column:
        const void *data

    ctypedef struct pkl_columns:
        int64_t rows
        pkl_bytes_column value
        pkl_bytes_column key
        pkl_fixed_column timestamp
        pkl_fixed_column partition
        pkl_fixed_column headers

    ctypedef struct pkl_columns_facts:
        int64_t min_timestamp
        int64_t max_timestamp
        int64_t row
        int64_t size

    ctypedef enum pkl_columns_fault:
        PKL_COLUMNS_GOOD
        PKL_COLUMNS_TOO_LARGE
        PKL_COLUMNS_PARTITION
        PKL_COLUMNS_TIMESTAMP
        PKL_COLUMNS_DATA

    pkl_status pkl_columns_import(const ArrowSchema *schema, const ArrowArray *array, pkl_columns *out, char *problem)
    pkl_columns_fault pkl_columns_check(const pkl_columns *c, int64_t max_bytes, int32_t partitions,
                                        pkl_columns_facts *out)
    int64_t pkl_timestamp_at(const pkl_columns *c, int64_t row)
    int32_t pkl_partition_at(const pkl_columns *c, int64_t row)
    int64_t pkl_row_batch_size(const pkl_columns *c, int64_t row)
    void pkl_columns_route(const pkl_columns *c, int32_t partitions, int32_t sticky, int32_t *targets, int64_t *counts)
    void pkl_columns_group(const int32_t *targets, int64_t rows, int32_t partitions, const int64_t *counts,
                           int64_t *ends, int64_t *grouped)


cdef extern from "pkl/encode.h" nogil:
    enum:
        PKL_RECORD_OVERHEAD

    ctypedef struct pkl_builder:
        uint8_t *data
        size_t size
        size_t capacity
        int64_t base_timestamp
        int64_t min_timestamp
        int64_t max_timestamp
        int32_t max_timestamp_delta
        int32_t count

    void pkl_builder_begin(pkl_builder *b, uint8_t *data, size_t capacity)
    pkl_status pkl_builder_add(pkl_builder *b, const uint8_t *key, int64_t key_size, const uint8_t *value,
                               int64_t value_size, int64_t timestamp)
    pkl_status pkl_builder_add_with_headers(pkl_builder *b, const uint8_t *key, int64_t key_size, const uint8_t *value,
                                            int64_t value_size, int64_t timestamp, const uint8_t *headers, size_t size,
                                            int32_t count)
    void pkl_builder_seal(pkl_builder *b, int16_t attributes)
    int64_t pkl_encode_rows(pkl_builder *b, const pkl_columns *c, const int64_t *rows, int64_t offset, int64_t count,
                            int64_t now, pkl_status *status)


cdef extern from "pkl/decode.h" nogil:
    ctypedef struct pkl_view_column:
        pkl_view *views
        uint8_t *valid
        int32_t nulls
        int32_t longest

    ctypedef struct pkl_decoder:
        int32_t capacity
        int32_t rows
        int64_t *offsets
        int64_t *timestamps
        pkl_view_column key
        pkl_view_column value
        int32_t *header_ends
        int32_t *name_ends
        uint8_t *names
        pkl_view_column header_value
        int32_t header_capacity
        int32_t header_count
        int32_t name_capacity
        int32_t name_size
        int32_t buffer
        const uint8_t *base
        const uint8_t *limit
        int64_t max_bytes
        int64_t bytes
        int64_t next_offset
        int check_crc

    ctypedef enum pkl_decoded:
        PKL_DECODED_END
        PKL_DECODED_FULL
        PKL_DECODED_UNTIL
        PKL_DECODED_COMPRESSED
        PKL_DECODED_CORRUPT
        PKL_DECODED_TRUNCATED
        PKL_DECODED_HEADERS
        PKL_DECODED_SLICE

    pkl_decoded pkl_decode(pkl_decoder *d, const uint8_t *data, size_t *position, size_t end, int64_t first,
                           int64_t until, pkl_status *why)
    pkl_decoded pkl_decode_records(pkl_decoder *d, const uint8_t *data, size_t *position, size_t end,
                                   const uint8_t *records, size_t size, int64_t first, int64_t until, pkl_status *why)
    void pkl_decoder_begin(pkl_decoder *d)


cdef extern from "pkl/export.h" nogil:
    ctypedef enum pkl_column:
        PKL_COLUMN_TOPIC
        PKL_COLUMN_PARTITION
        PKL_COLUMN_OFFSET
        PKL_COLUMN_TIMESTAMP
        PKL_COLUMN_KEY
        PKL_COLUMN_VALUE
        PKL_COLUMN_HEADERS
        PKL_COLUMNS

    ctypedef struct pkl_span:
        const uint8_t *data
        int64_t size

    const uint8_t *pkl_view_bytes(const pkl_view *view, const pkl_span *spans)

    ctypedef struct pkl_constants:
        const void *zeros
        const int32_t *partition
        const uint8_t *topic
        const int32_t *topic_ends

    pkl_status pkl_export(const pkl_decoder *d, const pkl_constants *constants, const pkl_span *spans,
                          size_t span_count, const pkl_column *columns, size_t count, void (*release)(void *) noexcept,
                          void *owner, ArrowArray *out)


cdef class Encoded:
    cdef uint8_t *data
    cdef size_t capacity
    cdef readonly Py_ssize_t size
    cdef readonly int32_t count
    cdef readonly int64_t min_timestamp
    cdef readonly int64_t max_timestamp
    cdef readonly int32_t max_timestamp_offset_delta

    @staticmethod
    cdef Encoded adopt(pkl_builder *builder, size_t capacity)
