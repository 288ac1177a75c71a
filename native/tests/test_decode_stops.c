/* What decoding leaves behind when it stops: at damage between good batches, at
 * the edges of a window, for want of room.  The columns are compared with
 * pkl_record_next, the plain reading of the same format; see also test_decode.c. */
#include <stdbool.h>

#include "check.h"
#include "pkl/decode.h"
#include "pkl/record.h"
#include "pkl/utf8.h"

enum { ROOM = 1 << 16, ROWS = 64, HEADERS = 1 << 14, NAMES = 1 << 17 };

static uint64_t state = 20111;
static int64_t below(int64_t n) { return (int64_t)(next_random(&state) % (uint64_t)n); }

/* --- batches ------------------------------------------------------------------- */

/* Around every boundary: null, inline views, varints of one, two and three bytes.
 * A batch keeps to one mood: mostly null, tiny (damage then hits the lengths), any. */
enum { NULLS, TINY, ANY, MOODS };
static int64_t mood;

static int32_t random_size(void) {
  static const int32_t sizes[] = {-1, -1, 0, 1, 3, 4, 7, 8, 11, 12, 13, 20,
                                  62, 63, 64, 65, 100, 127, 128, 300, 8191, 8200};
  if (mood == NULLS && below(12)) return -1;
  if (mood == TINY) return sizes[below(5)];
  return sizes[below(below(4) ? 19 : 22)];
}

static const uint8_t *random_bytes(void) {
  static uint8_t bytes[ROOM];
  for (int i = 0; i < 16; i++) bytes[below(ROOM)] = (uint8_t)next_random(&state);
  return bytes + below(ROOM - 8200);
}

static size_t random_headers(uint8_t *to, int32_t *count) {
  uint8_t *p = to;
  *count = below(3) ? 0 : (int32_t)below(4);
  for (int32_t i = 0; i < *count; i++) {
    pkl_header h = {random_bytes(), random_bytes(), (int32_t)below(90), random_size()};
    p = pkl_header_put(p, &h);
  }
  return (size_t)(p - to);
}

/* A sealed batch from `base_offset` on; its size. */
static size_t random_batch(uint8_t *data, int64_t base_offset) {
  uint8_t headers[4 * 8400];
  uint8_t *p = data + PKL_BATCH_HEADER;
  mood = below(MOODS);
  int32_t count = (int32_t)below(mood == TINY ? 4 : ROWS / 2), delta = -1, made = 0;
  for (; made < count && p < data + ROOM / 4; made++) {
    int32_t header_count;
    size_t size = random_headers(headers, &header_count);
    delta += 1 + (below(8) ? 0 : (int32_t)below(200));
    int64_t time = below(4) ? below(100) - 50 : (int64_t)next_random(&state) >> below(64);
    pkl_record r = {random_bytes(), random_bytes(), time, delta, random_size(),
                    random_size(), header_count, pkl_cursor_over(headers, size)};
    p = pkl_record_put(p, &r);
  }
  pkl_batch h = {.size = (size_t)(p - data),
                 .base_offset = base_offset,
                 .last_offset = base_offset + (delta < 0 ? 0 : delta) + below(3),
                 .base_timestamp = 1700000000000,
                 .max_timestamp = 1700000009999,
                 .producer_id = -1,
                 .count = made,
                 .attributes = below(5) ? 0 : PKL_ATTR_LOG_APPEND_TIME};
  pkl_batch_seal(data, &h);
  return h.size;
}

/* --- a decoder with room ------------------------------------------------------- */

static void *room(size_t size) {
  void *p = malloc(size);
  CHECK(p);
  memset(p, 0xa5, size); /* what was not written shows */
  return p;
}

static pkl_view_column column(int32_t rows) {
  return (pkl_view_column){.views = room((size_t)rows * sizeof(pkl_view)),
                           .valid = room(((size_t)rows + 7) / 8)};
}

static pkl_decoder decoder(int32_t capacity) {
  pkl_decoder d = {.capacity = capacity,
                   .offsets = room((size_t)capacity * 8),
                   .timestamps = room((size_t)capacity * 8),
                   .key = column(capacity),
                   .value = column(capacity),
                   .header_ends = room(((size_t)capacity + 1) * 4),
                   .name_ends = room((HEADERS + 1) * 4),
                   .names = room(NAMES),
                   .header_value = column(HEADERS),
                   .header_capacity = HEADERS,
                   .name_capacity = NAMES,
                   .max_bytes = INT64_MAX};
  pkl_decoder_begin(&d);
  return d;
}

