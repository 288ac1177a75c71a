"""A process to be killed: appends to the topic `killed`, prints how many records are acknowledged."""

import sys

from ours import fill, mixed

import pykafkalite as pk

if __name__ == "__main__":
    topic = fill(pk.open(sys.argv[1]), "killed", internal_segment_bytes=20_000, index_interval_bytes=1000)
    done = 0
    while True:
        topic.append_batch(mixed(50, done))
        done += 50
        print(done, flush=True)
