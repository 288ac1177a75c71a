/* CRC-32C (iSCSI, RFC 3720): polynomial 0x1EDC6F41, reflected 0x82F63B78. */
#include "pkl/crc32c.h"

#include <stdatomic.h>
#include <string.h>

#include "crc32c_table.h"
#include "crc32c_ways.h"

uint32_t pkl_crc32c_table(uint32_t crc, const void *data, size_t size) {
  const uint8_t *p = data;
  crc = ~crc;
  for (; size >= 8; p += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    word ^= crc;
    crc = 0;
    for (unsigned i = 0; i < 8; i++)
      crc ^= pkl_crc32c_tables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size; p++, size--)
    crc = pkl_crc32c_tables[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
  return ~crc;
}

static pkl_crc32c_way choose;

/* The one pointer: whichever thread comes first replaces `choose`, and all that
 * come at the same time find the same. */
static _Atomic(pkl_crc32c_way *) chosen = choose;

static uint32_t choose(uint32_t crc, const void *data, size_t size) {
  pkl_crc32c_way *way = pkl_crc32c_sse42();
  if (!way) way = pkl_crc32c_armv8();
  if (!way) way = pkl_crc32c_table;
  atomic_store_explicit(&chosen, way, memory_order_relaxed);
  return way(crc, data, size);
}

uint32_t pkl_crc32c(uint32_t crc, const void *data, size_t size) {
  return atomic_load_explicit(&chosen, memory_order_relaxed)(crc, data, size);
}

const char *pkl_crc32c_kind(void) {
  if (pkl_crc32c_sse42()) return "sse4.2";
  if (pkl_crc32c_armv8()) return "armv8";
  return "table";
}
