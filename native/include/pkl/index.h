/* INDEX FILES -- caches of what a walk over the .log would find.
 *
 *   .index       every entry 8 bytes, big endian (OffsetIndex)
 *     0  4  last offset of a batch, relative to the segment's base offset
 *     4  4  position of that batch in the .log
 *
 *   .timeindex   every entry 12 bytes, big endian (TimeIndex)
 *     0  8  largest timestamp of the segment so far, ms
 *     8  4  last offset of the first batch that has it, relative
 *
 * Keys (offset; timestamp) strictly increase.  Nothing protects the bytes, so
 * whoever uses an entry first asks the batch that it points to (segment.c); a
 * search over garbage ends, and finds garbage.
 *
 * New entries wait in memory and are written by blocks.  A file holds valid
 * entries and nothing else; one that a running Kafka holds ends in zeros, which
 * are no entries: the first batch (position 0) is never indexed.
 *
 * Threads: the caller locks; an open pkl_index_reader needs no lock.
 */
#ifndef PKL_INDEX_H
#define PKL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkl/status.h"

typedef enum pkl_index_kind {
  PKL_OFFSET_INDEX = 8, /* the value is the size of an entry */
  PKL_TIME_INDEX = 12
} pkl_index_kind;

enum { PKL_INDEX_BLOCK = 4096 };

typedef struct pkl_index_entry {
  int64_t key;   /* offset; timestamp */
  int64_t value; /* position; offset */
} pkl_index_entry;

typedef struct pkl_index {
  char *path; /* owned */
  pkl_index_kind kind;
  int64_t base_offset;
  int64_t max_entries;
  int64_t written; /* entries in the file that count; -1: all that are there */
  uint8_t *tail;   /* entries not yet written */
  int64_t tail_count;
  int64_t tail_room;
  bool exact; /* the file is known to hold `written` entries and no more */
} pkl_index;

/* `max_bytes` is Kafka's segment.index.bytes. */
pkl_status pkl_index_init(pkl_index *index, const char *path,
                          pkl_index_kind kind, int64_t base_offset,
                          int64_t max_bytes);
void pkl_index_free(pkl_index *index);

static inline int64_t pkl_index_count(const pkl_index *index) {
  return index->written + index->tail_count;
}

/* Remembers an entry; writes nothing.  PKL_FULL, PKL_NO_MEMORY. */
pkl_status pkl_index_append(pkl_index *index, pkl_index_entry entry);

/* Writes what waits and makes the file exact, creating it if need be.
 * PKL_SYSTEM leaves the entries waiting. */
pkl_status pkl_index_flush(pkl_index *index, bool sync);

/* The last waiting entry with a key <= `key`: true when there is one. */
bool pkl_index_search_tail(const pkl_index *index, int64_t key,
                           pkl_index_entry *found);

/* Reads the entries of the file, a block at a time.  A file that is missing,
 * or becomes shorter meanwhile, has fewer entries. */
typedef struct pkl_index_reader {
  pkl_index_kind kind;
  int64_t base_offset;
  int64_t count;
  int64_t file_size; /* bytes; -1: no file */
  int64_t block; /* number of the block that is loaded; -1: none */
  size_t loaded; /* its bytes */
  int fd;        /* -1: no file */
  uint8_t bytes[PKL_INDEX_BLOCK];
} pkl_index_reader;

void pkl_index_reader_open(pkl_index_reader *reader, const pkl_index *index);
void pkl_index_reader_close(pkl_index_reader *reader);

/* Appends go on behind the first `count` entries of the file that `reader` has
 * open; the others are cut by the next flush. */
void pkl_index_begin(pkl_index *index, const pkl_index_reader *reader,
                     int64_t count);

/* False for a slot that is not there. */
bool pkl_index_get(pkl_index_reader *reader, int64_t slot,
                   pkl_index_entry *out);

/* Slot of the last entry with a key (a value) <= the one given; -1: none. */
int64_t pkl_index_search(pkl_index_reader *reader, int64_t key);
int64_t pkl_index_search_value(pkl_index_reader *reader, int64_t value);

#endif
