/* The live file: seqlocked slots and a word to wait on.  The contract:
 * pkl/live.h. */
#include "pkl/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "pkl/os.h"

static const char MAGIC[8] = "pklive";

_Static_assert(sizeof(pkl_live_slot) == PKL_LIVE_SLOT, "slots are 128 bytes");
_Static_assert(sizeof(pkl_live_header) == 32, "the header is what it says");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "atomics have to work between processes");

static size_t size_for(uint32_t slots) {
  return PKL_LIVE_HEADER + (size_t)slots * PKL_LIVE_SLOT;
}

static pkl_status map(pkl_live *live, int fd, size_t size, bool writable) {
  void *address;
  pkl_status status = pkl_os_map(fd, size, writable, &address);
  if (status) return status;
  live->header = address;
  live->slots = (pkl_live_slot *)((char *)address + PKL_LIVE_HEADER);
  live->size = size;
  return PKL_OK;
}

pkl_status pkl_live_create(pkl_live *live, const char *path, uint32_t slots,
                           int64_t pid) {
  int fd;
  *live = (pkl_live){.slot_count = slots};
  pkl_status status = pkl_os_open(path, O_RDWR | O_CREAT | O_EXCL, &fd);
  if (status) return status;
  status = pkl_os_allocate(fd, (int64_t)size_for(slots));
  if (!status) status = map(live, fd, size_for(slots), true);
  if (status) {
    int why = errno;
    remove(path);
    errno = why;
  } else {
    live->header->version = PKL_LIVE_VERSION;
    live->header->slots = slots;
    atomic_store(&live->header->pid, pid);
    memcpy(live->header->magic, MAGIC, sizeof MAGIC);
  }
  pkl_os_close(fd);
  return status;
}

static pkl_status check(int fd, uint32_t *slots) {
  pkl_live_header header;
  int64_t size;
  size_t got;
  pkl_status status = pkl_os_size(fd, &size);
  if (!status) status = pkl_os_read(fd, &header, sizeof header, 0, &got);
  if (status) return status;
  if (got < sizeof header || memcmp(header.magic, MAGIC, sizeof MAGIC) != 0)
    return PKL_CORRUPT;
  if (header.version != PKL_LIVE_VERSION) return PKL_BAD_MAGIC;
  *slots = header.slots;
  return (uint64_t)size != size_for(header.slots) ? PKL_CORRUPT : PKL_OK;
}

pkl_status pkl_live_open(pkl_live *live, const char *path, bool writable) {
  int fd;
  *live = (pkl_live){.header = NULL};
  pkl_status status = pkl_os_open(path, writable ? O_RDWR : O_RDONLY, &fd);
  if (status) return status;
  status = check(fd, &live->slot_count);
  if (!status) status = map(live, fd, size_for(live->slot_count), writable);
  pkl_os_close(fd);
  return status;
}

void pkl_live_close(pkl_live *live) {
  if (live->header) pkl_os_unmap(live->header, live->size);
  live->header = NULL;
}

/* An odd guard says "being written"; one that a dead writer left odd stays odd
 * until the write that follows is complete. */
static void begin_write(pkl_live_slot *slot) {
  unsigned guard = atomic_load_explicit(&slot->guard, memory_order_relaxed);
  atomic_store_explicit(&slot->guard, guard | 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
}

static void end_write(pkl_live_slot *slot) {
  unsigned guard = atomic_load_explicit(&slot->guard, memory_order_relaxed);
  atomic_store_explicit(&slot->guard, guard + 1, memory_order_release);
}

void pkl_live_publish(pkl_live *live, uint32_t slot, const pkl_live_state *s) {
  pkl_live_slot *to = &live->slots[slot];
  const int64_t values[6] = {s->start,       s->high_watermark, s->stable,
                             s->base_offset, s->position,       s->generation};
  begin_write(to);
  for (int i = 0; i < 6; i++)
    atomic_store_explicit(&to->state[i], values[i], memory_order_relaxed);
  end_write(to);
  pkl_live_bump(live);
}

void pkl_live_name(pkl_live *live, uint32_t slot, const uint8_t *topic_id,
                   int32_t partition) {
  pkl_live_slot *to = &live->slots[slot];
  uint64_t halves[2];
  memcpy(halves, topic_id, sizeof halves);
  begin_write(to);
  atomic_store_explicit(&to->topic_id[0], halves[0], memory_order_relaxed);
  atomic_store_explicit(&to->topic_id[1], halves[1], memory_order_relaxed);
  atomic_store_explicit(&to->partition, partition, memory_order_relaxed);
  end_write(to);
}

void pkl_live_bump(pkl_live *live) {
  atomic_fetch_add(&live->header->sequence, 1);
  pkl_os_wake(&live->header->sequence);
}

void pkl_live_set_flags(pkl_live *live, uint32_t flags) {
  atomic_fetch_or(&live->header->flags, flags);
  pkl_live_bump(live);
}

void pkl_live_take_over(pkl_live *live, int64_t pid) {
  atomic_store(&live->header->pid, pid);
  atomic_store(&live->header->flags, 0);
  pkl_live_bump(live);
}

/* Readers: copies the slot between two looks at its guard.  The writer needs
 * nanoseconds, but may lose its processor in the middle. */
static pkl_status copy(const pkl_live_slot *from, int64_t state[6],
                       uint64_t topic_id[2], int32_t *partition) {
  enum { SPINS = 100, NAPS = 5000, NAP_US = 100 };
  for (int attempt = 0; attempt < SPINS + NAPS; attempt++) {
    unsigned before = atomic_load_explicit(&from->guard, memory_order_acquire);
    for (int i = 0; i < 6; i++)
      state[i] = atomic_load_explicit(&from->state[i], memory_order_relaxed);
    for (int i = 0; i < 2; i++)
      topic_id[i] =
          atomic_load_explicit(&from->topic_id[i], memory_order_relaxed);
    *partition = atomic_load_explicit(&from->partition, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    unsigned after = atomic_load_explicit(&from->guard, memory_order_relaxed);
    if (before == after && (before & 1) == 0) return PKL_OK;
    if (attempt >= SPINS) pkl_os_nap(NAP_US);
  }
  return PKL_TRUNCATED;
}

pkl_status pkl_live_read(const pkl_live *live, uint32_t slot,
                         pkl_live_state *s) {
  int64_t v[6];
  uint64_t topic_id[2];
  int32_t partition;
  pkl_status status = copy(&live->slots[slot], v, topic_id, &partition);
  if (!status) *s = (pkl_live_state){v[0], v[1], v[2], v[3], v[4], v[5]};
  return status;
}

pkl_status pkl_live_named(const pkl_live *live, uint32_t slot,
                          uint8_t *topic_id, int32_t *partition) {
  int64_t state[6];
  uint64_t halves[2];
  pkl_status status = copy(&live->slots[slot], state, halves, partition);
  if (!status) memcpy(topic_id, halves, sizeof halves);
  return status;
}

void pkl_live_wait(const pkl_live *live, uint32_t seen, int64_t timeout_us) {
  if (pkl_live_sequence(live) == seen)
    pkl_os_wait(&live->header->sequence, seen, timeout_us);
}
