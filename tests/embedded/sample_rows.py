"""Records that are long enough to be viewed in place."""

import pyarrow as pa


def rows(count: int, size: int = 100, first: int = 0) -> pa.RecordBatch:
    """Keys b"k<n>" and values of `size` bytes that begin with b"<n>:"."""
    values = [(b"%d:" % n).ljust(size, b"v") for n in range(first, first + count)]
    keys = [b"k%d" % n for n in range(first, first + count)]
    return pa.RecordBatch.from_pydict({"key": keys, "value": values})
