#include "check.h"
#include "pkl/record.h"
#include "sample.h"

/* The header of a batch that holds the sample's records. */
static pkl_batch header(int32_t count) {
  pkl_batch b = sample_header(0);
  b.count = count;
  b.last_offset = b.base_offset + (count ? count - 1 : 0);
  return b;
}

static void records_come_back_as_they_were(void) {
  uint8_t data[SAMPLE_ROOM];
  pkl_cursor c = pkl_cursor_over(data, (size_t)(sample_records(data) - data));
  pkl_record r;
  pkl_header h;

  CHECK(pkl_record_next(&c, &r) == PKL_OK && r.header_count == 2);
  CHECK(r.key_size == 3 && !memcmp(r.key, "JFK", 3));
  CHECK(r.value_size == 21 && r.timestamp_delta == 0 && r.offset_delta == 0);
  CHECK(pkl_header_next(&r.headers, &h) == PKL_OK);
  CHECK(h.key_size == 5 && h.value_size == 2 && h.value[1] == 0xff);
  CHECK(pkl_header_next(&r.headers, &h) == PKL_OK);
  CHECK(h.key_size == 4 && h.value_size == -1 && !h.value);
  CHECK(pkl_header_next(&r.headers, &h) == PKL_END);

  CHECK(pkl_record_next(&c, &r) == PKL_OK); /* null is not empty */
  CHECK(!r.key && r.key_size == -1 && r.value && r.value_size == 0);
  CHECK(r.timestamp_delta == 700 && r.offset_delta == 1);
  CHECK(pkl_record_next(&c, &r) == PKL_OK);
  CHECK(r.key && r.key_size == 0 && !r.value && r.value_size == -1);
  CHECK(r.timestamp_delta == -5);
  CHECK(pkl_record_next(&c, &r) == PKL_END);
}

static void a_size_is_what_is_written(void) {
  static uint8_t value[20000], out[20100];
  const int64_t deltas[] = {0, -1, 64, INT64_MAX, INT64_MIN};
  for (int32_t size = -1; size < 20000; size += size < 300 ? 1 : 997)
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
      pkl_record r = {NULL, value, deltas[i], size + 1, -1, size, 0, {0}};
      CHECK((size_t)(pkl_record_put(out, &r) - out) ==
            pkl_record_size(deltas[i], size + 1, -1, size, 0, 0));
    }
}

static void the_summary_tells_of_all_records(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = (size_t)(sample_records(data) - data);
  pkl_batch b = header(SAMPLE_RECORDS);
  pkl_records_summary s;
  CHECK(pkl_records_check(&b, data, size, 1, &s) == PKL_OK);
  CHECK(s.min_timestamp == b.base_timestamp - 5 && s.header_records == 1);
  CHECK(s.keyless_records == 1);
  CHECK(s.max_timestamp == b.base_timestamp + 700);
  CHECK(s.max_timestamp_offset == b.base_offset + 1);

  b.attributes = PKL_ATTR_LOG_APPEND_TIME;
  CHECK(pkl_records_check(&b, data, size, 1, &s) == PKL_OK);
  CHECK(s.min_timestamp == b.max_timestamp);
  CHECK(s.max_timestamp == b.max_timestamp);
  CHECK(s.max_timestamp_offset == b.base_offset);
}

static pkl_status check_all(const uint8_t *data, size_t size, int32_t count) {
  uint8_t *copy = exactly(data, size);
  pkl_batch b = header(count);
  pkl_records_summary s;
  pkl_status status = pkl_records_check(&b, copy, size, 1, &s);
  free(copy);
  return status;
}

static void every_truncation_and_every_other_count_is_refused(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = (size_t)(sample_records(data) - data);
  for (size_t cut = 0; cut < size; cut++)
    CHECK(check_all(data, cut, SAMPLE_RECORDS) == PKL_CORRUPT);
  for (int32_t count = 0; count < 8; count++)
    CHECK(check_all(data, size, count) ==
          (count == SAMPLE_RECORDS ? PKL_OK : PKL_CORRUPT));
  CHECK(check_all(data, size, INT32_MAX) == PKL_CORRUPT);
  CHECK(check_all(data, 0, 0) == PKL_OK);
}

/* Whatever a byte becomes: an answer, and no read outside (AddressSanitizer). */
static void every_byte_may_be_anything(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = (size_t)(sample_records(data) - data);
  for (size_t at = 0; at < size; at++)
    for (unsigned byte = 0; byte < 256; byte++) {
      uint8_t was = data[at];
      data[at] = (uint8_t)byte;
      pkl_status status = check_all(data, size, SAMPLE_RECORDS);
      CHECK(status == PKL_OK || status == PKL_CORRUPT);
      data[at] = was;
    }
}

