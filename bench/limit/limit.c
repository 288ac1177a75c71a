/* The bare work in C on one thread: what the library's speed is measured by.
 *
 *   append   columns (int32 offsets + bytes) -> record batches v2, CRC, pwrite
 *   scan     file -> map; CRC, then per record offset, timestamp, key view
 *            and value view (Arrow's 16-byte views), 64 Ki rows a time
 *   rescan   the same on a map that was read before: the kernel has no part in it
 *   crc      the checksum alone, over the same mapped batches
 *
 * 100-byte values without keys, 1,000 records a batch, one pwrite each; sizes, deltas and nulls
 * are read from the data all the same, and every bound is checked.  Nothing is
 * shared with native/: it is a second hand at the same work.
 *
 *   limit [DIRECTORY] [RECORDS]            one line of JSON for each; best of 7 rounds
 *   limit DIRECTORY RECORDS on-demand      one round for each name on standard input, so that
 *                                          another program's rounds can lie between them
 *
 *   The file is made in DIRECTORY (default: the current one) and is gone at the end.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { VALUE = 100, PER_BATCH = 1000, HEADER = 61, ROWS = 1 << 16, ROUNDS = 7 };

static void die(const char *what) {
  perror(what);
  exit(1);
}

static inline uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}
static inline void store32(uint8_t *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, 4);
}
static inline void store64(uint8_t *p, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(p, &v, 8);
}
static inline uint32_t be32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
static inline uint64_t be64(const uint8_t *p) { return __builtin_bswap64(load64(p)); }

/* --- the checksum --------------------------------------------------------------
 *
 * Three streams of thirds of a 12 KiB block, the next one prefetched; what the first two found is carried
 * over the zeros behind them by tables made at the start (4 x 256 entries). */

#if defined(__x86_64__)
#include <nmmintrin.h>
#define STEP8(crc, word) _mm_crc32_u64(crc, word)
#define STEP1(crc, byte) _mm_crc32_u8((uint32_t)(crc), byte)
#elif defined(__aarch64__)
#include <arm_acle.h>
#define STEP8(crc, word) (uint64_t)__crc32cd((uint32_t)(crc), word)
#define STEP1(crc, byte) __crc32cb((uint32_t)(crc), byte)
#endif

typedef struct lane {
  size_t size;
  uint32_t over[4][256]; /* the register after `size` zero bytes, by byte */
} lane;

static lane lanes[] = {{4096, {{0}}}, {512, {{0}}}, {64, {{0}}}};
enum { AHEAD = 3 * 4096 };

static void make_lanes(void) {
  static const uint8_t zeros[4096];
  for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++)
    for (int byte = 0; byte < 4; byte++)
      for (uint32_t value = 0; value < 256; value++) {
        uint64_t crc = value << (8 * byte);
        for (size_t i = 0; i < lanes[l].size; i += 8) crc = STEP8(crc, load64(zeros + i));
        lanes[l].over[byte][value] = (uint32_t)crc;
      }
}

static inline uint64_t over_zeros(const lane *l, uint64_t crc) {
  return l->over[0][crc & 255] ^ l->over[1][crc >> 8 & 255] ^ l->over[2][crc >> 16 & 255] ^
         l->over[3][crc >> 24 & 255];
}

static uint32_t checksum(const uint8_t *p, size_t size) {
  uint64_t crc = 0xffffffff;
  for (const lane *l = lanes; l < lanes + sizeof lanes / sizeof *lanes; l++)
    for (size_t n = l->size; size >= 3 * n; p += 3 * n, size -= 3 * n) {
      uint64_t b = 0, c = 0;
      for (size_t i = 0; i < n; i += 64) {
        __builtin_prefetch(p + AHEAD + i);
        __builtin_prefetch(p + AHEAD + n + i);
        __builtin_prefetch(p + AHEAD + 2 * n + i);
        for (size_t j = i; j < i + 64; j += 8) {
          crc = STEP8(crc, load64(p + j));
          b = STEP8(b, load64(p + n + j));
          c = STEP8(c, load64(p + 2 * n + j));
        }
      }
      crc = over_zeros(l, over_zeros(l, crc) ^ b) ^ c;
    }
  for (; size >= 8; p += 8, size -= 8) crc = STEP8(crc, load64(p));
  for (; size; p++, size--) crc = STEP1(crc, *p);
  return ~(uint32_t)crc;
}

