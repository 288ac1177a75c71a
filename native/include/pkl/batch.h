/* RECORD BATCH, MAGIC 2 -- the only format we store (KIP-98, DefaultRecordBatch).
 *
 *   at  size  field
 *    0     8  base_offset             assigned by the log, not under the CRC
 *    8     4  length                  bytes after this field
 *   12     4  partition_leader_epoch  assigned by the log, not under the CRC
 *   16     1  magic                   2
 *   17     4  crc                     CRC-32C of everything from attributes on
 *   21     2  attributes              0-2 codec, 3 log-append time,
 *                                     4 transactional, 5 control, 6 horizon
 *   23     4  last_offset_delta
 *   27     8  base_timestamp          ms; the delete horizon when bit 6 is set
 *   35     8  max_timestamp           ms
 *   43     8  producer_id             -1: none
 *   51     2  producer_epoch          -1: none
 *   53     4  base_sequence           -1: none
 *   57     4  count                   records in the batch
 *   61        records                 see record.h; compressed as one when the
 *                                     codec is not 0
 */
#ifndef PKL_BATCH_H
#define PKL_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "pkl/status.h"

enum {
  PKL_AT_BASE_OFFSET = 0,
  PKL_AT_LENGTH = 8,
  PKL_AT_LEADER_EPOCH = 12,
  PKL_AT_MAGIC = 16,
  PKL_AT_CRC = 17,
  PKL_AT_ATTRIBUTES = 21,
  PKL_AT_LAST_OFFSET_DELTA = 23,
  PKL_AT_BASE_TIMESTAMP = 27,
  PKL_AT_MAX_TIMESTAMP = 35,
  PKL_AT_PRODUCER_ID = 43,
  PKL_AT_PRODUCER_EPOCH = 51,
  PKL_AT_BASE_SEQUENCE = 53,
  PKL_AT_COUNT = 57,
  PKL_BATCH_HEADER = 61, /* bytes before the records */
  PKL_LOG_OVERHEAD = 12  /* bytes not counted by `length` */
};

enum {
  PKL_ATTR_CODEC = 0x07,
  PKL_ATTR_LOG_APPEND_TIME = 0x08,
  PKL_ATTR_TRANSACTIONAL = 0x10,
  PKL_ATTR_CONTROL = 0x20,
  PKL_ATTR_DELETE_HORIZON = 0x40
};

/* A parsed header.  `data` is borrowed and covers `size` bytes. */
typedef struct pkl_batch {
  const uint8_t *data;
  size_t size; /* the whole batch: PKL_LOG_OVERHEAD + length */
  int64_t base_offset;
  int64_t last_offset;
  int64_t base_timestamp;
  int64_t max_timestamp;
  int64_t producer_id;
  int32_t leader_epoch;
  int32_t base_sequence;
  int32_t count;
  uint32_t crc;
  int16_t producer_epoch;
  int16_t attributes;
} pkl_batch;

/* Parses the header of the batch at `data`, of which `available` bytes may be
 * read.  Checks magic, length (>= PKL_BATCH_HEADER), offsets and count against
 * each other; does not touch the records.
 *
 *   PKL_END        available is 0
 *   PKL_TRUNCATED  the header or the batch does not fit `available`
 *                  (when the header fits, *out is filled all the same)
 *   PKL_BAD_MAGIC  another format than v2
 *   PKL_CORRUPT    a length, count or offset delta that cannot be; this is
 *                  also what zeros from a preallocated tail give
 */
pkl_status pkl_batch_parse(const uint8_t *data, size_t available,
                           pkl_batch *out);

/* PKL_OK or PKL_BAD_CRC: the checksum over the whole batch. */
pkl_status pkl_batch_check_crc(const pkl_batch *batch);

/* Writes base offset and leader epoch, which the CRC does not cover. */
void pkl_batch_stamp(uint8_t *data, int64_t base_offset, int32_t leader_epoch);

/* Sets log-append time: attribute bit 3, max_timestamp = `timestamp`, and the
 * CRC anew (KIP-32).  `size` is that of the whole batch, as parsed: the length
 * in `data` is not read again, should somebody be writing there. */
void pkl_batch_stamp_append_time(uint8_t *data, size_t size,
                                 int64_t timestamp);

/* Fills the 61 header bytes in front of finished records and computes the CRC.
 * `data` points at the batch, whose records already lie at PKL_BATCH_HEADER;
 * `h` gives every field but crc and length; `h->size` is the size of the whole
 * batch. */
void pkl_batch_seal(uint8_t *data, const pkl_batch *h);

#endif
