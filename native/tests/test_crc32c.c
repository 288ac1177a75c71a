#include "check.h"
#include "pkl/crc32c.h"

enum { LARGEST = 3 * 4096 + 3 * 512 + 3 * 64 + 15 };

static uint32_t of(const void *data, size_t size) {
  uint32_t crc = pkl_crc32c(0, data, size);
  CHECK(crc == pkl_crc32c_table(0, data, size));
  return crc;
}

static uint8_t *random_bytes(size_t size) {
  uint64_t state = 88172645463325252u;
  uint8_t *data = exactly("", 0);
  data = realloc(data, size);
  CHECK(data);
  for (size_t i = 0; i < size; i++) data[i] = (uint8_t)next_random(&state);
  return data;
}

static void the_vectors_of_rfc_3720(void) {
  uint8_t bytes[32] = {0};
  CHECK(of(bytes, 32) == 0x8a9136aa);
  memset(bytes, 0xff, 32);
  CHECK(of(bytes, 32) == 0x62a8ab43);
  for (uint8_t i = 0; i < 32; i++) bytes[i] = i;
  CHECK(of(bytes, 32) == 0x46dd794e);
  for (uint8_t i = 0; i < 32; i++) bytes[i] = (uint8_t)(31 - i);
  CHECK(of(bytes, 32) == 0x113fdb5c);
  CHECK(of("123456789", 9) == 0xe3069283);
  CHECK(of("", 0) == 0);
}

/* The definition, a bit at a time, against the table. */
static void the_table_is_the_polynomial(void) {
  for (unsigned byte = 0; byte < 256; byte++) {
    uint8_t data[9] = {(uint8_t)byte, 1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t size = 0; size <= 9; size++) {
      uint32_t crc = ~0u;
      for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
          crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
      }
      CHECK(pkl_crc32c_table(0, data, size) == ~crc);
    }
  }
}

static void every_size_and_alignment_agrees_with_the_table(void) {
  uint8_t *data = random_bytes(LARGEST + 16);
  for (size_t align = 0; align < 16; align++)
    for (size_t size = 0; size <= LARGEST; size += size < 1700 ? 1 : 61)
      CHECK(pkl_crc32c(0x1234, data + align, size) ==
            pkl_crc32c_table(0x1234, data + align, size));
  free(data);
}

static void no_byte_outside_is_read(void) {
  uint8_t *data = random_bytes(LARGEST);
  for (size_t size = 0; size <= 600; size++) {
    uint8_t *copy = exactly(data, size);
    CHECK(of(copy, size) == of(data, size));
    free(copy);
  }
  free(data);
}

static void a_checksum_goes_on_from_any_point(void) {
  uint8_t *data = random_bytes(LARGEST);
  uint32_t whole = of(data, LARGEST);
  for (size_t cut = 0; cut <= LARGEST; cut += 7)
    CHECK(pkl_crc32c(pkl_crc32c(0, data, cut), data + cut, LARGEST - cut) ==
          whole);
  free(data);
}

static void the_machine_names_its_way(void) {
  const char *kind = pkl_crc32c_kind();
  CHECK(!strcmp(kind, "sse4.2") || !strcmp(kind, "armv8") ||
        !strcmp(kind, "table"));
}

int main(void) {
  RUN(the_vectors_of_rfc_3720);
  RUN(the_table_is_the_polynomial);
  RUN(every_size_and_alignment_agrees_with_the_table);
  RUN(no_byte_outside_is_read);
  RUN(a_checksum_goes_on_from_any_point);
  RUN(the_machine_names_its_way);
}
