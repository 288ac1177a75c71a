#include "check.h"
#include "pkl/decode.h"
#include "pkl/encode.h"
#include "pkl/export.h"
#include "pkl/record.h"

enum { ROOM = 1 << 14, MOST_ROWS = 64 };

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t below(uint32_t n) { return (uint32_t)(next_random(&seed) % n); }

/* --- a decoder whose arrays end where the sanitizer looks --- */

static void make(pkl_decoder *d, int32_t capacity) {
  size_t rows = (size_t)capacity;
  memset(d, 0, sizeof *d);
  d->capacity = capacity;
  d->offsets = malloc(rows * 8);
  d->timestamps = malloc(rows * 8);
  d->key.views = malloc(rows * sizeof(pkl_view));
  d->key.valid = malloc((rows + 7) / 8);
  d->value.views = malloc(rows * sizeof(pkl_view));
  d->value.valid = malloc((rows + 7) / 8);
  d->header_ends = malloc((rows + 1) * 4);
  d->max_bytes = 1 << 20;
}

static void more_headers(pkl_decoder *d) {
  size_t n = d->header_capacity ? 2 * (size_t)d->header_capacity : 1;
  uint8_t *valid = malloc((n + 7) / 8);
  memset(valid, 0xff, (n + 7) / 8);
  if (d->header_value.valid)
    memcpy(valid, d->header_value.valid, ((size_t)d->header_capacity + 7) / 8);
  free(d->header_value.valid);
  d->header_value.valid = valid;
  d->name_ends = realloc(d->name_ends, (n + 1) * 4);
  d->names = realloc(d->names, n * 40);
  d->header_value.views = realloc(d->header_value.views, n * sizeof(pkl_view));
  d->header_capacity = (int32_t)n;
  d->name_capacity = (int32_t)n * 40;
}

static void unmake(pkl_decoder *d) {
  free(d->offsets);
  free(d->timestamps);
  free(d->key.views);
  free(d->key.valid);
  free(d->value.views);
  free(d->value.valid);
  free(d->header_ends);
  free(d->name_ends);
  free(d->names);
  free(d->header_value.views);
  free(d->header_value.valid);
}

static pkl_decoded decode(pkl_decoder *d, const uint8_t *data, size_t *position,
                          size_t end, int64_t first, int64_t until) {
  pkl_status why;
  pkl_decoded state;
  while ((state = pkl_decode(d, data, position, end, first, until, &why)) ==
         PKL_DECODED_HEADERS)
    more_headers(d);
  return state;
}

/* --- batches of all shapes --- */

static size_t random_size(void) {
  static const uint32_t bounds[] = {2, 13, 70, 300};
  return below(bounds[below(4)]);
}

static void add_random(pkl_builder *b, const uint8_t *noise) {
  uint8_t headers[2048], *end = headers;
  int32_t count = below(4) ? 0 : (int32_t)below(4);
  for (int32_t i = 0; i < count; i++) {
    int32_t value = below(3) ? (int32_t)random_size() : -1;
    pkl_header h = {noise, noise + 7, (int32_t)below(20), value};
    if (value < 0) h.value = NULL;
    end = pkl_header_put(end, &h);
  }
  int64_t key = below(3) ? -1 : (int64_t)random_size();
  int64_t value = below(8) ? (int64_t)random_size() : -1;
  int64_t time = 1700000000000 + (int64_t)below(below(2) ? 50 : 100000) - 20;
  const uint8_t *at = noise + below(200);
  pkl_status st =
      count ? pkl_builder_add_with_headers(b, at, key, at + 3, value, time, headers,
                                           (size_t)(end - headers), count)
            : pkl_builder_add(b, at, key, at + 3, value, time);
  CHECK(st == PKL_OK || st == PKL_FULL);
}

static size_t random_batch(uint8_t *data, int64_t base_offset) {
  static uint8_t noise[1024];
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)below(256);
  pkl_builder b;
  pkl_builder_begin(&b, data, ROOM);
  do add_random(&b, noise);
  while (below(20) && b.count < MOST_ROWS);
  pkl_builder_seal(&b, below(10) ? 0 : PKL_ATTR_LOG_APPEND_TIME);
  pkl_batch_stamp(data, base_offset, 3);
  return b.size;
}

/* --- the reference: record.h --- */

static bool null_at(const pkl_view_column *c, int32_t row, int32_t rows) {
  if (c->nulls == 0) return false;
  return c->nulls == rows || !pkl_bit(c->valid, row);
}

