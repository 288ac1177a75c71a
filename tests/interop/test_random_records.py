"""Records of every shape, there and back: Java's producer writes and we read, we write and Java's consumer reads."""

import random

import pytest
from ours import CODECS, FOREVER, records, without_type
from real_kafka import b64

import pykafkalite as pk

pytestmark = [pytest.mark.interop, pytest.mark.long]

SMALL = [None, 0, 1, 12, 13, 63, 64]
SIZES = [*SMALL, 8191, 8192, 70_000]


def some_bytes(choose, sizes):
    """Null, or bytes of a size at which a varint or a codec's block grows; compressible or not."""
    size = choose.choice(sizes)
    if size is None:
        return None
    return choose.randbytes(size) if choose.random() < 0.5 else b"ab" * (size // 2) + b"c" * (size % 2)


def some_record(choose, now):
    names = ["", "h", "h", "\N{SNOWMAN}" * 30]
    headers = [(choose.choice(names), some_bytes(choose, SMALL)) for _ in range(choose.choice([0, 0, 1, 70]))]
    key, value = some_bytes(choose, SIZES), some_bytes(choose, SIZES)
    return key, value, headers, now + choose.randrange(-(10**11), 10**5)


@pytest.mark.parametrize("codec", ["none", *CODECS[1:]])
def test_what_javas_producer_writes_is_what_we_read(codec, kafka):
    choose = random.Random(codec)
    name = f"random-{codec}"
    kafka.create(**{name: {"config": {**FOREVER, "max.message.bytes": 1 << 28, "segment.bytes": 1 << 21}}})
    batches = [
        [
            {
                "topic": name,
                "key": b64(key),
                "value": b64(value),
                "headers": [[header, b64(data)] for header, data in headers],
                "timestamp": timestamp,
            }
            for key, value, headers, timestamp in (
                some_record(choose, 1_700_000_000_000) for _ in range(choose.randrange(1, 12))
            )
        ]
        for _ in range(30)
    ]
    big = {
        "compression.type": codec,
        "batch.size": 1 << 24,
        "max.request.size": 1 << 28,
        "buffer.memory": 1 << 27,
    }
    kafka.ask("produce", batches=batches, config=big)
    with pk.open(kafka.data, mode="r") as log:
        assert records(log, name) == without_type(kafka.records(name))


def test_what_we_write_is_what_javas_consumer_reads(new_kafka, tmp_path):
    choose = random.Random(3)
    with pk.open(tmp_path / "data") as log:
        for codec in CODECS:
            config = {
                **FOREVER,
                "compression.type": codec,
                "max.message.bytes": 1 << 28,
                "segment.bytes": 1 << 24,
            }
            with log.create_topic(codec, config=config).writer(batch_size=1 << 20) as writer:
                for _ in range(200):
                    key, value, headers, timestamp = some_record(choose, 1_700_000_000_000)
                    writer.append(value, key, headers, timestamp)
        ours = records(log)
    with new_kafka(tmp_path / "data") as kafka:
        assert without_type(kafka.records()) == ours
