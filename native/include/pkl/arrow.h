/* Arrow's C data interface: the ABI of two structs, as Arrow specifies it
 * (https://arrow.apache.org/docs/format/CDataInterface.html), and the 16-byte
 * element of its view columns (Columnar format, "Variable-size Binary View").
 */
#ifndef PKL_ARROW_H
#define PKL_ARROW_H

#include <stdbool.h>
#include <stdint.h>

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

/* One element of a binary or utf8 view column.  Up to PKL_INLINE bytes lie in
 * the element itself, padded with zeros; longer ones in a variadic buffer, with
 * their first four bytes repeated here. */
enum { PKL_INLINE = 12 };

typedef struct pkl_view {
  int32_t size;
  union {
    uint8_t bytes[PKL_INLINE];
    struct {
      uint8_t prefix[4];
      int32_t buffer; /* which variadic buffer */
      int32_t offset; /* bytes into it */
    } at;
  } u;
} pkl_view;

/* A bit of a bitmap; in validity bitmaps 1 is valid. */
static inline bool pkl_bit(const uint8_t *bits, int64_t at) {
  return bits[at >> 3] >> (at & 7) & 1;
}

#endif
