/* MurmurHash2 (Austin Appleby, public domain), as Kafka seeds it. */
#include "pkl/partitioner.h"

#include <string.h>

static const uint32_t SEED = 0x9747b28c;
static const uint32_t MIX = 0x5bd1e995;

int32_t pkl_murmur2(const uint8_t *data, size_t size) {
  uint32_t h = SEED ^ (uint32_t)size;
  const uint8_t *words_end = data + (size & ~(size_t)3);

  for (; data < words_end; data += 4) {
    uint32_t k;
    memcpy(&k, data, sizeof k);
    k *= MIX;
    k ^= k >> 24;
    k *= MIX;
    h *= MIX;
    h ^= k;
  }
  switch (size & 3) {
    case 3:
      h ^= (uint32_t)data[2] << 16; /* fall through */
    case 2:
      h ^= (uint32_t)data[1] << 8; /* fall through */
    case 1:
      h ^= data[0];
      h *= MIX;
  }
  h ^= h >> 13;
  h *= MIX;
  h ^= h >> 15;
  return (int32_t)h;
}
