"""The live file: what the writing process publishes, and the word that all others wait on."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

import os
from time import monotonic

from pykafkalite._core.native cimport PKL_BAD_MAGIC, PKL_CORRUPT, PKL_OK, PKL_TRUNCATED, pkl_status
from pykafkalite._core.status cimport check

from pykafkalite.errors import Closed, NewerVersion, ReadOnly, StorageError

# A waiting thread looks for signals this often, in seconds: the one that Python runs
# handlers in need not be the one that the system interrupts.
cdef double GLANCE = 0.05


cdef class Live:
    """pykafkalite.live, mapped: writable by the one process that writes the store, read-only by all others.

    Threads: one publisher for each slot at a time, any number of readers and waiters.
    """

    def __init__(self):
        raise TypeError("use Live.create or Live.open")

    def __dealloc__(self):
        pkl_live_close(&self.c)

    @staticmethod
    def create(str path, uint32_t slots):
        """A new file of that many empty slots, under the name of an old one if need be.

        The old one's readers keep it, are told that it was moved, and woken.  DiskFull, StorageError.
        """
        cdef Live self = Live.__new__(Live)
        self.path = path
        self.writable = True
        fresh = os.fsencode(path + ".new")
        if os.path.exists(fresh):
            os.unlink(fresh)
        check(pkl_live_create(&self.c, fresh, slots, os.getpid()), f"cannot create {path}")
        try:
            old = Live.open(path, writable=True)
        except (OSError, NewerVersion):
            old = None
        os.replace(fresh, path)
        if old is not None:
            old.mark_moved()
            old.close()
        return self

    @staticmethod
    def open(str path, *, bint writable=False):
        """NewerVersion; StorageError when it is missing or no live file."""
        cdef Live self = Live.__new__(Live)
        self.path = path
        self.writable = writable
        cdef pkl_status status = pkl_live_open(&self.c, os.fsencode(path), writable)
        if status == PKL_CORRUPT:
            raise StorageError(f"{path} is not a live file")
        if status == PKL_BAD_MAGIC:
            raise NewerVersion(f"{path} was made by another version of pykafkalite")
        check(status, f"cannot open {path}")
        return self

    cdef int opened(self) except -1:
        if self.closed:
            raise Closed(f"{self.path} is closed")
        return 0

    cdef int may_write(self) except -1:
        self.opened()
        if not self.writable:
            raise ReadOnly(f"{self.path} was opened for reading")
        return 0

    cdef uint32_t slot(self, Py_ssize_t slot) except? 0xFFFFFFFF:
        self.opened()
        if not 0 <= slot < self.c.slot_count:
            raise IndexError(f"slot {slot} of {self.c.slot_count} in {self.path}")
        return <uint32_t>slot

    @property
    def slots(self):
        return self.c.slot_count

    @property
    def sequence(self):
        """The store's word: it moves with everything that becomes visible, and wraps at 32 bits."""
        self.opened()
        return pkl_live_sequence(&self.c)

    @property
    def pid(self):
        """Of the writer, or of the last one."""
        self.opened()
        return self.c.header.pid

    @property
    def closed_cleanly(self):
        self.opened()
        return bool(self.c.header.flags & PKL_LIVE_CLOSED)

    @property
    def moved(self):
        """Another file is there under the name: open that."""
        self.opened()
        return bool(self.c.header.flags & PKL_LIVE_MOVED)

    def take_over(self):
        """A new writer goes on with the file: its pid, no flags."""
        self.may_write()
        pkl_live_take_over(&self.c, os.getpid())

    def mark_closed(self):
        self.may_write()
        pkl_live_set_flags(&self.c, PKL_LIVE_CLOSED)

    def mark_moved(self):
        self.may_write()
        pkl_live_set_flags(&self.c, PKL_LIVE_MOVED)

    def publish(self, Py_ssize_t slot, int64_t start, int64_t high_watermark, int64_t stable, int64_t base_offset,
                int64_t position, int64_t generation):
        """Makes a partition's state visible to all processes and wakes those that wait."""
        cdef pkl_live_state state = pkl_live_state(start, high_watermark, stable, base_offset, position, generation)
        self.may_write()
        pkl_live_publish(&self.c, self.slot(slot), &state)

    def read(self, Py_ssize_t slot):
        """(start, high_watermark, stable, base_offset, position, generation), all of one moment.

        StorageError (EAGAIN) when the writer died in the middle of a publish.
        """
        cdef pkl_live_state state
        cdef pkl_status status
        cdef uint32_t number = self.slot(slot)
        with nogil:
            status = pkl_live_read(&self.c, number, &state)
        if status == PKL_TRUNCATED:
            raise StorageError(EAGAIN, f"process {self.pid} died while it published slot {slot} of {self.path}")
        return state.start, state.high_watermark, state.stable, state.base_offset, state.position, state.generation

    def name(self, Py_ssize_t slot, bytes topic_id, int32_t partition):
        """Whose state the slot holds.  `topic_id`: 16 bytes."""
        if len(topic_id) != 16:
            raise ValueError(f"a topic id has 16 bytes, not {len(topic_id)}")
        self.may_write()
        pkl_live_name(&self.c, self.slot(slot), <const uint8_t *><const char *>topic_id, partition)

    def named(self, Py_ssize_t slot):
        """(topic id, partition); zeros for a slot that has no name yet."""
        cdef uint8_t topic_id[16]
        cdef int32_t partition
        cdef pkl_status status
        cdef uint32_t number = self.slot(slot)
        with nogil:
            status = pkl_live_named(&self.c, number, topic_id, &partition)
        if status == PKL_TRUNCATED:
            raise StorageError(EAGAIN, f"process {self.pid} died while it wrote slot {slot} of {self.path}")
        return (<char *>topic_id)[:16], partition

    def bump(self):
        """For changes that have no slot (topics, configs): moves the sequence and wakes those that wait."""
        self.may_write()
        pkl_live_bump(&self.c)

    def wait(self, uint32_t seen, double timeout):
        """Sleeps until sequence != seen, or `timeout` (s, may be inf); returns the sequence.  Ctrl-C works."""
        cdef double left
        cdef int64_t slice_us
        self.opened()
        end = monotonic() + timeout
        while pkl_live_sequence(&self.c) == seen:
            left = end - monotonic()
            if left <= 0:
                break
            slice_us = <int64_t>(min(left, GLANCE) * 1e6) + 1
            with nogil:
                pkl_live_wait(&self.c, seen, slice_us)
            PyErr_CheckSignals()
            self.opened()
        return pkl_live_sequence(&self.c)

    def close(self):
        """Every use from now on raises Closed; a thread that waits, within 50 ms.  Unmapped when nobody holds it."""
        self.closed = True

    def __repr__(self):
        state = "closed" if self.closed else f"{self.c.slot_count} slots"
        return f"<Live {self.path}: {state}>"
