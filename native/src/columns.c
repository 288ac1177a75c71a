/* Arrow columns to append: import, check, route.  See pkl/columns.h. */
#include "pkl/columns.h"

#include <stdio.h>
#include <string.h>

#include "pkl/batch.h"
#include "pkl/cursor.h"
#include "pkl/partitioner.h"
#include "pkl/record.h"

/* --- import -------------------------------------------------------------- */

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static pkl_layout layout_of(const char *format, bool text_only) {
  if (is(format, "u") || (!text_only && is(format, "z"))) return PKL_OFFSETS32;
  if (is(format, "U") || (!text_only && is(format, "Z"))) return PKL_OFFSETS64;
  if (is(format, "vu") || (!text_only && is(format, "vz"))) return PKL_VIEWS;
  return PKL_ABSENT;
}

static pkl_status wrong(char *problem, const char *name, const char *expected,
                        const char *format) {
  snprintf(problem, PKL_PROBLEM,
           "column %.60s has to be %s, not Arrow format \"%.20s\"", name, expected,
           format);
  return PKL_INVALID;
}

static const uint8_t *validity(const struct ArrowArray *a) {
  return a->null_count == 0 || a->n_buffers < 1 ? NULL : a->buffers[0];
}

static pkl_status import_bytes(const struct ArrowSchema *s,
                               const struct ArrowArray *a, int64_t offset,
                               bool text_only, const char *name,
                               pkl_bytes_column *out, char *problem) {
  pkl_layout layout = s->dictionary ? PKL_ABSENT : layout_of(s->format, text_only);
  if (layout == PKL_ABSENT || a->n_buffers < 3)
    return wrong(problem, name,
                 text_only ? "string, large_string or string_view"
                           : "binary or string, plain, large or view",
                 s->dictionary ? "dictionary" : s->format);
  *out = (pkl_bytes_column){.layout = layout,
                            .offset = offset + a->offset,
                            .valid = validity(a),
                            .index = a->buffers[1]};
  if (layout == PKL_VIEWS) {
    out->buffers = (const uint8_t *const *)a->buffers + 2;
    out->buffer_count = a->n_buffers - 3;
    out->sizes = a->buffers[a->n_buffers - 1];
  } else {
    out->data = a->buffers[2];
  }
  return PKL_OK;
}

static void import_fixed(const struct ArrowArray *a, int64_t offset,
                         pkl_fixed_column *out) {
  *out = (pkl_fixed_column){.offset = offset + a->offset,
                            .valid = validity(a),
                            .data = a->buffers[1]};
}

static const char HEADERS[] = "list<struct<key: string, value: binary>>";

static pkl_status import_headers(const struct ArrowSchema *s,
                                 const struct ArrowArray *a, int64_t offset,
                                 pkl_columns *out, char *problem) {
  bool large = is(s->format, "+L");
  if ((!large && !is(s->format, "+l")) || s->n_children != 1 ||
      !is(s->children[0]->format, "+s") || s->children[0]->n_children != 2 ||
      !is(s->children[0]->children[0]->name, "key") ||
      !is(s->children[0]->children[1]->name, "value"))
    return wrong(problem, "headers", HEADERS, s->format);

  const struct ArrowSchema *fields = s->children[0];
  const struct ArrowArray *structs = a->children[0];
  import_fixed(a, offset, &out->headers);
  out->large_headers = large;
  out->header_valid = validity(structs);
  out->header_offset = structs->offset;
  pkl_status st = import_bytes(fields->children[0], structs->children[0],
                               structs->offset, true, "headers.key",
                               &out->header_key, problem);
  if (st != PKL_OK) return st;
  return import_bytes(fields->children[1], structs->children[1],
                      structs->offset, false, "headers.value",
                      &out->header_value, problem);
}

