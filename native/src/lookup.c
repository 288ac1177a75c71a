/* Finding batches: index, proof, walk.  The contract: pkl/lookup.h. */
#include "pkl/lookup.h"

static bool confirmed(const pkl_source *source, pkl_index_entry e,
                      int64_t end) {
  pkl_batch b;
  if (e.value <= 0) return false;
  return pkl_source_batch(source, e.value, end, &b) == PKL_OK &&
         b.last_offset == e.key;
}

void pkl_prove_entry(pkl_index_reader *reader, const pkl_source *source,
                     int64_t end, int64_t offset, int64_t *slot,
                     pkl_index_entry *entry) {
  for (int i = 0; i < PKL_INDEX_TRIES && *slot >= 0; i++, --*slot) {
    if (pkl_index_get(reader, *slot, entry) && entry->key <= offset &&
        confirmed(source, *entry, end))
      return;
  }
  *slot = -1;
}

pkl_status pkl_next_valid(const pkl_source *source, int64_t position,
                          int64_t end, int64_t first_offset, pkl_batch *batch,
                          int64_t *found) {
  pkl_window window;
  pkl_status status = pkl_window_init(&window, *source, end);
  if (status) return status;
  *found = position + 1;
  do {
    status = pkl_window_scan(&window, found, first_offset, end, batch);
  } while (status == PKL_FULL);
  pkl_window_free(&window);
  return status;
}

static bool bad_crc(const pkl_source *source, int64_t position, int64_t end) {
  pkl_window window;
  pkl_batch b;
  if (pkl_window_init(&window, *source, end)) return false;
  pkl_status status = pkl_window_batch(&window, position, &b);
  pkl_window_free(&window);
  return status != PKL_OK;
}

/* A flipped bit in the offsets of a batch: the next one, whose offsets are
 * `expected` or higher, contradicts it.  The checksum covers the last offset but
 * not the base offset; that one is wrong when the next batch fits without it. */
static bool contradicted(const pkl_source *source, const pkl_batch *b,
                         int64_t position, int64_t end, int64_t expected) {
  pkl_batch next;
  pkl_status status =
      pkl_source_batch(source, position + (int64_t)b->size, end, &next);
  if (status == PKL_END) return false;
  if (status == PKL_OK && next.base_offset > b->last_offset) return false;
  return bad_crc(source, position, end) ||
         (status == PKL_OK && expected > 0 && b->base_offset > expected &&
          next.base_offset >= expected);
}

pkl_walk pkl_walk_from(const pkl_source *source, int64_t start, int64_t end) {
  return (pkl_walk){source, start, end, 0, -1, 0};
}

pkl_status pkl_walk_look(pkl_walk *w, pkl_batch *b) {
  pkl_status status = pkl_source_batch(w->source, w->at, w->end, b);
  if (status == PKL_SYSTEM) return status;
  bool follows = status == PKL_OK && b->base_offset == w->expected;
  if (!follows && w->before >= 0 &&
      bad_crc(w->source, w->before, w->end)) {
    /* The batch before may have led astray, with a wrong length or offset. */
    w->at = w->before;
    w->expected = w->before_expected;
    return PKL_CORRUPT;
  }
  if (status == PKL_END) return PKL_END;
  return status || b->base_offset < w->expected ? PKL_CORRUPT : PKL_OK;
}

void pkl_walk_pass(pkl_walk *w, const pkl_batch *b) {
  w->before = w->at;
  w->before_expected = w->expected;
  w->at += (int64_t)b->size;
  w->expected = b->last_offset + 1;
}

pkl_status pkl_walk_skip(pkl_walk *w, pkl_batch *next) {
  int64_t found;
  pkl_status status =
      pkl_next_valid(w->source, w->at, w->end, w->expected, next, &found);
  if (status) return status;
  w->at = found;
  w->before = -1;
  return PKL_OK;
}

pkl_status pkl_walk_to(const pkl_source *source, int64_t start, int64_t end,
                       int64_t offset, int64_t *position) {
  pkl_walk w = pkl_walk_from(source, start, end);
  for (;;) {
    pkl_batch b;
    pkl_status status = pkl_walk_look(&w, &b);
    if (status == PKL_SYSTEM) return status;
    *position = w.at;
    if (status == PKL_END) return PKL_OK;
    if (status == PKL_OK && b.last_offset >= offset) {
      if (!contradicted(source, &b, w.at, end, w.expected)) return PKL_OK;
      status = PKL_CORRUPT;
    }
    if (status == PKL_OK) {
      pkl_walk_pass(&w, &b);
      continue;
    }
    status = pkl_walk_skip(&w, &b);
    if (status == PKL_SYSTEM || status == PKL_NO_MEMORY) return status;
    if (status || b.base_offset > offset) return PKL_OK;
  }
}

