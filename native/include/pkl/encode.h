/* Rows -> one sealed record batch. */
#ifndef PKL_ENCODE_H
#define PKL_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "pkl/batch.h"
#include "pkl/columns.h"
#include "pkl/cursor.h"

/* What a record needs at most besides its key, value and headers: length,
 * attributes, timestamp delta, offset delta, three sizes. */
enum { PKL_RECORD_OVERHEAD = 5 + 1 + 10 + 5 + 5 + 5 + 5 };

/* A batch under construction, in memory of the caller. */
typedef struct pkl_builder {
  uint8_t *data;
  size_t size;     /* bytes so far, PKL_BATCH_HEADER included */
  size_t capacity; /* never exceeded */
  int64_t base_timestamp;
  int64_t min_timestamp;
  int64_t max_timestamp;
  int32_t max_timestamp_delta; /* offset delta of the first record that has it */
  int32_t count;
} pkl_builder;

void pkl_builder_begin(pkl_builder *b, uint8_t *data, size_t capacity);

/* Appends a record without headers.  A size of -1 is null.  PKL_FULL, and
 * nothing written, when it would not fit. */
static inline pkl_status pkl_builder_add(pkl_builder *b, const uint8_t *key,
                                         int64_t key_size, const uint8_t *value,
                                         int64_t value_size, int64_t timestamp);

/* The same with `count` headers, already encoded in headers[0 .. size). */
pkl_status pkl_builder_add_with_headers(pkl_builder *b, const uint8_t *key,
                                        int64_t key_size, const uint8_t *value,
                                        int64_t value_size, int64_t timestamp,
                                        const uint8_t *headers, size_t size,
                                        int32_t count);

/* Fills the batch's header (base offset 0, leader epoch 0, no producer) and
 * computes the CRC. */
void pkl_builder_seal(pkl_builder *b, int16_t attributes);

/* Appends rows[first .. count) of the columns (rows NULL: the rows themselves
 * from `offset` on) until one does not fit; returns how many were.  Rows without
 * a timestamp get `now`.  *status: PKL_OK, PKL_FULL, or PKL_INVALID for
 * contradicting data. */
int64_t pkl_encode_rows(pkl_builder *b, const pkl_columns *c,
                        const int64_t *rows, int64_t offset, int64_t count,
                        int64_t now, pkl_status *status);

/* --- inline: one record is a few nanoseconds -------------------------------- */

/* memcpy for sizes that vary around a hundred: no call, no read past the end. */
static inline uint8_t *pkl_put_bytes(uint8_t *to, const uint8_t *from, size_t n) {
  if (n >= 16 && n <= 256) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) memcpy(to + i, from + i, 16);
    memcpy(to + n - 16, from + n - 16, 16);
  } else {
    memcpy(to, from, n);
  }
  return to + n;
}

/* pkl_varlong_size and pkl_put_varlong, for numbers of mostly one or two bytes. */
static inline int64_t pkl_small_size(int64_t value) {
  uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  if (zigzag < 1 << 14) return 1 + (zigzag >= 1 << 7);
  return (int64_t)pkl_varlong_size(value);
}

static inline uint8_t *pkl_put_small(uint8_t *to, int64_t value) {
  uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  if (zigzag < 1 << 7) {
    *to++ = (uint8_t)zigzag;
    return to;
  }
  if (zigzag >= 1 << 14) return pkl_put_varlong(to, value);
  *to++ = (uint8_t)(zigzag | 0x80);
  *to++ = (uint8_t)(zigzag >> 7);
  return to;
}

static inline uint8_t *pkl_put_nullable(uint8_t *to, const uint8_t *from,
                                        int64_t n) {
  to = pkl_put_small(to, n);
  return n > 0 ? pkl_put_bytes(to, from, (size_t)n) : to;
}

/* Everything of a record up to its headers' count; room was made sure of.
 * `body`: bytes after the length field. */
static inline uint8_t *pkl_put_record(uint8_t *to, int64_t body,
                                      int64_t timestamp_delta,
                                      int32_t offset_delta, const uint8_t *key,
                                      int64_t key_size, const uint8_t *value,
                                      int64_t value_size) {
  to = pkl_put_small(to, body);
  *to++ = 0; /* attributes */
  to = pkl_put_small(to, timestamp_delta);
  to = pkl_put_small(to, offset_delta);
  to = pkl_put_nullable(to, key, key_size);
  return pkl_put_nullable(to, value, value_size);
}

static inline int64_t pkl_record_body(int64_t timestamp_delta,
                                      int32_t offset_delta, int64_t key_size,
                                      int64_t value_size) {
  return 1 + pkl_small_size(timestamp_delta) + pkl_small_size(offset_delta) +
         pkl_small_size(key_size) + pkl_small_size(value_size) +
         (key_size > 0 ? key_size : 0) + (value_size > 0 ? value_size : 0);
}

static inline void pkl_builder_count(pkl_builder *b, int64_t timestamp) {
  if (timestamp > b->max_timestamp || b->count == 0) {
    b->max_timestamp = timestamp;
    b->max_timestamp_delta = b->count;
  }
  if (timestamp < b->min_timestamp || b->count == 0) b->min_timestamp = timestamp;
  b->count++;
}

static inline pkl_status pkl_builder_add(pkl_builder *b, const uint8_t *key,
                                         int64_t key_size, const uint8_t *value,
                                         int64_t value_size, int64_t timestamp) {
  if (b->count == 0) b->base_timestamp = timestamp;
  int64_t delta = timestamp - b->base_timestamp;
  int64_t body = 1 + pkl_record_body(delta, b->count, key_size, value_size);
  if (body + pkl_small_size(body) > (int64_t)(b->capacity - b->size))
    return PKL_FULL;
  uint8_t *at = pkl_put_record(b->data + b->size, body, delta, b->count, key,
                               key_size, value, value_size);
  *at++ = 0; /* no headers */
  b->size = (size_t)(at - b->data);
  pkl_builder_count(b, timestamp);
  return PKL_OK;
}

#endif
