/* Recovery: walk, step over holes, find the tail.  The contract:
 * pkl/recovery.h. */
#include "pkl/recovery.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A list that doubles; 0 when memory has run out. */
static void *grow(void *list, int64_t count, size_t size) {
  if (count & (count - 1)) return list;
  return realloc(list, (size_t)(count ? 2 * count : 1) * size);
}

static pkl_status add_epoch(pkl_recovery *r, const pkl_batch *b) {
  if (b->leader_epoch < 0) return PKL_OK;
  if (r->epoch_count &&
      b->leader_epoch <= r->epochs[r->epoch_count - 1].epoch)
    return PKL_OK;
  void *grown = grow(r->epochs, r->epoch_count, sizeof *r->epochs);
  if (!grown) return PKL_NO_MEMORY;
  r->epochs = grown;
  r->epochs[r->epoch_count++] =
      (pkl_epoch_start){b->base_offset, b->leader_epoch};
  return PKL_OK;
}

static pkl_status add_hole(pkl_recovery *r, int64_t valid_after,
                           int64_t next_offset) {
  void *grown = grow(r->holes, r->hole_count, sizeof *r->holes);
  if (!grown) return PKL_NO_MEMORY;
  r->holes = grown;
  r->holes[r->hole_count++] =
      (pkl_hole){r->end, valid_after, next_offset, r->problem};
  r->phase = PKL_WALKING;
  r->at = valid_after;
  r->problem = PKL_OK;
  return PKL_OK;
}

/* Kafka's recovery counts from the batch that was indexed last. */
static int64_t unindexed_before(pkl_segment *s, int64_t start) {
  pkl_index_reader reader;
  pkl_index_entry last = {0, 0};
  pkl_index_reader_open(&reader, &s->offsets);
  pkl_index_get(&reader, reader.count - 1, &last);
  pkl_index_reader_close(&reader);
  return start - last.value;
}

static pkl_status begin_indexes(pkl_segment *s, pkl_source source,
                                int64_t start) {
  pkl_summary sum;
  atomic_store(&s->end, start);
  s->summary = (pkl_summary){-1, s->base_offset, -1, -1};
  s->offsets.tail_count = s->times.tail_count = 0;
  s->offsets.written = s->times.written = start ? -1 : 0;
  pkl_status status = pkl_segment_summarize(s, source, &sum);
  if (!status) s->unindexed = unindexed_before(s, start);
  return status;
}

pkl_status pkl_recovery_begin(pkl_recovery *r, pkl_segment *s, int64_t start) {
  *r = (pkl_recovery){.end = start, .at = start, .next_offset = s->base_offset};
  r->fd = -1;
  pkl_status status = pkl_os_open(s->path, O_RDONLY, &r->fd);
  if (!status) status = pkl_os_size(r->fd, &r->file_size);
  if (status) return status;
  if (start < 0 || start > r->file_size) return PKL_INVALID;
  pkl_source source = {NULL, r->fd};
  if (s->writable) status = begin_indexes(s, source, start);
  if (!status) status = pkl_window_init(&r->window, source, r->file_size);
  if (s->writable) r->next_offset = s->summary.next_offset;
  return status;
}

static pkl_status accept(pkl_recovery *r, pkl_segment *s, const pkl_batch *b) {
  pkl_status status = add_epoch(r, b);
  if (s->writable) pkl_segment_count_batch(s, b, r->at);
  r->at += (int64_t)b->size;
  r->end = r->at;
  r->next_offset = b->last_offset + 1;
  r->batches++;
  return status;
}

static pkl_status check(pkl_recovery *r, const pkl_segment *s, int64_t position,
                        pkl_batch *b) {
  b->size = 0; /* stays 0 when there is no whole header */
  pkl_status status = pkl_window_batch(&r->window, position, b);
  if (status == PKL_OK && (b->base_offset < r->next_offset ||
                           b->last_offset - s->base_offset > INT32_MAX))
    return PKL_CORRUPT;
  return status;
}

static bool begins_with_zeros(pkl_recovery *r) {
  static const uint8_t zeros[PKL_BATCH_HEADER];
  const uint8_t *bytes;
  size_t got;
  if (pkl_window_get(&r->window, r->at, sizeof zeros, &bytes, &got))
    return false;
  return memcmp(bytes, zeros, got < sizeof zeros ? got : sizeof zeros) == 0;
}

