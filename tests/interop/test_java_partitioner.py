"""Keyed records land where Java's producer would put them."""

import random

import pyarrow as pa
import pytest
from ours import FOREVER
from real_kafka import b64

import pykafkalite as pk
from pykafkalite._core import partition_for_key

pytestmark = pytest.mark.interop

RANDOM = random.Random(20)
KEYS = [b"", b"\xff" * 3, *(RANDOM.randbytes(RANDOM.randrange(40)) for _ in range(9_998))]


@pytest.mark.parametrize("partitions", [1, 2, 7, 100, 2**31 - 1])
def test_ten_thousand_random_keys_have_the_partitions_of_javas_partitioner(oracle, partitions):
    java = oracle.ask("partitions", keys=[b64(it) for it in KEYS], partitions=partitions)
    assert [partition_for_key(it, partitions) for it in KEYS] == java


def test_appended_batches_are_spread_as_java_would(oracle):
    java = oracle.ask("partitions", keys=[b64(it) for it in KEYS], partitions=7)
    with pk.open(":memory:") as log:
        topic = log.create_topic("keyed", partitions=7, config=FOREVER)
        topic.append_batch(pa.RecordBatch.from_pydict({"key": KEYS, "value": KEYS}))
        for partition in range(7):
            stored = topic.scan(partitions=[partition]).to_arrow()["key"].to_pylist()
            assert stored == [key for key, chosen in zip(KEYS, java, strict=True) if chosen == partition]


def test_records_appended_one_by_one_are_spread_as_java_would(oracle):
    java = oracle.ask("partitions", keys=[b64(it) for it in KEYS[:200]], partitions=7)
    with pk.open(":memory:") as log:
        topic = log.create_topic("keyed", partitions=7)
        assert [topic.append(b"v", key=it).partition for it in KEYS[:200]] == java


def test_a_writer_spreads_keys_as_java_would(oracle):
    java = oracle.ask("partitions", keys=[b64(it) for it in KEYS], partitions=7)
    with pk.open(":memory:") as log:
        topic = log.create_topic("keyed", partitions=7)
        with topic.writer() as writer:
            for key in KEYS:
                writer.append(b"v", key=key)
        found = topic.scan(columns=["partition"]).to_arrow()["partition"].to_pylist()
        assert sorted(found) == sorted(java)
