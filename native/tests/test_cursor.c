#include "check.h"
#include "pkl/cursor.h"

static int64_t read_back(const uint8_t *bytes, size_t size, bool *ok) {
  uint8_t *copy = exactly(bytes, size);
  pkl_cursor c = pkl_cursor_over(copy, size);
  int64_t value = pkl_take_varlong(&c);
  *ok = pkl_cursor_ok(&c) && pkl_cursor_left(&c) == 0;
  free(copy);
  return value;
}

static const int64_t EXTREMES[] = {
    0, -1, 1, 63, -64, 64, -65, 8191, -8192, 8192, 1 << 20, INT32_MAX,
    INT32_MIN, (int64_t)INT32_MAX + 1, (int64_t)INT32_MIN - 1,
    INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
enum { N_EXTREMES = sizeof EXTREMES / sizeof *EXTREMES };

static void check_varlong(int64_t value) {
  uint8_t bytes[10];
  bool ok;
  size_t size = (size_t)(pkl_put_varlong(bytes, value) - bytes);
  CHECK(size == pkl_varlong_size(value));
  CHECK(read_back(bytes, size, &ok) == value && ok);
  for (size_t cut = 0; cut < size; cut++)
    CHECK(read_back(bytes, cut, &ok) == 0 && !ok);
}

static void varlongs_come_back_and_their_truncations_fail(void) {
  uint64_t state = 1;
  for (size_t i = 0; i < N_EXTREMES; i++) check_varlong(EXTREMES[i]);
  for (int i = 0; i < 20000; i++) {
    unsigned shift = (unsigned)(next_random(&state) % 64);
    check_varlong((int64_t)next_random(&state) >> shift);
  }
}

/* Zigzag and base 128, as in protocol buffers. */
static void known_encodings(void) {
  uint8_t bytes[10];
  CHECK(pkl_put_varlong(bytes, -1) - bytes == 1 && bytes[0] == 0x01);
  CHECK(pkl_put_varlong(bytes, 1) - bytes == 1 && bytes[0] == 0x02);
  CHECK(pkl_put_varlong(bytes, 64) - bytes == 2 && bytes[0] == 0x80 &&
        bytes[1] == 0x01);
  CHECK(pkl_put_varlong(bytes, INT64_MIN) - bytes == 10 && bytes[0] == 0xff &&
        bytes[9] == 0x01);
}

static void a_varint_must_fit_32_bits(void) {
  for (size_t i = 0; i < N_EXTREMES; i++) {
    uint8_t bytes[10];
    size_t size = (size_t)(pkl_put_varlong(bytes, EXTREMES[i]) - bytes);
    pkl_cursor c = pkl_cursor_over(bytes, size);
    int32_t value = pkl_take_varint(&c);
    bool fits = EXTREMES[i] >= INT32_MIN && EXTREMES[i] <= INT32_MAX;
    CHECK(pkl_cursor_ok(&c) == fits);
    CHECK(value == (fits ? (int32_t)EXTREMES[i] : 0));
  }
}

static void endless_and_overlong_varints_fail(void) {
  uint8_t bytes[12];
  bool ok;
  memset(bytes, 0xff, sizeof bytes);
  CHECK(read_back(bytes, sizeof bytes, &ok) == 0 && !ok);
  bytes[9] = 0x02; /* a 65th bit */
  CHECK(read_back(bytes, 10, &ok) == 0 && !ok);
  bytes[9] = 0x01;
  CHECK(read_back(bytes, 10, &ok) == INT64_MIN && ok);
}

static void failure_is_sticky(void) {
  uint8_t bytes[4] = {2, 4, 6, 8};
  pkl_cursor c = pkl_cursor_over(bytes, 4);
  CHECK(pkl_take(&c, 3) == bytes && pkl_cursor_left(&c) == 1);
  CHECK(!pkl_take(&c, 2) && !pkl_cursor_ok(&c));
  CHECK(!pkl_take(&c, 1) && !pkl_take(&c, 0) && !pkl_cursor_left(&c));
  CHECK(pkl_take_varint(&c) == 0 && pkl_take_varlong(&c) == 0);
  CHECK(!pkl_take(&c, SIZE_MAX));
}

static void numbers_are_big_endian_at_any_alignment(void) {
  uint8_t bytes[16] = {0};
  for (size_t at = 0; at < 8; at++) {
    pkl_put64(bytes + at, 0x0102030405060708);
    CHECK(bytes[at] == 1 && bytes[at + 7] == 8);
    CHECK(pkl_get64(bytes + at) == 0x0102030405060708);
    CHECK(pkl_get32(bytes + at) == 0x01020304);
    CHECK(pkl_get16(bytes + at) == 0x0102);
  }
}

int main(void) {
  RUN(varlongs_come_back_and_their_truncations_fail);
  RUN(known_encodings);
  RUN(a_varint_must_fit_32_bits);
  RUN(endless_and_overlong_varints_fail);
  RUN(failure_is_sticky);
  RUN(numbers_are_big_endian_at_any_alignment);
}
