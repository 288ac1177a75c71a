#include "check.h"
#include "pkl/batch.h"
#include "pkl/crc32c.h"
#include "sample.h"

static void what_was_sealed_is_parsed(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  pkl_batch want = sample_header(size), b;
  CHECK(pkl_batch_parse(data, size, &b) == PKL_OK);
  CHECK(pkl_batch_check_crc(&b) == PKL_OK);
  CHECK(b.data == data && b.size == size && b.count == want.count);
  CHECK(b.base_offset == want.base_offset && b.last_offset == want.last_offset);
  CHECK(b.base_timestamp == want.base_timestamp);
  CHECK(b.max_timestamp == want.max_timestamp);
  CHECK(b.producer_id == 42 && b.producer_epoch == 3 && b.base_sequence == 99);
  CHECK(b.leader_epoch == 7 && b.attributes == PKL_ATTR_TRANSACTIONAL);
}

static void every_truncation_is_seen(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *copy = exactly(data, cut);
    pkl_batch b = {0};
    CHECK(pkl_batch_parse(copy, cut, &b) == (cut ? PKL_TRUNCATED : PKL_END));
    if (cut >= PKL_BATCH_HEADER)
      CHECK(b.size == size && b.last_offset == 1234569);
    free(copy);
  }
}

/* --- single-bit flips -------------------------------------------------------- */

typedef pkl_status checksum(const pkl_batch *batch);

/* Nothing under the CRC: a broker writes these into a producer's batch. */
static bool may_go_unseen(size_t at) {
  return at < PKL_AT_LENGTH ||
         (at >= PKL_AT_LEADER_EPOCH && at < PKL_AT_MAGIC);
}

/* Flips that neither the header's rules nor `check` find where they should. */
static int missed_flips(checksum *check) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  int missed = 0;
  for (size_t bit = 0; bit < size * 8; bit++) {
    uint8_t *copy = exactly(data, size);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    pkl_batch b;
    bool seen = pkl_batch_parse(copy, size, &b) != PKL_OK || check(&b) != PKL_OK;
    missed += !seen && !may_go_unseen(bit / 8);
    free(copy);
  }
  return missed;
}

static void every_flip_is_seen_or_in_offset_or_epoch(void) {
  CHECK(missed_flips(pkl_batch_check_crc) == 0);
}

/* The seeded bug: a checksum that overlooks one byte (position 100). */
static uint32_t crc_without_a_byte(const pkl_batch *b) {
  uint8_t *copy = exactly(b->data, b->size);
  copy[100] = 0;
  uint32_t crc = pkl_crc32c(0, copy + PKL_AT_ATTRIBUTES,
                            b->size - PKL_AT_ATTRIBUTES);
  free(copy);
  return crc;
}

static pkl_status careless_check(const pkl_batch *b) {
  uint8_t data[SAMPLE_ROOM];
  pkl_batch good = {.data = data, .size = sample_batch(data)};
  if (b->size != good.size || b->crc != pkl_get32(data + PKL_AT_CRC))
    return PKL_BAD_CRC;
  return crc_without_a_byte(b) == crc_without_a_byte(&good) ? PKL_OK
                                                            : PKL_BAD_CRC;
}

static void the_flip_test_finds_a_checksum_that_skips_a_byte(void) {
  CHECK(missed_flips(careless_check) == 8);
}

/* --- hostile headers --------------------------------------------------------- */

static pkl_status parse_with(size_t at, size_t width, uint64_t value) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  if (width == 8) pkl_put64(data + at, value);
  if (width == 4) pkl_put32(data + at, (uint32_t)value);
  if (width == 1) data[at] = (uint8_t)value;
  uint8_t *copy = exactly(data, size);
  pkl_batch b;
  pkl_status status = pkl_batch_parse(copy, size, &b);
  if (status == PKL_OK && pkl_batch_check_crc(&b) != PKL_OK)
    status = PKL_BAD_CRC;
  free(copy);
  return status;
}

static void hostile_lengths_are_refused(void) {
  const int32_t impossible[] = {0, -1, 1, 13, 48, INT32_MIN, -1000};
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++)
    CHECK(parse_with(PKL_AT_LENGTH, 4, (uint32_t)impossible[i]) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_LENGTH, 4, INT32_MAX) == PKL_TRUNCATED);
  CHECK(parse_with(PKL_AT_LENGTH, 4, 1000) == PKL_TRUNCATED);
  CHECK(parse_with(PKL_AT_LENGTH, 4, 49) == PKL_CORRUPT); /* 3 records in 0 */
}

