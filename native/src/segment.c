/* Segments: create, open, append, index upkeep, seal.  The contract:
 * pkl/segment.h. */
#include "pkl/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkl/lookup.h"

static pkl_status init(pkl_segment *s, const char *stem, int64_t base_offset,
                       pkl_segment_limits limits, bool writable) {
  *s = (pkl_segment){
      .base_offset = base_offset,
      .segment_bytes = limits.segment_bytes,
      .index_interval = limits.index_interval,
      .writable = writable,
      .summary = {-1, base_offset, -1, -1},
      .last_time = -1,
  };
  pkl_file_init(&s->file, -1);
  pthread_mutex_init(&s->lock, NULL);
  size_t room = strlen(stem) + sizeof ".timeindex";
  char *path = malloc(room);
  s->path = malloc(room);
  if (!path || !s->path) {
    free(path);
    return PKL_NO_MEMORY;
  }
  snprintf(s->path, room, "%s.log", stem);
  snprintf(path, room, "%s.index", stem);
  pkl_status status = pkl_index_init(&s->offsets, path, PKL_OFFSET_INDEX,
                                     base_offset, limits.index_bytes);
  snprintf(path, room, "%s.timeindex", stem);
  if (!status)
    status = pkl_index_init(&s->times, path, PKL_TIME_INDEX, base_offset,
                            limits.index_bytes);
  free(path);
  return status;
}

/* Mappings are made of whole pages, and positions in indexes are int32. */
static void set_capacity(pkl_segment *s, int64_t file_size) {
  int64_t page = (int64_t)pkl_os_page_size();
  int64_t size = s->segment_bytes > file_size ? s->segment_bytes : file_size;
  s->capacity = (size + page - 1) / page * page;
}

static pkl_status create_files(pkl_segment *s, bool preallocate) {
  int fd;
  pkl_status status =
      pkl_os_open(s->path, O_RDWR | O_CREAT | O_EXCL, &fd);
  if (status) return status;
  pkl_file_init(&s->file, fd);
  s->summary.upto = 0;
  s->offsets.written = s->times.written = 0;
  if (preallocate) status = pkl_os_allocate(fd, s->segment_bytes);
  if (!status) status = pkl_index_flush(&s->offsets, false);
  if (!status) status = pkl_index_flush(&s->times, false);
  if (status) { /* most likely no space: leave nothing half made */
    int why = errno;
    remove(s->path);
    remove(s->offsets.path);
    remove(s->times.path);
    errno = why;
  }
  return status;
}

pkl_status pkl_segment_create(pkl_segment *s, const char *stem,
                              int64_t base_offset, pkl_segment_limits limits,
                              bool preallocate) {
  pkl_status status = init(s, stem, base_offset, limits, true);
  if (!status) status = create_files(s, preallocate);
  if (!status) set_capacity(s, 0);
  return status;
}

pkl_status pkl_segment_open(pkl_segment *s, const char *stem,
                            int64_t base_offset, pkl_segment_limits limits,
                            int64_t end, bool writable) {
  int fd;
  int64_t size = 0;
  pkl_status status = init(s, stem, base_offset, limits, writable);
  if (!status)
    status = pkl_os_open(s->path, writable ? O_RDWR : O_RDONLY, &fd);
  if (status) return status;
  pkl_file_init(&s->file, fd);
  status = pkl_os_size(fd, &size);
  if (!status && (end < 0 || end > size)) status = PKL_TRUNCATED;
  set_capacity(s, size);
  atomic_store(&s->end, end);
  return status;
}

void pkl_segment_close(pkl_segment *s) { pkl_file_close(&s->file); }

void pkl_segment_free(pkl_segment *s) {
  pkl_index_free(&s->offsets);
  pkl_index_free(&s->times);
  free(s->path);
  s->path = NULL;
  pthread_mutex_destroy(&s->lock);
}

void pkl_segment_advance(pkl_segment *s, int64_t end) {
  long long seen = atomic_load(&s->end);
  while (seen < end && !atomic_compare_exchange_weak(&s->end, &seen, end)) {
  }
}

void pkl_segment_count_batch(pkl_segment *s, const pkl_batch *batch,
                             int64_t position) {
  pkl_summary *so_far = &s->summary;
  if (batch->max_timestamp > so_far->max_timestamp) {
    so_far->max_timestamp = batch->max_timestamp;
    so_far->max_timestamp_offset = batch->last_offset;
  }
  if (s->unindexed > s->index_interval) {
    /* A full index, or memory that has run out: an entry less is still right. */
    pkl_index_append(&s->offsets,
                     (pkl_index_entry){batch->last_offset, position});
    /* One slot is kept for the entry of the seal. */
    if (so_far->max_timestamp > s->last_time &&
        pkl_index_count(&s->times) < s->times.max_entries - 1 &&
        pkl_index_append(&s->times,
                         (pkl_index_entry){so_far->max_timestamp,
                                           so_far->max_timestamp_offset}) ==
            PKL_OK)
      s->last_time = so_far->max_timestamp;
    s->unindexed = 0;
  }
  s->unindexed += (int64_t)batch->size;
  so_far->next_offset = batch->last_offset + 1;
  so_far->upto = position + (int64_t)batch->size;
}

