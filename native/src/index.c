/* Index files: buffer, write, search.  The format: pkl/index.h. */
#include "pkl/index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "pkl/cursor.h"
#include "pkl/os.h"

static size_t entry_size(pkl_index_kind kind) { return (size_t)kind; }

static void put(uint8_t *p, pkl_index_kind kind, int64_t base_offset,
                pkl_index_entry e) {
  if (kind == PKL_OFFSET_INDEX) {
    pkl_put32(p, (uint32_t)(e.key - base_offset));
    pkl_put32(p + 4, (uint32_t)e.value);
  } else {
    pkl_put64(p, (uint64_t)e.key);
    pkl_put32(p + 8, (uint32_t)(e.value - base_offset));
  }
}

static pkl_index_entry get(const uint8_t *p, pkl_index_kind kind,
                           int64_t base_offset) {
  pkl_index_entry e;
  if (kind == PKL_OFFSET_INDEX) {
    e.key = base_offset + (int32_t)pkl_get32(p);
    e.value = (int32_t)pkl_get32(p + 4);
  } else {
    e.key = (int64_t)pkl_get64(p);
    e.value = base_offset + (int32_t)pkl_get32(p + 8);
  }
  return e;
}

/* The zeros behind the entries of a file that Kafka has preallocated. */
static bool is_padding(const pkl_index_reader *r, pkl_index_entry e) {
  if (r->kind == PKL_OFFSET_INDEX) return e.value == 0;
  return e.key == 0 && e.value == r->base_offset;
}

pkl_status pkl_index_init(pkl_index *index, const char *path,
                          pkl_index_kind kind, int64_t base_offset,
                          int64_t max_bytes) {
  *index = (pkl_index){
      .path = strdup(path),
      .kind = kind,
      .base_offset = base_offset,
      .max_entries = max_bytes / (int64_t)kind,
      .written = -1,
  };
  return index->path ? PKL_OK : PKL_NO_MEMORY;
}

void pkl_index_free(pkl_index *index) {
  free(index->path);
  free(index->tail);
  index->path = NULL;
  index->tail = NULL;
}

static uint8_t *waiting(const pkl_index *index, int64_t i) {
  return index->tail + (size_t)i * entry_size(index->kind);
}

pkl_status pkl_index_append(pkl_index *index, pkl_index_entry entry) {
  if (pkl_index_count(index) >= index->max_entries) return PKL_FULL;
  if (index->tail_count == index->tail_room) {
    int64_t room = index->tail_room ? 2 * index->tail_room : 16;
    void *grown = realloc(index->tail, (size_t)room * entry_size(index->kind));
    if (!grown) return PKL_NO_MEMORY;
    index->tail = grown;
    index->tail_room = room;
  }
  put(waiting(index, index->tail_count), index->kind, index->base_offset, entry);
  index->tail_count++;
  return PKL_OK;
}

pkl_status pkl_index_flush(pkl_index *index, bool sync) {
  if (index->tail_count == 0 && index->exact && !sync) return PKL_OK;
  int fd;
  pkl_status status = pkl_os_open(index->path, O_WRONLY | O_CREAT, &fd);
  if (status) return status;
  int64_t size = (int64_t)entry_size(index->kind);
  if (!index->exact) status = pkl_os_truncate(fd, index->written * size);
  if (!status && index->tail_count)
    status = pkl_os_write(fd, index->tail, (size_t)(index->tail_count * size),
                          index->written * size);
  if (!status) {
    index->written += index->tail_count;
    index->tail_count = 0;
  }
  /* A write that failed may have left half an entry. */
  index->exact = status == PKL_OK;
  if (!status && sync) status = pkl_os_sync(fd);
  pkl_os_close(fd);
  return status;
}

void pkl_index_begin(pkl_index *index, const pkl_index_reader *file,
                     int64_t count) {
  index->tail_count = 0;
  index->written = count;
  index->exact = file->file_size == count * (int64_t)entry_size(index->kind);
}

bool pkl_index_search_tail(const pkl_index *index, int64_t key,
                           pkl_index_entry *found) {
  int64_t low = 0, high = index->tail_count;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    pkl_index_entry e =
        get(waiting(index, middle), index->kind, index->base_offset);
    if (e.key > key) {
      high = middle;
    } else {
      *found = e;
      low = middle + 1;
    }
  }
  return low > 0;
}

void pkl_index_reader_open(pkl_index_reader *r, const pkl_index *index) {
  r->kind = index->kind;
  r->base_offset = index->base_offset;
  r->count = 0;
  r->block = -1;
  r->loaded = 0;
  r->file_size = -1;
  if (pkl_os_open(index->path, O_RDONLY, &r->fd)) return;
  if (pkl_os_size(r->fd, &r->file_size)) return;
  r->count = r->file_size / (int64_t)entry_size(r->kind);
  if (index->written >= 0 && index->written < r->count)
    r->count = index->written;
}

void pkl_index_reader_close(pkl_index_reader *r) {
  pkl_os_close(r->fd);
  r->fd = -1;
}

bool pkl_index_get(pkl_index_reader *r, int64_t slot, pkl_index_entry *out) {
  if (slot < 0 || slot >= r->count) return false;
  size_t size = entry_size(r->kind);
  int64_t per_block = (int64_t)(PKL_INDEX_BLOCK / size);
  int64_t block = slot / per_block;
  if (block != r->block) {
    int64_t at = block * per_block * (int64_t)size;
    r->block = -1;
    if (pkl_os_read(r->fd, r->bytes, (size_t)per_block * size, at, &r->loaded))
      return false;
    r->block = block;
  }
  size_t at = (size_t)(slot % per_block) * size;
  if (at + size > r->loaded) return false;
  *out = get(r->bytes + at, r->kind, r->base_offset);
  return true;
}

static int64_t search(pkl_index_reader *r, int64_t wanted, bool by_value) {
  int64_t low = 0, high = r->count;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    pkl_index_entry e;
    if (!pkl_index_get(r, middle, &e) || is_padding(r, e) ||
        (by_value ? e.value : e.key) > wanted)
      high = middle;
    else
      low = middle + 1;
  }
  return low - 1;
}

int64_t pkl_index_search(pkl_index_reader *r, int64_t key) {
  return search(r, key, false);
}

int64_t pkl_index_search_value(pkl_index_reader *r, int64_t value) {
  return search(r, value, true);
}
