#include <pthread.h>

#include "check.h"
#include "pkl/pool.h"

static void a_block_is_large_enough_and_aligned(void) {
  pkl_pool pool = {0};
  for (size_t size = 0; size < (size_t)64 << 20; size = size * 2 + 1) {
    size_t capacity;
    uint8_t *block = pkl_pool_take(&pool, size, &capacity);
    CHECK(block && capacity >= size && (uintptr_t)block % 64 == 0);
    if (size) block[0] = block[size - 1] = 1;
    CHECK(pool.taken == 1 && pool.bytes == (long)capacity);
    pkl_pool_give(&pool, block, capacity);
  }
  CHECK(pool.taken == 0 && pool.bytes == 0);
  for (int c = 0; c < PKL_POOL_CLASSES; c++) free(pool.slots[c][0]);
}

static void what_was_given_back_is_taken_again(void) {
  pkl_pool pool = {0};
  size_t capacity;
  uint8_t *block = pkl_pool_take(&pool, 100000, &capacity);
  pkl_pool_give(&pool, block, capacity);
  CHECK(pkl_pool_take(&pool, 70000, &capacity) == block);
  free(block);
}

static void what_waits_is_bounded(void) {
  pkl_pool pool = {0};
  uint8_t *blocks[64];
  size_t capacity = 0, waiting = 0;
  for (int i = 0; i < 64; i++) blocks[i] = pkl_pool_take(&pool, 65536, &capacity);
  for (int i = 0; i < 64; i++) pkl_pool_give(&pool, blocks[i], capacity);
  for (int i = 0; i < PKL_POOL_SLOTS; i++) {
    waiting += pool.slots[0][i] != NULL;
    free(pool.slots[0][i]);
  }
  CHECK(waiting == PKL_POOL_SLOTS); /* and the sanitizer finds no leak */
}

static void an_impossible_size_is_an_error(void) {
  pkl_pool pool = {0};
  size_t capacity;
  CHECK(!pkl_pool_take(&pool, SIZE_MAX, &capacity) && pool.taken == 0);
}

static void *take_and_give(void *pool) {
  for (int i = 0; i < 20000; i++) {
    size_t capacity;
    uint8_t *block = pkl_pool_take(pool, 65536, &capacity);
    block[0] = 1;
    CHECK(++block[0] == 2); /* nobody else has it */
    pkl_pool_give(pool, block, capacity);
  }
  return NULL;
}

static void threads_share_it_without_locks(void) {
  static pkl_pool pool;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, take_and_give, &pool);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(pool.taken == 0 && pool.bytes == 0);
  for (int i = 0; i < PKL_POOL_SLOTS; i++) free(pool.slots[0][i]);
}

int main(void) {
  RUN(a_block_is_large_enough_and_aligned);
  RUN(what_was_given_back_is_taken_again);
  RUN(what_waits_is_bounded);
  RUN(an_impossible_size_is_an_error);
  RUN(threads_share_it_without_locks);
  return 0;
}
