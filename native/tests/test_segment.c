#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "pkl/live.h"
#include "pkl/lookup.h"
#include "pkl/recovery.h"
#include "sample.h"

static const pkl_segment_limits LIMITS = {1 << 20, 10 << 20, 500};
static char directory[64], stem[96];

static void begin(void) {
  strcpy(directory, "/tmp/pkl-segment-XXXXXX");
  CHECK(mkdtemp(directory));
  snprintf(stem, sizeof stem, "%s/%020d", directory, 0);
}

static void end(void) {
  const char *suffixes[] = {".log", ".index", ".timeindex", ".live"};
  for (int i = 0; i < 4; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", stem, suffixes[i]);
    unlink(path);
  }
  CHECK(rmdir(directory) == 0);
}

/* `count` sample batches in a row, on the heap, of exactly their size. */
static uint8_t *batches(int64_t first_offset, int count, size_t *size) {
  uint8_t one[SAMPLE_ROOM];
  size_t each = sample_batch(one);
  uint8_t *all = malloc(each * (size_t)count);
  CHECK(all);
  for (int i = 0; i < count; i++) {
    pkl_batch_stamp(one, first_offset + i * SAMPLE_RECORDS, 7);
    memcpy(all + (size_t)i * each, one, each);
  }
  *size = each * (size_t)count;
  return all;
}

static int64_t append(pkl_segment *s, int64_t offset, int count) {
  size_t size;
  int64_t position;
  uint8_t *data = batches(offset, count, &size);
  CHECK(pkl_segment_append(s, data, size, &position) == PKL_OK);
  free(data);
  return position;
}

static pkl_source by_pread(pkl_segment *s) {
  return (pkl_source){NULL, s->file.fd};
}

static void close_segment(pkl_segment *s) {
  pkl_segment_close(s);
  pkl_segment_free(s);
}

static void every_offset_is_found_through_map_and_pread(void) {
  pkl_segment s;
  CHECK(pkl_segment_create(&s, stem, 0, LIMITS, false) == PKL_OK);
  for (int i = 0; i < 50; i++) append(&s, i * 4 * SAMPLE_RECORDS, 4);
  CHECK(pkl_segment_seal(&s) == PKL_OK);
  size_t size = (size_t)pkl_segment_end(&s);
  uint8_t *copy = malloc(size); /* no byte more: a read past the end is seen */
  size_t got;
  CHECK(pkl_os_read(s.file.fd, copy, size, 0, &got) == PKL_OK && got == size);
  pkl_source sources[] = {{copy, -1}, by_pread(&s)};
  for (int k = 0; k < 2; k++) {
    for (int64_t offset = 0; offset <= 600; offset++) {
      int64_t position;
      CHECK(pkl_segment_lookup(&s, sources[k], offset, &position) == PKL_OK);
      CHECK(position == offset / 3 * (int64_t)(size / 200));
    }
  }
  free(copy);
  close_segment(&s);
}

static void random_indexes_and_damaged_logs_do_no_harm(void) {
  pkl_segment s;
  CHECK(pkl_segment_create(&s, stem, 0, LIMITS, false) == PKL_OK);
  append(&s, 0, 60);
  CHECK(pkl_segment_seal(&s) == PKL_OK);
  int64_t log_end = pkl_segment_end(&s);
  uint64_t random = 88172645463325252u;
  for (int round = 0; round < 300; round++) {
    uint8_t garbage[200];
    for (size_t i = 0; i < sizeof garbage; i++)
      garbage[i] = (uint8_t)(next_random(&random) >> 32);
    int64_t at = (int64_t)(next_random(&random) % (uint64_t)log_end);
    int fd;
    CHECK(pkl_os_open(s.offsets.path, O_RDWR, &fd) == PKL_OK);
    CHECK(pkl_os_write(fd, garbage, sizeof garbage, 0) == PKL_OK);
    pkl_os_close(fd);
    CHECK(pkl_os_write(s.file.fd, garbage, 1 + (size_t)round % 100,
                       at % (log_end - 100)) == PKL_OK);
    int64_t position, base;
    for (int64_t offset = 0; offset < 180; offset += 7) {
      CHECK(pkl_segment_lookup(&s, by_pread(&s), offset, &position) == PKL_OK);
      CHECK(position >= 0 && position <= log_end);
    }
    pkl_segment_lookup_timestamp(&s, by_pread(&s), 1700000000500, 0, &position,
                                 &base);
    pkl_recovery r;
    pkl_status status = pkl_recovery_begin(&r, &s, 0);
    while (status == PKL_OK) status = pkl_recovery_step(&r, &s, 1000);
    CHECK(status == PKL_END && r.end <= log_end);
    pkl_recovery_free(&r, &s);
    pkl_segment_advance(&s, log_end);
  }
  close_segment(&s);
}