static void done(pkl_decoder *d) {
  void *owned[] = {d->offsets, d->timestamps, d->key.views, d->key.valid,
                   d->value.views, d->value.valid, d->header_ends, d->name_ends,
                   d->names, d->header_value.views, d->header_value.valid};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* --- the plain reading --------------------------------------------------------- */

static void check_view(const pkl_decoder *d, const pkl_view_column *c, int32_t rows,
                       int32_t row, const uint8_t *bytes, int32_t size) {
  bool null = c->nulls == rows || (c->nulls > 0 && !(c->valid[row / 8] >> row % 8 & 1));
  CHECK(null == (size < 0));
  if (null) return;
  const pkl_view *v = &c->views[row];
  CHECK(v->size == size && c->longest >= size);
  if (size > PKL_INLINE) {
    CHECK(v->u.at.buffer == d->buffer && d->base + v->u.at.offset == bytes);
    CHECK(!memcmp(v->u.at.prefix, bytes, 4));
  } else {
    uint8_t want[12] = {0};
    if (size) memcpy(want, bytes, (size_t)size);
    CHECK(!memcmp(v->u.bytes, want, 12));
  }
}

static void check_headers(const pkl_decoder *d, int32_t row, pkl_record r) {
  if (d->header_count == 0) CHECK(r.header_count == 0);
  if (d->header_count == 0) return;
  CHECK(d->header_ends[row + 1] - d->header_ends[row] == r.header_count);
  pkl_header h;
  for (int32_t i = d->header_ends[row]; pkl_header_next(&r.headers, &h) == PKL_OK; i++) {
    static uint8_t name[NAMES];
    size_t size = pkl_utf8_copy(name, h.key, (size_t)h.key_size);
    CHECK(d->name_ends[i + 1] - d->name_ends[i] == (int32_t)size);
    CHECK(!memcmp(d->names + d->name_ends[i], name, size));
    check_view(d, &d->header_value, d->header_count, i, h.value, h.value_size);
  }
}

static bool headers_are_good(pkl_record r) {
  pkl_header h;
  for (int32_t i = 0; i < r.header_count; i++)
    if (pkl_header_next(&r.headers, &h) != PKL_OK) return false;
  return pkl_cursor_left(&r.headers) == 0;
}

/* Whether the records of the batch at `data` are good, by the rules. */
static bool are_good(const pkl_batch *b) {
  pkl_cursor c = pkl_cursor_over(b->data + PKL_BATCH_HEADER, b->size - PKL_BATCH_HEADER);
  pkl_record r;
  int64_t previous = -1;
  for (int32_t i = 0; i < b->count; i++) {
    if (pkl_record_next(&c, &r) != PKL_OK || !headers_are_good(r)) return false;
    if (r.offset_delta <= previous || r.offset_delta > b->last_offset - b->base_offset)
      return false;
    previous = r.offset_delta;
  }
  return pkl_cursor_left(&c) == 0;
}

/* That rows from *row on are the batch's records in [first, until), of which
 * there may be more than the decoder had room for. */
static void check_rows(const pkl_decoder *d, const pkl_batch *b, int32_t *row,
                       int64_t first, int64_t until) {
  pkl_cursor c = pkl_cursor_over(b->data + PKL_BATCH_HEADER, b->size - PKL_BATCH_HEADER);
  pkl_record r;
  while (*row < d->rows && pkl_record_next(&c, &r) == PKL_OK) {
    int64_t offset = b->base_offset + r.offset_delta;
    if (offset < first || offset >= until) continue;
    bool append_time = (b->attributes & PKL_ATTR_LOG_APPEND_TIME) != 0;
    uint64_t time = (uint64_t)b->base_timestamp + (uint64_t)r.timestamp_delta;
    CHECK(d->offsets[*row] == offset);
    CHECK(d->timestamps[*row] == (append_time ? b->max_timestamp : (int64_t)time));
    check_view(d, &d->key, d->rows, *row, r.key, r.key_size);
    check_view(d, &d->value, d->rows, *row, r.value, r.value_size);
    check_headers(d, *row, r);
    (*row)++;
  }
}

/* --- the tests ----------------------------------------------------------------- */

/* Mostly near the end, where a length that lies leads outside. */
static void damage(uint8_t *data, size_t size) {
  static const uint8_t nasty[] = {0, 1, 2, 3, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff};
  int64_t records = (int64_t)size - PKL_BATCH_HEADER;
  for (int64_t n = 1 + below(3); n > 0; n--) {
    int64_t range = below(3) && records > 40 ? 40 : records;
    size_t at = size - 1 - (size_t)below(range);
    data[at] = below(2) ? nasty[below(10)] : (uint8_t)next_random(&state);
  }
}

/* Between two good batches, a damaged one: both readings judge it the same, and
 * of a bad one nothing is left in the columns, which go on behind it. */
static void damaged_batches_are_judged_as_the_plain_reading_does(void) {
  uint8_t *data = room(3 * ROOM);
  int bad = 0, good = 0;
  pkl_decoder d = decoder(3 * ROWS);
  for (int i = 0; i < 100000; i++) {
    pkl_batch a, b, c;
    size_t first = random_batch(data, 10);
    CHECK(pkl_batch_parse(data, first, &a) == PKL_OK);
    size_t second = random_batch(data + first, a.last_offset + 1);
    if (second == PKL_BATCH_HEADER) continue;
    CHECK(pkl_batch_parse(data + first, second, &b) == PKL_OK);
    damage(data + first, second);
    size_t third = random_batch(data + first + second, b.last_offset + 1);
    size_t whole = first + second + third;
    /* Mostly the bad one last: behind it the sanitizer looks. */
    size_t size = below(4) ? first + second : whole;
    uint8_t *copy = exactly(data, size);
    CHECK(pkl_batch_parse(copy, first, &a) == PKL_OK);
    CHECK(pkl_batch_parse(copy + first, second, &b) == PKL_OK);

    pkl_decoder_begin(&d);
    d.next_offset = 0;
    size_t position = 0;
    pkl_status why;
    pkl_decoded stop = pkl_decode(&d, copy, &position, size, 0, INT64_MAX, &why);
    bool fine = are_good(&b);
    CHECK(stop == (fine ? PKL_DECODED_END : PKL_DECODED_CORRUPT));
    CHECK(position == (fine ? size : first));
    if (!fine && size == whole) {
      position = first + second;
      CHECK(pkl_decode(&d, copy, &position, size, 0, INT64_MAX, &why) == PKL_DECODED_END);
    }
    int32_t row = 0;
    check_rows(&d, &a, &row, 0, INT64_MAX);
    if (fine) check_rows(&d, &b, &row, 0, INT64_MAX);
    CHECK(row == a.count + (fine ? b.count : 0));
    if (size == whole) {
      CHECK(pkl_batch_parse(copy + first + second, third, &c) == PKL_OK);
      check_rows(&d, &c, &row, 0, INT64_MAX);
    }
    CHECK(row == d.rows);
    fine ? good++ : bad++;
    free(copy);
  }
  done(&d);
  CHECK(good > 1000 && bad > 1000);
  free(data);
}

static void every_window_and_every_capacity_gives_its_rows(void) {
  uint8_t *data = room(4 * ROOM);
  for (int i = 0; i < 3000; i++) {
    size_t size = 0;
    pkl_batch b[3];
    int64_t end_offset = 5;
    for (int n = 0; n < 3; n++) {
      size_t one = random_batch(data + size, end_offset);
      CHECK(pkl_batch_parse(data + size, one, &b[n]) == PKL_OK);
      end_offset = b[n].last_offset + 1;
      size += one;
    }
    int64_t first = below(end_offset + 2), until = first + below(end_offset + 2);
    int64_t want = 0, seen = 0;
    for (int n = 0; n < 3; n++) {
      pkl_cursor c = pkl_cursor_over(b[n].data + PKL_BATCH_HEADER, b[n].size - PKL_BATCH_HEADER);
      pkl_record r;
      while (pkl_record_next(&c, &r) == PKL_OK)
        want += b[n].base_offset + r.offset_delta >= first && b[n].base_offset + r.offset_delta < until;
    }
    pkl_decoder d = decoder((int32_t)(1 + below(ROWS)));
    pkl_decoded stop = PKL_DECODED_FULL;
    size_t position = 0;
    for (int64_t from = first; stop == PKL_DECODED_FULL; from = d.next_offset) {
      pkl_status why;
      pkl_decoder_begin(&d);
      stop = pkl_decode(&d, data, &position, size, from, until, &why);
      CHECK(stop == PKL_DECODED_FULL || stop == PKL_DECODED_END || stop == PKL_DECODED_UNTIL);
      CHECK(stop != PKL_DECODED_FULL || d.rows > 0);
      int32_t row = 0;
      for (int n = 0; n < 3; n++) check_rows(&d, &b[n], &row, from, until);
      CHECK(row == d.rows);
      seen += row;
    }
    CHECK(seen == want);
    done(&d);
  }
  free(data);
}

/* As its user does: enlarge, and decode the batch again into the same columns. */
static void headers_without_room_leave_nothing_behind(void) {
  uint8_t *data = room(2 * ROOM);
  int enlarged = 0;
  for (int i = 0; i < 3000; i++) {
    pkl_batch a, b;
    size_t first = random_batch(data, 10);
    CHECK(pkl_batch_parse(data, first, &a) == PKL_OK);
    size_t second = random_batch(data + first, a.last_offset + 1);
    CHECK(pkl_batch_parse(data + first, second, &b) == PKL_OK);

    pkl_decoder d = decoder(ROWS);
    d.header_capacity = (int32_t)below(12);
    d.name_capacity = (int32_t)below(2000);
    size_t position = 0;
    pkl_status why;
    while (pkl_decode(&d, data, &position, first + second, 0, INT64_MAX, &why) == PKL_DECODED_HEADERS) {
      CHECK(d.rows == (position ? a.count : 0));
      for (int32_t n = d.header_count; n > 0 && n < HEADERS; n++)
        d.header_value.valid[n / 8] |= (uint8_t)(1u << n % 8);
      d.header_capacity += 1 + (int32_t)below(20);
      d.name_capacity += 1 + (int32_t)below(2000);
      enlarged++;
    }
    int32_t row = 0;
    check_rows(&d, &a, &row, 0, INT64_MAX);
    check_rows(&d, &b, &row, 0, INT64_MAX);
    CHECK(position == first + second && row == a.count + b.count);
    done(&d);
  }
  CHECK(enlarged > 1000);
  free(data);
}

int main(void) {
  RUN(damaged_batches_are_judged_as_the_plain_reading_does);
  RUN(every_window_and_every_capacity_gives_its_rows);
  RUN(headers_without_room_leave_nothing_behind);
}
