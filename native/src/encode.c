/* Rows -> one sealed record batch: pkl/encode.h. */
#include "pkl/encode.h"

#include <string.h>

void pkl_builder_begin(pkl_builder *b, uint8_t *data, size_t capacity) {
  *b = (pkl_builder){.data = data,
                     .size = PKL_BATCH_HEADER,
                     .capacity = capacity,
                     .base_timestamp = -1,
                     .min_timestamp = -1,
                     .max_timestamp = -1};
}

void pkl_builder_seal(pkl_builder *b, int16_t attributes) {
  pkl_batch_seal(b->data, &(pkl_batch){.size = b->size,
                                       .last_offset = b->count - 1,
                                       .base_timestamp = b->base_timestamp,
                                       .max_timestamp = b->max_timestamp,
                                       .producer_id = -1,
                                       .producer_epoch = -1,
                                       .base_sequence = -1,
                                       .count = b->count,
                                       .attributes = attributes});
}

/* The record up to its headers, of `headers_size` bytes; NULL: it does not fit. */
static uint8_t *put_headed(pkl_builder *b, const uint8_t *key, int64_t key_size,
                           const uint8_t *value, int64_t value_size,
                           int64_t timestamp, int64_t headers_size,
                           int32_t count) {
  if (b->count == 0) b->base_timestamp = timestamp;
  int64_t delta = timestamp - b->base_timestamp;
  int64_t body = pkl_record_body(delta, b->count, key_size, value_size) +
                 (int64_t)pkl_varlong_size(count) + headers_size;
  if (body + (int64_t)pkl_varlong_size(body) > (int64_t)(b->capacity - b->size))
    return NULL;
  uint8_t *at = pkl_put_record(b->data + b->size, body, delta, b->count, key,
                               key_size, value, value_size);
  pkl_builder_count(b, timestamp);
  return pkl_put_varlong(at, count);
}

pkl_status pkl_builder_add_with_headers(pkl_builder *b, const uint8_t *key,
                                        int64_t key_size, const uint8_t *value,
                                        int64_t value_size, int64_t timestamp,
                                        const uint8_t *headers, size_t size,
                                        int32_t count) {
  uint8_t *at = put_headed(b, key, key_size, value, value_size, timestamp,
                           (int64_t)size, count);
  if (!at) return PKL_FULL;
  memcpy(at, headers, size);
  b->size = (size_t)(at - b->data) + size;
  return PKL_OK;
}

/* A row of the columns, but for its headers. */
typedef struct row {
  const uint8_t *key, *value;
  int64_t key_size, value_size, timestamp;
} row;

/* Rows come one behind the other more often than not: asking for what lies a page ahead lets a row from
 * memory that is not in the cache be encoded in 12.5 ns, not 16.3. */
enum { AHEAD = 4096 };

/* PKL_INVALID: the row's Arrow data contradict each other; PKL_FULL: a batch counts no further. */
static inline pkl_status row_at(const pkl_columns *c, int64_t number, int64_t now,
                                int32_t count, row *out) {
  out->key = pkl_bytes_at(&c->key, number, &out->key_size);
  out->value = pkl_bytes_at(&c->value, number, &out->value_size);
  __builtin_prefetch((const void *)((uintptr_t)out->value + AHEAD));
  out->timestamp = now;
  if (!pkl_is_null(&c->timestamp, number))
    out->timestamp = pkl_timestamp_at(c, number);
  if (out->key_size < -1 || out->value_size < -1) return PKL_INVALID;
  return count == INT32_MAX ? PKL_FULL : PKL_OK;
}

static pkl_status add_headed_row(pkl_builder *b, const pkl_columns *c,
                                 int64_t number, const row *r) {
  int32_t count;
  int64_t size = pkl_headers_size(c, number, &count);
  if (size < 0) return PKL_INVALID;
  uint8_t *at = put_headed(b, r->key, r->key_size, r->value, r->value_size,
                           r->timestamp, size, count);
  if (!at) return PKL_FULL;
  int64_t from;
  int64_t to = pkl_headers_at(c, number, &from);
  for (int64_t i = from; i < to; i++) {
    const uint8_t *bytes = pkl_bytes_at(&c->header_key, i, &size);
    at = pkl_put_nullable(at, bytes, size);
    bytes = pkl_bytes_at(&c->header_value, i, &size);
    at = pkl_put_nullable(at, bytes, size);
  }
  b->size = (size_t)(at - b->data);
  return PKL_OK;
}

static int64_t encode_headed(pkl_builder *b, const pkl_columns *c,
                             const int64_t *rows, int64_t offset, int64_t count,
                             int64_t now, pkl_status *status) {
  *status = PKL_OK;
  for (int64_t i = 0; i < count; i++) {
    const int64_t number = rows ? rows[i] : offset + i;
    row r;
    *status = row_at(c, number, now, b->count, &r);
    if (*status == PKL_OK) *status = add_headed_row(b, c, number, &r);
    if (*status != PKL_OK) return i;
  }
  return count;
}

/* Without headers the loop is a few nanoseconds.  It works on copies that have no other address: a byte stored
 * may change anything that has one, which then is read again (9.0 ns a row, 7.7 on copies). */
static int64_t encode_plain(pkl_builder *builder, const pkl_columns *columns,
                            const int64_t *rows, int64_t offset, int64_t count,
                            int64_t now, pkl_status *status) {
  pkl_builder b = *builder;
  const pkl_columns c = *columns;
  pkl_status last = PKL_OK;
  int64_t i = 0;
  for (; i < count; i++) {
    row r;
    last = row_at(&c, rows ? rows[i] : offset + i, now, b.count, &r);
    if (last == PKL_OK)
      last = pkl_builder_add(&b, r.key, r.key_size, r.value, r.value_size,
                             r.timestamp);
    if (last != PKL_OK) break;
  }
  *builder = b;
  *status = last;
  return i;
}

int64_t pkl_encode_rows(pkl_builder *b, const pkl_columns *c,
                        const int64_t *rows, int64_t offset, int64_t count,
                        int64_t now, pkl_status *status) {
  return (c->headers.data ? encode_headed : encode_plain)(
      b, c, rows, offset, count, now, status);
}