static void same_bytes(const pkl_view_column *c, int32_t row, int32_t rows,
                       const pkl_span *span, const uint8_t *data, int32_t size) {
  CHECK(null_at(c, row, rows) == (size < 0));
  if (size < 0) return;
  const pkl_view *v = &c->views[row];
  CHECK(v->size == size);
  CHECK(!memcmp(pkl_view_bytes(v, span), data, (size_t)size));
  if (size <= PKL_INLINE) {
    for (int i = size; i < PKL_INLINE; i++) CHECK(v->u.bytes[i] == 0);
  } else {
    CHECK(pkl_view_bytes(v, span) == data); /* not a copy */
    CHECK(!memcmp(v->u.at.prefix, data, 4));
    CHECK(v->u.at.offset + size <= span->size);
  }
}

/* The columns of `d`, from `row` on, are the records of `b`. */
static void same_records(const pkl_decoder *d, const pkl_batch *b, int32_t row) {
  pkl_span span = {d->base, d->base ? d->limit - d->base : 0};
  pkl_cursor c =
      pkl_cursor_over(b->data + PKL_BATCH_HEADER, b->size - PKL_BATCH_HEADER);
  int32_t header = 0;
  pkl_record r;
  for (; pkl_record_next(&c, &r) == PKL_OK; row++) {
    CHECK(d->offsets[row] == b->base_offset + r.offset_delta);
    CHECK(d->timestamps[row] ==
          (b->attributes & PKL_ATTR_LOG_APPEND_TIME
               ? b->max_timestamp
               : (int64_t)((uint64_t)b->base_timestamp +
                           (uint64_t)r.timestamp_delta)));
    same_bytes(&d->key, row, d->rows, &span, r.key, r.key_size);
    same_bytes(&d->value, row, d->rows, &span, r.value, r.value_size);
    pkl_header h;
    while (pkl_header_next(&r.headers, &h) == PKL_OK)
      same_bytes(&d->header_value, header++, d->header_count, &span, h.value,
                 h.value_size);
    CHECK(d->header_count == 0 || d->header_ends[row + 1] == header);
  }
  CHECK(row == d->rows && header == d->header_count);
}

/* One batch, damaged or not, alone: the decoder and record.h must agree. */
static void agree(const uint8_t *data, size_t size) {
  pkl_batch b;
  pkl_records_summary summary;
  pkl_decoder d;
  make(&d, MOST_ROWS);
  size_t position = 0;
  pkl_decoded state = decode(&d, data, &position, size, 0, INT64_MAX);

  pkl_status parsed = pkl_batch_parse(data, size, &b);
  if (parsed == PKL_TRUNCATED) {
    CHECK(state == PKL_DECODED_TRUNCATED);
  } else if (parsed != PKL_OK) {
    CHECK(state == PKL_DECODED_CORRUPT);
  } else if (b.attributes & PKL_ATTR_CONTROL) {
    CHECK(d.rows == 0 && state != PKL_DECODED_COMPRESSED);
  } else if (b.attributes & PKL_ATTR_CODEC) {
    CHECK(state == PKL_DECODED_COMPRESSED);
  } else if (b.count <= MOST_ROWS) {
    pkl_status good =
        pkl_records_check(&b, data + PKL_BATCH_HEADER, b.size - PKL_BATCH_HEADER,
                          0, &summary);
    CHECK((good == PKL_OK) == (state != PKL_DECODED_CORRUPT || position > 0));
    if (good == PKL_OK && b.size == size)
      same_records(&d, &b, 0);
    else if (good != PKL_OK)
      CHECK(d.rows == 0 && position == 0);
  }
  unmake(&d);
}

static void whole_batches_give_the_records_that_record_h_reads(void) {
  static uint8_t data[ROOM];
  for (int i = 0; i < 3000; i++) {
    size_t size = random_batch(data, below(1000));
    uint8_t *copy = exactly(data, size);
    agree(copy, size);
    free(copy);
  }
}

static void damaged_batches_are_refused_where_record_h_refuses_them(void) {
  static uint8_t data[ROOM];
  for (int i = 0; i < 4000; i++) {
    size_t size = random_batch(data, 5);
    for (int damage = 0; damage < 12; damage++) {
      uint8_t *copy = exactly(data, size);
      size_t from = below(5) ? PKL_BATCH_HEADER : 0;
      for (uint32_t n = 1 + below(3); n; n--) {
        size_t at = from + below((uint32_t)(size - from));
        static const uint8_t nasty[] = {0, 1, 2, 0x7f, 0x80, 0xff};
        copy[at] = below(2) ? nasty[below(6)] : (uint8_t)below(256);
      }
      agree(copy, size);
      free(copy);
    }
  }
}

/* Headers last, so that what reaches too far reaches behind the memory. */
static size_t headers_last(uint8_t *data) {
  uint8_t headers[64];
  pkl_builder b;
  pkl_builder_begin(&b, data, ROOM);
  for (int i = 0; i < 4; i++) pkl_builder_add(&b, data, 2, data, 30, 1000 * i);
  pkl_header h = {data, data, 3, 14};
  uint8_t *end = pkl_header_put(headers, &h);
  h.value_size = 2;
  end = pkl_header_put(end, &h);
  pkl_builder_add_with_headers(&b, data, 2, data, 5, 9, headers,
                               (size_t)(end - headers), 2);
  pkl_builder_seal(&b, 0);
  return b.size;
}

