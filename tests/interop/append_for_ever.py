"""A process to be killed: appends to the topic `killed`, prints the log end after each acknowledgement."""

import sys

from ours import fill, mixed

import pykafkalite as pk

SMALL = {"internal_segment_bytes": 20_000, "index_interval_bytes": 1000}

if __name__ == "__main__":
    log = pk.open(sys.argv[1])
    topic = log.topic("killed") if "killed" in log.topics() else fill(log, "killed", **SMALL)
    end = topic.describe()[0].end_offset
    while True:
        topic.append_batch(mixed(50, end))
        end += 50
        print(end, flush=True)
