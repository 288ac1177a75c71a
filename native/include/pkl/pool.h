/* Big blocks of memory, used again and again.
 *
 * Fresh pages from the kernel cost more than filling them does (a page fault
 * per 4 KiB), so blocks of 64 KiB to 16 MiB, rounded up to powers of two, wait
 * in a few slots per size; smaller and larger ones, and those that find no free
 * slot, go to malloc and free.  What waits is bounded: see SLOTS in pool.c.
 *
 * Threads: all functions, without locks.  The state is the caller's: zeroed.
 */
#ifndef PKL_POOL_H
#define PKL_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { PKL_POOL_CLASSES = 9, PKL_POOL_SLOTS = 4 };

typedef struct pkl_pool {
  _Atomic(uint8_t *) slots[PKL_POOL_CLASSES][PKL_POOL_SLOTS];
  _Atomic long taken; /* blocks not given back, and their bytes: what tests */
  _Atomic long bytes; /* compare before and after to see leaks */
} pkl_pool;

/* A block of at least `size` bytes, aligned to 64 (Arrow's advice); its contents
 * are undefined.  *capacity: how many it has.  NULL: out of memory. */
uint8_t *pkl_pool_take(pkl_pool *pool, size_t size, size_t *capacity);

/* Gives a block back; `capacity` is what pkl_pool_take said. */
void pkl_pool_give(pkl_pool *pool, uint8_t *block, size_t capacity);

#endif