/* What bad bytes at r->at are followed by is to be found out. */
static pkl_status meet_bad(pkl_recovery *r, const pkl_segment *s,
                           pkl_status problem, const pkl_batch *bad) {
  r->problem = problem;
  r->bound = r->next_offset;
  if (bad->size && problem != PKL_TRUNCATED) {
    /* Most likely the length is right all the same. */
    pkl_batch next;
    int64_t after = r->at + (int64_t)bad->size;
    if (check(r, s, after, &next) == PKL_OK)
      return add_hole(r, after, next.base_offset);
  } else if (bad->size && bad->last_offset >= r->bound) {
    /* Either the length is wrong, and batches with higher offsets follow; or this
     * is a torn tail, whose payload may hold anything, even batches. */
    r->bound = bad->last_offset + 1;
  }
  r->phase = begins_with_zeros(r) ? PKL_IN_ZEROS : PKL_SCANNING;
  if (r->phase == PKL_SCANNING) r->at++;
  return PKL_OK;
}

/* The checksum does not cover the base offset.  One that leaves a gap, into which
 * the next batch falls, is not what was written. */
static bool overtakes(pkl_recovery *r, const pkl_batch *b) {
  pkl_batch next;
  if (b->base_offset == r->next_offset ||
      pkl_window_batch(&r->window, r->at + (int64_t)b->size, &next))
    return false;
  return next.base_offset >= r->next_offset &&
         next.base_offset <= b->last_offset;
}

static pkl_status walk(pkl_recovery *r, pkl_segment *s, int64_t *budget) {
  while (*budget > 0) {
    pkl_batch b;
    pkl_status status = check(r, s, r->at, &b);
    if (status == PKL_OK && overtakes(r, &b)) status = PKL_CORRUPT;
    if (status == PKL_END || status == PKL_SYSTEM) return status;
    if (status) return meet_bad(r, s, status, &b);
    status = accept(r, s, &b);
    if (status) return status;
    *budget -= (int64_t)b.size;
  }
  return PKL_OK;
}

static pkl_status pass_zeros(pkl_recovery *r, int64_t *budget) {
  while (*budget > 0) {
    const uint8_t *bytes;
    size_t got, i = 0;
    pkl_status status = pkl_window_get(&r->window, r->at, 1, &bytes, &got);
    if (status) {
      r->zeros = status == PKL_END;
      return status;
    }
    while (i < got && bytes[i] == 0) i++;
    r->at += (int64_t)i;
    *budget -= (int64_t)i;
    if (i < got) { /* the first bytes of a batch are often zeros */
      int64_t from = r->at - PKL_BATCH_HEADER;
      r->at = from > r->end ? from : r->end + 1;
      r->phase = PKL_SCANNING;
      return PKL_OK;
    }
  }
  return PKL_OK;
}

static pkl_status scan(pkl_recovery *r, int64_t *budget) {
  pkl_batch b;
  int64_t from = r->at;
  pkl_status status =
      pkl_window_scan(&r->window, &r->at, r->bound, *budget, &b);
  *budget -= r->at - from + 1;
  if (status == PKL_OK) return add_hole(r, r->at, b.base_offset);
  if (status == PKL_FULL) *budget = 0;
  return status == PKL_FULL ? PKL_OK : status;
}

static pkl_status finish(pkl_recovery *r, pkl_segment *s) {
  r->file_size = r->window.end;
  if (!s->writable) return PKL_END;
  atomic_store(&s->end, r->end);
  s->summary.upto = r->end;
  pkl_status status = pkl_segment_index_last_time(s);
  if (!status) status = pkl_segment_flush_indexes(s, false);
  s->unindexed = 0; /* as Kafka after recovery */
  return status ? status : PKL_END;
}

pkl_status pkl_recovery_step(pkl_recovery *r, pkl_segment *s, int64_t budget) {
  pkl_status status = PKL_OK;
  while (status == PKL_OK && budget > 0) {
    switch (r->phase) {
      case PKL_WALKING: status = walk(r, s, &budget); break;
      case PKL_IN_ZEROS: status = pass_zeros(r, &budget); break;
      case PKL_SCANNING: status = scan(r, &budget); break;
    }
  }
  return status == PKL_END ? finish(r, s) : status;
}

void pkl_recovery_free(pkl_recovery *r, pkl_segment *s) {
  if (s->writable && s->summary.upto != pkl_segment_end(s)) {
    /* Given up in the middle: what the files say counts again. */
    s->summary = (pkl_summary){-1, s->base_offset, -1, -1};
    s->offsets.tail_count = s->times.tail_count = 0;
    s->offsets.written = s->times.written = -1;
  }
  pkl_window_free(&r->window);
  pkl_os_close(r->fd);
  free(r->holes);
  free(r->epochs);
}
