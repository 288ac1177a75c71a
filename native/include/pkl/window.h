/* A .log being read: through its mapping, or piecewise by pread.
 *
 * The mapping is for files that nobody shortens below `end`; all others, and
 * all bytes that are not yet known to be whole batches, are read by pread, for
 * which a file that shrinks is a short read and not a SIGBUS.
 */
#ifndef PKL_WINDOW_H
#define PKL_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkl/batch.h"
#include "pkl/status.h"

typedef struct pkl_source {
  const uint8_t *map; /* borrowed; NULL: read by `fd` */
  int fd;
} pkl_source;

/* The header of the batch at `position` of the file, of which bytes before
 * `end` may be looked at.  PKL_OK and PKL_TRUNCATED as pkl_batch_parse, with
 * out->data set only when mapped; PKL_END at `end`; PKL_SYSTEM. */
pkl_status pkl_source_batch(const pkl_source *source, int64_t position,
                            int64_t end, pkl_batch *out);

/* A bounded buffer that slides over a source. */
typedef struct pkl_window {
  pkl_source source;
  uint8_t *bytes; /* owned; NULL when mapped */
  int64_t at;     /* position of bytes[0] */
  size_t size;    /* how many are loaded */
  int64_t end;    /* nothing is looked at from here on; a short read lowers it */
} pkl_window;

enum { PKL_WINDOW = 1 << 20 };

pkl_status pkl_window_init(pkl_window *window, pkl_source source, int64_t end);
void pkl_window_free(pkl_window *window);

/* The bytes from `position` on: *got of them, at least `needed` (<= PKL_WINDOW)
 * except where the window ends.  Good until the next call.  PKL_END, PKL_SYSTEM. */
pkl_status pkl_window_get(pkl_window *window, int64_t position, size_t needed,
                          const uint8_t **bytes, size_t *got);

/* Header and CRC of the batch at `position`: as pkl_batch_parse, PKL_BAD_CRC.
 * Whatever the size of the batch, memory stays bounded. */
pkl_status pkl_window_batch(pkl_window *window, int64_t position,
                            pkl_batch *out);

/* Looks byte by byte for a whole valid batch (CRC checked) whose offsets are
 * `first_offset` or higher, from *position on, through at most `budget` bytes.
 * PKL_OK: found at *position.  PKL_FULL: not yet, go on from *position.
 * PKL_END: there is none. */
pkl_status pkl_window_scan(pkl_window *window, int64_t *position,
                           int64_t first_offset, int64_t budget,
                           pkl_batch *out);

#endif