static pkl_status check_batches(const pkl_segment *s, const uint8_t *batches,
                                size_t size) {
  int64_t expected = s->summary.next_offset;
  while (size > 0) {
    pkl_batch b;
    if (pkl_batch_parse(batches, size, &b) || b.base_offset < expected)
      return PKL_INVALID;
    if (b.last_offset - s->base_offset > INT32_MAX) return PKL_FULL;
    expected = b.last_offset + 1;
    batches += b.size;
    size -= b.size;
  }
  return PKL_OK;
}

/* On failure the file is cut back to `end`; where even that fails, the next
 * append tries it again before it writes. */
static pkl_status write_at_end(pkl_segment *s, const uint8_t *batches,
                               size_t size, int64_t end) {
  int fd = pkl_file_acquire(&s->file);
  if (fd < 0) return PKL_SYSTEM;
  pkl_status status = PKL_OK;
  if (s->torn) status = pkl_os_truncate(fd, end);
  if (!status) {
    s->torn = false;
    status = pkl_os_write(fd, batches, size, end);
    if (status) {
      int why = errno;
      s->torn = pkl_os_truncate(fd, end) != PKL_OK;
      errno = why;
    }
  }
  pkl_file_release(&s->file);
  return status;
}

pkl_status pkl_segment_append(pkl_segment *s, const uint8_t *batches,
                              size_t size, int64_t *position) {
  int64_t end = pkl_segment_end(s);
  if (!s->writable || s->summary.upto != end) return PKL_INVALID;
  pkl_status status = check_batches(s, batches, size);
  if (status) return status;
  if ((int64_t)size > s->capacity - end) return PKL_FULL;
  status = write_at_end(s, batches, size, end);
  if (status) return status;

  pthread_mutex_lock(&s->lock);
  for (size_t at = 0; at < size;) {
    pkl_batch b;
    pkl_batch_parse(batches + at, size - at, &b);
    pkl_segment_count_batch(s, &b, end + (int64_t)at);
    at += b.size;
  }
  /* A block is full: written now.  An error waits until somebody flushes. */
  if (s->offsets.tail_count * (int64_t)PKL_OFFSET_INDEX >= PKL_INDEX_BLOCK) {
    pkl_index_flush(&s->offsets, false);
    pkl_index_flush(&s->times, false);
  }
  pthread_mutex_unlock(&s->lock);
  *position = end;
  atomic_store_explicit(&s->end, end + (int64_t)size, memory_order_release);
  return PKL_OK;
}

bool pkl_segment_fits(pkl_segment *s, int64_t size, int64_t last_offset) {
  pthread_mutex_lock(&s->lock);
  bool indexes_full =
      pkl_index_count(&s->offsets) >= s->offsets.max_entries ||
      pkl_index_count(&s->times) >= s->times.max_entries - 1;
  pthread_mutex_unlock(&s->lock);
  return !indexes_full && pkl_segment_end(s) <= s->segment_bytes - size &&
         last_offset >= s->base_offset &&
         last_offset - s->base_offset <= INT32_MAX;
}

/* Adds the batches from sum->upto to `end`. */
static pkl_status walk_on(pkl_source source, int64_t end, pkl_summary *sum) {
  pkl_walk w = pkl_walk_from(&source, sum->upto, end);
  for (;;) {
    pkl_batch b;
    pkl_status status = pkl_walk_look(&w, &b);
    if (status == PKL_CORRUPT) status = pkl_walk_skip(&w, &b);
    if (status == PKL_END) break;
    if (status) return status;
    if (b.max_timestamp > sum->max_timestamp) {
      sum->max_timestamp = b.max_timestamp;
      sum->max_timestamp_offset = b.last_offset;
    }
    sum->next_offset = b.last_offset + 1;
    pkl_walk_pass(&w, &b);
  }
  sum->upto = end;
  return PKL_OK;
}

/* The last time index entry for a batch before sum->next_offset that the batch
 * confirms. */
static int64_t prove_last_time(pkl_index_reader *times,
                               pkl_index_reader *offsets, pkl_source source,
                               const pkl_summary *sum, pkl_index_entry *e) {
  int64_t slot = pkl_index_search_value(times, sum->next_offset - 1);
  for (int i = 0; i < PKL_INDEX_TRIES && slot >= 0; i++, slot--) {
    pkl_index_entry near;
    pkl_batch b;
    int64_t position;
    if (!pkl_index_get(times, slot, e)) continue;
    int64_t lead = pkl_index_search(offsets, e->value);
    pkl_prove_entry(offsets, &source, sum->upto, e->value, &lead, &near);
    if (pkl_walk_to(&source, lead < 0 ? 0 : near.value, sum->upto, e->value,
                    &position) == PKL_OK &&
        pkl_source_batch(&source, position, sum->upto, &b) == PKL_OK &&
        b.last_offset == e->value && b.max_timestamp == e->key)
      return slot;
  }
  return -1;
}

