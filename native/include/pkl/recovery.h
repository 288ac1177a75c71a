/* Walking a whole .log, checking every CRC, and making its indexes anew.
 *
 * Bad bytes with a valid batch after them are a hole: they stay, are reported,
 * and the walk goes on behind them.  Bad bytes with nothing valid after them are
 * the tail of the file, torn or never written: `end` lies before them.  Nothing
 * is cut here; what to do with the tail is the caller's decision.
 *
 * The file is read by pread with bounded memory, a slice at a time: between the
 * slices the caller looks for signals.  A file that shrinks meanwhile just ends
 * earlier.
 *
 * Threads: the segment belongs to the caller alone.
 */
#ifndef PKL_RECOVERY_H
#define PKL_RECOVERY_H

#include "pkl/segment.h"

typedef struct pkl_hole {
  int64_t position;    /* of the bad bytes */
  int64_t valid_after; /* position of the next valid batch */
  int64_t next_offset; /* its base offset */
  pkl_status problem;
} pkl_hole;

typedef struct pkl_epoch_start {
  int64_t start_offset;
  int32_t epoch;
} pkl_epoch_start;

typedef struct pkl_recovery {
  int64_t end;         /* after the last valid batch */
  int64_t next_offset; /* after the last valid record */
  int64_t batches;     /* valid ones, counted from where the walk began */
  int64_t file_size;   /* more than `end`: there is a tail */
  pkl_status problem;  /* what is wrong with the tail */
  bool zeros;          /* the tail is nothing but zeros: never written */
  pkl_hole *holes;     /* owned */
  int64_t hole_count;
  pkl_epoch_start *epochs; /* owned; each leader epoch where it first appears */
  int64_t epoch_count;

  /* Inside only. */
  int fd;
  enum { PKL_WALKING, PKL_IN_ZEROS, PKL_SCANNING } phase;
  int64_t at;    /* where the phase stands */
  int64_t bound; /* the least offset that a batch behind bad bytes may have */
  pkl_window window;
} pkl_recovery;

/* `start` is a batch boundary: 0, or a position up to which all is known to be
 * valid; index entries for batches before it are kept if they prove right.
 * With a segment that is not writable, everything is checked and nothing made. */
pkl_status pkl_recovery_begin(pkl_recovery *recovery, pkl_segment *segment,
                              int64_t start);

/* Works through about `budget` bytes.  PKL_OK: there is more to do.  PKL_END:
 * done; a writable segment ends at recovery->end and its index files are
 * written.  Else an error. */
pkl_status pkl_recovery_step(pkl_recovery *recovery, pkl_segment *segment,
                             int64_t budget);

/* Also after errors, and to give up in the middle. */
void pkl_recovery_free(pkl_recovery *recovery, pkl_segment *segment);

#endif
