"""Figures of a whole process, each measured in one of its own."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.line import Line
from pykafkalite.storage.reading import RESIDENT_BYTES

OPEN = """
import resource, sys, time, os
import pykafkalite as pk
path, partitions = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
with pk.open(path) as log:
    if "t" not in log.topics():
        topic = log.create_topic("t", partitions=partitions)
        for partition in range(partitions):
            topic.append(b"value", partition=partition)
began = time.perf_counter()
with pk.open(path) as log:
    opened = time.perf_counter() - began
    topic = log.topic("t")
    for partition in range(partitions):
        topic.append(b"value", partition=partition)
    assert sum(batch.num_rows for batch in topic.scan()) >= 2 * partitions
    print(opened, len(os.listdir("/proc/self/fd")))
"""

MEMORY = """
import sys
import pyarrow as pa
import pykafkalite as pk

def resident():
    return {line.split(":")[0]: int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("Vm")}

batch = pa.record_batch({"value": [bytes(100)] * 1000})
with pk.open(sys.argv[1]) as log:
    topic = log.create_topic("t")
    for _ in range(int(sys.argv[2])):
        topic.append_batch(batch)
    for _ in range(2):
        for rows in topic.scan():
            pass
    print(resident()["VmHWM"], topic.describe()[0].size)
"""


def python(code: str, *arguments: object) -> list[float]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return [float(word) for word in subprocess.check_output(command, text=True).split()]


def importing(directory: Path, rounds: int) -> Iterator[Line]:
    """Processor time of a process that imports, less that of one that does not."""

    def took(code: str) -> float:
        process = subprocess.Popen([sys.executable, "-c", code])
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return used.ru_utime + used.ru_stime

    pairs = [(took("import pykafkalite"), took("pass")) for _ in range(max(rounds, 10))]
    figure = statistics.median(ours - bare for ours, bare in pairs) * 1000
    yield Line("import pykafkalite", figure, "ms", 60, rounds=len(pairs))


def partitions(directory: Path, rounds: int) -> Iterator[Line]:
    """Every partition written once; closed cleanly; opened; every one written and read again."""
    for count, need, times in ((1_000, 0.5, 5), (10_000, None, 1)):
        path = directory / "partitions"
        try:
            found = [python(OPEN, path, count) for _ in range(times)]
        finally:
            shutil.rmtree(path, ignore_errors=True)
        opened = statistics.median(seconds for seconds, _ in found)
        yield Line(f"open, {count:,} partitions", opened, "s", need, rounds=len(found))
    yield Line("10,000 partitions written and read", max(files for _, files in found), "descriptors", 1024)


def memory(directory: Path, rounds: int) -> Iterator[Line]:
    """Logs of half a gigabyte and of two, each written and scanned twice: the peak of the process."""
    peaks = []
    for batches in (5_000, 20_000):
        path = directory / "memory"
        try:
            peak, size = python(MEMORY, path, batches)
        finally:
            shutil.rmtree(path, ignore_errors=True)
        peaks.append(peak / 1024)
        # Pages are given back in steps of 64 MiB: where in a step a log ends makes that difference.
        need = peaks[0] + RESIDENT_BYTES / (1 << 20) if len(peaks) > 1 else None
        yield Line(f"resident memory, log of {size / 1e9:.2f} GB", peaks[-1], "MiB at most", need)