/* --- append -------------------------------------------------------------------- */

typedef struct columns {
  int64_t rows;
  const int32_t *offsets; /* rows + 1 */
  const uint8_t *data;    /* readable 64 bytes past its end */
} columns;

/* Zigzag varint of a number that is not negative. */
static inline uint8_t *put(uint8_t *p, uint32_t n) {
  n <<= 1;
  for (; n >= 0x80; n >>= 7) *p++ = (uint8_t)(n | 0x80);
  *p++ = (uint8_t)n;
  return p;
}

static inline size_t put_size(uint32_t n) {
  return (size_t)(38 - __builtin_clz(n << 1 | 1)) / 7;
}

/* In steps of 64 bytes, past the end: both sides have the room.  What lies a page ahead is asked for. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t size) {
  __builtin_prefetch(from + 4096);
  for (size_t i = 0; i < size; i += 64) memcpy(to + i, from + i, 64);
}

static size_t encode(uint8_t *batch, const columns *c, int64_t first, int32_t count, int64_t timestamp) {
  uint8_t *p = batch + HEADER;
  for (int32_t i = 0; i < count; i++) {
    uint32_t from = (uint32_t)c->offsets[first + i];
    uint32_t size = (uint32_t)c->offsets[first + i + 1] - from;
    /* attributes, timestamp delta 0, null key, no headers: four bytes of one */
    p = put(p, (uint32_t)(4 + put_size((uint32_t)i) + put_size(size) + size));
    *p++ = 0;
    *p++ = 0;
    p = put(p, (uint32_t)i);
    *p++ = 1;
    p = put(p, size);
    copy(p, c->data + from, size);
    p += size;
    *p++ = 0;
  }
  size_t size = (size_t)(p - batch);
  store64(batch, (uint64_t)first);
  store32(batch + 8, (uint32_t)(size - 12));
  store32(batch + 12, 0);
  batch[16] = 2;
  batch[21] = batch[22] = 0;
  store32(batch + 23, (uint32_t)count - 1);
  store64(batch + 27, (uint64_t)timestamp);
  store64(batch + 35, (uint64_t)timestamp);
  memset(batch + 43, 0xff, 14); /* no producer */
  store32(batch + 57, (uint32_t)count);
  store32(batch + 17, checksum(batch + 21, size - 21));
  return size;
}

static size_t append(int file, const columns *c, uint8_t *room) {
  size_t end = 0;
  for (int64_t first = 0; first < c->rows; first += PER_BATCH) {
    int64_t left = c->rows - first;
    size_t size = encode(room, c, first, (int32_t)(left < PER_BATCH ? left : PER_BATCH), 1700000000000);
    if (pwrite(file, room, size, (off_t)end) != (ssize_t)size) die("pwrite");
    end += size;
  }
  return end;
}

/* --- scan ---------------------------------------------------------------------- */

/* Size and the first four bytes; buffer and position, or eight bytes more. */
typedef struct view {
  uint64_t head, tail;
} view;

typedef struct rows {
  int64_t offset[ROWS], timestamp[ROWS];
  view key[ROWS], value[ROWS];
  uint64_t key_valid[ROWS / 64], value_valid[ROWS / 64];
} rows;

static void bad(const char *what) {
  fprintf(stderr, "limit: %s\n", what);
  exit(1);
}

