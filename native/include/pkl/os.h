/* What the core asks of the operating system, and the only place where systems
 * differ: os_posix.c has what every POSIX system does, os_linux.c what Linux
 * does better.
 *
 * Every function that can fail returns PKL_SYSTEM with errno set.  EINTR is
 * retried and short reads and writes are finished here, so that nobody above
 * has to think of them.
 */
#ifndef PKL_OS_H
#define PKL_OS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "pkl/status.h"

/* A descriptor that several threads use and one of them closes: the last user
 * closes it, so that nobody reads from a number that meanwhile means another
 * file.  A closed one stays closed. */
typedef struct pkl_file {
  atomic_int users; /* 1 for being open, 1 for each use; 0: closed */
  int fd;
} pkl_file;

/* Takes over `fd`; -1 makes a closed file. */
void pkl_file_init(pkl_file *file, int fd);

/* A descriptor to use until pkl_file_release, or -1 (EBADF) when closed. */
int pkl_file_acquire(pkl_file *file);
void pkl_file_release(pkl_file *file);

/* Called once by the owner. */
void pkl_file_close(pkl_file *file);

/* open(2) with O_CLOEXEC; mode 0644.  `flags` as in fcntl.h. */
pkl_status pkl_os_open(const char *path, int flags, int *fd);
void pkl_os_close(int fd);

pkl_status pkl_os_size(int fd, int64_t *size);

/* Writes all of data at `at`.  After PKL_SYSTEM some of it may be there. */
pkl_status pkl_os_write(int fd, const void *data, size_t size, int64_t at);

/* Reads until `size` bytes are there or the file ends; *got says how many. */
pkl_status pkl_os_read(int fd, void *data, size_t size, int64_t at,
                       size_t *got);

pkl_status pkl_os_truncate(int fd, int64_t size);

/* Makes the file at least `size` bytes long with its blocks allocated, so that
 * storing there later cannot fail for want of space. */
pkl_status pkl_os_allocate(int fd, int64_t size);

/* Data and the metadata needed to read it, on stable storage. */
pkl_status pkl_os_sync(int fd);

/* Everything of the file system that holds `fd`. */
pkl_status pkl_os_sync_filesystem(int fd);

/* Maps [0, size) shared.  A mapping may be longer than its file: pages come
 * alive as the file grows; touching one behind the file's end is SIGBUS. */
pkl_status pkl_os_map(int fd, size_t size, int writable, void **address);
void pkl_os_unmap(void *address, size_t size);

/* Takes the pages of [address, address + size) out of this process's resident
 * memory.  They stay in the page cache and come back when they are touched: views
 * of them stay good.  `address` is page-aligned. */
void pkl_os_release(void *address, size_t size);

size_t pkl_os_page_size(void);

void pkl_os_nap(long microseconds);

/* Sleeps until *word differs from `seen`, a wake, a signal or the timeout; may
 * also return early for no reason.  The word may lie in a read-only mapping
 * shared with the process that wakes. */
void pkl_os_wait(const atomic_uint *word, uint32_t seen, int64_t timeout_us);

/* Wakes all waiters of all processes. */
void pkl_os_wake(atomic_uint *word);

#endif
