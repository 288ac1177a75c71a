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

static uint8_t *allocate(pkl_pool *pool, size_t capacity) {
  uint8_t *block = aligned_alloc(ALIGNMENT, capacity);
  if (block) atomic_fetch_add(&pool->taken, 1);
  return block;
}

uint8_t *pkl_pool_take(pkl_pool *pool, size_t size, size_t *capacity) {
  int c = class_of(size);
  if (size <= ((size_t)1 << SMALLEST_SHIFT) / 2 || c == PKL_POOL_CLASSES) {
    if (size > SIZE_MAX / 2) return NULL;
    *capacity = (size + ALIGNMENT) & ~(size_t)(ALIGNMENT - 1);
    return allocate(pool, *capacity);
  }
  *capacity = (size_t)1 << (SMALLEST_SHIFT + c);
  for (int i = 0; i < SLOTS[c]; i++) {
    uint8_t *block = atomic_exchange(&pool->slots[c][i], NULL);
    if (block) {
      atomic_fetch_add(&pool->taken, 1);
      return block;
    }
  }
  return allocate(pool, *capacity);
}

void pkl_pool_give(pkl_pool *pool, uint8_t *block, size_t capacity) {
  int c = class_of(capacity);
  atomic_fetch_sub(&pool->taken, 1);
  if (c < PKL_POOL_CLASSES && capacity == (size_t)1 << (SMALLEST_SHIFT + c)) {
    for (int i = 0; i < SLOTS[c]; i++) {
      uint8_t *empty = NULL;
      if (atomic_compare_exchange_strong(&pool->slots[c][i], &empty, block))
        return;
    }
  }
  free(block);
}
