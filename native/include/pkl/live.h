/* PYKAFKALITE.LIVE -- what the writing process publishes, in shared memory.
 *
 *      at  size  field
 *       0     8  magic, "pklive" and two zeros
 *       8     4  version, 1
 *      12     4  slots
 *      16     8  pid of the writer
 *      24     4  sequence: moves with everything that becomes visible, wraps
 *      28     4  flags: PKL_LIVE_CLOSED, PKL_LIVE_MOVED
 *    4096   128  per slot:
 *                  0   4  guard: odd while the slot is being written
 *                  4   4  partition
 *                  8  16  topic id
 *                 24  48  start offset, high watermark, last stable offset, base
 *                         offset of the active segment, position of the high
 *                         watermark in it, generation of the segment list
 *
 * Integers in the machine's order: it never leaves the machine.  The writer maps
 * it for writing, all others for reading only; its blocks are allocated before
 * anybody maps it, so that a full disk is an error of the creation and never a
 * SIGBUS later.
 *
 * Threads and processes: one writer for each slot at a time; any number of readers,
 * who never wait for a lock.  A slot is a seqlock: readers copy it and look at
 * the guard before and after.
 */
#ifndef PKL_LIVE_H
#define PKL_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkl/status.h"

enum { PKL_LIVE_VERSION = 1, PKL_LIVE_HEADER = 4096, PKL_LIVE_SLOT = 128 };

enum {
  PKL_LIVE_CLOSED = 1, /* the writer closed the store and all is on disk */
  PKL_LIVE_MOVED = 2   /* another file is there under the name: open that */
};

typedef struct pkl_live_state {
  int64_t start;
  int64_t high_watermark;
  int64_t stable;
  int64_t base_offset;
  int64_t position;
  int64_t generation;
} pkl_live_state;

typedef struct pkl_live_header {
  char magic[8];
  uint32_t version;
  uint32_t slots;
  atomic_llong pid;
  atomic_uint sequence;
  atomic_uint flags;
} pkl_live_header;

typedef struct pkl_live_slot {
  atomic_uint guard;
  atomic_int partition;
  atomic_ullong topic_id[2];
  atomic_llong state[6];
  char unused[56];
} pkl_live_slot;

typedef struct pkl_live {
  pkl_live_header *header; /* NULL: not mapped */
  pkl_live_slot *slots;
  size_t size; /* bytes mapped */
  uint32_t slot_count;
} pkl_live;

/* Makes a new file of that many empty slots at `path`; it must not exist. */
pkl_status pkl_live_create(pkl_live *live, const char *path, uint32_t slots,
                           int64_t pid);

/* PKL_SYSTEM; PKL_CORRUPT when it is no such file; PKL_BAD_MAGIC when it is one of
 * another version. */
pkl_status pkl_live_open(pkl_live *live, const char *path, bool writable);

void pkl_live_close(pkl_live *live);

/* Writers.  Slot numbers are the caller's to check. */
void pkl_live_publish(pkl_live *live, uint32_t slot,
                      const pkl_live_state *state);
void pkl_live_name(pkl_live *live, uint32_t slot, const uint8_t *topic_id,
                   int32_t partition);

/* Moves the sequence and wakes everybody who waits. */
void pkl_live_bump(pkl_live *live);
void pkl_live_set_flags(pkl_live *live, uint32_t flags);
void pkl_live_take_over(pkl_live *live, int64_t pid);

/* Readers.  PKL_TRUNCATED when a slot stays half written for half a second: its
 * writer has died in the middle. */
pkl_status pkl_live_read(const pkl_live *live, uint32_t slot,
                         pkl_live_state *state);
pkl_status pkl_live_named(const pkl_live *live, uint32_t slot,
                          uint8_t *topic_id, int32_t *partition);

static inline uint32_t pkl_live_sequence(const pkl_live *live) {
  return atomic_load(&live->header->sequence);
}

/* Sleeps until the sequence is not `seen`, a signal or the timeout; may return
 * early. */
void pkl_live_wait(const pkl_live *live, uint32_t seen, int64_t timeout_us);

#endif
