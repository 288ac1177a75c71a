/* What every native test uses: a check that says where, bytes that end where
 * the sanitizer looks, and numbers that are the same in every run. */
#ifndef PKL_TESTS_CHECK_H
#define PKL_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__,      \
              __func__, #condition);                                      \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

#define RUN(test)                    \
  do {                               \
    test();                          \
    printf("ok  %s\n", #test);       \
  } while (0)

/* A copy on the heap, of exactly `size` bytes: one read past it is an error
 * that AddressSanitizer reports. */
static inline uint8_t *exactly(const void *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  CHECK(copy);
  if (size) memcpy(copy, data, size);
  return copy;
}

/* xorshift64: the same numbers in every run. */
static inline uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

#endif