static pkl_status summarize_by_index(pkl_segment *s, pkl_source source,
                                     int64_t end, pkl_index_reader *offsets,
                                     pkl_index_reader *times) {
  pkl_index_entry last;
  int64_t slot = pkl_index_search_value(offsets, end - 1);
  pkl_prove_entry(offsets, &source, end, INT64_MAX, &slot, &last);
  int64_t start = slot < 0 ? 0 : last.value;
  pkl_summary sum = {start, s->base_offset, -1, -1};
  pkl_status status = walk_on(source, end, &sum);
  if (status) return status;

  /* Both indexes get their entries at the same moments: one that lacks the
   * timestamp of the batch that was indexed last has lost its end. */
  pkl_batch indexed = {.max_timestamp = -1};
  if (slot >= 0) pkl_source_batch(&source, start, end, &indexed);
  int64_t time_slot = prove_last_time(times, offsets, source, &sum, &last);
  int64_t last_time = time_slot < 0 ? -1 : last.key;
  if (slot >= 0 && (time_slot < 0 || indexed.max_timestamp > last_time)) {
    sum = (pkl_summary){0, s->base_offset, -1, -1};
    status = walk_on(source, end, &sum);
    if (status) return status;
  } else if (time_slot >= 0 && last_time >= sum.max_timestamp) {
    sum.max_timestamp = last.key;
    sum.max_timestamp_offset = last.value;
  }
  if (s->writable) {
    pkl_index_begin(&s->offsets, offsets, slot + 1);
    pkl_index_begin(&s->times, times, time_slot + 1);
    s->last_time = last_time;
    s->unindexed = 0; /* as Kafka after opening: it does not look back */
  }
  s->summary = sum;
  return PKL_OK;
}

pkl_status pkl_segment_summarize(pkl_segment *s, pkl_source source,
                                 pkl_summary *out) {
  pkl_status status = PKL_OK;
  pthread_mutex_lock(&s->lock);
  int64_t end = pkl_segment_end(s);
  if (s->summary.upto < 0) {
    pkl_index_reader offsets, times;
    pkl_index_reader_open(&offsets, &s->offsets);
    pkl_index_reader_open(&times, &s->times);
    status = summarize_by_index(s, source, end, &offsets, &times);
    pkl_index_reader_close(&offsets);
    pkl_index_reader_close(&times);
  } else if (s->summary.upto < end && !s->writable) {
    status = walk_on(source, end, &s->summary);
  }
  *out = s->summary;
  pthread_mutex_unlock(&s->lock);
  return status;
}

static pkl_status flush_both(pkl_segment *s, bool sync) {
  if (!s->writable || s->summary.upto < 0) return PKL_OK;
  pkl_status status = pkl_index_flush(&s->offsets, sync);
  return status ? status : pkl_index_flush(&s->times, sync);
}

pkl_status pkl_segment_flush_indexes(pkl_segment *s, bool sync) {
  pthread_mutex_lock(&s->lock);
  pkl_status status = flush_both(s, sync);
  pthread_mutex_unlock(&s->lock);
  return status;
}

/* Gives back what lies behind `end`: preallocated blocks. */
static pkl_status trim(pkl_segment *s, int64_t end) {
  int64_t size;
  int fd = pkl_file_acquire(&s->file);
  if (fd < 0) return PKL_SYSTEM;
  pkl_status status = pkl_os_size(fd, &size);
  if (!status && size > end) status = pkl_os_truncate(fd, end);
  pkl_file_release(&s->file);
  return status;
}

pkl_status pkl_segment_index_last_time(pkl_segment *s) {
  pkl_summary *sum = &s->summary;
  if (sum->max_timestamp <= s->last_time) return PKL_OK;
  pkl_index_entry last = {sum->max_timestamp, sum->max_timestamp_offset};
  pkl_status status = pkl_index_append(&s->times, last);
  if (!status) s->last_time = last.key;
  return status == PKL_FULL ? PKL_OK : status;
}

pkl_status pkl_segment_seal(pkl_segment *s) {
  if (!s->writable) return PKL_INVALID;
  pthread_mutex_lock(&s->lock);
  pkl_status status = pkl_segment_index_last_time(s);
  if (!status) status = flush_both(s, false);
  if (!status) status = trim(s, pkl_segment_end(s));
  pthread_mutex_unlock(&s->lock);
  return status;
}

pkl_status pkl_segment_truncate(pkl_segment *s, int64_t end) {
  if (!s->writable || end < 0) return PKL_INVALID;
  pthread_mutex_lock(&s->lock);
  pkl_status status = flush_both(s, false);
  if (!status) status = trim(s, end);
  if (!status) {
    atomic_store(&s->end, end);
    s->summary = (pkl_summary){-1, s->base_offset, -1, -1};
    s->offsets.written = s->times.written = -1;
    s->torn = false;
  }
  pthread_mutex_unlock(&s->lock);
  return status;
}
