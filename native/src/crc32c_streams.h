/* The CRC instruction in three interleaved streams; included by the file of
 * each processor, after its `TARGET`, `step1`, `step4`, `step8` and `multiply`.
 *
 * The instruction has a latency of three cycles but starts every cycle, so one
 * stream uses a third of it.  A block of 3 x LANE bytes runs as three CRCs; the
 * first two are moved to the end of the block by a multiplication with x^n:
 * a carry-less product of 63 bits, which the last step of the third stream
 * reduces for nothing, as a part of its word.
 */
#include <string.h>

TARGET static inline uint64_t load8(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/* One block.  to_end_2 and to_end_1 are x^(16*lane - 33) and x^(8*lane - 33)
 * modulo the polynomial, reflected. */
TARGET static inline uint32_t block(uint32_t crc, const uint8_t *p, size_t lane,
                                    uint32_t to_end_2, uint32_t to_end_1) {
  uint32_t a = crc, b = 0, c = 0;
  for (const uint8_t *last = p + lane - 8; p < last; p += 8) {
    a = step8(a, load8(p));
    b = step8(b, load8(p + lane));
    c = step8(c, load8(p + 2 * lane));
  }
  a = step8(a, load8(p));
  b = step8(b, load8(p + lane));
  return step8(c, load8(p + 2 * lane) ^ multiply(a, to_end_2) ^
                      multiply(b, to_end_1));
}

TARGET static uint32_t streams(uint32_t crc, const void *data, size_t size) {
  const uint8_t *p = data;
  crc = ~crc;
  for (; size >= 3 * 4096; p += 3 * 4096, size -= 3 * 4096)
    crc = block(crc, p, 4096, 0x54a86326, 0x82f89c77);
  for (; size >= 3 * 512; p += 3 * 512, size -= 3 * 512)
    crc = block(crc, p, 512, 0x170076fa, 0xdd7e3b0c);
  for (; size >= 3 * 64; p += 3 * 64, size -= 3 * 64)
    crc = block(crc, p, 64, 0x0d3b6092, 0x9e4addf8);
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
