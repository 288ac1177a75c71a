"""What walking a whole segment finds, with a look at signals every few milliseconds."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from typing import NamedTuple

from pykafkalite._core.native cimport PKL_END, PKL_OK, pkl_status
from pykafkalite._core.status cimport check

from pykafkalite._core.status import RAISES

# Bytes of recovery between two looks at signals: about 10 ms.
cdef int64_t SLICE = 32 << 20


class Hole(NamedTuple):
    """Bad bytes with a valid batch after them."""

    position: int
    valid_after: int
    next_offset: int
    problem: str


class Recovery(NamedTuple):
    """What walking a segment found; the contract is in __init__.pyi."""

    end: int
    next_offset: int
    batches: int
    file_size: int
    holes: list[Hole]
    epochs: list[tuple[int, int]]
    problem: str
    zeros: bool

    @property
    def bad_position(self):
        if self.holes:
            return self.holes[0].position
        return self.end if self.end < self.file_size else -1

    @property
    def valid_after(self):
        return self.holes[0].valid_after if self.holes else -1


cdef str words(pkl_status status):
    return "" if status == PKL_OK else RAISES[status][1]


cdef object outcome(pkl_recovery *r):
    cdef int64_t i
    holes = [Hole(r.holes[i].position, r.holes[i].valid_after, r.holes[i].next_offset, words(r.holes[i].problem))
             for i in range(r.hole_count)]
    epochs = [(r.epochs[i].epoch, r.epochs[i].start_offset) for i in range(r.epoch_count)]
    return Recovery(r.end, r.next_offset, r.batches, r.file_size, holes, epochs, words(r.problem), bool(r.zeros))


cdef object recover(pkl_segment *segment, str path, int64_t start):
    cdef pkl_recovery recovery
    cdef pkl_status status
    try:
        with nogil:
            status = pkl_recovery_begin(&recovery, segment, start)
        while status == PKL_OK:
            with nogil:
                status = pkl_recovery_step(&recovery, segment, SLICE)
            PyErr_CheckSignals()
        if status != PKL_END:
            check(status, f"cannot recover {path} from byte {start}")
        return outcome(&recovery)
    finally:
        pkl_recovery_free(&recovery, segment)
