"""What a process keeps in memory does not grow with the log that it reads."""

import subprocess
import sys

import pyarrow as pa

import pykafkalite as pk
from pykafkalite.storage.reading import RESIDENT_BYTES, SPAN_BYTES

SCAN = """
import sys, pykafkalite as pk, pyarrow

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

with pk.open(sys.argv[1], mode="r") as log:
    first = log.topic("first").scan()
    assert sum(batch.num_rows for batch in first) == 1
    before = peak()
    for _ in range(2):
        rows = 0
        for batch in log.topic("t").scan():
            rows += batch.num_rows
    print(rows, peak() - before)
"""


def test_scanning_keeps_a_bounded_part_of_the_log_in_memory(tmp_path):
    batch = pa.record_batch({"value": [bytes(100_000)] * 10})
    count = 5 * RESIDENT_BYTES // 1_000_000
    with pk.open(tmp_path / "log") as log:
        log.create_topic("first").append(b"v")
        topic = log.create_topic("t", config={"segment.bytes": RESIDENT_BYTES * 3})
        for _ in range(count):
            topic.append_batch(batch)
    rows, grown = map(
        int, subprocess.check_output([sys.executable, "-c", SCAN, tmp_path / "log"], text=True).split()
    )
    assert rows == 10 * count
    # A step before it is given back, what one call decodes, and the end of the scan before.
    assert grown < 2 * RESIDENT_BYTES + 2 * SPAN_BYTES
