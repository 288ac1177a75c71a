#include "check.h"
#include "pkl/utf8.h"

/* `text`, copied as valid UTF-8, is `expected`. */
static void becomes(const char *text, const char *expected) {
  uint8_t out[64];
  uint8_t *in = exactly(text, strlen(text));
  size_t size = pkl_utf8_copy(out, in, strlen(text));
  CHECK(size == strlen(expected) && !memcmp(out, expected, size));
  CHECK(size <= PKL_UTF8_GROWTH * strlen(text));
  free(in);
}

#define BAD "\xef\xbf\xbd"

static void what_is_valid_stays(void) {
  becomes("", "");
  becomes("trace-id", "trace-id");
  becomes("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80",
          "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80");
  becomes("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
}

static void what_is_not_is_replaced_byte_by_byte(void) {
  becomes("a\xff" "b", "a" BAD "b");
  becomes("\xc0\xaf", BAD BAD);             /* overlong */
  becomes("\xe0\x9f\xbf", BAD BAD BAD);     /* overlong */
  becomes("\xed\xa0\x80", BAD BAD BAD);     /* a surrogate */
  becomes("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
  becomes("\xf0\x8f\xbf\xbf", BAD BAD BAD BAD); /* overlong */
  becomes("\x80", BAD);
}

static void a_sequence_cut_off_at_the_end_is_not_read_further(void) {
  becomes("a\xc3", "a" BAD);
  becomes("a\xe2\x82", "a" BAD BAD);
  becomes("a\xf0\x9f\x98", "a" BAD BAD BAD);
}

int main(void) {
  RUN(what_is_valid_stays);
  RUN(what_is_not_is_replaced_byte_by_byte);
  RUN(a_sequence_cut_off_at_the_end_is_not_read_further);
  return 0;
}
