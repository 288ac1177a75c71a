/* Records inside a batch.  The format: pkl/record.h. */
#include "pkl/record.h"

enum { SMALLEST_HEADER = 2 }; /* two sizes of one byte each */

/* A nullable byte string: -1 is null, anything below is an error. */
static const uint8_t *take_nullable(pkl_cursor *c, int32_t *size) {
  *size = pkl_take_varint(c);
  if (*size >= 0) return pkl_take(c, (size_t)*size);
  if (*size < -1) pkl_cursor_fail(c);
  return NULL;
}

pkl_status pkl_record_next(pkl_cursor *c, pkl_record *out) {
  if (pkl_cursor_ok(c) && pkl_cursor_left(c) == 0) return PKL_END;

  int32_t length = pkl_take_varint(c);
  if (length < 0) pkl_cursor_fail(c);
  const uint8_t *body = pkl_take(c, length < 0 ? 0 : (size_t)length);
  if (!body) return PKL_CORRUPT;

  pkl_cursor r = pkl_cursor_over(body, (size_t)length);
  pkl_take(&r, 1); /* attributes: none are defined */
  out->timestamp_delta = pkl_take_varlong(&r);
  out->offset_delta = pkl_take_varint(&r);
  out->key = take_nullable(&r, &out->key_size);
  out->value = take_nullable(&r, &out->value_size);
  out->header_count = pkl_take_varint(&r);
  out->headers = r;

  size_t left = pkl_cursor_left(&r);
  bool headers_fit = out->header_count == 0
                         ? left == 0
                         : out->header_count > 0 &&
                               (size_t)out->header_count <= left / SMALLEST_HEADER;
  if (!pkl_cursor_ok(&r) || !headers_fit) {
    pkl_cursor_fail(c);
    return PKL_CORRUPT;
  }
  return PKL_OK;
}

pkl_status pkl_header_next(pkl_cursor *c, pkl_header *out) {
  if (pkl_cursor_ok(c) && pkl_cursor_left(c) == 0) return PKL_END;
  out->key = take_nullable(c, &out->key_size);
  if (out->key_size < 0) pkl_cursor_fail(c);
  out->value = take_nullable(c, &out->value_size);
  return pkl_cursor_ok(c) ? PKL_OK : PKL_CORRUPT;
}

static pkl_status check_headers(pkl_record *r) {
  pkl_header h;
  for (int32_t i = 0; i < r->header_count; i++)
    if (pkl_header_next(&r->headers, &h) != PKL_OK) return PKL_CORRUPT;
  return pkl_cursor_left(&r->headers) == 0 ? PKL_OK : PKL_CORRUPT;
}

pkl_status pkl_records_check(const pkl_batch *batch, const uint8_t *records,
                             size_t size, int dense, pkl_records_summary *out) {
  bool append_time = (batch->attributes & PKL_ATTR_LOG_APPEND_TIME) != 0;
  int64_t last_delta = batch->last_offset - batch->base_offset;
  int64_t previous = -1;
  pkl_cursor c = pkl_cursor_over(records, size);
  pkl_record r;

  *out = (pkl_records_summary){-1, -1, -1, 0, 0};
  for (int32_t i = 0; i < batch->count; i++) {
    if (pkl_record_next(&c, &r) != PKL_OK) return PKL_CORRUPT;
    if (r.offset_delta <= previous || r.offset_delta > last_delta)
      return PKL_CORRUPT;
    if (dense && r.offset_delta != i) return PKL_CORRUPT;
    previous = r.offset_delta;

    int64_t timestamp = batch->max_timestamp;
    if (!append_time && __builtin_add_overflow(batch->base_timestamp,
                                               r.timestamp_delta, &timestamp))
      return PKL_CORRUPT;
    if (i == 0 || timestamp < out->min_timestamp) out->min_timestamp = timestamp;
    if (i == 0 || timestamp > out->max_timestamp) {
      out->max_timestamp = timestamp;
      out->max_timestamp_offset = batch->base_offset + r.offset_delta;
    }
    if (r.key_size < 0) out->keyless_records++;
    if (r.header_count > 0) {
      out->header_records++;
      if (check_headers(&r) != PKL_OK) return PKL_CORRUPT;
    }
  }
  return pkl_cursor_left(&c) == 0 ? PKL_OK : PKL_CORRUPT;
}

static size_t body_size(int64_t timestamp_delta, int32_t offset_delta,
                        int64_t key_size, int64_t value_size,
                        int32_t header_count, size_t headers_size) {
  return 1 + pkl_varlong_size(timestamp_delta) +
         pkl_varlong_size(offset_delta) + pkl_varlong_size(key_size) +
         (key_size > 0 ? (size_t)key_size : 0) + pkl_varlong_size(value_size) +
         (value_size > 0 ? (size_t)value_size : 0) +
         pkl_varlong_size(header_count) + headers_size;
}

size_t pkl_record_size(int64_t timestamp_delta, int32_t offset_delta,
                       int64_t key_size, int64_t value_size,
                       int32_t header_count, size_t headers_size) {
  size_t body = body_size(timestamp_delta, offset_delta, key_size, value_size,
                          header_count, headers_size);
  return pkl_varlong_size((int64_t)body) + body;
}

static uint8_t *put_bytes(uint8_t *p, const uint8_t *data, size_t size) {
  if (size) memcpy(p, data, size); /* no data may well be NULL */
  return p + size;
}

static uint8_t *put_nullable(uint8_t *p, const uint8_t *data, int32_t size) {
  p = pkl_put_varlong(p, size);
  return put_bytes(p, data, size > 0 ? (size_t)size : 0);
}

uint8_t *pkl_record_put(uint8_t *p, const pkl_record *r) {
  size_t headers = pkl_cursor_left(&r->headers);
  size_t body = body_size(r->timestamp_delta, r->offset_delta, r->key_size,
                          r->value_size, r->header_count, headers);
  p = pkl_put_varlong(p, (int64_t)body);
  *p++ = 0; /* attributes */
  p = pkl_put_varlong(p, r->timestamp_delta);
  p = pkl_put_varlong(p, r->offset_delta);
  p = put_nullable(p, r->key, r->key_size);
  p = put_nullable(p, r->value, r->value_size);
  p = pkl_put_varlong(p, r->header_count);
  return put_bytes(p, r->headers.at, headers);
}

size_t pkl_header_size(int32_t key_size, int32_t value_size) {
  return pkl_varlong_size(key_size) + (size_t)key_size +
         pkl_varlong_size(value_size) +
         (value_size > 0 ? (size_t)value_size : 0);
}

uint8_t *pkl_header_put(uint8_t *p, const pkl_header *h) {
  p = put_nullable(p, h->key, h->key_size);
  return put_nullable(p, h->value, h->value_size);
}
