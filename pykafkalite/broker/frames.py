"""Kafka's framing without a socket: bytes in, whole requests out.

An announced size is only a promise: memory grows with the bytes that have come, so that a
client that announces 2 GB and sends nothing costs one small buffer (CVE-2022-34917).
"""

from __future__ import annotations

LENGTH = 4
FIRST_BUFFER = 64 << 10
# What a connection begins with: many clients only ever send small requests, or nothing.
SMALL_BUFFER = 4 << 10


class FrameError(Exception):
    """A length that no request has: the connection is of no use any more."""


class Frames:
    """The receive buffer of one connection. The socket writes into `room`, requests are taken by `take`."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes`: socket.request.max.bytes."""
        self._max_bytes = max_bytes
        self._buffer = bytearray(SMALL_BUFFER)
        self._start = 0  # of the frame that is being received
        self._end = 0  # of what was received

    def room(self) -> memoryview:
        """Where the next bytes go: never empty."""
        if self._end == len(self._buffer):
            self._make_room()
        return memoryview(self._buffer)[self._end :]

    def received(self, count: int) -> None:
        """`count` bytes were written into `room`."""
        self._end += count

    def take(self) -> memoryview | None:
        """The next whole request, without its length; None when it is not all there. Raises FrameError.

        The bytes are the caller's: this object does not touch them again.
        """
        have = self._end - self._start
        if have < LENGTH:
            return None
        size = int.from_bytes(self._buffer[self._start : self._start + LENGTH], "big", signed=True)
        if not 0 <= size <= self._max_bytes:
            raise FrameError(f"a request of {size} bytes; socket.request.max.bytes is {self._max_bytes}")
        if have < LENGTH + size:
            return None
        begin = self._start + LENGTH
        self._start = begin + size
        if size <= FIRST_BUFFER // 4:
            frame = memoryview(bytes(memoryview(self._buffer)[begin : self._start]))
        else:  # large ones are handed over, what follows them moves
            frame = memoryview(self._buffer)[begin : self._start].toreadonly()
            self._begin_anew(self._buffer[self._start : self._end])
        if self._start == self._end:
            self._start = self._end = 0
        return frame

    @property
    def pending(self) -> int:
        """Bytes received and not taken."""
        return self._end - self._start

    def _make_room(self) -> None:
        have = self._end - self._start
        if self._start and have <= len(self._buffer) // 2:
            self._begin_anew(self._buffer[self._start : self._end], len(self._buffer))
        else:
            self._begin_anew(self._buffer[self._start : self._end], max(FIRST_BUFFER, 2 * len(self._buffer)))

    def _begin_anew(self, rest: bytearray, size: int = FIRST_BUFFER) -> None:
        self._buffer = bytearray(max(size, len(rest) + FIRST_BUFFER // 4))
        self._buffer[: len(rest)] = rest
        self._start, self._end = 0, len(rest)
