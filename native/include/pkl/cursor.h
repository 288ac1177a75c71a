/* A reader that cannot overrun, and the varints of Kafka's records.
 *
 * Failure is sticky: after the first short read every getter returns zero and
 * `pkl_cursor_ok` stays false, so a decoder is straight-line code with one
 * check at its end.  No getter takes a bare pointer without a limit.
 */
#ifndef PKL_CURSOR_H
#define PKL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pkl_cursor {
  const uint8_t *at;  /* the next byte; borrowed */
  const uint8_t *end; /* one past the last byte; NULL once a read has failed */
} pkl_cursor;

static inline pkl_cursor pkl_cursor_over(const uint8_t *data, size_t size) {
  pkl_cursor c = {data, data + size};
  return c;
}

static inline bool pkl_cursor_ok(const pkl_cursor *c) { return c->end != NULL; }

static inline size_t pkl_cursor_left(const pkl_cursor *c) {
  return c->end ? (size_t)(c->end - c->at) : 0;
}

static inline void pkl_cursor_fail(pkl_cursor *c) { c->end = NULL; }

/* The next `n` bytes, borrowed; NULL when fewer are left, or after a failure. */
static inline const uint8_t *pkl_take(pkl_cursor *c, size_t n) {
  if (!c->end || (size_t)(c->end - c->at) < n) {
    pkl_cursor_fail(c);
    return NULL;
  }
  const uint8_t *p = c->at;
  c->at += n;
  return p;
}

/* Zigzag varint of at most 10 bytes (int64); longer ones fail. */
int64_t pkl_take_varlong(pkl_cursor *c);

/* Zigzag varint that must fit an int32 (at most 5 bytes); others fail. */
static inline int32_t pkl_take_varint(pkl_cursor *c) {
  /* One byte or two are the common case by far: deltas, counts, sizes. */
  if (pkl_cursor_left(c) >= 2) {
    uint32_t v = c->at[0], high = c->at[1];
    if (v < 0x80 || high < 0x80) {
      c->at += v < 0x80 ? 1 : 2;
      if (v >= 0x80) v = (v & 0x7f) | high << 7;
      return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
    }
  }
  int64_t v = pkl_take_varlong(c);
  if (v < INT32_MIN || v > INT32_MAX) {
    pkl_cursor_fail(c);
    return 0;
  }
  return (int32_t)v;
}

/* Writers: the caller guarantees 10 bytes of room; they return the new end. */
static inline uint8_t *pkl_put_varlong(uint8_t *p, int64_t value) {
  uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  while (v >= 0x80) {
    *p++ = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  *p++ = (uint8_t)v;
  return p;
}

/* How many bytes pkl_put_varlong writes: 1..10. */
static inline size_t pkl_varlong_size(int64_t value) {
  uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
  return (size_t)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

/* Big-endian access at any alignment; memcpy is optimized away. */
static inline uint16_t pkl_get16(const uint8_t *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap16(v);
}
static inline uint32_t pkl_get32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}
static inline uint64_t pkl_get64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap64(v);
}
static inline void pkl_put16(uint8_t *p, uint16_t v) {
  v = __builtin_bswap16(v);
  memcpy(p, &v, sizeof v);
}
static inline void pkl_put32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, sizeof v);
}
static inline void pkl_put64(uint8_t *p, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(p, &v, sizeof v);
}

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "pykafkalite supports little-endian machines only"
#endif

#endif
