/* Decoded columns -> struct ArrowArray: pkl/export.h. */
#include "pkl/export.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The root, PKL_COLUMNS columns, the topic's dictionary, the headers' struct and
 * its two fields; and for the three view columns validity, views, sizes. */
enum { MOST_ARRAYS = 1 + PKL_COLUMNS + 1 + 3, MOST_BUFFERS = 3 };

/* All that one export has allocated, in one block.  Every array of it that is
 * not released yet counts as a reference. */
typedef struct export {
  atomic_int references;
  void (*release)(void *owner);
  void *owner;
  struct ArrowArray arrays[MOST_ARRAYS];
  struct ArrowArray *children[MOST_ARRAYS];
  const void *buffers[MOST_ARRAYS][MOST_BUFFERS];
  const void **lists; /* view columns: 2 + spans + 1 buffers each */
  int64_t *sizes;     /* of the spans */
  size_t span_count;
  int used;           /* arrays */
  int lists_used;
} export;

static void release_array(struct ArrowArray *a) {
  export *e = a->private_data;
  for (int64_t i = 0; i < a->n_children; i++)
    if (a->children[i]->release) a->children[i]->release(a->children[i]);
  if (a->dictionary && a->dictionary->release)
    a->dictionary->release(a->dictionary);
  a->release = NULL;
  if (atomic_fetch_sub(&e->references, 1) == 1) {
    e->release(e->owner);
    free(e);
  }
}

static export *new_export(const pkl_span *spans, size_t span_count) {
  size_t list = 2 + span_count + 1;
  export *e = malloc(sizeof *e + 3 * list * sizeof *e->lists +
                     span_count * sizeof *e->sizes);
  if (!e) return NULL;
  memset(e, 0, sizeof *e);
  e->lists = (const void **)(e + 1);
  e->sizes = (int64_t *)(e->lists + 3 * list);
  e->span_count = span_count;
  for (size_t i = 0; i < span_count; i++) e->sizes[i] = spans[i].size;
  return e;
}

static struct ArrowArray *new_array(export *e, int64_t length, int64_t nulls,
                                    int64_t buffers) {
  int n = e->used++;
  e->arrays[n] = (struct ArrowArray){.length = length,
                                     .null_count = nulls,
                                     .n_buffers = buffers,
                                     .buffers = e->buffers[n],
                                     .release = release_array,
                                     .private_data = e};
  atomic_fetch_add(&e->references, 1);
  return &e->arrays[n];
}

static struct ArrowArray *fixed(export *e, int64_t rows, const void *data) {
  struct ArrowArray *a = new_array(e, rows, 0, 2);
  a->buffers[1] = data;
  return a;
}

/* Only nulls, or no rows: nothing was written.  Only short values: no view
 * points anywhere, so that no span is dragged along. */
static struct ArrowArray *views(export *e, int64_t rows,
                                const pkl_view_column *c,
                                const pkl_span *spans, const void *zeros) {
  size_t n = c->longest > PKL_INLINE ? e->span_count : 0;
  struct ArrowArray *a = new_array(e, rows, c->nulls, (int64_t)(2 + n + 1));
  a->buffers = e->lists + (size_t)e->lists_used++ * (2 + e->span_count + 1);
  bool written = c->nulls < rows;
  a->buffers[0] = c->nulls == 0 ? NULL : written ? c->valid : zeros;
  a->buffers[1] = written ? c->views : zeros;
  for (size_t i = 0; i < n; i++) a->buffers[2 + i] = spans[i].data;
  a->buffers[2 + n] = e->sizes;
  return a;
}

static struct ArrowArray **new_children(export *e, struct ArrowArray *parent,
                                        int first, int64_t count) {
  parent->n_children = count;
  parent->children = e->children + first;
  return parent->children;
}

static struct ArrowArray *headers(export *e, const pkl_decoder *d,
                                  const pkl_span *spans, const void *zeros,
                                  int first) {
  int64_t n = d->header_count;
  struct ArrowArray *list = new_array(e, d->rows, 0, 2);
  list->buffers[1] = n ? (const void *)d->header_ends : zeros;
  struct ArrowArray *fields = new_array(e, n, 0, 1);
  new_children(e, list, first, 1)[0] = fields;

  struct ArrowArray *name = new_array(e, n, 0, 3);
  name->buffers[1] = n ? (const void *)d->name_ends : zeros;
  name->buffers[2] = n ? (const void *)d->names : zeros;
  struct ArrowArray **children = new_children(e, fields, first + 1, 2);
  children[0] = name;
  children[1] = views(e, n, &d->header_value, spans, zeros);
  return list;
}

static struct ArrowArray *topic(export *e, int64_t rows,
                                const pkl_constants *constants) {
  struct ArrowArray *indices = fixed(e, rows, constants->zeros);
  struct ArrowArray *name = new_array(e, 1, 0, 3);
  name->buffers[1] = constants->topic_ends;
  name->buffers[2] = constants->topic;
  indices->dictionary = name;
  return indices;
}

pkl_status pkl_export(const pkl_decoder *d, const pkl_constants *constants,
                      const pkl_span *spans, size_t span_count,
                      const pkl_column *columns, size_t count,
                      void (*release)(void *owner), void *owner,
                      struct ArrowArray *out) {
  if (count > PKL_COLUMNS) return PKL_INVALID;
  export *e = new_export(spans, span_count);
  if (!e) return PKL_NO_MEMORY;
  e->release = release;
  e->owner = owner;

  struct ArrowArray *root = new_array(e, d->rows, 0, 1);
  struct ArrowArray **children = new_children(e, root, 0, (int64_t)count);
  const void *zeros = constants->zeros;
  for (size_t i = 0; i < count; i++) {
    switch (columns[i]) {
      case PKL_COLUMN_TOPIC:
        children[i] = topic(e, d->rows, constants);
        break;
      case PKL_COLUMN_PARTITION:
        children[i] = fixed(e, d->rows, constants->partition);
        break;
      case PKL_COLUMN_OFFSET:
        children[i] = fixed(e, d->rows, d->offsets);
        break;
      case PKL_COLUMN_TIMESTAMP:
        children[i] = fixed(e, d->rows, d->timestamps);
        break;
      case PKL_COLUMN_KEY:
        children[i] = views(e, d->rows, &d->key, spans, zeros);
        break;
      case PKL_COLUMN_VALUE:
        children[i] = views(e, d->rows, &d->value, spans, zeros);
        break;
      default:
        children[i] = headers(e, d, spans, zeros, (int)count);
    }
  }
  *out = *root;
  return PKL_OK;
}
