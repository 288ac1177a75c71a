/* Copying text as valid UTF-8: pkl/utf8.h. */
#include "pkl/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool continues(const uint8_t *at, const uint8_t *end, int bytes) {
  if (end - at <= bytes) return false;
  for (int i = 1; i <= bytes; i++)
    if ((at[i] & 0xc0) != 0x80) return false;
  return true;
}

/* The length of the valid sequence at `at`, 0 when there is none: no overlong
 * forms, no surrogates, nothing above U+10FFFF (RFC 3629). */
static size_t sequence(const uint8_t *at, const uint8_t *end) {
  uint8_t b = at[0];
  if (b < 0x80) return 1;
  if (b < 0xc2) return 0;
  if (b < 0xe0) return continues(at, end, 1) ? 2 : 0;
  if (b < 0xf0) {
    if (!continues(at, end, 2)) return 0;
    if (b == 0xe0 && at[1] < 0xa0) return 0;
    return b == 0xed && at[1] >= 0xa0 ? 0 : 3;
  }
  if (b > 0xf4 || !continues(at, end, 3)) return 0;
  if (b == 0xf0 && at[1] < 0x90) return 0;
  return b == 0xf4 && at[1] >= 0x90 ? 0 : 4;
}

size_t pkl_utf8_copy(uint8_t *to, const uint8_t *from, size_t size) {
  const uint8_t *const end = from + size;
  uint8_t *const start = to;
  while (from < end) {
    size_t n = sequence(from, end);
    if (n) {
      memcpy(to, from, n);
      from += n;
      to += n;
    } else {
      memcpy(to, "\xef\xbf\xbd", 3);
      from += 1;
      to += 3;
    }
  }
  return (size_t)(to - start);
}
