#include "crc32c_ways.h"

#if defined(__aarch64__)

#include <arm_acle.h>

/* A feature test: where there is no such header, the compiler's target says
 * whether every machine of the kind has the instructions. */
#if __has_include(<sys/auxv.h>)
#include <sys/auxv.h>
#endif

#if defined(__clang__)
#define TARGET __attribute__((target("crc")))
#else
#define TARGET __attribute__((target("+crc")))
#endif

TARGET static inline uint32_t step1(uint32_t crc, uint8_t byte) {
  return __crc32cb(crc, byte);
}
TARGET static inline uint32_t step4(uint32_t crc, uint32_t word) {
  return __crc32cw(crc, word);
}
TARGET static inline uint32_t step8(uint32_t crc, uint64_t word) {
  return __crc32cd(crc, word);
}
/* Not PMULL, which processors with CRC may lack (Raspberry Pi 4): two products
 * a block are little beside the block. */
TARGET static inline uint64_t multiply(uint32_t a, uint32_t b) {
  uint64_t product = 0;
  for (unsigned i = 0; i < 32; i++)
    product ^= -(uint64_t)(b >> i & 1) & (uint64_t)a << i;
  return product;
}

#include "crc32c_streams.h"

pkl_crc32c_way *pkl_crc32c_armv8(void) {
#if defined(__ARM_FEATURE_CRC32)
  return streams;
#elif defined(HWCAP_CRC32)
  return getauxval(AT_HWCAP) & HWCAP_CRC32 ? streams : NULL;
#else
  return NULL;
#endif
}

#else

pkl_crc32c_way *pkl_crc32c_armv8(void) { return NULL; }

#endif
