"""The data of all workloads: 100-byte values without keys, 1,000 a batch; and logs made of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pyarrow as pa

import pykafkalite as pk
from pykafkalite.embedded.topic import Topic

VALUE = 100  # bytes
BATCH = 1_000  # records
_numbers = count()


def batches(records: int) -> list[pa.RecordBatch]:
    """The rows of bench/limit, as slices of one array, as they would come from a file or a query."""
    values = bytes((i * 2654435761 >> 11) & 255 for i in range(BATCH * VALUE)) * (records // BATCH)
    offsets = pa.array(range(0, (records + 1) * VALUE, VALUE), pa.int32())
    column = pa.Array.from_buffers(pa.binary(), records, [None, offsets.buffers()[1], pa.py_buffer(values)])
    rows = pa.record_batch({"value": column})
    return [rows.slice(first, BATCH) for first in range(0, records, BATCH)]


def values(records: int) -> list[bytes]:
    """The same, one by one."""
    return [value.as_py() for value in batches(BATCH)[0].column(0)] * (records // BATCH)


@contextmanager
def new_topic(directory: Path, **config: object) -> Iterator[Topic]:
    """A topic of one partition in a log of its own, which is gone afterwards."""
    path = directory / f"log-{next(_numbers)}"
    try:
        with pk.open(path) as log:
            yield log.create_topic(
                "bench", config={name.replace("_", "."): at for name, at in config.items()}
            )
    finally:
        shutil.rmtree(path, ignore_errors=True)


def fill(topic: Topic, rows: list[pa.RecordBatch]) -> None:
    for batch in rows:
        topic.append_batch(batch)


def log_file(topic: Topic) -> Path:
    """The active segment's .log of a topic with one segment."""
    (found,) = Path(topic._log.address, "bench-0").glob("*.log")
    return found
