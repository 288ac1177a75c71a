#include "crc32c_ways.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <nmmintrin.h>
#include <stdbool.h>
#include <wmmintrin.h>

/* In clang, the instruction is a feature of its own; gcc has it in SSE4.2. */
#if defined(__clang__)
#define TARGET __attribute__((target("sse4.2,crc32,pclmul")))
#else
#define TARGET __attribute__((target("sse4.2,pclmul")))
#endif

TARGET static inline uint32_t step1(uint32_t crc, uint8_t byte) {
  return _mm_crc32_u8(crc, byte);
}
TARGET static inline uint32_t step4(uint32_t crc, uint32_t word) {
  return _mm_crc32_u32(crc, word);
}
TARGET static inline uint32_t step8(uint32_t crc, uint64_t word) {
  return (uint32_t)_mm_crc32_u64(crc, word);
}
TARGET static inline uint64_t multiply(uint32_t a, uint32_t b) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)a),
                                         _mm_cvtsi32_si128((int)b), 0);
  return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "crc32c_streams.h"

pkl_crc32c_way *pkl_crc32c_sse42(void) {
  const unsigned wanted = bit_SSE4_2 | bit_PCLMUL;
  unsigned a, b, features, d;
  bool has = __get_cpuid(1, &a, &b, &features, &d) && (features & wanted) == wanted;
  return has ? streams : NULL;
}

#else

pkl_crc32c_way *pkl_crc32c_sse42(void) { return NULL; }

#endif
