"""The same work on one segment and on a thousand: what grows with the log would show."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from bench.line import Line, of_ratio
from bench.logs import BATCH, batches, fill, new_topic
from bench.rounds import in_turns, timed
from pykafkalite.embedded.topic import Topic

SEGMENTS = 1_000
TIMES = 2_000


def segments(directory: Path, rounds: int) -> Iterator[Line]:
    """A batch of a thousand records fills a segment of the one topic; the other has them all in one."""
    rows = batches(SEGMENTS * BATCH)
    with (
        new_topic(directory, internal_segment_bytes=110_000, segment_index_bytes=1 << 14) as many,
        new_topic(directory) as one,
    ):
        fill(many, rows)
        fill(one, rows)
        # From here on no segment fills: what is compared is the append, not the roll.
        many.alter_config({"internal.segment.bytes": None})
        many.append_batch(rows[0])
        one.append_batch(rows[0])
        assert len(many._partition(0).written_bases()) >= SEGMENTS

        def append(topic: Topic) -> None:
            for _ in range(TIMES):
                topic.append(b"value")

        ratio = in_turns(lambda: timed(lambda: append(many)), lambda: timed(lambda: append(one)), rounds)
        yield of_ratio("append, 1,000 segments", ratio, "the same on 1", TIMES, 0.9)

        draw = random.Random(0)
        offsets = [draw.randrange(SEGMENTS * BATCH) for _ in range(TIMES)]

        def look_up(topic: Topic) -> None:
            for offset in offsets:
                next(topic.scan(offset, offset + 1).messages())

        ratio = in_turns(lambda: timed(lambda: look_up(many)), lambda: timed(lambda: look_up(one)), rounds)
        yield of_ratio("offset lookup, 1,000 segments", ratio, "the same on 1", TIMES, 0.9)
