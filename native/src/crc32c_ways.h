/* The ways to compute CRC-32C; crc32c.c chooses. */
#ifndef PKL_CRC32C_WAYS_H
#define PKL_CRC32C_WAYS_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t pkl_crc32c_way(uint32_t crc, const void *data, size_t size);

/* NULL where the processor lacks the instructions. */
pkl_crc32c_way *pkl_crc32c_sse42(void);
pkl_crc32c_way *pkl_crc32c_armv8(void);

#endif