static pkl_status import_column(const struct ArrowSchema *s,
                                const struct ArrowArray *a, int64_t offset,
                                pkl_columns *out, char *problem) {
  const char *name = s->name ? s->name : "";
  if (is(name, "value"))
    return import_bytes(s, a, offset, false, name, &out->value, problem);
  if (is(name, "key"))
    return import_bytes(s, a, offset, false, name, &out->key, problem);
  if (is(name, "headers")) return import_headers(s, a, offset, out, problem);
  if (is(name, "timestamp")) {
    if (s->dictionary || (!is(s->format, "l") && strncmp(s->format, "tsm:", 4)))
      return wrong(problem, name, "timestamp[ms] or int64 (ms)", s->format);
    import_fixed(a, offset, &out->timestamp);
    return PKL_OK;
  }
  if (is(name, "partition")) {
    if (s->dictionary || !is(s->format, "i"))
      return wrong(problem, name, "int32", s->format);
    import_fixed(a, offset, &out->partition);
    return PKL_OK;
  }
  if (is(name, "topic") || is(name, "offset")) return PKL_OK;
  snprintf(problem, PKL_PROBLEM,
           "unknown column %.60s: value, key, timestamp, headers and partition "
           "are taken (topic and offset are ignored)",
           name);
  return PKL_INVALID;
}

pkl_status pkl_columns_import(const struct ArrowSchema *schema,
                              const struct ArrowArray *array, pkl_columns *out,
                              char *problem) {
  memset(out, 0, sizeof *out);
  if (!is(schema->format, "+s") || schema->n_children != array->n_children)
    return wrong(problem, "data", "a record batch (a struct)", schema->format);
  if (array->null_count > 0 && array->n_buffers > 0 && array->buffers[0]) {
    snprintf(problem, PKL_PROBLEM, "rows of a record batch cannot be null");
    return PKL_INVALID;
  }
  out->rows = array->length;
  for (int64_t i = 0; i < schema->n_children; i++) {
    const char *name = schema->children[i]->name;
    for (int64_t j = 0; name && j < i; j++)
      if (schema->children[j]->name && is(schema->children[j]->name, name)) {
        snprintf(problem, PKL_PROBLEM, "column %.60s is there twice", name);
        return PKL_INVALID;
      }
    pkl_status st = import_column(schema->children[i], array->children[i],
                                  array->offset, out, problem);
    if (st != PKL_OK) return st;
  }
  if (out->value.layout == PKL_ABSENT) {
    snprintf(problem, PKL_PROBLEM, "the column value is missing");
    return PKL_INVALID;
  }
  return PKL_OK;
}

/* --- rows ---------------------------------------------------------------- */

int64_t pkl_headers_at(const pkl_columns *c, int64_t row, int64_t *from) {
  *from = 0;
  if (pkl_is_null(&c->headers, row)) return 0;
  int64_t i = c->headers.offset + row, to;
  if (c->large_headers) {
    const int64_t *ends = c->headers.data;
    *from = ends[i], to = ends[i + 1];
  } else {
    const int32_t *ends = c->headers.data;
    *from = ends[i], to = ends[i + 1];
  }
  return *from < 0 || to < *from ? -1 : to;
}

static int64_t sized(int64_t size) {
  return (int64_t)pkl_varlong_size(size) + (size > 0 ? size : 0);
}

int64_t pkl_headers_size(const pkl_columns *c, int64_t row, int32_t *count) {
  int64_t from, to = pkl_headers_at(c, row, &from);
  *count = 0;
  if (to < 0 || to - from > INT32_MAX) return -1;
  int64_t size = 0;
  for (int64_t i = from; i < to; i++) {
    int64_t key_size, value_size;
    if (c->header_valid && !pkl_bit(c->header_valid, c->header_offset + i))
      return -1;
    pkl_bytes_at(&c->header_key, i, &key_size);
    pkl_bytes_at(&c->header_value, i, &value_size);
    if (key_size < 0 || value_size < -1) return -1;
    size += sized(key_size) + sized(value_size);
  }
  *count = (int32_t)(to - from);
  return size;
}

