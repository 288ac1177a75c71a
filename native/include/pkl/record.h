/* RECORD, as it lies in a batch of magic 2 (DefaultRecord).
 *
 *   length           varint   bytes after this field
 *   attributes       int8     unused, 0
 *   timestamp_delta  varlong  to the batch's base_timestamp
 *   offset_delta     varint   to the batch's base_offset
 *   key              varint length (-1: null), bytes
 *   value            varint length (-1: null), bytes
 *   headers          varint count, then per header:
 *                      key    varint length (>= 0), UTF-8 bytes
 *                      value  varint length (-1: null), bytes
 */
#ifndef PKL_RECORD_H
#define PKL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "pkl/batch.h"
#include "pkl/cursor.h"
#include "pkl/status.h"

/* All pointers are borrowed from the records' memory. */
typedef struct pkl_record {
  const uint8_t *key; /* NULL when key_size < 0 (a null key) */
  const uint8_t *value;
  int64_t timestamp_delta;
  int32_t offset_delta;
  int32_t key_size;   /* -1: null */
  int32_t value_size; /* -1: null */
  int32_t header_count;
  pkl_cursor headers; /* exactly the headers' bytes */
} pkl_record;

typedef struct pkl_header {
  const uint8_t *key;
  const uint8_t *value;
  int32_t key_size;
  int32_t value_size; /* -1: null */
} pkl_header;

/* Reads the record at the cursor and moves behind it.  PKL_OK, PKL_END when
 * nothing is left, or PKL_CORRUPT: a length that reaches outside the record,
 * a count or size below -1, or bytes left over in the record. Headers are
 * bounded but not walked. */
pkl_status pkl_record_next(pkl_cursor *c, pkl_record *out);

/* Reads one header.  PKL_OK, PKL_END or PKL_CORRUPT. */
pkl_status pkl_header_next(pkl_cursor *c, pkl_header *out);

/* What walking all records of a batch found. */
typedef struct pkl_records_summary {
  int64_t min_timestamp;
  int64_t max_timestamp;
  int64_t max_timestamp_offset; /* of the first record that has it */
  int32_t header_records;       /* how many records have headers */
  int32_t keyless_records;      /* how many have no key */
} pkl_records_summary;

/* Walks the (uncompressed) records of a batch and its headers: `count` records
 * exactly, nothing left over, offset deltas strictly increasing and at most
 * last_offset_delta; with `dense`, they must be 0, 1, 2, ... as a producer has
 * to send them.  PKL_OK or PKL_CORRUPT. */
pkl_status pkl_records_check(const pkl_batch *batch, const uint8_t *records,
                             size_t size, int dense, pkl_records_summary *out);

/* Bytes that one record takes, its length field included.  Sizes of -1 mean
 * null; `headers_size` counts the encoded headers without their count. */
size_t pkl_record_size(int64_t timestamp_delta, int32_t offset_delta,
                       int64_t key_size, int64_t value_size,
                       int32_t header_count, size_t headers_size);

/* Writes what pkl_record_next reads; returns the new end.  `r->headers` is over
 * encoded headers, `r->header_count` of them.  The caller guarantees the room
 * (pkl_record_size), and that the record is not over INT32_MAX. */
uint8_t *pkl_record_put(uint8_t *p, const pkl_record *r);

/* The same for one header. */
size_t pkl_header_size(int32_t key_size, int32_t value_size);
uint8_t *pkl_header_put(uint8_t *p, const pkl_header *h);

#endif
