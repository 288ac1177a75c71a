/* Linux: futexes, fdatasync, syncfs. */
#include "pkl/os.h"

#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

pkl_status pkl_os_allocate(int fd, int64_t size) {
  int rc;
  do {
    rc = posix_fallocate(fd, 0, (off_t)size);
  } while (rc == EINTR);
  errno = rc;
  return rc == 0 ? PKL_OK : PKL_SYSTEM;
}

/* A failed sync is final: it may have thrown the dirty pages away, so that a
 * second one succeeds without having written anything.  Only EINTR, which
 * comes before any of that, is tried again. */
pkl_status pkl_os_sync(int fd) {
  int rc;
  do {
    rc = fdatasync(fd);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? PKL_OK : PKL_SYSTEM;
}

pkl_status pkl_os_sync_filesystem(int fd) {
  int rc;
  do {
    rc = syncfs(fd);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? PKL_OK : PKL_SYSTEM;
}

/* No FUTEX_PRIVATE_FLAG: waiters are in other processes. */
void pkl_os_wait(const atomic_uint *word, uint32_t seen, int64_t timeout_us) {
  if (timeout_us <= 0) return;
  struct timespec timeout = {(time_t)(timeout_us / 1000000),
                             (long)(timeout_us % 1000000) * 1000};
  syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, NULL, 0);
}

void pkl_os_wake(atomic_uint *word) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

#else
typedef int pkl_no_linux; /* a translation unit has to declare something */
#endif
