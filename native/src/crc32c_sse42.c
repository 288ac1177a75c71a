#include "crc32c_ways.h"

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

#define TARGET __attribute__((target("sse4.2,pclmul")))

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
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")
             ? streams
             : NULL;
}

#else

pkl_crc32c_way *pkl_crc32c_sse42(void) { return NULL; }

#endif