static __attribute__((noinline)) int64_t take_long(const uint8_t **p, const uint8_t *end) {
  uint64_t v = 0;
  for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
    uint8_t b = *(*p)++;
    v |= (uint64_t)(b & 0x7f) << shift;
    if (b < 0x80) return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
  }
  bad("a varint that does not end");
  return 0;
}

/* One or two bytes are all that this work has. */
static inline int64_t take(const uint8_t **p, const uint8_t *end) {
  const uint8_t *q = *p;
  if (end - q < 2) return take_long(p, end);
  uint32_t v = q[0];
  if (v < 0x80) {
    *p = q + 1;
  } else if (q[1] < 0x80) {
    v = (v & 0x7f) | (uint32_t)q[1] << 7;
    *p = q + 2;
  } else {
    return take_long(p, end);
  }
  return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

static inline bool show(view *v, const uint8_t **p, const uint8_t *end, const uint8_t *base) {
  int64_t size = take(p, end);
  if (size < 0) {
    *v = (view){0, 0};
    return false;
  }
  if (size > end - *p) bad("bytes past the record");
  if (size > 12) {
    uint32_t prefix;
    memcpy(&prefix, *p, 4);
    v->head = (uint64_t)size | (uint64_t)prefix << 32;
    v->tail = (uint64_t)(*p - base) << 32; /* of buffer 0 */
  } else {
    uint8_t bytes[16] = {(uint8_t)size};
    memcpy(bytes + 4, *p, (size_t)size);
    memcpy(v, bytes, 16);
  }
  *p += size;
  return true;
}

static int64_t scan(const uint8_t *map, size_t size, rows *out) {
  int64_t total = 0;
  size_t row = 0;
  uint64_t keys = 0, values = 0;
  for (const uint8_t *b = map, *stop = map + size; b < stop;) {
    if (stop - b < HEADER) bad("a torn header");
    size_t length = 12 + (size_t)be32(b + 8);
    if (length < HEADER || length > (size_t)(stop - b)) bad("a torn batch");
    if (checksum(b + 21, length - 21) != be32(b + 17)) bad("a wrong checksum");
    int64_t offset = (int64_t)be64(b), timestamp = (int64_t)be64(b + 27);
    int32_t count = (int32_t)be32(b + 57);
    const uint8_t *p = b + HEADER, *end = b + length;
    for (int32_t i = 0; i < count; i++) {
      int64_t body = take(&p, end);
      if (body < 6 || body > end - p) bad("a record past its batch");
      const uint8_t *next = p + body;
      p++;
      out->timestamp[row] = timestamp + take(&p, next);
      out->offset[row] = offset + take(&p, next);
      keys |= (uint64_t)show(&out->key[row], &p, next, map) << row % 64;
      values |= (uint64_t)show(&out->value[row], &p, next, map) << row % 64;
      p = next;
      if (++row % 64 == 0) {
        out->key_valid[row / 64 - 1] = keys;
        out->value_valid[row / 64 - 1] = values;
        keys = values = 0;
        if (row == ROWS) row = 0; /* the consumer would take them here */
      }
    }
    if (p != end) bad("bytes behind the records");
    total += count;
    b = end;
  }
  return total;
}

static int64_t checksums(const uint8_t *map, size_t size) {
  int64_t total = 0;
  for (const uint8_t *b = map; b < map + size;) {
    size_t length = 12 + (size_t)be32(b + 8);
    if (checksum(b + 21, length - 21) != be32(b + 17)) bad("a wrong checksum");
    total += (int32_t)be32(b + 57);
    b += length;
  }
  return total;
}

/* --- rounds -------------------------------------------------------------------- */

enum work { APPEND, SCAN, RESCAN, CRC, WORKS };
static const char *const names[WORKS] = {"append", "scan", "rescan", "crc"};

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct bench {
  columns columns;
  uint8_t *room; /* a batch */
  rows *out;
  char path[4096];
  int file;
  size_t size;
  const uint8_t *map;
} bench;

typedef struct took {
  double wall, cpu;
} took;

static void unmap(bench *b) {
  if (b->map) munmap((void *)(uintptr_t)b->map, b->size);
  b->map = NULL;
}

static void map(bench *b) {
  b->map = mmap(NULL, b->size, PROT_READ, MAP_SHARED, b->file, 0);
  if (b->map == MAP_FAILED) die("mmap");
}

/* A new file each round: growing one is the work. */
static void renew(bench *b) {
  unmap(b);
  if (b->file >= 0) close(b->file);
  b->file = open(b->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (b->file < 0) die(b->path);
  unlink(b->path);
}

static took round_of(bench *b, enum work what) {
  int64_t seen = b->columns.rows;
  if (what == APPEND) renew(b);
  if (what == SCAN) unmap(b);
  double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  if (what == APPEND) {
    b->size = append(b->file, &b->columns, b->room);
  } else {
    if (!b->map) map(b);
    seen = what == CRC ? checksums(b->map, b->size) : scan(b->map, b->size, b->out);
  }
  took t = {now(CLOCK_MONOTONIC) - wall, now(CLOCK_PROCESS_CPUTIME_ID) - cpu};
  if (seen != b->columns.rows) bad("records are missing");
  return t;
}

static void report(const bench *b, enum work what, took t) {
  printf("{\"limit\": \"%s\", \"records\": %" PRId64 ", \"seconds\": %.9f, \"cpu_seconds\": %.9f, "
         "\"records_per_second\": %.0f, \"bytes_per_second\": %.0f}\n",
         names[what], b->columns.rows, t.wall, t.cpu, (double)b->columns.rows / t.wall, (double)b->size / t.wall);
  fflush(stdout);
}

/* The best of some rounds of each. */
static void all(bench *b) {
  took best[WORKS];
  for (int round = 0; round < ROUNDS; round++)
    for (enum work what = APPEND; what < WORKS; what++) {
      took t = round_of(b, what);
      if (round == 0 || t.wall < best[what].wall) best[what] = t;
    }
  for (enum work what = APPEND; what < WORKS; what++) report(b, what, best[what]);
}

/* One round for each line of standard input that names a work; the first has to be `append`. */
static void on_demand(bench *b) {
  char line[16];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    enum work what = APPEND;
    while (what < WORKS && strcmp(line, names[what]) != 0) what++;
    if (what == WORKS || (what != APPEND && !b->size)) bad("append, scan, rescan or crc, and first of all append");
    report(b, what, round_of(b, what));
  }
}

int main(int argc, char **argv) {
  const char *directory = argc > 1 ? argv[1] : ".";
  int64_t records = argc > 2 ? atoll(argv[2]) : 2000000;
  if (records < 1 || records > INT32_MAX / 110) bad("RECORDS has to be from 1 to 19 million");

  int32_t *offsets = malloc(((size_t)records + 1) * sizeof *offsets);
  uint8_t *data = malloc((size_t)records * VALUE + 64);
  bench b = {{records, offsets, data}, malloc(HEADER + PER_BATCH * (VALUE + 32) + 64), malloc(sizeof(rows)), "", -1, 0, NULL};
  if (!offsets || !data || !b.room || !b.out) die("malloc");
  for (int64_t i = 0; i <= records; i++) offsets[i] = (int32_t)(i * VALUE);
  for (size_t i = 0; i < (size_t)records * VALUE + 64; i++) data[i] = (uint8_t)(i * 2654435761u >> 11);
  memset(b.room, 0, HEADER + PER_BATCH * (VALUE + 32) + 64);
  memset(b.out, 0, sizeof *b.out);
  make_lanes();
  snprintf(b.path, sizeof b.path, "%s/limit-%d.log", directory, (int)getpid());
  if (argc > 3 && strcmp(argv[3], "on-demand") == 0)
    on_demand(&b);
  else
    all(&b);
}