static void recovery_finds_the_same_in_slices_of_any_size(void) {
  pkl_segment s;
  CHECK(pkl_segment_create(&s, stem, 0, LIMITS, false) == PKL_OK);
  append(&s, 0, 40);
  int64_t each = pkl_segment_end(&s) / 40;
  CHECK(pkl_os_write(s.file.fd, "!", 1, 10 * each + 70) == PKL_OK);
  CHECK(pkl_os_write(s.file.fd, "!", 1, 39 * each + 70) == PKL_OK);
  for (int64_t budget = 1; budget < 1 << 16; budget = budget * 3 + 1) {
    pkl_recovery r;
    CHECK(pkl_recovery_begin(&r, &s, 0) == PKL_OK);
    pkl_status status;
    do {
      status = pkl_recovery_step(&r, &s, budget);
    } while (status == PKL_OK);
    CHECK(status == PKL_END && r.batches == 38 && r.end == 39 * each);
    CHECK(r.hole_count == 1 && r.holes[0].position == 10 * each);
    CHECK(r.holes[0].valid_after == 11 * each && r.problem == PKL_BAD_CRC);
    CHECK(r.epoch_count == 1 && r.epochs[0].epoch == 7);
    pkl_recovery_free(&r, &s);
  }
  close_segment(&s);
}

static void a_short_write_is_cut_back_and_the_next_append_overwrites(void) {
  pkl_segment s;
  CHECK(pkl_segment_create(&s, stem, 0, LIMITS, false) == PKL_OK);
  append(&s, 0, 1);
  int64_t kept = pkl_segment_end(&s), position;
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  limit = before;
  limit.rlim_cur = (rlim_t)kept + 30;
  signal(SIGXFSZ, SIG_IGN);
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  size_t size;
  uint8_t *data = batches(3, 2, &size);
  CHECK(pkl_segment_append(&s, data, size, &position) == PKL_SYSTEM);
  CHECK(errno == EFBIG);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  int64_t file_size;
  CHECK(pkl_os_size(s.file.fd, &file_size) == PKL_OK && file_size == kept);
  CHECK(pkl_segment_append(&s, data, size, &position) == PKL_OK);
  CHECK(position == kept);
  free(data);
  close_segment(&s);
}

static void the_last_user_closes_a_file(void) {
  pkl_file file;
  int fd;
  CHECK(pkl_os_open("/dev/null", O_RDONLY, &fd) == PKL_OK);
  pkl_file_init(&file, fd);
  CHECK(pkl_file_acquire(&file) == fd);
  pkl_file_close(&file);
  CHECK(fcntl(fd, F_GETFD) >= 0);
  pkl_file_release(&file);
  CHECK(fcntl(fd, F_GETFD) < 0);
  CHECK(pkl_file_acquire(&file) == -1 && errno == EBADF);
}

static pkl_live live;

static void *publish_for_ever(void *stop) {
  for (int64_t n = 0; !atomic_load((atomic_int *)stop); n++)
    pkl_live_publish(&live, 0, &(pkl_live_state){n, n, n, n, n, n});
  return NULL;
}

static void no_reader_sees_half_a_publish(void) {
  char path[128];
  snprintf(path, sizeof path, "%s.live", stem);
  CHECK(pkl_live_create(&live, path, 4, 1) == PKL_OK);
  pkl_live reader;
  CHECK(pkl_live_open(&reader, path, false) == PKL_OK);
  atomic_int stop = 0;
  pthread_t writer;
  CHECK(pthread_create(&writer, NULL, publish_for_ever, &stop) == 0);
  int64_t last = 0;
  for (int i = 0; i < 20000; i++) {
    pkl_live_state s;
    CHECK(pkl_live_read(&reader, 0, &s) == PKL_OK);
    CHECK(s.start == s.high_watermark && s.start == s.stable);
    CHECK(s.start == s.base_offset && s.start == s.position);
    CHECK(s.start == s.generation && s.start >= last);
    last = s.start;
  }
  atomic_store(&stop, 1);
  CHECK(pthread_join(writer, NULL) == 0);
  pkl_live_close(&reader);
  pkl_live_close(&live);
}

#define RUN_IN_A_DIRECTORY(test) \
  do {                           \
    begin();                     \
    RUN(test);                   \
    end();                       \
  } while (0)

int main(void) {
  RUN_IN_A_DIRECTORY(every_offset_is_found_through_map_and_pread);
  RUN_IN_A_DIRECTORY(random_indexes_and_damaged_logs_do_no_harm);
  RUN_IN_A_DIRECTORY(recovery_finds_the_same_in_slices_of_any_size);
  RUN_IN_A_DIRECTORY(a_short_write_is_cut_back_and_the_next_append_overwrites);
  RUN(the_last_user_closes_a_file);
  RUN_IN_A_DIRECTORY(no_reader_sees_half_a_publish);
}
