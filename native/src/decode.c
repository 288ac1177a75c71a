/* Batches -> columns: pkl/decode.h.  The format: pkl/batch.h, pkl/record.h.
 *
 * The walk over records is written out here instead of calling pkl_record_next
 * because it is the hottest loop there is (six nanoseconds a record); the tests
 * compare the two on everything they can think of.
 */
#include "pkl/decode.h"

#include <string.h>

#include "pkl/cursor.h"
#include "pkl/utf8.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* --- varints ------------------------------------------------------------- */

/* Longer varints, the last bytes of a record, and whatever is wrong. */
static __attribute__((noinline)) const uint8_t *slow_varlong(const uint8_t *at, const uint8_t *end,
                                                             int64_t *out) {
  pkl_cursor c = pkl_cursor_over(at, (size_t)(end - at));
  *out = pkl_take_varlong(&c);
  return pkl_cursor_ok(&c) ? c.at : NULL;
}

static inline int64_t unzigzag(uint32_t v) {
  return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Reads a varint below `end`; NULL when there is none.  One and two bytes are
 * told apart by arithmetic: sizes around 64 would be mispredicted otherwise. */
static inline const uint8_t *take(const uint8_t *at, const uint8_t *end,
                                  int64_t *out) {
  if (likely(end - at >= 2)) {
    uint32_t low = at[0], high = at[1];
    uint32_t two = low >> 7;
    if (likely((two & (high >> 7)) == 0)) {
      *out = unzigzag((low & 0x7f) | ((high & (0 - two)) << 7));
      return at + 1 + two;
    }
  } else if (likely(end > at && *at < 0x80)) {
    *out = unzigzag(*at);
    return at + 1;
  }
  return slow_varlong(at, end, out);
}

/* --- views --------------------------------------------------------------- */

static inline void set_bits(uint8_t *bits, int32_t from, int32_t to) {
  for (; from < to; from++) bits[from >> 3] |= (uint8_t)(1u << (from & 7));
}

static inline void clear_bit(uint8_t *bits, int32_t at) {
  bits[at >> 3] &= (uint8_t)~(1u << (at & 7));
}

static inline size_t bitmap_size(int32_t rows) {
  return ((size_t)rows + 7) / 8;
}

/* The first value after nothing but nulls: what was left out is written now. */
static __attribute__((noinline)) void after_nulls(pkl_view_column *c, int32_t row, int32_t capacity) {
  memset(c->valid, 0xff, bitmap_size(capacity));
  memset(c->valid, 0, (size_t)row >> 3);
  for (int32_t i = row & ~7; i < row; i++) clear_bit(c->valid, i);
  memset(c->views, 0, (size_t)row * sizeof *c->views);
}

/* A null after values. */
static __attribute__((noinline)) void put_null_between(pkl_view_column *c, int32_t row, int32_t capacity) {
  if (c->nulls == 0) memset(c->valid, 0xff, bitmap_size(capacity));
  clear_bit(c->valid, row);
  memset(&c->views[row], 0, sizeof *c->views);
  c->nulls++;
}

static inline uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline uint32_t load32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* Up to 12 bytes into a view, zeros behind them: by loads that overlap, because
 * a memcpy of a varying size costs more than the rest of a row. */
static inline void put_inline(uint64_t words[2], const uint8_t *at, uint32_t n) {
  uint64_t low = 0, high = 0; /* bytes 0-7 and 8-11 */
  if (n >= 8) {
    low = load64(at);
    high = load64(at + n - 8) >> (8 * (16 - n) - 1) >> 1;
  } else if (n >= 4) {
    low = load32(at) | (uint64_t)load32(at + n - 4) >> (8 * (8 - n)) << 32;
  } else if (n > 0) {
    low = at[0] | (uint64_t)at[n >> 1] << (8 * (n >> 1)) |
          (uint64_t)at[n - 1] << (8 * (n - 1));
  }
  words[0] = n | low << 32;
  words[1] = low >> 32 | high << 32;
}

/* `size` bytes at `at`, in the buffer that begins at `base`. */
static inline void put_view(pkl_view *view, const uint8_t *at, uint32_t size,
                            uint32_t buffer, const uint8_t *base) {
  uint64_t words[2];
  if (likely(size > PKL_INLINE)) {
    words[0] = size | (uint64_t)load32(at) << 32;
    words[1] = buffer | (uint64_t)(uint32_t)(at - base) << 32;
  } else {
    put_inline(words, at, size);
  }
  memcpy(view, words, sizeof words);
}

static inline void put_bytes(pkl_view_column *c, int32_t row, int32_t capacity,
                             const uint8_t *at, int64_t size, uint32_t buffer,
                             const uint8_t *base) {
  if (size < 0) {
    if (likely(c->nulls == row))
      c->nulls = row + 1;
    else
      put_null_between(c, row, capacity);
    return;
  }
  if (unlikely(c->nulls == row) && row) after_nulls(c, row, capacity);
  if (size > c->longest) c->longest = (int32_t)size;
  put_view(&c->views[row], at, (uint32_t)size, buffer, base);
}

/* --- headers ------------------------------------------------------------- */

/* The headers of one record.  0: they are wrong; -1: no room. */
static int put_headers(pkl_decoder *d, int32_t row, const uint8_t *at,
                       const uint8_t *end, int64_t count) {
  if (d->header_count == 0) {
    if (d->header_capacity == 0) return -1;
    memset(d->header_ends, 0, ((size_t)row + 1) * sizeof *d->header_ends);
    d->name_ends[0] = 0;
  }
  for (int64_t i = 0; i < count; i++) {
    int64_t name_size, value_size;
    at = take(at, end, &name_size);
    if (!at || name_size < 0 || name_size > end - at) return 0;
    const uint8_t *name = at;
    at = take(at + name_size, end, &value_size);
    if (!at || value_size < -1 || value_size > end - at) return 0;

    int32_t n = d->header_count;
    size_t room = (size_t)(d->name_capacity - d->name_size);
    if (n == d->header_capacity || room < PKL_UTF8_GROWTH * (size_t)name_size)
      return -1;
    d->name_size += (int32_t)pkl_utf8_copy(d->names + d->name_size, name,
                                           (size_t)name_size);
    d->name_ends[n + 1] = d->name_size;
    put_bytes(&d->header_value, n, d->header_capacity, at, value_size,
              (uint32_t)d->buffer, d->base);
    if (value_size > 0) at += value_size;
    d->header_count = n + 1;
  }
  return at == end;
}

/* --- records ------------------------------------------------------------- */

typedef struct mark { /* where to fall back to when a batch turns out bad */
  int32_t rows, key_nulls, value_nulls, header_nulls, header_count, name_size;
  const uint8_t *base, *limit;
} mark;

static mark mark_of(const pkl_decoder *d) {
  return (mark){d->rows, d->key.nulls, d->value.nulls, d->header_value.nulls,
                d->header_count, d->name_size, d->base, d->limit};
}

static void fall_back_column(pkl_view_column *c, int32_t rows, int32_t nulls,
                             int32_t dirty) {
  /* The bitmap was begun and goes on being used: no row after `rows` is null. */
  if (c->views && nulls < rows && c->nulls > 0) set_bits(c->valid, rows, dirty);
  c->nulls = nulls;
}

static void fall_back(pkl_decoder *d, const mark *m, int32_t dirty) {
  fall_back_column(&d->key, m->rows, m->key_nulls, dirty);
  fall_back_column(&d->value, m->rows, m->value_nulls, dirty);
  fall_back_column(&d->header_value, m->header_count, m->header_nulls,
                   d->header_capacity);
  d->rows = m->rows;
  d->header_count = m->header_count;
  d->name_size = m->name_size;
  d->base = m->base;
  d->limit = m->limit;
}

/* What a record says of itself, pointers borrowed.  Headers are not walked. */
typedef struct fields {
  const uint8_t *key, *value, *headers, *stops;
  int64_t timestamp, delta, key_size, value_size, header_count;
} fields;

/* The record at `at`, wherever in the batch it lies. */
static inline bool read_record(const uint8_t *at, const uint8_t *end,
                               fields *f) {
  int64_t length;
  at = take(at, end, &length);
  if (!at || length < 1 || length > end - at) return false;
  f->stops = end = at + length;
  at = take(at + 1, end, &f->timestamp); /* 1: attributes, unused */
  if (!at) return false;
  at = take(at, end, &f->delta);
  if (!at) return false;
  at = take(at, end, &f->key_size);
  if (!at || f->key_size < -1 || f->key_size > end - at) return false;
  f->key = at;
  at = take(f->key_size > 0 ? at + f->key_size : at, end, &f->value_size);
  if (!at || f->value_size < -1 || f->value_size > end - at) return false;
  f->value = at;
  at = take(f->value_size > 0 ? at + f->value_size : at, end, &f->header_count);
  if (!at || f->header_count < 0 || f->header_count > end - at) return false;
  f->headers = at;
  return f->header_count > 0 || at == end;
}

static __attribute__((noinline)) bool read_any_record(const uint8_t *at, const uint8_t *end,
                                                      fields *f) {
  return read_record(at, end, f);
}

/* A varint of one or two bytes, not yet unzigzagged; TOO_LONG for others.
 * Branches, because a batch's sizes have mostly one length. */
enum { TOO_LONG = UINT16_MAX };

static inline const uint8_t *take_short(const uint8_t *at, uint32_t *out) {
  uint32_t low = at[0];
  if (low < 0x80) {
    *out = low;
    return at + 1;
  }
  uint32_t high = at[1];
  *out = high < 0x80 ? (low & 0x7f) | high << 7 : TOO_LONG;
  return at + 2;
}

/* A size taken that way: -1 (zigzag 1) for null; -2 for what is neither. */
static inline int64_t nullable(uint32_t zigzag) {
  if ((zigzag & 1) == 0) return zigzag >> 1;
  return zigzag == 1 ? -1 : -2;
}

/* The usual record: sizes of at most two bytes, no headers, and MARGIN bytes
 * behind it, so that varints can be read first and judged afterwards: what is
 * read too far is in the batch all the same.  False: ask read_any_record. */
enum { MARGIN = 16 };

static inline bool read_usual_record(const uint8_t *at, const uint8_t *end,
                                     fields *f) {
  if (unlikely(end - at <= 2 * MARGIN)) return false;
  uint32_t length, delta, key_size, value_size;
  at = take_short(at, &length);
  if (unlikely((length & 1) || (int64_t)(length >> 1) > end - at - MARGIN))
    return false;
  const uint8_t *const stops = at + (length >> 1);

  at += 1; /* attributes, unused */
  if (likely(*at < 0x80)) {
    f->timestamp = unzigzag(*at++);
  } else {
    at = slow_varlong(at, end, &f->timestamp);
    if (!at) return false;
  }
  at = take_short(at, &delta);
  at = take_short(at, &key_size); /* within `end`: 2 * MARGIN were there */
  f->key = at;
  f->key_size = nullable(key_size);
  if (f->key_size > 0) {
    if (unlikely(f->key_size > stops - at)) return false;
    at += f->key_size;
  }
  at = take_short(at, &value_size);
  f->value = at;
  f->value_size = nullable(value_size);
  if (likely(f->value_size > 0)) at += f->value_size;
  /* This also tells a value that reaches behind its record. */
  if (unlikely(at + 1 != stops || *at != 0)) return false;
  if (unlikely((delta & 1) || f->key_size < -1 || f->value_size < -1))
    return false;
  f->delta = delta >> 1;
  f->header_count = 0;
  f->stops = stops;
  return true;
}

/* The memory of the batches to come is asked for while this one is walked:
 * their checksums would wait for it (62 MiB: 9.5 instead of 13.9 ns a record).
 * A prefetch never faults, wherever it points; big records need no help. */
enum { AHEAD = 128 << 10, LINE = 64, BIG = 4096 };

static inline void prefetch(const uint8_t *at, const uint8_t *stops) {
  if (stops - at > BIG) return;
  uintptr_t to = (uintptr_t)stops + AHEAD;
  for (uintptr_t line = (uintptr_t)at + AHEAD; line < to; line += LINE)
    __builtin_prefetch((const void *)line, 0, 2);
}

/* What walk() says besides a pkl_decoded. */
enum { WALKED = -1 };

/* The records of `b` in [at, end).  WALKED, FULL, UNTIL, CORRUPT or HEADERS. */
static int walk(pkl_decoder *d, const pkl_batch *b, const uint8_t *at,
                const uint8_t *end, int64_t first, int64_t until) {
  const mark m = mark_of(d);
  const bool append_time = (b->attributes & PKL_ATTR_LOG_APPEND_TIME) != 0;
  const int64_t last_delta = b->last_offset - b->base_offset;
  const int32_t capacity = d->capacity;
  const uint32_t buffer = (uint32_t)d->buffer;
  const uint8_t *base = d->base;
  int64_t *const offsets = d->offsets;
  int64_t *const timestamps = d->timestamps;
  const bool keys = d->key.views != NULL;
  const bool values = d->value.views != NULL;
  int64_t previous = -1;
  int32_t row = d->rows;
  int stop = WALKED;

  for (int32_t i = 0; i < b->count; i++) {
    fields f;
    if (unlikely(!read_usual_record(at, end, &f)) && !read_any_record(at, end, &f))
      goto corrupt;
    if (unlikely(f.delta <= previous || f.delta > last_delta)) goto corrupt;
    previous = f.delta;
    prefetch(at, f.stops);

    const int64_t offset = b->base_offset + f.delta;
    if (unlikely(offset < first)) {
      at = f.stops;
      continue;
    }
    if (unlikely(offset >= until)) {
      stop = PKL_DECODED_UNTIL;
      break;
    }
    if (unlikely(row == capacity)) {
      stop = PKL_DECODED_FULL;
      d->next_offset = offset;
      break;
    }

    if (unlikely(!base)) base = d->base = at;
    if (keys) put_bytes(&d->key, row, capacity, f.key, f.key_size, buffer, base);
    if (values)
      put_bytes(&d->value, row, capacity, f.value, f.value_size, buffer, base);
    if (offsets) offsets[row] = offset;
    if (timestamps) /* unsigned: a hostile delta may wrap around */
      timestamps[row] = append_time ? b->max_timestamp
                                    : (int64_t)((uint64_t)b->base_timestamp +
                                                (uint64_t)f.timestamp);
    if (unlikely(f.header_count > 0) && d->header_ends) {
      int ok = put_headers(d, row, f.headers, f.stops, f.header_count);
      if (ok <= 0) {
        fall_back(d, &m, row + 1);
        return ok ? PKL_DECODED_HEADERS : PKL_DECODED_CORRUPT;
      }
    }
    if (d->header_count) d->header_ends[row + 1] = d->header_count;
    row++;
    at = f.stops;
  }
  if (stop == WALKED && at != end) goto corrupt;
  if (row > d->rows) d->limit = at;
  d->rows = row;
  return stop;

corrupt:
  /* The row begun may have been written already. */
  fall_back(d, &m, row < capacity ? row + 1 : row);
  return PKL_DECODED_CORRUPT;
}

/* --- batches ------------------------------------------------------------- */

/* The batch's records in [records, records + size), then what comes next. */
static int take_batch(pkl_decoder *d, const pkl_batch *b,
                      const uint8_t *records, size_t size, size_t *position,
                      int64_t first, int64_t until) {
  /* Offsets into a variadic buffer are int32; no payload of a producer is larger. */
  if (size > INT32_MAX) return PKL_DECODED_CORRUPT;
  if (d->base && (records + size) - d->base > INT32_MAX) return PKL_DECODED_FULL;
  int stop = walk(d, b, records, records + size, first, until);
  if (stop == PKL_DECODED_CORRUPT || stop == PKL_DECODED_HEADERS) return stop;
  d->bytes += (int64_t)b->size;
  if (stop == PKL_DECODED_FULL) return stop;
  if (b->last_offset < until) {
    d->next_offset = b->last_offset + 1;
    *position += b->size;
  } else {
    d->next_offset = until;
  }
  return stop;
}

/* What has to be done with a batch whose header is good: WALKED means its
 * records are wanted, END that it was stepped over. */
static int judge(pkl_decoder *d, const pkl_batch *b, size_t *position,
                 int64_t first, int64_t until) {
  if (b->base_offset >= until) {
    if (d->next_offset < until) d->next_offset = until;
    return PKL_DECODED_UNTIL;
  }
  if (b->last_offset < first || (b->attributes & PKL_ATTR_CONTROL)) {
    *position += b->size;
    if (d->next_offset <= b->last_offset) d->next_offset = b->last_offset + 1;
    return PKL_DECODED_END;
  }
  if (d->rows && (b->count > d->capacity - d->rows ||
                  d->bytes + (int64_t)b->size > d->max_bytes))
    return PKL_DECODED_FULL;
  return WALKED;
}

pkl_decoded pkl_decode(pkl_decoder *d, const uint8_t *data, size_t *position,
                       size_t end, int64_t first, int64_t until,
                       pkl_status *why) {
  size_t begun = *position;
  int64_t after = 0; /* offsets only rise */
  for (;;) {
    if (d->next_offset >= until) return PKL_DECODED_UNTIL;
    if (*position == end) return PKL_DECODED_END;
    if (d->rows == 0 && (int64_t)(*position - begun) > d->max_bytes)
      return PKL_DECODED_SLICE;

    pkl_batch b;
    *why = pkl_batch_parse(data + *position, end - *position, &b);
    if (*why == PKL_TRUNCATED) return PKL_DECODED_TRUNCATED;
    if (*why == PKL_OK && d->check_crc) *why = pkl_batch_check_crc(&b);
    if (*why == PKL_OK && b.base_offset < after) *why = PKL_CORRUPT;
    if (*why != PKL_OK) return PKL_DECODED_CORRUPT;
    after = b.last_offset + 1;

    int verdict = judge(d, &b, position, first, until);
    if (verdict == PKL_DECODED_END) continue;
    if (verdict != WALKED) return (pkl_decoded)verdict;
    if (b.attributes & PKL_ATTR_CODEC) return PKL_DECODED_COMPRESSED;

    verdict = take_batch(d, &b, b.data + PKL_BATCH_HEADER,
                         b.size - PKL_BATCH_HEADER, position, first, until);
    if (verdict == PKL_DECODED_CORRUPT) *why = PKL_CORRUPT;
    if (verdict != WALKED) return (pkl_decoded)verdict;
  }
}

pkl_decoded pkl_decode_records(pkl_decoder *d, const uint8_t *data,
                               size_t *position, size_t end,
                               const uint8_t *records, size_t size,
                               int64_t first, int64_t until, pkl_status *why) {
  pkl_batch b;
  *why = pkl_batch_parse(data + *position, end - *position, &b);
  if (*why == PKL_TRUNCATED) return PKL_DECODED_TRUNCATED;
  if (*why != PKL_OK) return PKL_DECODED_CORRUPT;
  int verdict = judge(d, &b, position, first, until);
  if (verdict != WALKED) return (pkl_decoded)verdict;
  verdict = take_batch(d, &b, records, size, position, first, until);
  if (verdict == PKL_DECODED_CORRUPT) *why = PKL_CORRUPT;
  if (verdict != WALKED) return (pkl_decoded)verdict;
  return d->next_offset >= until ? PKL_DECODED_UNTIL : PKL_DECODED_END;
}

void pkl_decoder_begin(pkl_decoder *d) {
  d->rows = 0;
  d->key.nulls = d->key.longest = 0;
  d->value.nulls = d->value.longest = 0;
  d->header_value.nulls = d->header_value.longest = 0;
  d->header_count = 0;
  d->name_size = 0;
  d->buffer = 0;
  d->base = d->limit = NULL;
  d->bytes = 0;
}
