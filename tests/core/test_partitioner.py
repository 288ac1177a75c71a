"""Keys land where Java's producer would put them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from arrow_rows import record_batch

from pykafkalite import _core

# From Kafka's own UtilsTest.testMurmur2.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "hash_"), JAVA.items())
def test_murmur2_is_java_s_bit_for_bit(key, hash_):
    assert _core.murmur2(key) == hash_


def test_the_sign_is_masked_not_negated():
    assert _core.partition_for_key(b"21", 10) == (-973932308 & 0x7FFFFFFF) % 10


def test_an_empty_key_is_a_key():
    assert _core.partition_for_key(b"", 3) == (_core.murmur2(b"") & 0x7FFFFFFF) % 3


def test_no_partitions_are_an_error():
    with pytest.raises(ValueError, match="0 partitions"):
        _core.partition_for_key(b"k", 0)


def routed(source, partitions, sticky):
    """{partition: values in order}"""
    out = {}
    columns = _core.Columns(source)
    columns.check(1 << 20, partitions)
    for partition, rows in columns.route(partitions, sticky):
        batch = rows.encode(0, 0, 1 << 20)
        header = _core.parse_batch(batch)
        out[partition] = [record[3] for record in _core.records_of(batch, header)]
    return out


def test_keyed_rows_are_routed_by_their_key_and_keep_their_order():
    rows = [{"key": b"k%d" % (i % 5), "value": b"%d" % i} for i in range(50)]
    expected: dict[int, list[bytes]] = {}
    for row in rows:
        expected.setdefault(_core.partition_for_key(row["key"], 4), []).append(row["value"])
    assert routed(record_batch(rows), 4, 0) == expected


def test_rows_without_a_key_stick_together():
    rows = [{"key": None, "value": b"a"}, {"key": b"21", "value": b"b"}, {"key": None, "value": b"c"}]
    assert routed(record_batch(rows), 10, 7) == {7: [b"a", b"c"], _core.partition_for_key(b"21", 10): [b"b"]}
    assert routed(record_batch([{"value": b"a"}]), 10, 7) == {7: [b"a"]}


def test_a_partition_column_decides_before_the_key_does():
    assert _core.partition_for_key(b"21", 3) == 0
    values, keys = [b"a", b"b", b"c"], [b"21", b"21", None]
    source = pa.record_batch({"value": values, "key": keys, "partition": pa.array([2, None, 2], pa.int32())})
    assert routed(source, 3, 1) == {2: [b"a", b"c"], 0: [b"b"]}


def test_a_partition_column_has_to_be_checked_before_it_is_believed():
    columns = _core.Columns(pa.record_batch({"value": [b"a"], "partition": pa.array([5], pa.int32())}))
    with pytest.raises(ValueError, match="comes first"):
        columns.route(10, 0)
    columns.check(1000, 10)
    with pytest.raises(ValueError, match="comes first"):
        columns.route(5, 0)
    ((partition, _),) = columns.route(10, 0)
    assert partition == 5


def test_no_rows_go_nowhere():
    assert _core.Columns(pa.record_batch({"value": pa.array([], pa.binary())})).route(3, 1) == []