static void random_records_do_no_harm(void) {
  uint64_t state = 99;
  for (int i = 0; i < 50000; i++) {
    uint8_t noise[64];
    size_t size = next_random(&state) % sizeof noise;
    for (size_t j = 0; j < size; j++)
      noise[j] = (uint8_t)(next_random(&state) >> (next_random(&state) % 60));
    check_all(noise, size, (int32_t)(next_random(&state) % 5));
  }
}

static void hostile_fields_are_refused(void) {
  const struct {
    const char *why;
    uint8_t size, bytes[16];
  } cases[] = {
      {"a length below zero", 8, {0x01, 0, 0, 0, 1, 1, 0, 0}},
      {"a length past the end", 7, {0x0e, 0, 0, 0, 1, 1, 0}},
      {"a length of INT32_MAX", 12, {0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 1, 0, 0}},
      {"a length over 32 bits", 13, {0xfe, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 1, 1, 0, 0, 0}},
      {"bytes left over", 8, {0x0e, 0, 0, 0, 1, 1, 0, 0}},
      {"a key size of -2", 7, {0x0c, 0, 0, 0, 3, 1, 0}},
      {"a key past the record", 7, {0x0c, 0, 0, 0, 20, 1, 0}},
      {"a value of INT32_MAX", 11, {0x14, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0}},
      {"a value size of -2", 7, {0x0c, 0, 0, 0, 1, 3, 0}},
      {"a header count of -1", 7, {0x0c, 0, 0, 0, 1, 1, 1}},
      {"more headers than bytes", 9, {0x10, 0, 0, 0, 1, 1, 4, 0, 1}},
      {"INT32_MAX headers", 11, {0x14, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f}},
      {"a null header key", 9, {0x10, 0, 0, 0, 1, 1, 2, 1, 1}},
      {"a header value past the record", 9, {0x10, 0, 0, 0, 1, 1, 2, 0, 2}},
      {"bytes after the headers", 10, {0x12, 0, 0, 0, 1, 1, 2, 0, 1, 0}},
      {"an offset past the last one", 7, {0x0c, 0, 0, 2, 1, 1, 0}},
      {"an offset below zero", 7, {0x0c, 0, 0, 1, 1, 1, 0}},
  };
  CHECK(check_all((const uint8_t[]){0x0c, 0, 0, 0, 1, 1, 0}, 7, 1) == PKL_OK);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (check_all(cases[i].bytes, cases[i].size, 1) != PKL_CORRUPT) {
      fprintf(stderr, "accepted: %s\n", cases[i].why);
      exit(1);
    }
}

static void a_timestamp_beyond_64_bits_is_refused(void) {
  uint8_t data[32];
  pkl_record r = {NULL, NULL, INT64_MAX, 0, -1, -1, 0, {0}};
  size_t size = (size_t)(pkl_record_put(data, &r) - data);
  CHECK(check_all(data, size, 1) == PKL_CORRUPT);
}

static pkl_status check_offsets(int32_t first, int32_t second, int dense) {
  uint8_t data[32];
  pkl_record r = {NULL, NULL, 0, first, -1, -1, 0, {0}};
  uint8_t *end = pkl_record_put(data, &r);
  r.offset_delta = second;
  end = pkl_record_put(end, &r);
  pkl_batch b = header(2);
  b.last_offset = b.base_offset + 9;
  pkl_records_summary s;
  return pkl_records_check(&b, data, (size_t)(end - data), dense, &s);
}

static void offsets_rise_and_a_producer_leaves_no_gap(void) {
  CHECK(check_offsets(0, 1, 1) == PKL_OK);
  CHECK(check_offsets(0, 2, 1) == PKL_CORRUPT);
  CHECK(check_offsets(1, 2, 1) == PKL_CORRUPT);
  CHECK(check_offsets(3, 9, 0) == PKL_OK);
  CHECK(check_offsets(3, 10, 0) == PKL_CORRUPT);
  CHECK(check_offsets(3, 3, 0) == PKL_CORRUPT);
  CHECK(check_offsets(4, 3, 0) == PKL_CORRUPT);
}

int main(void) {
  RUN(records_come_back_as_they_were);
  RUN(a_size_is_what_is_written);
  RUN(the_summary_tells_of_all_records);
  RUN(every_truncation_and_every_other_count_is_refused);
  RUN(every_byte_may_be_anything);
  RUN(random_records_do_no_harm);
  RUN(hostile_fields_are_refused);
  RUN(a_timestamp_beyond_64_bits_is_refused);
  RUN(offsets_rise_and_a_producer_leaves_no_gap);
}
