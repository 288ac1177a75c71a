/* Reading a .log piecewise: headers, whole batches, the next valid batch. */
#include "pkl/window.h"

#include <stdlib.h>
#include <string.h>

#include "pkl/crc32c.h"
#include "pkl/cursor.h"
#include "pkl/os.h"

pkl_status pkl_source_batch(const pkl_source *source, int64_t position,
                            int64_t end, pkl_batch *out) {
  if (position >= end) return PKL_END;
  size_t left = (size_t)(end - position);
  if (source->map) return pkl_batch_parse(source->map + position, left, out);

  uint8_t header[PKL_BATCH_HEADER];
  size_t got, wanted = left < sizeof header ? left : sizeof header;
  pkl_status status = pkl_os_read(source->fd, header, wanted, position, &got);
  if (status) return status;
  status = pkl_batch_parse(header, got, out);
  out->data = NULL;
  if (status == PKL_TRUNCATED && got == sizeof header && out->size <= left)
    return PKL_OK;
  return status;
}

pkl_status pkl_window_init(pkl_window *w, pkl_source source, int64_t end) {
  *w = (pkl_window){.source = source, .end = end};
  if (source.map) return PKL_OK;
  w->bytes = malloc(PKL_WINDOW);
  return w->bytes ? PKL_OK : PKL_NO_MEMORY;
}

void pkl_window_free(pkl_window *w) {
  free(w->bytes);
  w->bytes = NULL;
}

static size_t at_most(int64_t left, size_t wanted) {
  return left < (int64_t)wanted ? (size_t)left : wanted;
}

static pkl_status load(pkl_window *w, int64_t position) {
  size_t size = at_most(w->end - position, PKL_WINDOW);
  w->at = position;
  w->size = 0;
  pkl_status status =
      pkl_os_read(w->source.fd, w->bytes, size, position, &w->size);
  if (!status && w->size < size) w->end = position + (int64_t)w->size;
  return status;
}

pkl_status pkl_window_get(pkl_window *w, int64_t position, size_t needed,
                          const uint8_t **bytes, size_t *got) {
  if (position >= w->end) return PKL_END;
  if (w->source.map) {
    *bytes = w->source.map + position;
    *got = (size_t)(w->end - position);
    return PKL_OK;
  }
  int64_t wanted = (int64_t)at_most(w->end - position, needed);
  if (position < w->at || position + wanted > w->at + (int64_t)w->size) {
    pkl_status status = load(w, position);
    if (status) return status;
    if (w->size == 0) return PKL_END;
  }
  *bytes = w->bytes + (position - w->at);
  *got = w->size - (size_t)(position - w->at);
  return PKL_OK;
}

static pkl_status check_crc(pkl_window *w, int64_t position,
                            const pkl_batch *b) {
  int64_t at = position + PKL_AT_ATTRIBUTES;
  int64_t end = position + (int64_t)b->size;
  uint32_t crc = 0;
  while (at < end) {
    const uint8_t *bytes;
    size_t got;
    pkl_status status = pkl_window_get(w, at, 1, &bytes, &got);
    if (status) return status == PKL_END ? PKL_TRUNCATED : status;
    got = at_most(end - at, got);
    crc = pkl_crc32c(crc, bytes, got);
    at += (int64_t)got;
  }
  return crc == b->crc ? PKL_OK : PKL_BAD_CRC;
}

pkl_status pkl_window_batch(pkl_window *w, int64_t position, pkl_batch *out) {
  const uint8_t *bytes;
  size_t got;
  pkl_status status =
      pkl_window_get(w, position, PKL_BATCH_HEADER, &bytes, &got);
  if (status) return status;
  status = pkl_batch_parse(bytes, got, out);
  out->data = NULL;
  if (status && status != PKL_TRUNCATED) return status;
  if (got < PKL_BATCH_HEADER || (int64_t)out->size > w->end - position)
    return PKL_TRUNCATED;
  return check_crc(w, position, out);
}

pkl_status pkl_window_scan(pkl_window *w, int64_t *position,
                           int64_t first_offset, int64_t budget,
                           pkl_batch *out) {
  int64_t stop = *position + budget;
  while (*position < stop) {
    const uint8_t *bytes;
    size_t got;
    pkl_status status =
        pkl_window_get(w, *position, PKL_BATCH_HEADER, &bytes, &got);
    if (status) return status;
    if (got < PKL_BATCH_HEADER) return PKL_END;
    /* memchr, because most bytes are not a 2. */
    size_t starts = got - PKL_BATCH_HEADER + 1;
    if (w->source.map && starts > PKL_WINDOW) starts = PKL_WINDOW;
    const uint8_t *magic = memchr(bytes + PKL_AT_MAGIC, 2, starts);
    if (!magic) {
      *position += (int64_t)starts;
      continue;
    }
    *position += magic - PKL_AT_MAGIC - bytes;
    status = pkl_window_batch(w, *position, out);
    if (status == PKL_SYSTEM) return status;
    if (status == PKL_OK && out->base_offset >= first_offset) return PKL_OK;
    /* Plausible lengths over garbage: each CRC counts, or it could take hours. */
    if (status == PKL_BAD_CRC) stop -= (int64_t)out->size;
    *position += 1;
  }
  return PKL_FULL;
}
