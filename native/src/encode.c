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

static pkl_status add_headed_row(pkl_builder *b, const pkl_columns *c,
                                 int64_t row, const uint8_t *key,
                                 int64_t key_size, const uint8_t *value,
                                 int64_t value_size, int64_t timestamp) {
  int32_t count;
  int64_t size = pkl_headers_size(c, row, &count);
  if (size < 0) return PKL_INVALID;
  uint8_t *at = put_headed(b, key, key_size, value, value_size, timestamp, size,
                           count);
  if (!at) return PKL_FULL;
  int64_t from;
  int64_t to = pkl_headers_at(c, row, &from);
  for (int64_t i = from; i < to; i++) {
    const uint8_t *bytes = pkl_bytes_at(&c->header_key, i, &size);
    at = pkl_put_nullable(at, bytes, size);
    bytes = pkl_bytes_at(&c->header_value, i, &size);
    at = pkl_put_nullable(at, bytes, size);
  }
  b->size = (size_t)(at - b->data);
  return PKL_OK;
}

int64_t pkl_encode_rows(pkl_builder *b, const pkl_columns *c,
                        const int64_t *rows, int64_t offset, int64_t count,
                        int64_t now, pkl_status *status) {
  const bool timed = c->timestamp.data != NULL;
  const bool headed = c->headers.data != NULL;
  *status = PKL_OK;
  for (int64_t i = 0; i < count; i++) {
    const int64_t row = rows ? rows[i] : offset + i;
    int64_t key_size, value_size;
    const uint8_t *key = pkl_bytes_at(&c->key, row, &key_size);
    const uint8_t *value = pkl_bytes_at(&c->value, row, &value_size);
    int64_t timestamp = now;
    if (timed && !pkl_is_null(&c->timestamp, row))
      timestamp = pkl_timestamp_at(c, row);

    if (key_size < -1 || value_size < -1)
      *status = PKL_INVALID;
    else if (b->count == INT32_MAX)
      *status = PKL_FULL;
    else if (headed)
      *status = add_headed_row(b, c, row, key, key_size, value, value_size,
                               timestamp);
    else
      *status = pkl_builder_add(b, key, key_size, value, value_size, timestamp);
    if (*status != PKL_OK) return i;
  }
  return count;
}
