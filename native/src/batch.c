/* Record batch headers: parse, check, stamp, seal.  The format: pkl/batch.h. */
#include "pkl/batch.h"

#include "pkl/crc32c.h"
#include "pkl/cursor.h"

enum {
  MAGIC = 2,
  SMALLEST_LENGTH = 14,   /* of a message of magic 0, the shortest there was */
  SMALLEST_RECORD = 7     /* seven fields of one byte each */
};

static void set_crc(uint8_t *data, size_t size) {
  uint32_t crc = pkl_crc32c(0, data + PKL_AT_ATTRIBUTES, size - PKL_AT_ATTRIBUTES);
  pkl_put32(data + PKL_AT_CRC, crc);
}

/* What can be told from the header alone; each line is a rule of the format. */
static bool plausible(const pkl_batch *b, int32_t last_offset_delta) {
  if (b->base_offset < 0 || last_offset_delta < 0 || b->count < 0) return false;
  if (b->base_offset > INT64_MAX - last_offset_delta) return false;
  /* Compaction leaves gaps, and batches without records that only keep their
   * producer's state; the last offset stays what it was. */
  if (b->count > (int64_t)last_offset_delta + 1) return false;
  /* A count that the bytes cannot hold must not size anybody's allocation. */
  bool compressed = (b->attributes & PKL_ATTR_CODEC) != 0;
  size_t room = b->size - PKL_BATCH_HEADER;
  return compressed || (size_t)b->count <= room / SMALLEST_RECORD;
}

pkl_status pkl_batch_parse(const uint8_t *data, size_t available,
                           pkl_batch *out) {
  if (available == 0) return PKL_END;
  if (available < PKL_BATCH_HEADER) return PKL_TRUNCATED;

  /* The length before the magic: zeros are no batch of magic 0. */
  int32_t length = (int32_t)pkl_get32(data + PKL_AT_LENGTH);
  if (length < SMALLEST_LENGTH) return PKL_CORRUPT;
  if (data[PKL_AT_MAGIC] != MAGIC) return PKL_BAD_MAGIC;
  if (length < PKL_BATCH_HEADER - PKL_LOG_OVERHEAD) return PKL_CORRUPT;

  int32_t last_offset_delta =
      (int32_t)pkl_get32(data + PKL_AT_LAST_OFFSET_DELTA);
  *out = (pkl_batch){
      .data = data,
      .size = PKL_LOG_OVERHEAD + (size_t)length,
      .base_offset = (int64_t)pkl_get64(data + PKL_AT_BASE_OFFSET),
      .base_timestamp = (int64_t)pkl_get64(data + PKL_AT_BASE_TIMESTAMP),
      .max_timestamp = (int64_t)pkl_get64(data + PKL_AT_MAX_TIMESTAMP),
      .producer_id = (int64_t)pkl_get64(data + PKL_AT_PRODUCER_ID),
      .leader_epoch = (int32_t)pkl_get32(data + PKL_AT_LEADER_EPOCH),
      .base_sequence = (int32_t)pkl_get32(data + PKL_AT_BASE_SEQUENCE),
      .count = (int32_t)pkl_get32(data + PKL_AT_COUNT),
      .crc = pkl_get32(data + PKL_AT_CRC),
      .producer_epoch = (int16_t)pkl_get16(data + PKL_AT_PRODUCER_EPOCH),
      .attributes = (int16_t)pkl_get16(data + PKL_AT_ATTRIBUTES),
  };
  if (!plausible(out, last_offset_delta)) return PKL_CORRUPT;
  out->last_offset = out->base_offset + last_offset_delta;
  return out->size <= available ? PKL_OK : PKL_TRUNCATED;
}

pkl_status pkl_batch_check_crc(const pkl_batch *batch) {
  uint32_t crc = pkl_crc32c(0, batch->data + PKL_AT_ATTRIBUTES,
                            batch->size - PKL_AT_ATTRIBUTES);
  return crc == batch->crc ? PKL_OK : PKL_BAD_CRC;
}

void pkl_batch_stamp(uint8_t *data, int64_t base_offset, int32_t leader_epoch) {
  pkl_put64(data + PKL_AT_BASE_OFFSET, (uint64_t)base_offset);
  pkl_put32(data + PKL_AT_LEADER_EPOCH, (uint32_t)leader_epoch);
}

void pkl_batch_stamp_append_time(uint8_t *data, size_t size,
                                 int64_t timestamp) {
  uint16_t attributes = pkl_get16(data + PKL_AT_ATTRIBUTES);
  pkl_put16(data + PKL_AT_ATTRIBUTES, attributes | PKL_ATTR_LOG_APPEND_TIME);
  pkl_put64(data + PKL_AT_MAX_TIMESTAMP, (uint64_t)timestamp);
  set_crc(data, size);
}

void pkl_batch_seal(uint8_t *data, const pkl_batch *h) {
  pkl_batch_stamp(data, h->base_offset, h->leader_epoch);
  pkl_put32(data + PKL_AT_LENGTH, (uint32_t)(h->size - PKL_LOG_OVERHEAD));
  data[PKL_AT_MAGIC] = MAGIC;
  pkl_put16(data + PKL_AT_ATTRIBUTES, (uint16_t)h->attributes);
  pkl_put32(data + PKL_AT_LAST_OFFSET_DELTA,
            (uint32_t)(h->last_offset - h->base_offset));
  pkl_put64(data + PKL_AT_BASE_TIMESTAMP, (uint64_t)h->base_timestamp);
  pkl_put64(data + PKL_AT_MAX_TIMESTAMP, (uint64_t)h->max_timestamp);
  pkl_put64(data + PKL_AT_PRODUCER_ID, (uint64_t)h->producer_id);
  pkl_put16(data + PKL_AT_PRODUCER_EPOCH, (uint16_t)h->producer_epoch);
  pkl_put32(data + PKL_AT_BASE_SEQUENCE, (uint32_t)h->base_sequence);
  pkl_put32(data + PKL_AT_COUNT, (uint32_t)h->count);
  set_crc(data, h->size);
}
