"""What somebody gives for one record: told at the door what it has to be, and what to do about it."""

from cpython.buffer cimport PyObject_CheckBuffer
from libc.stdint cimport int64_t

from pykafkalite._core.borrowed cimport Borrowed

from pykafkalite.errors import InvalidRecord


cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1


cdef inline Borrowed bytes_given(source, str what):
    """The bytes, None for None.  Raises TypeError."""
    if source is None:
        return None
    if not PyObject_CheckBuffer(source):
        advice = "; encode text first: text.encode()" if isinstance(source, str) else ""
        raise TypeError(f"{what} is bytes or None, not {type(source).__name__}{advice}")
    return Borrowed(source)


cdef inline int64_t milliseconds_given(timestamp) except? -1:
    """Raises TypeError, also for floats: time.time() is seconds.  InvalidRecord for what 64 bits cannot hold."""
    cdef int overflow = 0
    if type(timestamp) is not int:
        if isinstance(timestamp, bool) or not hasattr(timestamp, "__index__"):
            raise TypeError(
                f"timestamp is an int, milliseconds since 1970, not {timestamp!r:.40}; "
                "for now: leave it out, or int(time.time() * 1000)"
            )
        timestamp = timestamp.__index__()
    cdef int64_t ms = PyLong_AsLongLongAndOverflow(timestamp, &overflow)
    if overflow:
        raise InvalidRecord(f"timestamp {timestamp} is no number of milliseconds since 1970")
    return ms


cdef inline tuple headers_given(headers):
    """The (name, value) pairs.  Raises TypeError."""
    if not headers:
        return ()
    try:
        pairs = () if isinstance(headers, (str, bytes, dict)) else tuple(headers)
    except TypeError:
        pairs = ()
    if not pairs:
        raise TypeError(f'headers are pairs, [("name", b"value")], not {headers!r:.40}')
    for pair in pairs:
        if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f'headers are pairs, [("name", b"value")], not {pair!r:.40}')
        name = pair[0]
        if not isinstance(name, str):
            raise TypeError(f"the name of a header is a str, not {type(name).__name__}")
    return pairs
