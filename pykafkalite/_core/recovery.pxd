"""Recovery of segments; the contracts of the C functions are in the header."""

from libc.stdint cimport int32_t, int64_t

from pykafkalite._core.native cimport pkl_status
from pykafkalite._core.segment cimport pkl_segment


cdef extern from "pkl/recovery.h" nogil:
    ctypedef struct pkl_hole:
        int64_t position
        int64_t valid_after
        int64_t next_offset
        pkl_status problem

    ctypedef struct pkl_epoch_start:
        int64_t start_offset
        int32_t epoch

    ctypedef struct pkl_recovery:
        int64_t end
        int64_t next_offset
        int64_t batches
        int64_t file_size
        pkl_status problem
        bint zeros
        pkl_hole *holes
        int64_t hole_count
        pkl_epoch_start *epochs
        int64_t epoch_count

    pkl_status pkl_recovery_begin(pkl_recovery *recovery, pkl_segment *segment, int64_t start)
    pkl_status pkl_recovery_step(pkl_recovery *recovery, pkl_segment *segment, int64_t budget)
    void pkl_recovery_free(pkl_recovery *recovery, pkl_segment *segment)


cdef object recover(pkl_segment *segment, str path, int64_t start)
