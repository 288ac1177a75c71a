#include "pkl/cursor.h"

int64_t pkl_take_varlong(pkl_cursor *c) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const uint8_t *b = pkl_take(c, 1);
    if (!b) return 0;
    /* The tenth byte holds the one bit that is left of 64. */
    if (shift == 63 && *b > 1) break;
    v |= (uint64_t)(*b & 0x7f) << shift;
    if (*b < 0x80) return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
  }
  pkl_cursor_fail(c);
  return 0;
}
