/* The CRC instruction in three interleaved streams; included by the file of
 * each processor, after its `TARGET`, `step1`, `step4`, `step8` and `multiply`.
 *
 * The instruction takes three cycles but one can start every cycle, so a single
 * stream uses a third of it.  A block is three lanes side by side; the registers
 * of the first two are carried to its end by a multiplication with x^n modulo
 * the polynomial, a carry-less product that one more step reduces.
 *
 * Processors foresee one stream through memory, not three: without prefetch,
 * what is not in the cache comes at 8 to 20 GB/s, with it at 23 to 30 (Zen 5).
 * A log is checked front to back, so bytes behind the end are wanted next.
 */
#include <string.h>

enum { LONG = 4096, SHORT = 256, SHORTEST = 64, AHEAD = 3 * LONG };

TARGET static inline uint64_t load8(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/* `over_two` and `over_one` are x^(16*lane - 33) and x^(8*lane - 33), reflected:
 * they carry a register over two lanes and over one. */
TARGET static inline uint32_t block(uint32_t a, const uint8_t *p, size_t lane,
                                    uint32_t over_two, uint32_t over_one) {
  uint32_t b = 0, c = 0;
  for (const uint8_t *end = p + lane; p < end; p += 64) {
    __builtin_prefetch(p + AHEAD);
    __builtin_prefetch(p + AHEAD + lane);
    __builtin_prefetch(p + AHEAD + 2 * lane);
    for (size_t i = 0; i < 64; i += 8) {
      a = step8(a, load8(p + i));
      b = step8(b, load8(p + lane + i));
      c = step8(c, load8(p + 2 * lane + i));
    }
  }
  return step8(0, multiply(a, over_two) ^ multiply(b, over_one)) ^ c;
}

TARGET static uint32_t streams(uint32_t crc, const void *data, size_t size) {
  const uint8_t *p = data;
  crc = ~crc;
  for (; size >= 3 * LONG; p += 3 * LONG, size -= 3 * LONG)
    crc = block(crc, p, LONG, 0x54a86326, 0x82f89c77);
  for (; size >= 3 * SHORT; p += 3 * SHORT, size -= 3 * SHORT)
    crc = block(crc, p, SHORT, 0xdd7e3b0c, 0xb9e02b86);
  for (; size >= 3 * SHORTEST; p += 3 * SHORTEST, size -= 3 * SHORTEST)
    crc = block(crc, p, SHORTEST, 0x0d3b6092, 0x9e4addf8);
  for (; size >= 8; p += 8, size -= 8) crc = step8(crc, load8(p));
  if (size & 4) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    crc = step4(crc, word);
    p += 4;
  }
  for (size &= 3; size; p++, size--) crc = step1(crc, *p);
  return ~crc;
}
