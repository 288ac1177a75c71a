/* A small sealed batch to damage: three records, keys, nulls, headers. */
#ifndef PKL_TESTS_SAMPLE_H
#define PKL_TESTS_SAMPLE_H

#include "pkl/batch.h"
#include "pkl/record.h"

enum { SAMPLE_RECORDS = 3, SAMPLE_ROOM = 512 };

static inline const uint8_t *bytes_of(const char *text) {
  return (const uint8_t *)text;
}

/* The records from `p` on; returns their end. */
static inline uint8_t *sample_records(uint8_t *p) {
  uint8_t headers[32];
  pkl_header h = {bytes_of("trace"), bytes_of("\x00\xff"), 5, 2};
  uint8_t *end = pkl_header_put(headers, &h);
  h = (pkl_header){bytes_of("none"), NULL, 4, -1};
  end = pkl_header_put(end, &h);

  pkl_record r = {bytes_of("JFK"), bytes_of("a value of some bytes"), 0, 0, 3,
                  21, 2, pkl_cursor_over(headers, (size_t)(end - headers))};
  p = pkl_record_put(p, &r);
  r = (pkl_record){NULL, bytes_of(""), 700, 1, -1, 0, 0, {NULL, NULL}};
  p = pkl_record_put(p, &r);
  r = (pkl_record){bytes_of(""), NULL, -5, 2, 0, -1, 0, {NULL, NULL}};
  return pkl_record_put(p, &r);
}

static inline pkl_batch sample_header(size_t size) {
  return (pkl_batch){.size = size,
                     .base_offset = 1234567,
                     .last_offset = 1234567 + SAMPLE_RECORDS - 1,
                     .base_timestamp = 1700000000000,
                     .max_timestamp = 1700000000700,
                     .producer_id = 42,
                     .leader_epoch = 7,
                     .base_sequence = 99,
                     .count = SAMPLE_RECORDS,
                     .producer_epoch = 3,
                     .attributes = PKL_ATTR_TRANSACTIONAL};
}

/* The whole batch into `data` (SAMPLE_ROOM bytes); returns its size. */
static inline size_t sample_batch(uint8_t *data) {
  size_t size = (size_t)(sample_records(data + PKL_BATCH_HEADER) - data);
  pkl_batch h = sample_header(size);
  pkl_batch_seal(data, &h);
  return size;
}

#endif
