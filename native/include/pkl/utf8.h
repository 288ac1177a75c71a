/* UTF-8 that readers may trust: Arrow's utf8 columns must hold nothing else,
 * and header keys come from any client. */
#ifndef PKL_UTF8_H
#define PKL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* How much longer a text may become: one bad byte -> U+FFFD, three bytes. */
enum { PKL_UTF8_GROWTH = 3 };

/* Copies `size` bytes; what is not valid UTF-8 becomes U+FFFD, a byte at a time
 * (Java's decoder replaces it too).  `to` has room for PKL_UTF8_GROWTH * size.
 * Returns the bytes written. */
size_t pkl_utf8_copy(uint8_t *to, const uint8_t *from, size_t size);

#endif
