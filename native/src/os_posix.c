#include "pkl/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void pkl_file_init(pkl_file *file, int fd) {
  file->fd = fd;
  atomic_init(&file->users, fd < 0 ? 0 : 1);
}

int pkl_file_acquire(pkl_file *file) {
  int users = atomic_load(&file->users);
  while (users > 0) {
    if (atomic_compare_exchange_weak(&file->users, &users, users + 1))
      return file->fd;
  }
  errno = EBADF;
  return -1;
}

void pkl_file_release(pkl_file *file) {
  if (atomic_fetch_sub(&file->users, 1) == 1) pkl_os_close(file->fd);
}

void pkl_file_close(pkl_file *file) {
  if (atomic_load(&file->users) > 0) pkl_file_release(file);
}

pkl_status pkl_os_open(const char *path, int flags, int *fd) {
  do {
    *fd = open(path, flags | O_CLOEXEC, 0644);
  } while (*fd < 0 && errno == EINTR);
  return *fd < 0 ? PKL_SYSTEM : PKL_OK;
}

void pkl_os_close(int fd) {
  int kept = errno; /* closing follows errors: theirs is the one to report */
  if (fd >= 0) close(fd);
  errno = kept;
}

pkl_status pkl_os_size(int fd, int64_t *size) {
  struct stat st;
  if (fstat(fd, &st) != 0) return PKL_SYSTEM;
  *size = st.st_size;
  return PKL_OK;
}

pkl_status pkl_os_write(int fd, const void *data, size_t size, int64_t at) {
  const uint8_t *p = data;
  while (size > 0) {
    ssize_t n = pwrite(fd, p, size, (off_t)at);
    if (n < 0) {
      if (errno == EINTR) continue;
      return PKL_SYSTEM;
    }
    if (n == 0) { /* a file system that takes nothing and says nothing */
      errno = ENOSPC;
      return PKL_SYSTEM;
    }
    p += n;
    at += n;
    size -= (size_t)n;
  }
  return PKL_OK;
}

pkl_status pkl_os_read(int fd, void *data, size_t size, int64_t at,
                       size_t *got) {
  uint8_t *p = data;
  *got = 0;
  while (*got < size) {
    ssize_t n = pread(fd, p + *got, size - *got, (off_t)(at + (int64_t)*got));
    if (n < 0) {
      if (errno == EINTR) continue;
      return PKL_SYSTEM;
    }
    if (n == 0) break;
    *got += (size_t)n;
  }
  return PKL_OK;
}

pkl_status pkl_os_truncate(int fd, int64_t size) {
  int rc;
  do {
    rc = ftruncate(fd, (off_t)size);
  } while (rc != 0 && errno == EINTR);
  return rc == 0 ? PKL_OK : PKL_SYSTEM;
}

pkl_status pkl_os_map(int fd, size_t size, int writable, void **address) {
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void *at = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return PKL_SYSTEM;
  *address = at;
  return PKL_OK;
}

void pkl_os_unmap(void *address, size_t size) { munmap(address, size); }

void pkl_os_release(void *address, size_t size) {
  /* Advice: where it is not taken, the memory is only counted a little longer. */
  (void)madvise(address, size, MADV_DONTNEED);
}

size_t pkl_os_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void pkl_os_nap(long microseconds) {
  struct timespec nap = {microseconds / 1000000,
                         microseconds % 1000000 * 1000};
  nanosleep(&nap, NULL);
}

#if !defined(__linux__)

pkl_status pkl_os_allocate(int fd, int64_t size) {
#if defined(__APPLE__)
  fstore_t want = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)size, 0};
  if (fcntl(fd, F_PREALLOCATE, &want) != 0) return PKL_SYSTEM;
  return pkl_os_truncate(fd, size);
#else
  errno = posix_fallocate(fd, 0, (off_t)size);
  return errno == 0 ? PKL_OK : PKL_SYSTEM;
#endif
}

pkl_status pkl_os_sync(int fd) {
#if defined(__APPLE__)
  /* fsync alone leaves the data in the drive's cache there. */
  return fcntl(fd, F_FULLFSYNC) == 0 || fsync(fd) == 0 ? PKL_OK : PKL_SYSTEM;
#else
  return fsync(fd) == 0 ? PKL_OK : PKL_SYSTEM;
#endif
}

pkl_status pkl_os_sync_filesystem(int fd) {
  (void)fd;
  sync();
  return PKL_OK;
}

/* Without a futex, waiters look every half millisecond. */
void pkl_os_wait(const atomic_uint *word, uint32_t seen, int64_t timeout_us) {
  if (atomic_load((atomic_uint *)word) != seen || timeout_us <= 0) return;
  pkl_os_nap(timeout_us < 500 ? (long)timeout_us : 500);
}

void pkl_os_wake(atomic_uint *word) { (void)word; }

#endif
