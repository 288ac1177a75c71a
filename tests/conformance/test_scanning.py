"""Scans: bounds, columns, forms, and being read again."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pykafkalite.errors import InvalidColumns, OffsetOutOfRange, UnknownTopic

SECOND = 1_577_836_800


def offsets(scan):
    """partition -> offsets, in the order in which they came."""
    found = {}
    for message in scan.messages():
        found.setdefault(message.partition, []).append(message.offset)
    return found


def test_the_columns_are_those_of_the_design(three):
    header = pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary_view())])
    designed = pa.schema(
        [
            pa.field("topic", pa.dictionary(pa.int32(), pa.string())),
            pa.field("partition", pa.int32()),
            pa.field("offset", pa.int64()),
            pa.field("timestamp", pa.timestamp("ms", "UTC")),
            pa.field("key", pa.binary_view()),
            pa.field("value", pa.binary_view()),
            pa.field("headers", pa.list_(header)),
        ]
    )
    assert three.scan().schema == three.scan().to_arrow().schema == designed


def test_each_batch_holds_one_partition_in_offset_order(three):
    batches = list(three.scan())
    assert [batch.column("partition").unique().to_pylist() for batch in batches] == [[0], [1], [2]]
    assert [batch.column("offset").to_pylist() for batch in batches] == [list(range(10))] * 3
    assert all(batch.schema == three.scan().schema for batch in batches)


def test_small_batches_are_put_together(topic):
    for n in range(1000):
        topic.append(b"%d" % n)
    (batch,) = topic.scan()
    assert batch.num_rows == 1000


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("earliest", "latest", range(10)),
        (3, "latest", range(3, 10)),
        (3, 7, range(3, 7)),
        ("latest", "latest", range(0)),
        (10, 10, range(0)),
        (7, 3, range(0)),
        (datetime.fromtimestamp(SECOND + 4, UTC), "latest", range(4, 10)),
        ("2020-01-01T00:00:04Z", "2020-01-01T00:00:06Z", range(4, 6)),
        ("earliest", datetime.fromtimestamp(SECOND + 2, UTC), range(2)),
        ("-10min", "latest", range(0)),
        ("1990-01-01", "2090-01-01", range(10)),
    ],
)
def test_start_and_end_choose_the_records_between(three, start, end, expected):
    assert offsets(three.scan(start, end)) == ({p: list(expected) for p in range(3)} if expected else {})


def test_each_partition_may_have_its_own_bounds(three):
    assert offsets(three.scan({0: 8, 1: "latest"}, {0: 9})) == {0: [8], 2: list(range(10))}


def test_partitions_can_be_chosen(three):
    assert set(offsets(three.scan(partitions=[2, 0]))) == {0, 2}
    with pytest.raises(UnknownTopic):
        three.scan(partitions=[3])
    with pytest.raises(UnknownTopic):
        three.scan(partitions=[])


@pytest.mark.parametrize("bounds", [{"start": 11}, {"end": 11}, {"start": -1}, {"start": {1: 99}}])
def test_an_offset_that_is_not_there_is_refused_with_the_range_that_is(three, bounds):
    with pytest.raises(OffsetOutOfRange, match="has offsets 0 to 10"):
        three.scan(**bounds)


def test_bounds_are_fixed_when_the_scan_is_made(topic):
    topic.append(b"before")
    scan = topic.scan()
    topic.append(b"after")
    assert [m.value for m in scan.messages()] == [b"before"]
    assert scan.bounds == {0: (0, 1)}


def test_a_scan_can_be_read_again_and_again(three):
    scan = three.scan()
    assert scan.to_arrow().equals(scan.to_arrow())
    assert offsets(scan) == offsets(scan)


@pytest.mark.parametrize(
    "columns", [["value"], ["offset", "key"], ["headers"], ["timestamp", "topic", "partition"]]
)
def test_only_the_columns_that_were_asked_for_come_in_the_order_they_were(three, columns):
    whole = three.scan().to_arrow()
    assert three.scan(columns=columns).to_arrow().equals(whole.select(columns))


def test_an_unknown_column_is_refused_with_those_there_are(three):
    for wrong in (["colour"], [], ["value", "value"]):
        with pytest.raises(InvalidColumns):
            three.scan(columns=wrong)


def test_binary_values_are_plain_columns_with_the_same_content(topic):
    topic.append(
        b"a value that does not fit into its view", key=None, headers=[("h", b"x" * 40), ("i", None)]
    )
    topic.append(None, key=b"k")
    view, plain = topic.scan().to_arrow(), topic.scan(values="binary").to_arrow()
    assert plain.schema.field("value").type == plain.schema.field("key").type == pa.binary()
    assert plain.schema.field("headers").type.value_type.field("value").type == pa.binary()
    assert plain.to_pylist() == view.to_pylist()
    assert plain.schema == topic.scan(values="binary").schema
    plain.filter(pa.compute.equal(plain["offset"], 1))  # a kernel without views would refuse here


def test_an_unknown_form_of_values_is_refused(three):
    with pytest.raises(ValueError, match="binary"):
        three.scan(values="text")


def test_deleted_records_are_gone_and_earliest_comes_after_them(three):
    assert three.delete_records({0: 4}) == {0: 4, 1: 0, 2: 0}
    assert offsets(three.scan(partitions=[0])) == {0: [4, 5, 6, 7, 8, 9]}
    with pytest.raises(OffsetOutOfRange, match="has offsets 4 to 10"):
        three.scan(3, partitions=[0])


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_topics_read_the_same(log, codec):
    topic = log.create_topic(codec, config={"compression.type": codec})
    rows = [b"%d" % n * 20 for n in range(500)]
    topic.append_batch(pa.RecordBatch.from_pydict({"value": rows}))
    assert topic.scan().to_arrow()["value"].to_pylist() == rows
    assert topic.describe()[0].size < sum(map(len, rows))


def test_messages_print_well(topic):
    topic.append(b"value", key=b"key", headers=[("h", b"x")], timestamp=1_700_000_000_000)
    shown = repr(next(topic.scan().messages()))
    for part in ("events", "b'key'", "b'value'", "('h', b'x')"):
        assert part in shown
