#include "check.h"
#include "pkl/export.h"

/* An owner that counts how often it is let go. */
static int released;

static void let_go(void *owner) {
  CHECK(owner == &released);
  released++;
}

static const int32_t ZEROS[64] = {0};
static const int32_t NAME_ENDS[] = {0, 1};
static const uint8_t NAME[] = {'t'};
static const pkl_constants CONSTANTS = {ZEROS, ZEROS, NAME, NAME_ENDS};
static const pkl_column ALL[] = {
    PKL_COLUMN_TOPIC, PKL_COLUMN_PARTITION, PKL_COLUMN_OFFSET, PKL_COLUMN_TIMESTAMP,
    PKL_COLUMN_KEY,   PKL_COLUMN_VALUE,     PKL_COLUMN_HEADERS};

static struct ArrowArray exported(const pkl_span *spans, size_t span_count,
                                  int32_t longest) {
  static int64_t numbers[3];
  static pkl_view views[3];
  pkl_decoder d = {.rows = 3, .offsets = numbers, .timestamps = numbers};
  d.key.nulls = 3;
  d.value.views = views;
  d.value.longest = longest;
  struct ArrowArray root;
  released = 0;
  CHECK(pkl_export(&d, &CONSTANTS, spans, span_count, ALL, PKL_COLUMNS, let_go,
                   &released, &root) == PKL_OK);
  return root;
}

static void the_owner_is_let_go_once_with_the_whole(void) {
  struct ArrowArray root = exported(NULL, 0, 5);
  CHECK(root.n_children == PKL_COLUMNS && root.length == 3);
  CHECK(root.children[6]->children[0]->n_children == 2);
  CHECK(root.children[0]->dictionary->length == 1);
  CHECK(released == 0);
  root.release(&root);
  CHECK(released == 1 && !root.release);
}

static void a_child_moved_out_keeps_the_owner(void) {
  struct ArrowArray root = exported(NULL, 0, 5);
  struct ArrowArray child = *root.children[5], inner = *root.children[6]->children[0];
  root.children[5]->release = NULL;
  root.children[6]->children[0]->release = NULL;
  root.release(&root);
  CHECK(released == 0);
  inner.release(&inner);
  CHECK(released == 0);
  child.release(&child);
  CHECK(released == 1);
}

static void spans_are_there_only_when_a_view_points_into_them(void) {
  static const uint8_t bytes[20];
  const pkl_span spans[] = {{bytes, 9}, {bytes + 9, 11}};
  struct ArrowArray root = exported(spans, 2, PKL_INLINE + 1);
  struct ArrowArray *value = root.children[5], *key = root.children[4];
  CHECK(value->n_buffers == 5 && value->buffers[3] == bytes + 9);
  CHECK(((const int64_t *)value->buffers[4])[1] == 11);
  CHECK(key->n_buffers == 3 && key->null_count == 3);
  root.release(&root);

  root = exported(spans, 2, PKL_INLINE);
  CHECK(root.children[5]->n_buffers == 3);
  root.release(&root);
}

int main(void) {
  RUN(the_owner_is_let_go_once_with_the_whole);
  RUN(a_child_moved_out_keeps_the_owner);
  RUN(spans_are_there_only_when_a_view_points_into_them);
  return 0;
}
