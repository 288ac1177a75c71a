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

/* For segment.c.  The entry in `slot` of an offset index, or one of the few before
 * it, that the batch it points to confirms; *slot is -1 when there is none. */
void pkl_prove_entry(pkl_index_reader *reader, const pkl_source *source,
                     int64_t end, int64_t *slot, pkl_index_entry *entry);

/* As pkl_segment_lookup, walking from the batch at `start`. */
pkl_status pkl_walk_to(const pkl_source *source, int64_t start, int64_t end,
                       int64_t offset, int64_t *position);

/* The next whole valid batch behind a bad one at `position`, with offsets of at
 * least `first_offset`.  PKL_END when there is none. */
pkl_status pkl_next_valid(const pkl_source *source, int64_t position,
                          int64_t end, int64_t first_offset, pkl_batch *batch,
                          int64_t *found);

/* How many entries are asked before the index is given up. */
enum { PKL_INDEX_TRIES = 16 };

#endif
