/* A SEGMENT -- one .log of record batches with its .index and .timeindex.
 *
 * Appends go through pwrite(2) and become visible by advancing `end`; nobody
 * looks at bytes behind it.  A file is never shortened below an `end` that was
 * once published, because others may have it mapped.
 *
 * Threads: one appender at a time (the caller locks); lookups (lookup.h), spans,
 * summaries, syncs and index flushes from any thread at any time.  Recovery and
 * truncation have the segment to themselves.
 *
 * Durability: pkl_segment_append returns once the bytes are in the page cache.
 * Only pkl_os_sync makes them survive the machine.
 *
 * Index upkeep is that of Kafka 4.1 and newer (LogSegment.append), byte for
 * byte: an entry for each batch that begins more than index.interval.bytes after
 * the one indexed before, a time index entry at the same moments if the largest
 * timestamp has grown, and a last one when the segment is sealed.
 */
#ifndef PKL_SEGMENT_H
#define PKL_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pkl/index.h"
#include "pkl/os.h"
#include "pkl/status.h"
#include "pkl/window.h"

/* What the batches before `upto` come to. */
typedef struct pkl_summary {
  int64_t upto;                 /* a position; -1: not looked yet */
  int64_t next_offset;          /* base offset of the segment when empty */
  int64_t max_timestamp;        /* -1: none */
  int64_t max_timestamp_offset; /* last offset of the first batch that has it */
} pkl_summary;

typedef struct pkl_segment {
  pkl_file file; /* the .log */
  char *path;    /* of the .log; owned */
  int64_t base_offset;
  int64_t segment_bytes;
  int64_t index_interval;
  int64_t capacity; /* bytes of the mapping: appends stay below */
  bool writable;
  bool torn; /* a failed append has left bytes behind `end` */
  atomic_llong end;

  pthread_mutex_t lock; /* guards what follows */
  pkl_summary summary;
  pkl_index offsets;
  pkl_index times;
  int64_t last_time; /* key of the last time index entry; -1: none */
  int64_t unindexed; /* bytes since the last entry (bytesSinceLastIndexEntry) */
} pkl_segment;

typedef struct pkl_segment_limits {
  int64_t segment_bytes;  /* segment.bytes */
  int64_t index_bytes;    /* segment.index.bytes */
  int64_t index_interval; /* index.interval.bytes */
} pkl_segment_limits;

/* Makes the three files `<stem>.log`, `.index`, `.timeindex`; the .log must not
 * exist.  `stem` is directory and base offset in 20 digits.  With `preallocate`
 * the .log gets all its blocks now. */
pkl_status pkl_segment_create(pkl_segment *segment, const char *stem,
                              int64_t base_offset, pkl_segment_limits limits,
                              bool preallocate);

/* Opens the .log, of which `end` bytes are known to be whole batches.
 * PKL_TRUNCATED when it is shorter. */
pkl_status pkl_segment_open(pkl_segment *segment, const char *stem,
                            int64_t base_offset, pkl_segment_limits limits,
                            int64_t end, bool writable);

/* Closes the descriptor (once); what runs meanwhile finishes. */
void pkl_segment_close(pkl_segment *segment);
void pkl_segment_free(pkl_segment *segment);

static inline int64_t pkl_segment_end(const pkl_segment *segment) {
  return atomic_load_explicit((atomic_llong *)&segment->end,
                              memory_order_acquire);
}

/* For readers: the writer has published more. */
void pkl_segment_advance(pkl_segment *segment, int64_t end);

/* Writes whole, stamped batches at `end`; *position is where they lie.
 *
 *   PKL_INVALID  not whole batches in strictly increasing offsets from the next
 *                offset on (offsets within the batches are the caller's word)
 *   PKL_FULL     over the capacity, or a relative offset over int32
 *   PKL_SYSTEM   errno; `end` is unchanged and the next append overwrites
 */
pkl_status pkl_segment_append(pkl_segment *segment, const uint8_t *batches,
                              size_t size, int64_t *position);

/* False where Kafka would roll before appending (LogSegment.shouldRoll; its
 * rules about time are the caller's). */
bool pkl_segment_fits(pkl_segment *segment, int64_t size, int64_t last_offset);

/* The batches before `end`, by the indexes where they prove right and by a walk
 * over headers where not. */
pkl_status pkl_segment_summarize(pkl_segment *segment, pkl_source source,
                                 pkl_summary *out);

/* Index upkeep for one batch at `position`, under the lock. */
void pkl_segment_count_batch(pkl_segment *segment, const pkl_batch *batch,
                             int64_t position);

/* The time index entry that ends a sealed or recovered segment, under the lock. */
pkl_status pkl_segment_index_last_time(pkl_segment *segment);

pkl_status pkl_segment_flush_indexes(pkl_segment *segment, bool sync);

/* The last time index entry, all entries written, preallocated space behind
 * `end` given back (LogSegment.onBecomeInactiveSegment). */
pkl_status pkl_segment_seal(pkl_segment *segment);

/* Cuts the file and what is known of it.  Only for a tail that was never
 * published, by an owner alone with the segment. */
pkl_status pkl_segment_truncate(pkl_segment *segment, int64_t end);

#endif
