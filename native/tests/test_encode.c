#include "check.h"
#include "pkl/encode.h"
#include "pkl/record.h"

enum { ROWS = 5 };

/* Five values, "", "a", 13 bytes, null, 200 bytes, in each of Arrow's layouts. */
static const int32_t SIZES[ROWS] = {0, 1, 13, -1, 200};

typedef struct column {
  uint8_t *data, *valid;
  void *index;
  const uint8_t *buffers[1];
  int64_t sizes[1];
  pkl_bytes_column c;
} column;

static void make(column *x, pkl_layout layout) {
  uint8_t data[256];
  int32_t ends32[ROWS + 1] = {0};
  int64_t ends64[ROWS + 1] = {0};
  pkl_view views[ROWS];
  uint8_t valid = 0;
  for (int i = 0; i < 256; i++) data[i] = (uint8_t)(i * 7);
  for (int i = 0; i < ROWS; i++) {
    int32_t n = SIZES[i] > 0 ? SIZES[i] : 0;
    memset(&views[i], 0, sizeof *views);
    views[i].size = n;
    if (n > PKL_INLINE)
      views[i].u.at.offset = ends32[i];
    else
      memcpy(views[i].u.bytes, data + ends32[i], (size_t)n);
    ends64[i + 1] = ends32[i + 1] = ends32[i] + n;
    if (SIZES[i] >= 0) valid |= (uint8_t)(1 << i);
  }
  size_t size = (size_t)ends32[ROWS];
  x->data = exactly(data, size);
  x->valid = exactly(&valid, 1);
  x->index = layout == PKL_OFFSETS32   ? exactly(ends32, sizeof ends32)
             : layout == PKL_OFFSETS64 ? exactly(ends64, sizeof ends64)
                                       : exactly(views, sizeof views);
  x->buffers[0] = x->data;
  x->sizes[0] = (int64_t)size;
  x->c = (pkl_bytes_column){.layout = layout, .valid = x->valid, .index = x->index};
  if (layout == PKL_VIEWS) {
    x->c.buffers = x->buffers;
    x->c.sizes = x->sizes;
    x->c.buffer_count = 1;
  } else {
    x->c.data = x->data;
  }
}

static void unmake(column *x) {
  free(x->data);
  free(x->valid);
  free(x->index);
}

static void every_layout_gives_the_same_batch(void) {
  size_t size = 0;
  uint8_t first[1024];
  for (pkl_layout layout = PKL_OFFSETS32; layout <= PKL_VIEWS; layout++) {
    column x;
    make(&x, layout);
    pkl_columns c = {.rows = ROWS, .value = x.c, .key = x.c};
    uint8_t out[1024];
    pkl_builder b;
    pkl_status st;
    pkl_builder_begin(&b, out, sizeof out);
    CHECK(pkl_encode_rows(&b, &c, NULL, 0, ROWS, 5, &st) == ROWS && st == PKL_OK);
    pkl_builder_seal(&b, 0);
    if (size == 0) memcpy(first, out, size = b.size);
    CHECK(b.size == size && !memcmp(first, out, size));

    pkl_batch batch;
    pkl_records_summary summary;
    CHECK(pkl_batch_parse(out, size, &batch) == PKL_OK);
    CHECK(pkl_batch_check_crc(&batch) == PKL_OK);
    CHECK(pkl_records_check(&batch, out + PKL_BATCH_HEADER, size - PKL_BATCH_HEADER,
                            1, &summary) == PKL_OK);
    unmake(&x);
  }
}

static void nothing_is_written_past_the_capacity(void) {
  column x;
  make(&x, PKL_OFFSETS32);
  pkl_columns c = {.rows = ROWS, .value = x.c, .key = x.c};
  int64_t before = 0;
  for (size_t capacity = PKL_BATCH_HEADER; capacity < 700; capacity++) {
    uint8_t *out = malloc(capacity);
    pkl_builder b;
    pkl_status st;
    pkl_builder_begin(&b, out, capacity);
    int64_t rows = pkl_encode_rows(&b, &c, NULL, 0, ROWS, 5, &st);
    CHECK(st == (rows == ROWS ? PKL_OK : PKL_FULL));
    CHECK(rows == b.count && rows >= before && b.size <= capacity);
    if (rows > 0 && before == 0)
      CHECK(capacity == (size_t)pkl_row_batch_size(&c, 0));
    before = rows;
    free(out);
  }
  CHECK(before == ROWS);
  unmake(&x);
}

static void the_rows_of_a_list_are_taken_in_its_order(void) {
  column x;
  make(&x, PKL_VIEWS);
  pkl_columns c = {.rows = ROWS, .value = x.c};
  const int64_t rows[] = {4, 1, 1};
  uint8_t out[1024];
  pkl_builder b;
  pkl_status st;
  pkl_builder_begin(&b, out, sizeof out);
  CHECK(pkl_encode_rows(&b, &c, rows, 0, 3, 5, &st) == 3);
  pkl_cursor k = pkl_cursor_over(out + PKL_BATCH_HEADER, b.size - PKL_BATCH_HEADER);
  pkl_record r;
  for (int i = 0; i < 3; i++)
    CHECK(pkl_record_next(&k, &r) == PKL_OK && r.value_size == SIZES[rows[i]]);
  unmake(&x);
}

static void data_that_contradict_themselves_are_refused(void) {
  column x;
  pkl_columns_facts facts;
  make(&x, PKL_VIEWS);
  pkl_columns c = {.rows = ROWS, .value = x.c};
  pkl_view *views = x.index;
  const pkl_view good = views[4];
  CHECK(pkl_columns_check(&c, 1 << 20, 1, &facts) == PKL_COLUMNS_GOOD);
  views[4].u.at.offset++; /* one byte behind the end of the buffer */
  CHECK(pkl_columns_check(&c, 1 << 20, 1, &facts) == PKL_COLUMNS_DATA);
  CHECK(facts.row == 4);
  views[4] = good;
  views[4].u.at.buffer = 1;
  CHECK(pkl_columns_check(&c, 1 << 20, 1, &facts) == PKL_COLUMNS_DATA);
  views[4] = good;
  views[4].size = -1;
  CHECK(pkl_columns_check(&c, 1 << 20, 1, &facts) == PKL_COLUMNS_DATA);
  unmake(&x);

  make(&x, PKL_OFFSETS32);
  c.value = x.c;
  ((int32_t *)x.index)[2] = -1;
  CHECK(pkl_columns_check(&c, 1 << 20, 1, &facts) == PKL_COLUMNS_DATA);
  CHECK(facts.row == 1);
  unmake(&x);
}

static void sizes_are_what_is_written_for_every_number(void) {
  for (int shift = 0; shift < 64; shift++)
    for (int sign = -1; sign <= 1; sign += 2)
      for (int64_t near = -2; near <= 2; near++) {
        int64_t n = (int64_t)((uint64_t)sign * (UINT64_C(1) << shift) + (uint64_t)near);
        uint8_t small[10], plain[10];
        size_t size = (size_t)(pkl_put_small(small, n) - small);
        CHECK(size == (size_t)(pkl_put_varlong(plain, n) - plain));
        CHECK((int64_t)size == pkl_small_size(n) && !memcmp(small, plain, size));
      }
}

int main(void) {
  RUN(every_layout_gives_the_same_batch);
  RUN(nothing_is_written_past_the_capacity);
  RUN(the_rows_of_a_list_are_taken_in_its_order);
  RUN(data_that_contradict_themselves_are_refused);
  RUN(sizes_are_what_is_written_for_every_number);
  return 0;
}
