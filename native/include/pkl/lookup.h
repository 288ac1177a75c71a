/* Finding batches in a segment.
 *
 * An index entry is believed only when the batch that it points to says the
 * same; otherwise an earlier one is asked, and in the end the walk begins at the
 * file's first batch.  Wrong indexes cost time and nothing else.
 *
 * Walks go from header to header.  Where that breaks off, they go on at the next
 * whole valid batch (CRC checked), so that one bad batch does not hide the good
 * ones after it.
 */
#ifndef PKL_LOOKUP_H
#define PKL_LOOKUP_H

#include "pkl/segment.h"

/* Position of the batch that holds `offset`, or of the first one after it; `end`
 * when there is none.  Where a bad batch may have held it, the bad batch's. */
pkl_status pkl_segment_lookup(pkl_segment *segment, pkl_source source,
                              int64_t offset, int64_t *position);

/* The first batch, from position `from` on, with a record of that timestamp or
 * later.  PKL_END when there is none. */
pkl_status pkl_segment_lookup_timestamp(pkl_segment *segment, pkl_source source,
                                        int64_t timestamp, int64_t from,
                                        int64_t *position,
                                        int64_t *base_offset);

/* Where whole batches from `start` on end: at most `max_bytes` later, but after
 * at least one batch, and not past `until`.  Bytes that are no batch count as one
 * that reaches as far as allowed: whoever decodes them says what is wrong. */
pkl_status pkl_segment_span(pkl_segment *segment, pkl_source source,
                            int64_t start, int64_t max_bytes, int64_t until,
                            int64_t *span_end);

/* The next whole valid batch (CRC checked) behind a bad one at `position`, with
 * offsets of at least `first_offset`.  PKL_END when there is none. */
pkl_status pkl_next_valid(const pkl_source *source, int64_t position,
                          int64_t end, int64_t first_offset, pkl_batch *batch,
                          int64_t *found);

/* For segment.c.  The entry in `slot` of an offset index, or one of the few before
 * it, that is at or under `offset` and that the batch it points to confirms; *slot
 * is -1 when there is none. */
void pkl_prove_entry(pkl_index_reader *reader, const pkl_source *source,
                     int64_t end, int64_t offset, int64_t *slot,
                     pkl_index_entry *entry);

/* A walk from header to header.  Where the offsets leave a gap or the bytes are no
 * batch, the batch before is asked for its CRC: a wrong length or offset in it
 * must not hide the good batches that follow. */
typedef struct pkl_walk {
  const pkl_source *source;
  int64_t at;
  int64_t end;
  int64_t expected;        /* the least base offset that may follow */
  int64_t before;          /* position of the batch passed last; -1: none */
  int64_t before_expected; /* what was expected there */
} pkl_walk;

pkl_walk pkl_walk_from(const pkl_source *source, int64_t start, int64_t end);

/* The batch at walk->at.  PKL_END; PKL_CORRUPT, with walk->at where the bad bytes
 * begin; PKL_SYSTEM. */
pkl_status pkl_walk_look(pkl_walk *walk, pkl_batch *batch);

/* To the batch after the one looked at. */
void pkl_walk_pass(pkl_walk *walk, const pkl_batch *batch);

/* After PKL_CORRUPT: to the next whole valid batch, which is given, too.  PKL_END
 * when there is none. */
pkl_status pkl_walk_skip(pkl_walk *walk, pkl_batch *next);

/* As pkl_segment_lookup, walking from the batch at `start`. */
pkl_status pkl_walk_to(const pkl_source *source, int64_t start, int64_t end,
                       int64_t offset, int64_t *position);

/* How many entries are asked before the index is given up. */
enum { PKL_INDEX_TRIES = 16 };

#endif