pkl_status pkl_segment_lookup(pkl_segment *s, pkl_source source, int64_t offset,
                              int64_t *position) {
  int64_t end = pkl_segment_end(s), start = 0;
  pkl_index_entry entry;
  pthread_mutex_lock(&s->lock);
  bool waiting = pkl_index_search_tail(&s->offsets, offset, &entry);
  pkl_index file = s->offsets;
  pthread_mutex_unlock(&s->lock);

  if (waiting && confirmed(&source, entry, end)) {
    start = entry.value;
  } else if (offset > s->base_offset) {
    pkl_index_reader reader;
    pkl_index_reader_open(&reader, &file);
    int64_t slot = pkl_index_search(&reader, offset);
    pkl_prove_entry(&reader, &source, end, offset, &slot, &entry);
    if (slot >= 0) start = entry.value;
    pkl_index_reader_close(&reader);
  }
  return pkl_walk_to(&source, start, end, offset, position);
}

/* Where the batch lies that a time index entry speaks of; -1 when it denies it. */
static int64_t proven_time(pkl_segment *s, pkl_source source, int64_t end,
                           pkl_index_entry e) {
  pkl_batch b;
  int64_t position;
  if (pkl_segment_lookup(s, source, e.value, &position) ||
      pkl_source_batch(&source, position, end, &b))
    return -1;
  return b.last_offset == e.value && b.max_timestamp == e.key ? position : -1;
}

static int64_t start_for_timestamp(pkl_segment *s, pkl_source source,
                                   int64_t end, int64_t timestamp) {
  pkl_index_entry e;
  pthread_mutex_lock(&s->lock);
  bool waiting = pkl_index_search_tail(&s->times, timestamp, &e);
  pkl_index file = s->times;
  pthread_mutex_unlock(&s->lock);

  int64_t start = waiting ? proven_time(s, source, end, e) : -1;
  if (start >= 0) return start;
  pkl_index_reader reader;
  pkl_index_reader_open(&reader, &file);
  int64_t slot = pkl_index_search(&reader, timestamp);
  for (int i = 0; i < PKL_INDEX_TRIES && slot >= 0 && start < 0; i++, slot--) {
    if (pkl_index_get(&reader, slot, &e) && e.key <= timestamp)
      start = proven_time(s, source, end, e);
  }
  pkl_index_reader_close(&reader);
  return start < 0 ? 0 : start;
}

pkl_status pkl_segment_lookup_timestamp(pkl_segment *s, pkl_source source,
                                        int64_t timestamp, int64_t from,
                                        int64_t *position,
                                        int64_t *base_offset) {
  int64_t end = pkl_segment_end(s);
  int64_t at = start_for_timestamp(s, source, end, timestamp);
  pkl_walk w = pkl_walk_from(&source, at < from ? from : at, end);
  for (;;) {
    pkl_batch b;
    pkl_status status = pkl_walk_look(&w, &b);
    if (status == PKL_CORRUPT) status = pkl_walk_skip(&w, &b);
    if (status) return status;
    if (b.max_timestamp >= timestamp) {
      *position = w.at;
      *base_offset = b.base_offset;
      return PKL_OK;
    }
    pkl_walk_pass(&w, &b);
  }
}

pkl_status pkl_segment_span(pkl_segment *s, pkl_source source, int64_t start,
                            int64_t max_bytes, int64_t until,
                            int64_t *span_end) {
  int64_t end = pkl_segment_end(s);
  if (until > end) until = end;
  if (start < 0 || start > until) return PKL_INVALID;
  *span_end = until;
  if (until - start <= max_bytes) return PKL_OK;

  int64_t limit = start + max_bytes, at = start;
  for (;;) {
    pkl_batch b;
    pkl_status status = pkl_source_batch(&source, at, until, &b);
    if (status == PKL_SYSTEM) return status;
    int64_t next = status ? limit : at + (int64_t)b.size;
    if (next > limit && at > start) break;
    at = next;
    if (at >= limit) break;
  }
  *span_end = at;
  return PKL_OK;
}
