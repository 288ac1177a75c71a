/* FAULTS -- preloaded (LD_PRELOAD) into a process that is to fail on purpose.
 *
 * The process itself arms one fault: at the n-th system call of some kinds on
 * some paths, fail with an errno, do half of a write, or be killed just
 * before, in the middle of, or just after it.  Each hit is reported as a line
 * on a file descriptor before it takes effect, so that a test can tell a fault
 * that did no harm from one that never happened.
 *
 * Only calls on paths that begin with the watched directory count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  OPEN = 1,
  CREATE = 2, /* an open that makes the file */
  WRITE = 4,
  SYNC = 8,
  TRUNCATE = 16,
  RENAME = 32,
  UNLINK = 64,
  MKDIR = 128,
  ALLOCATE = 256
};

enum action { NONE, FAIL, SHORT, KILL_BEFORE, KILL_HALF, KILL_AFTER };

static struct {
  char directory[PATH_MAX]; /* "": nothing is watched */
  char part[256];           /* of the path, for a call to count */
  int report, trace;
  unsigned kinds;
  int action, error;
  long nth, times; /* from the nth call on, so many of them */
} fault;

static atomic_long seen;

/* --- what the process says ------------------------------------------------ */

void faults_watch(const char *directory, int report, int trace) {
  snprintf(fault.directory, sizeof fault.directory, "%s", directory);
  fault.report = report;
  fault.trace = trace;
}

void faults_arm(unsigned kinds, const char *part, long nth, long times,
                int action, int error) {
  snprintf(fault.part, sizeof fault.part, "%s", part);
  fault.kinds = kinds;
  fault.nth = nth;
  fault.times = times;
  fault.error = error;
  atomic_store(&seen, 0);
  fault.action = action;
}

/* How many calls have counted since. */
long faults_seen(void) { return atomic_load(&seen); }

/* --- which call it is ------------------------------------------------------ */

static void path_of(int directory, const char *name, char *out) {
  char link[64];
  size_t length = 0;
  out[0] = 0;
  if (!name || (name[0] != '/' && directory != AT_FDCWD)) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t got = readlink(link, out, PATH_MAX - 1);
    length = got < 0 ? 0 : (size_t)got;
    out[length] = 0;
  }
  if (name)
    snprintf(out + length, PATH_MAX - length, "%s%s", length ? "/" : "", name);
}

static void report(const char *word, const char *call, const char *path) {
  char line[PATH_MAX + 64];
  int size = snprintf(line, sizeof line, "%s %s %s\n", word, call,
                      path + strlen(fault.directory));
  syscall(SYS_write, fault.report, line, (size_t)size);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* What is to happen to this call; KILL_BEFORE has happened. */
static int choose(enum kind kind, const char *call, int directory,
                  const char *name) {
  if (!fault.directory[0] || !(kind & (fault.kinds | (fault.trace ? ~0u : 0))))
    return NONE;
  int kept = errno, action = NONE;
  char path[PATH_MAX];
  path_of(directory, name, path);
  if (strncmp(path, fault.directory, strlen(fault.directory)) == 0) {
    if (fault.trace) report("call", call, path);
    if (fault.action && (kind & fault.kinds) && strstr(path, fault.part)) {
      long number = atomic_fetch_add(&seen, 1) + 1;
      if (number >= fault.nth && number < fault.nth + fault.times) {
        action = fault.action;
        report("hit", call, path);
        if (action == KILL_BEFORE) die();
      }
    }
  }
  errno = kept;
  return action;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define DO(kind, call, directory, name, expression) \
  do { \
    int action = choose(kind, call, directory, name); \
    if (action == FAIL) { \
      errno = fault.error; \
      return -1; \
    } \
    __auto_type result = (expression); \
    if (action == KILL_HALF || action == KILL_AFTER) die(); \
    return result; \
  } while (0)

/* --- the calls --------------------------------------------------------------- */

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, mode_t); \
    va_end(rest); \
  }
#define OPENING(flags) ((flags) & O_CREAT ? CREATE : OPEN)

int open(const char *path, int flags, ...) {
  REAL(open);
  MODE(flags);
  DO(OPENING(flags), "open", AT_FDCWD, path, real(path, flags, mode));
}

int open64(const char *path, int flags, ...) {
  REAL(open64);
  MODE(flags);
  DO(OPENING(flags), "open", AT_FDCWD, path, real(path, flags, mode));
}

int openat(int at, const char *path, int flags, ...) {
  REAL(openat);
  MODE(flags);
  DO(OPENING(flags), "open", at, path, real(at, path, flags, mode));
}

int openat64(int at, const char *path, int flags, ...) {
  REAL(openat64);
  MODE(flags);
  DO(OPENING(flags), "open", at, path, real(at, path, flags, mode));
}

/* Half of it, but not nothing. */
static size_t part_of(int action, size_t size) {
  return (action == SHORT || action == KILL_HALF) && size > 1 ? size / 2 : size;
}

#define WRITING(call, expression) \
  do { \
    int action = choose(WRITE, call, fd, NULL); \
    if (action == FAIL) { \
      errno = fault.error; \
      return -1; \
    } \
    size = part_of(action, size); \
    ssize_t result = (expression); \
    if (action == KILL_HALF || action == KILL_AFTER) die(); \
    return result; \
  } while (0)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  WRITING("write", real(fd, data, size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  REAL(pwrite);
  WRITING("pwrite", real(fd, data, size, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  REAL(pwrite64);
  WRITING("pwrite", real(fd, data, size, at));
}

int fsync(int fd) {
  REAL(fsync);
  DO(SYNC, "fsync", fd, NULL, real(fd));
}

int fdatasync(int fd) {
  REAL(fdatasync);
  DO(SYNC, "fdatasync", fd, NULL, real(fd));
}

int syncfs(int fd) {
  REAL(syncfs);
  DO(SYNC, "syncfs", fd, NULL, real(fd));
}

int ftruncate(int fd, off_t size) {
  REAL(ftruncate);
  DO(TRUNCATE, "ftruncate", fd, NULL, real(fd, size));
}

int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64);
  DO(TRUNCATE, "ftruncate", fd, NULL, real(fd, size));
}

int rename(const char *from, const char *to) {
  REAL(rename);
  DO(RENAME, "rename", AT_FDCWD, to, real(from, to));
}

int unlink(const char *path) {
  REAL(unlink);
  DO(UNLINK, "unlink", AT_FDCWD, path, real(path));
}

int unlinkat(int at, const char *path, int flags) {
  REAL(unlinkat);
  DO(UNLINK, "unlink", at, path, real(at, path, flags));
}

int rmdir(const char *path) {
  REAL(rmdir);
  DO(UNLINK, "rmdir", AT_FDCWD, path, real(path));
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  DO(MKDIR, "mkdir", AT_FDCWD, path, real(path, mode));
}

/* These say what failed by their result. */
#define ALLOCATING(expression) \
  do { \
    int action = choose(ALLOCATE, "fallocate", fd, NULL); \
    if (action == FAIL) return fault.error; \
    int result = (expression); \
    if (action == KILL_HALF || action == KILL_AFTER) die(); \
    return result; \
  } while (0)

int posix_fallocate(int fd, off_t at, off_t size) {
  REAL(posix_fallocate);
  ALLOCATING(real(fd, at, size));
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
  REAL(posix_fallocate64);
  ALLOCATING(real(fd, at, size));
}
