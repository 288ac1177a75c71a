"""A long native call leaves the interpreter to other threads."""

import mmap
import threading
import time

from pykafkalite import _core

STEP = 0.002  # s


class Ticker(threading.Thread):
    """Counts as long as it gets its turn."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ticks = 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.is_set():
            self.ticks += 1
            time.sleep(STEP)


def ticks_during(action):
    """(ticks of another thread, seconds) while `action` ran."""
    ticker = Ticker()
    ticker.start()
    began, before = time.monotonic(), ticker.ticks
    action()
    seconds, ticks = time.monotonic() - began, ticker.ticks - before
    ticker.stopped.set()
    ticker.join()
    return ticks, seconds


def zeros(size):
    """Bytes that are all one page of the kernel's: any size for no memory."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


def test_a_thread_keeps_ticking_during_a_native_call_of_a_second():
    size, seconds = 1 << 30, 0.0
    while seconds < 1:
        region = zeros(size)
        ticks, seconds = ticks_during(lambda region=region: _core.crc32c(region))
        region.close()
        size *= 2
    assert ticks > 50  # of 500; a call that kept the interpreter would leave it one or two


def test_the_ticker_stands_still_while_the_interpreter_is_kept():
    ticks, _ = ticks_during(lambda: sum(range(20_000_000)))  # one call into C that keeps it
    assert ticks < 5