int64_t pkl_row_batch_size(const pkl_columns *c, int64_t row) {
  int32_t headers;
  int64_t key_size, value_size;
  int64_t headers_size = pkl_headers_size(c, row, &headers);
  pkl_bytes_at(&c->key, row, &key_size);
  pkl_bytes_at(&c->value, row, &value_size);
  if (headers_size < 0 || key_size < -1 || value_size < -1) return -1;
  return PKL_BATCH_HEADER +
         (int64_t)pkl_record_size(0, 0, key_size, value_size, headers,
                                  (size_t)headers_size);
}

/* --- check --------------------------------------------------------------- */

/* Offsets that rise within [0, all of them <= max]: no row can be too large. */
static bool surely_fits(const pkl_bytes_column *c, int64_t rows, int64_t room) {
  if (c->layout == PKL_ABSENT) return true;
  if (c->layout == PKL_OFFSETS32) {
    const int32_t *o = (const int32_t *)c->index + c->offset;
    int32_t falls = 0;
    for (int64_t i = 0; i < rows; i++) falls |= o[i + 1] < o[i];
    return !falls && o[0] >= 0 && (int64_t)o[rows] - o[0] <= room;
  }
  return false;
}

pkl_columns_fault pkl_columns_check(const pkl_columns *c, int64_t max_bytes,
                                    int32_t partitions, pkl_columns_facts *out) {
  *out = (pkl_columns_facts){-1, -1, 0, 0};
  if (c->rows == 0) return PKL_COLUMNS_GOOD;

  if (c->timestamp.data) {
    for (int64_t i = 0; i < c->rows; i++) {
      if (pkl_is_null(&c->timestamp, i)) continue;
      int64_t t = pkl_timestamp_at(c, i);
      out->row = i;
      if (t < 0) return PKL_COLUMNS_TIMESTAMP;
      if (out->min_timestamp < 0 || t < out->min_timestamp) out->min_timestamp = t;
      if (t > out->max_timestamp) out->max_timestamp = t;
    }
  }
  if (c->partition.data) {
    for (int64_t i = 0; i < c->rows; i++) {
      if (pkl_is_null(&c->partition, i)) continue;
      int32_t p = pkl_partition_at(c, i);
      out->row = i;
      if (p < 0 || p >= partitions) return PKL_COLUMNS_PARTITION;
    }
  }
  /* 32: the batch header aside, the sizes and deltas of one record. */
  int64_t room = (max_bytes - PKL_BATCH_HEADER - 32) / 2;
  if (!c->headers.data && surely_fits(&c->value, c->rows, room) &&
      surely_fits(&c->key, c->rows, room))
    return PKL_COLUMNS_GOOD;
  for (int64_t i = 0; i < c->rows; i++) {
    out->row = i;
    out->size = pkl_row_batch_size(c, i);
    if (out->size < 0) return PKL_COLUMNS_DATA;
    if (out->size > max_bytes) return PKL_COLUMNS_TOO_LARGE;
  }
  return PKL_COLUMNS_GOOD;
}

/* --- route --------------------------------------------------------------- */

static int32_t target(const pkl_columns *c, int64_t row, int32_t partitions,
                      int32_t sticky) {
  if (!pkl_is_null(&c->partition, row)) return pkl_partition_at(c, row);
  int64_t size;
  const uint8_t *key = pkl_bytes_at(&c->key, row, &size);
  return key ? pkl_partition_for_key(key, (size_t)size, partitions) : sticky;
}

void pkl_columns_route(const pkl_columns *c, int32_t partitions, int32_t sticky,
                       int32_t *targets, int64_t *counts) {
  memset(counts, 0, (size_t)partitions * sizeof *counts);
  for (int64_t i = 0; i < c->rows; i++) {
    targets[i] = target(c, i, partitions, sticky);
    counts[targets[i]]++;
  }
}

void pkl_columns_group(const int32_t *targets, int64_t rows, int32_t partitions,
                       const int64_t *counts, int64_t *ends, int64_t *grouped) {
  int64_t at = 0;
  for (int32_t p = 0; p < partitions; p++) {
    ends[p] = at;
    at += counts[p];
  }
  for (int64_t i = 0; i < rows; i++) grouped[ends[targets[i]]++] = i;
}
