/* Where Java's default partitioner puts a key (BuiltInPartitioner,
 * Utils.murmur2): every client of a topic must agree, bit for bit. */
#ifndef PKL_PARTITIONER_H
#define PKL_PARTITIONER_H

#include <stddef.h>
#include <stdint.h>

/* MurmurHash2 with Kafka's seed; Java's int is the same bits, signed. */
int32_t pkl_murmur2(const uint8_t *data, size_t size);

/* 0 .. partitions-1; `partitions` is positive. */
static inline int32_t pkl_partition_for_key(const uint8_t *key, size_t size,
                                            int32_t partitions) {
  return (pkl_murmur2(key, size) & INT32_MAX) % partitions;
}

#endif
