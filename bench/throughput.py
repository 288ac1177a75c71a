"""Records a second, as a part of what the bare work takes: 100-byte values, 1,000 a batch, one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aiokafka.record._crecords import MemoryRecords

import pykafkalite as pk
from bench.limit_in_c import Limit
from bench.line import Line, of_ratio
from bench.logs import batches, fill, log_file, new_topic, values
from bench.rounds import Took, in_turns, timed
from pykafkalite.embedded.topic import Topic

RECORDS = 1_000_000


def append_batch(directory: Path, rounds: int) -> Iterator[Line]:
    """Arrow rows into a new log; in C: encode, checksum, pwrite."""
    rows = batches(RECORDS)

    def ours() -> Took:
        with new_topic(directory) as topic:
            topic.append_batch(rows[0])  # makes the files; a record in five hundred
            return timed(lambda: fill(topic, rows))

    with Limit(directory, RECORDS) as limit:
        ratio = in_turns(ours, lambda: limit.round("append"), rounds)
    yield of_ratio("append_batch", ratio, "the C limit", RECORDS, 0.6, 0.8)


def scan(directory: Path, rounds: int) -> Iterator[Line]:
    """Columns out of a log that was just opened, each CRC checked; in C: map the file, checksum, decode."""
    with new_topic(directory) as topic:
        fill(topic, batches(RECORDS))
        path = Path(topic._log.address)
        topic._log.close()

        def ours() -> Took:
            with pk.open(path) as log:
                return timed(lambda: read(log.topic("bench")))

        with Limit(directory, RECORDS) as limit:
            limit.round("append")
            ratio = in_turns(ours, lambda: limit.round("scan"), rounds)
        yield of_ratio("scan", ratio, "the C limit", RECORDS, 0.5, 0.7)


def rescan(directory: Path, rounds: int) -> Iterator[Line]:
    """What was read a moment ago and is mapped still: of a log longer than 64 MB the map's pages are given back."""
    records = RECORDS // 2
    with new_topic(directory) as topic, Limit(directory, records) as limit:
        fill(topic, batches(records))
        limit.round("append")
        ratio = in_turns(lambda: timed(lambda: read(topic)), lambda: limit.round("rescan"), rounds)
        yield of_ratio("scan once more, 55 MB", ratio, "the C limit", records, 0.5, 0.7)


def read(topic: Topic) -> int:
    return sum(batch.num_rows for batch in topic.scan())


def writer_append(directory: Path, rounds: int) -> Iterator[Line]:
    """One by one into a writer; in Python's own buffered file: `file.write(value)`."""
    each = values(RECORDS)

    def ours() -> Took:
        with new_topic(directory) as topic:

            def run() -> None:
                with topic.writer() as writer:
                    append = writer.append
                    for value in each:
                        append(value)

            return timed(run)

    def theirs() -> Took:
        path = directory / "values"

        def run() -> None:
            with open(path, "wb") as file:
                write = file.write
                for value in each:
                    write(value)

        try:
            return timed(run)
        finally:
            path.unlink()

    ratio = in_turns(ours, theirs, rounds)
    yield of_ratio("writer.append", ratio, "file.write", RECORDS, 0.6, 0.8)


def messages(directory: Path, rounds: int) -> Iterator[Line]:
    """Python objects one by one; aiokafka's are decoded from the same file's bytes."""
    with new_topic(directory) as topic:
        fill(topic, batches(RECORDS))
        stored = log_file(topic).read_bytes()

        def ours() -> None:
            for _ in topic.scan().messages():
                pass

        def theirs() -> None:
            records = MemoryRecords(stored)
            while (batch := records.next_batch()) is not None:
                if not batch.validate_crc():
                    raise AssertionError("a wrong checksum")
                for _ in batch:
                    pass

        ratio = in_turns(lambda: timed(ours), lambda: timed(theirs), rounds)
        yield of_ratio("scan.messages", ratio, "aiokafka's compiled decoder", RECORDS, 0.3)