static void hostile_counts_and_offsets_are_refused(void) {
  CHECK(parse_with(PKL_AT_COUNT, 4, 4) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_COUNT, 4, INT32_MAX) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_COUNT, 4, (uint32_t)-1) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_COUNT, 4, 2) == PKL_BAD_CRC);
  CHECK(parse_with(PKL_AT_LAST_OFFSET_DELTA, 4, (uint32_t)-1) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_LAST_OFFSET_DELTA, 4, 1) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_BASE_OFFSET, 8, (uint64_t)-1) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_BASE_OFFSET, 8, INT64_MAX) == PKL_CORRUPT);
  CHECK(parse_with(PKL_AT_BASE_OFFSET, 8, INT64_MAX - 2) == PKL_OK);
}

static void a_count_that_the_bytes_cannot_hold_is_refused(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  pkl_batch h = sample_header(size), b;
  h.count = INT32_MAX;
  h.last_offset = h.base_offset + INT32_MAX;
  pkl_batch_seal(data, &h);
  CHECK(pkl_batch_parse(data, size, &b) == PKL_CORRUPT);
  h.attributes = 4; /* compressed: only its decompression can tell */
  pkl_batch_seal(data, &h);
  CHECK(pkl_batch_parse(data, size, &b) == PKL_OK);
}

static void a_batch_without_records_keeps_its_offsets(void) {
  uint8_t data[PKL_BATCH_HEADER];
  pkl_batch h = sample_header(PKL_BATCH_HEADER), b;
  h.count = 0; /* as compaction leaves the last one of a producer */
  pkl_batch_seal(data, &h);
  CHECK(pkl_batch_parse(data, sizeof data, &b) == PKL_OK);
  CHECK(pkl_batch_check_crc(&b) == PKL_OK && b.last_offset == h.last_offset);
}

static void other_formats_are_named(void) {
  CHECK(parse_with(PKL_AT_MAGIC, 1, 0) == PKL_BAD_MAGIC);
  CHECK(parse_with(PKL_AT_MAGIC, 1, 1) == PKL_BAD_MAGIC);
  CHECK(parse_with(PKL_AT_MAGIC, 1, 3) == PKL_BAD_MAGIC);
}

static void zeros_are_no_batch(void) {
  uint8_t *zeros = calloc(1, 4096);
  CHECK(zeros);
  pkl_batch b;
  for (size_t size = PKL_BATCH_HEADER; size <= 4096; size += 5)
    CHECK(pkl_batch_parse(zeros, size, &b) == PKL_CORRUPT);
  free(zeros);
}

static void random_bytes_do_no_harm(void) {
  uint64_t state = 4711;
  for (int i = 0; i < 20000; i++) {
    uint8_t noise[200];
    size_t size = next_random(&state) % sizeof noise;
    for (size_t j = 0; j < size; j++) noise[j] = (uint8_t)next_random(&state);
    if (size > PKL_AT_MAGIC) {
      noise[PKL_AT_MAGIC] = 2;
      pkl_put32(noise + PKL_AT_LENGTH, (uint32_t)(next_random(&state) % 256));
    }
    uint8_t *copy = exactly(noise, size);
    pkl_batch b;
    if (pkl_batch_parse(copy, size, &b) == PKL_OK)
      CHECK(b.size <= size && pkl_batch_check_crc(&b) == PKL_BAD_CRC);
    free(copy);
  }
}

/* --- stamping ---------------------------------------------------------------- */

static void a_stamp_lies_outside_the_checksum(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  pkl_batch b;
  pkl_batch_stamp(data, INT64_MAX - 2, INT32_MAX);
  CHECK(pkl_batch_parse(data, size, &b) == PKL_OK);
  CHECK(pkl_batch_check_crc(&b) == PKL_OK);
  CHECK(b.base_offset == INT64_MAX - 2 && b.last_offset == INT64_MAX);
  CHECK(b.leader_epoch == INT32_MAX);
}

static void append_time_comes_with_a_new_checksum(void) {
  uint8_t data[SAMPLE_ROOM];
  size_t size = sample_batch(data);
  pkl_batch b;
  pkl_batch_stamp_append_time(data, size, 5);
  CHECK(pkl_batch_parse(data, size, &b) == PKL_OK);
  CHECK(pkl_batch_check_crc(&b) == PKL_OK && b.max_timestamp == 5);
  CHECK(b.attributes == (PKL_ATTR_TRANSACTIONAL | PKL_ATTR_LOG_APPEND_TIME));
}

int main(void) {
  RUN(what_was_sealed_is_parsed);
  RUN(every_truncation_is_seen);
  RUN(every_flip_is_seen_or_in_offset_or_epoch);
  RUN(the_flip_test_finds_a_checksum_that_skips_a_byte);
  RUN(hostile_lengths_are_refused);
  RUN(hostile_counts_and_offsets_are_refused);
  RUN(a_count_that_the_bytes_cannot_hold_is_refused);
  RUN(a_batch_without_records_keeps_its_offsets);
  RUN(other_formats_are_named);
  RUN(zeros_are_no_batch);
  RUN(random_bytes_do_no_harm);
  RUN(a_stamp_lies_outside_the_checksum);
  RUN(append_time_comes_with_a_new_checksum);
}
