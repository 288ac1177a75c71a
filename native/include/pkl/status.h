/* What a native call says of its outcome: one enum for all of native/.
 *
 * `_core/status.pyx` holds the only table that turns these into exceptions.
 */
#ifndef PKL_STATUS_H
#define PKL_STATUS_H

typedef enum pkl_status {
  PKL_OK = 0,
  PKL_END = 1,         /* nothing there: at or past the end of the data */
  PKL_TRUNCATED = 2,   /* the data ends inside a batch */
  PKL_CORRUPT = 3,     /* lengths, counts or offsets contradict each other */
  PKL_BAD_CRC = 4,     /* the checksum does not match the bytes */
  PKL_BAD_MAGIC = 5,   /* a batch of another format than record batch v2 */
  PKL_FULL = 6,        /* no room left in a buffer, index or segment */
  PKL_COMPRESSED = 7,  /* the records have to be decompressed first */
  PKL_TOO_LARGE = 8,   /* one record alone exceeds the bound given */
  PKL_INVALID = 9,     /* an argument that the contract excludes */
  PKL_NO_MEMORY = 10,
  PKL_SYSTEM = 11      /* the operating system said no: see errno */
} pkl_status;

#endif
