"""The batches of a real Kafka's segments give us the indexes that it left; needs no Java."""

from itertools import groupby

import pytest

from pykafkalite._core import Segment, walk_batches


def rewrite(log_file, directory, interval, *, at_once):
    """Appends a segment of Kafka to one of ours, closed wherever Kafka was restarted."""
    log, base = log_file.read_bytes(), int(log_file.stem)
    settings = {"segment_bytes": 1 << 30, "index_bytes": 10 << 20, "index_interval": interval}
    segment = Segment.create(str(directory), base, **settings)
    for epoch, batches in groupby(walk_batches(log), key=lambda it: it.leader_epoch):
        spans = [(it.position, it.position + it.size) for it in batches]
        if epoch and segment.end:
            segment.seal()
            segment.close()
            segment = Segment.open(str(directory), base, **settings, end=spans[0][0], writable=True)
        for start, end in [(spans[0][0], spans[-1][1])] if at_once else spans:
            segment.append(log[start:end])
    segment.seal()
    segment.close()


@pytest.mark.parametrize("golden", ["codecs", "records", "segments", "groups"], indirect=True)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one append"])
def test_the_batches_of_a_kafka_segment_give_the_indexes_that_kafka_left(golden, at_once, tmp_path):
    data, expected = golden
    for topic, told in expected["topics"].items():
        interval = int(told["config"].get("index.interval.bytes", 4096))
        for log_file in data.glob(f"{topic}-[0-9]/*.log"):
            ours = tmp_path / log_file.parent.name
            ours.mkdir(exist_ok=True)
            rewrite(log_file, ours, interval, at_once=at_once)
            for suffix in (".index", ".timeindex"):
                kafkas = log_file.with_suffix(suffix)
                assert (ours / kafkas.name).read_bytes() == kafkas.read_bytes(), kafkas