static void every_byte_may_have_every_value(void) {
  static uint8_t data[ROOM];
  size_t size = headers_last(data);
  for (size_t at = 0; at < size; at++)
    for (int value = 0; value < 256; value++) {
      uint8_t *copy = exactly(data, size);
      copy[at] = (uint8_t)value;
      agree(copy, size);
      free(copy);
    }
}

static void a_log_cut_anywhere_is_never_read_behind_its_end(void) {
  static uint8_t data[ROOM];
  size_t size = random_batch(data, 0);
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *copy = exactly(data, cut);
    size_t position = 0;
    pkl_decoder d;
    make(&d, MOST_ROWS);
    CHECK(decode(&d, copy, &position, cut, 0, INT64_MAX) ==
          (cut ? PKL_DECODED_TRUNCATED : PKL_DECODED_END));
    CHECK(d.rows == 0 && position == 0);
    unmake(&d);
    free(copy);
  }
}

/* Several batches, damaged, decoded in many small steps with odd bounds: the
 * decoder goes forward and stays inside, whatever it meets. */
static void any_bytes_in_any_steps_are_survived(void) {
  static uint8_t data[8 * ROOM];
  for (int i = 0; i < 1500; i++) {
    size_t size = 0;
    for (int b = 0; b < 4; b++) size += random_batch(data + size, 100 * b);
    for (uint32_t n = below(4); n; n--) data[below((uint32_t)size)] ^= (uint8_t)below(256);
    uint8_t *copy = exactly(data, size);

    pkl_decoder d;
    make(&d, 1 + (int32_t)below(MOST_ROWS));
    d.max_bytes = 1 + below(2000);
    size_t position = 0;
    int64_t first = below(3) ? 0 : below(400), until = below(3) ? INT64_MAX : below(400);
    d.next_offset = first;
    for (int step = 0; step < 400; step++) {
      int64_t before = d.next_offset;
      pkl_decoded state = decode(&d, copy, &position, size, d.next_offset, until);
      CHECK(position <= size && d.rows <= d.capacity && d.next_offset >= before);
      for (int32_t r = 1; r < d.rows; r++) CHECK(d.offsets[r] > d.offsets[r - 1]);
      if (d.rows) CHECK(d.offsets[0] >= first && d.offsets[d.rows - 1] < until);
      if (state != PKL_DECODED_FULL && state != PKL_DECODED_SLICE) break;
      CHECK(state == PKL_DECODED_SLICE || d.rows > 0);
      pkl_decoder_begin(&d);
    }
    unmake(&d);
    free(copy);
  }
}

static void columns_that_are_not_asked_for_are_not_written(void) {
  static uint8_t data[ROOM];
  size_t size = random_batch(data, 0), position = 0;
  pkl_decoder d = {.capacity = MOST_ROWS, .max_bytes = 1 << 20};
  CHECK(decode(&d, data, &position, size, 0, INT64_MAX) == PKL_DECODED_END);
  CHECK(d.rows > 0 && d.header_count == 0 && d.key.nulls == 0);
}

static void control_batches_alone_do_not_keep_the_caller_waiting(void) {
  static uint8_t data[64 * 100];
  pkl_builder b;
  size_t size = 0, position = 0;
  for (int i = 0; i < 50; i++, size += b.size) {
    pkl_builder_begin(&b, data + size, 100);
    pkl_builder_add(&b, NULL, -1, NULL, -1, 0);
    pkl_builder_seal(&b, PKL_ATTR_CONTROL);
    pkl_batch_stamp(data + size, i, 0);
  }
  pkl_decoder d;
  make(&d, 4);
  d.max_bytes = 1000;
  CHECK(decode(&d, data, &position, size, 0, INT64_MAX) == PKL_DECODED_SLICE);
  CHECK(position > 1000 && position < 1200 && d.rows == 0);
  while (decode(&d, data, &position, size, 0, INT64_MAX) == PKL_DECODED_SLICE) continue;
  CHECK(position == size && d.next_offset == 50);
  unmake(&d);
}

int main(void) {
  RUN(whole_batches_give_the_records_that_record_h_reads);
  RUN(damaged_batches_are_refused_where_record_h_refuses_them);
  RUN(every_byte_may_have_every_value);
  RUN(a_log_cut_anywhere_is_never_read_behind_its_end);
  RUN(any_bytes_in_any_steps_are_survived);
  RUN(columns_that_are_not_asked_for_are_not_written);
  RUN(control_batches_alone_do_not_keep_the_caller_waiting);
  return 0;
}
