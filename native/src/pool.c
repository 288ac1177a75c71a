/* The pool of blocks: pkl/pool.h. */
#include "pkl/pool.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ALIGNMENT = 64, SMALLEST_SHIFT = 16 };

/* Slots per size, 64 KiB to 16 MiB: 46 MiB wait at most, and only where that
 * many blocks of each size were in use at once. */
static const int SLOTS[PKL_POOL_CLASSES] = {4, 4, 4, 4, 4, 4, 2, 1, 1};

/* The size class of a capacity; PKL_POOL_CLASSES when it is not pooled. */
static int class_of(size_t size) {
  int c = 0;
  while (c < PKL_POOL_CLASSES && size > ((size_t)1 << (SMALLEST_SHIFT + c))) c++;
  return c;
}

/* NULL when out of memory and nothing waits. */
static uint8_t *waiting_or_new(pkl_pool *pool, int c, size_t capacity) {
  for (int i = 0; c < PKL_POOL_CLASSES && i < SLOTS[c]; i++) {
    uint8_t *block = atomic_exchange(&pool->slots[c][i], NULL);
    if (block) return block;
  }
  return aligned_alloc(ALIGNMENT, capacity);
}

uint8_t *pkl_pool_take(pkl_pool *pool, size_t size, size_t *capacity) {
  int c = class_of(size);
  if (size <= ((size_t)1 << SMALLEST_SHIFT) / 2) c = PKL_POOL_CLASSES;
  if (c < PKL_POOL_CLASSES)
    *capacity = (size_t)1 << (SMALLEST_SHIFT + c);
  else if (size <= SIZE_MAX / 2)
    *capacity = (size + ALIGNMENT) & ~(size_t)(ALIGNMENT - 1);
  else
    return NULL;

  uint8_t *block = waiting_or_new(pool, c, *capacity);
  if (block) {
    atomic_fetch_add(&pool->taken, 1);
    atomic_fetch_add(&pool->bytes, (long)*capacity);
  }
  return block;
}

void pkl_pool_give(pkl_pool *pool, uint8_t *block, size_t capacity) {
  int c = class_of(capacity);
  atomic_fetch_sub(&pool->taken, 1);
  atomic_fetch_sub(&pool->bytes, (long)capacity);
  if (c < PKL_POOL_CLASSES && capacity == (size_t)1 << (SMALLEST_SHIFT + c)) {
    for (int i = 0; i < SLOTS[c]; i++) {
      uint8_t *empty = NULL;
      if (atomic_compare_exchange_strong(&pool->slots[c][i], &empty, block))
        return;
    }
  }
  free(block);
}
