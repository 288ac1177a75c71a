/* Stored batches -> columns in Arrow's layouts, without copying keys or values.
 *
 * A decoder fills arrays that its user owns.  Views of more than PKL_INLINE
 * bytes point into the bytes that were decoded: variadic buffer number `buffer`,
 * from its first used byte (`base`) on.  A column or part of one that is the
 * same for all rows so far is not written at all: see pkl_view_column.nulls and
 * pkl_decoder.header_count.
 *
 * Every length and count in the bytes is taken for hostile; nothing is read
 * outside of [data, data + end).  Threads: one at a time.
 */
#ifndef PKL_DECODE_H
#define PKL_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "pkl/arrow.h"
#include "pkl/batch.h"

/* A nullable column of views.  While nulls == rows nothing was written; while
 * nulls == 0 the bitmap was not. */
typedef struct pkl_view_column {
  pkl_view *views; /* NULL: not asked for */
  uint8_t *valid;  /* a bit per row */
  int32_t nulls;
  int32_t longest; /* bytes; over PKL_INLINE: some view points into a buffer */
} pkl_view_column;

typedef struct pkl_decoder {
  /* Room for `capacity` rows (the bitmaps and arrays of headers: see there). */
  int32_t capacity;
  int32_t rows;
  int64_t *offsets;    /* NULL: not asked for */
  int64_t *timestamps; /* NULL: not asked for */
  pkl_view_column key;
  pkl_view_column value;

  /* headers: list<struct<key: utf8, value: binary view>>.  While header_count
   * is 0 nothing was written. */
  int32_t *header_ends; /* capacity + 1: the list's offsets; NULL: not asked for */
  int32_t *name_ends;   /* header_capacity + 1: the offsets of the header keys */
  uint8_t *names;       /* name_capacity bytes of valid UTF-8, copied */
  pkl_view_column header_value; /* room for header_capacity */
  int32_t header_capacity;
  int32_t header_count;
  int32_t name_capacity;
  int32_t name_size;

  /* The variadic buffer that views point into. */
  int32_t buffer;
  const uint8_t *base;  /* first used byte; NULL: none used yet */
  const uint8_t *limit; /* one past the last used byte */

  int64_t max_bytes;   /* stop FULL once so many bytes of batches are taken */
  int64_t bytes;       /* taken since the rows began */
  int64_t next_offset; /* after the last one consumed; in: nothing before it is expected */
  int check_crc;       /* 0 only in tests: fuzzing must get behind the checksum */
} pkl_decoder;

/* Why decoding stopped.  All rows of the batches before *position are in the
 * columns, and none of those after it; except after FULL and UNTIL inside a
 * batch, where *position is that batch and next_offset tells where to go on. */
typedef enum pkl_decoded {
  PKL_DECODED_END = 0,        /* all was taken: *position is `end` */
  PKL_DECODED_FULL = 1,       /* capacity or max_bytes */
  PKL_DECODED_UNTIL = 2,      /* until_offset is reached */
  PKL_DECODED_COMPRESSED = 3, /* a batch to be decompressed; its CRC is right */
  PKL_DECODED_CORRUPT = 4,    /* a batch that is none: see *why */
  PKL_DECODED_TRUNCATED = 5,  /* `end` lies inside a batch */
  PKL_DECODED_HEADERS = 6,    /* the arrays of headers are too small: enlarge them,
                               * the bitmap with ones behind header_count */
  PKL_DECODED_SLICE = 7       /* max_bytes of this call without a row: call again */
} pkl_decoded;

/* Decodes the batches in data[*position .. end) whose records have offsets in
 * [first, until), and moves *position.  Control batches are stepped over. */
pkl_decoded pkl_decode(pkl_decoder *d, const uint8_t *data, size_t *position,
                       size_t end, int64_t first, int64_t until,
                       pkl_status *why);

/* The same for the one batch at data[*position]: its records, decompressed, are
 * records[0 .. size), which the views then point into.  The CRC, which covers
 * the compressed form, is not checked again. */
pkl_decoded pkl_decode_records(pkl_decoder *d, const uint8_t *data,
                               size_t *position, size_t end,
                               const uint8_t *records, size_t size,
                               int64_t first, int64_t until, pkl_status *why);

/* Begins anew: no rows; arrays, sizes and next_offset stay. */
void pkl_decoder_begin(pkl_decoder *d);

#endif
