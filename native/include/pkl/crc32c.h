/* CRC-32C (Castagnoli), the checksum of record batches.
 *
 * The fastest way of the machine is chosen at run time on first use: three
 * interleaved streams of the SSE4.2 instruction on x86-64, the ARMv8 CRC
 * instructions, or a table.  Thread-safe; there is nothing to initialise.
 */
#ifndef PKL_CRC32C_H
#define PKL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* `crc` is 0 for a new checksum, or the result for the bytes before. */
uint32_t pkl_crc32c(uint32_t crc, const void *data, size_t size);

/* The portable way alone, for tests that compare the two. */
uint32_t pkl_crc32c_table(uint32_t crc, const void *data, size_t size);

/* "sse4.2", "armv8" or "table": what pkl_crc32c uses on this machine. */
const char *pkl_crc32c_kind(void);

#endif
