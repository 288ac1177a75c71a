#include "pkl/cursor.h"

enum { LONGEST = 10 };

int64_t pkl_take_varlong(pkl_cursor *c) {
  size_t left = pkl_cursor_left(c);
  const uint8_t *p = c->at;
  uint64_t v = 0;
  for (size_t i = 0; i < left && i < LONGEST; i++) {
    /* The tenth byte holds the one bit that is left of 64. */
    if (i == LONGEST - 1 && p[i] > 1) break;
    v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
    if (p[i] < 0x80) {
      c->at = p + i + 1;
      return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    }
  }
  pkl_cursor_fail(c);
  return 0;
}
