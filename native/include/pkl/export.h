/* Decoded columns -> one struct array of the Arrow C data interface.
 *
 * Nothing is copied: the array borrows the decoder's arrays, the prepared
 * constants and the spans, and calls `release(owner)` exactly once, on whatever
 * thread drops the last of it or of its children (consumers may move children
 * out of it, as the interface allows).
 */
#ifndef PKL_EXPORT_H
#define PKL_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "pkl/arrow.h"
#include "pkl/decode.h"
#include "pkl/status.h"

typedef enum pkl_column {
  PKL_COLUMN_TOPIC = 0, /* dictionary<int32, utf8> */
  PKL_COLUMN_PARTITION, /* int32 */
  PKL_COLUMN_OFFSET,    /* int64 */
  PKL_COLUMN_TIMESTAMP, /* timestamp[ms, UTC] */
  PKL_COLUMN_KEY,       /* binary view */
  PKL_COLUMN_VALUE,     /* binary view */
  PKL_COLUMN_HEADERS,   /* list<struct<key: utf8, value: binary view>> */
  PKL_COLUMNS
} pkl_column;

/* One variadic buffer: the bytes that views with its number point into. */
typedef struct pkl_span {
  const uint8_t *data;
  int64_t size;
} pkl_span;

/* The bytes of a view; `view->size` tells how many. */
static inline const uint8_t *pkl_view_bytes(const pkl_view *view,
                                            const pkl_span *spans) {
  return view->size <= PKL_INLINE
             ? view->u.bytes
             : spans[view->u.at.buffer].data + view->u.at.offset;
}

/* What is the same for every batch of a reader. */
typedef struct pkl_constants {
  const void *zeros;       /* 16 bytes per row and 16 more, all zero */
  const int32_t *partition; /* the partition's number, once per row */
  const uint8_t *topic;    /* UTF-8 */
  const int32_t *topic_ends; /* {0, its size} */
} pkl_constants;

/* Exports the rows of `d` as columns[0 .. count), in that order.  PKL_OK, or
 * PKL_NO_MEMORY with nothing to release. */
pkl_status pkl_export(const pkl_decoder *d, const pkl_constants *constants,
                      const pkl_span *spans, size_t span_count,
                      const pkl_column *columns, size_t count,
                      void (*release)(void *owner), void *owner,
                      struct ArrowArray *out);

#endif
