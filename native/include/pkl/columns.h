/* Rows to append, borrowed from Arrow memory (the C data interface).
 *
 * pkl_columns_import looks at types and layout once; after it, rows are read
 * through plain pointers.  Nothing is copied: the ArrowArray must outlive its
 * pkl_columns.  Threads: read-only after import.
 */
#ifndef PKL_COLUMNS_H
#define PKL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkl/arrow.h"
#include "pkl/status.h"

typedef enum pkl_layout {
  PKL_ABSENT = 0, /* no such column: null in every row */
  PKL_OFFSETS32,  /* binary, utf8 */
  PKL_OFFSETS64,  /* large_binary, large_utf8 */
  PKL_VIEWS       /* binary_view, utf8_view */
} pkl_layout;

/* A column of byte strings. */
typedef struct pkl_bytes_column {
  pkl_layout layout;
  int64_t offset;       /* of row 0 in the buffers */
  const uint8_t *valid; /* bitmap; NULL: no nulls */
  const void *index;    /* int32 or int64 offsets, or views */
  const uint8_t *data;  /* what offsets point into */
  const uint8_t *const *buffers; /* what views point into ... */
  const int64_t *sizes;          /* ... and their sizes */
  int64_t buffer_count;
} pkl_bytes_column;

/* A column of numbers. */
typedef struct pkl_fixed_column {
  int64_t offset;
  const uint8_t *valid; /* bitmap; NULL: no nulls */
  const void *data;     /* NULL: no such column */
} pkl_fixed_column;

typedef struct pkl_columns {
  int64_t rows;
  pkl_bytes_column value;
  pkl_bytes_column key;
  pkl_fixed_column timestamp; /* int64, ms */
  pkl_fixed_column partition; /* int32 */
  pkl_fixed_column headers;   /* int32 or int64 list offsets into ... */
  bool large_headers;         /* ... int64 */
  pkl_bytes_column header_key;
  pkl_bytes_column header_value;
  const uint8_t *header_valid; /* of the structs; offset: */
  int64_t header_offset;
} pkl_columns;

enum { PKL_PROBLEM = 200 };

/* Borrows the columns of a struct array.  PKL_INVALID: a column that is unknown,
 * missing, twice there or of another type: `problem`, of PKL_PROBLEM bytes, says
 * which, in words. */
pkl_status pkl_columns_import(const struct ArrowSchema *schema,
                              const struct ArrowArray *array, pkl_columns *out,
                              char *problem);

/* Row `row`: its bytes and size.  NULL and -1: null.  NULL and -2: the column's
 * own offsets contradict each other. */
static inline const uint8_t *pkl_bytes_at(const pkl_bytes_column *c,
                                          int64_t row, int64_t *size);

static inline bool pkl_is_null(const pkl_fixed_column *c, int64_t row) {
  return !c->data || (c->valid && !pkl_bit(c->valid, c->offset + row));
}

/* -1 where there is none. */
static inline int64_t pkl_timestamp_at(const pkl_columns *c, int64_t row) {
  if (pkl_is_null(&c->timestamp, row)) return -1;
  return ((const int64_t *)c->timestamp.data)[c->timestamp.offset + row];
}

static inline int32_t pkl_partition_at(const pkl_columns *c, int64_t row) {
  if (pkl_is_null(&c->partition, row)) return -1;
  return ((const int32_t *)c->partition.data)[c->partition.offset + row];
}

/* The headers of a row: header_key and header_value rows [*from, return).
 * -1: contradicting offsets. */
int64_t pkl_headers_at(const pkl_columns *c, int64_t row, int64_t *from);

/* Bytes that the headers of a row take in a record, without their count.
 * -1: a null or contradicting header, or a null header key. */
int64_t pkl_headers_size(const pkl_columns *c, int64_t row, int32_t *count);

/* Bytes of the batch that would hold this row alone; -1: contradicting data. */
int64_t pkl_row_batch_size(const pkl_columns *c, int64_t row);

/* What pkl_columns_check found. */
typedef struct pkl_columns_facts {
  int64_t min_timestamp; /* of those that are not null; -1: none is */
  int64_t max_timestamp;
  int64_t row;  /* the first row that is wrong */
  int64_t size; /* of its batch, after PKL_TOO_LARGE */
} pkl_columns_facts;

typedef enum pkl_columns_fault {
  PKL_COLUMNS_GOOD = 0,
  PKL_COLUMNS_TOO_LARGE,  /* its batch alone is over max_bytes */
  PKL_COLUMNS_PARTITION,  /* outside 0 .. partitions-1 */
  PKL_COLUMNS_TIMESTAMP,  /* negative */
  PKL_COLUMNS_DATA        /* a null header (key), or offsets that contradict */
} pkl_columns_fault;

/* Looks at every row before any is written. */
pkl_columns_fault pkl_columns_check(const pkl_columns *c, int64_t max_bytes,
                                    int32_t partitions, pkl_columns_facts *out);

/* Decides every row's partition: its partition column, else the hash of its key,
 * else `sticky`.  counts[partitions] gets the rows of each; targets[rows] where
 * each goes.  For checked columns. */
void pkl_columns_route(const pkl_columns *c, int32_t partitions, int32_t sticky,
                       int32_t *targets, int64_t *counts);

/* The rows of each partition, input order kept: those of partition p begin in
 * `rows` where the ones of p-1 end.  `ends`: room for `partitions`, scratch. */
void pkl_columns_group(const int32_t *targets, int64_t rows, int32_t partitions,
                       const int64_t *counts, int64_t *ends, int64_t *grouped);

static inline const uint8_t *pkl_bytes_at(const pkl_bytes_column *c,
                                          int64_t row, int64_t *size) {
  static const uint8_t EMPTY[1] = {0};
  int64_t from, to, i = c->offset + row;
  *size = -1;
  if (c->layout == PKL_ABSENT) return NULL;
  if (c->valid && !pkl_bit(c->valid, i)) return NULL;
  if (c->layout == PKL_OFFSETS32) {
    const int32_t *o = c->index;
    from = o[i], to = o[i + 1];
  } else if (c->layout == PKL_OFFSETS64) {
    const int64_t *o = c->index;
    from = o[i], to = o[i + 1];
  } else {
    const pkl_view *v = (const pkl_view *)c->index + i;
    *size = v->size;
    if (v->size >= 0 && v->size <= PKL_INLINE) return v->u.bytes;
    if (v->size >= 0 && v->u.at.buffer >= 0 && v->u.at.offset >= 0 &&
        v->u.at.buffer < c->buffer_count &&
        v->u.at.offset <= c->sizes[v->u.at.buffer] - v->size)
      return c->buffers[v->u.at.buffer] + v->u.at.offset;
    *size = -2;
    return NULL;
  }
  if (from < 0 || to < from) {
    *size = -2;
    return NULL;
  }
  *size = to - from;
  return c->data ? c->data + from : EMPTY;
}

#endif
