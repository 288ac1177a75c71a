"""Appending: one at a time, through a writer, and whole batches."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pykafkalite.errors import (
    InvalidColumns,
    InvalidRecord,
    InvalidTimestamp,
    MessageTooLarge,
    UnknownTopic,
)


def values(topic):
    return [message.value for message in topic.scan().messages()]


def test_an_append_says_where_the_record_went(topic):
    at = topic.append(b"v", key=b"k", timestamp=1_700_000_000_000, headers=[("h", b"x"), ("h", None)])
    assert (at.topic, at.partition, at.offset, at.timestamp) == ("events", 0, 0, 1_700_000_000_000)
    assert topic.append(b"w").offset == 1


def test_what_was_appended_is_read_back_whole(topic):
    topic.append(b"v", key=b"k", timestamp=1_700_000_000_000, headers=[("h", b"x"), ("h", None)])
    topic.append(None)
    first, second = topic.scan().messages()
    assert (first.topic, first.partition, first.offset) == ("events", 0, 0)
    assert (first.key, first.value, first.timestamp) == (b"k", b"v", 1_700_000_000_000)
    assert first.headers == [("h", b"x"), ("h", None)]
    assert (second.key, second.value, second.headers) == (None, None, [])


def test_a_timestamp_may_be_a_datetime(topic):
    assert topic.append(b"v", timestamp=datetime(2013, 7, 4, tzinfo=UTC)).timestamp == 1_372_896_000_000


def test_one_key_always_goes_to_the_partition_of_javas_partitioner(log):
    topic = log.create_topic("keyed", partitions=7)
    # Kafka's own test vector: org.apache.kafka.common.utils.UtilsTest.testMurmur2, "21" -> -973932308
    assert topic.append(b"", key=b"21").partition == (-973932308 & 0x7FFFFFFF) % 7
    assert len({topic.append(b"", key=b"same").partition for _ in range(10)}) == 1


def test_a_named_partition_wins_and_one_that_is_not_there_is_refused(three):
    assert three.append(b"x", key=b"k1", partition=2).partition == 2
    with pytest.raises(UnknownTopic, match="partition 3"):
        three.append(b"x", partition=3)


def test_text_is_refused_with_what_to_do(topic):
    for wrong in ({"value": "text"}, {"value": b"", "key": "text"}):
        with pytest.raises(TypeError, match="encode"):
            topic.append(**wrong)


def test_a_value_over_max_message_bytes_is_refused_and_the_rest_goes_on(topic):
    topic.alter_config({"max.message.bytes": 1000})
    with pytest.raises(MessageTooLarge, match=r"max\.message\.bytes"):
        topic.append(bytes(1000))
    topic.append(b"fits")
    assert values(topic) == [b"fits"]


def test_a_timestamp_too_far_ahead_is_refused(topic):
    with pytest.raises(InvalidTimestamp, match=r"message\.timestamp\.after\.max\.ms"):
        topic.append(b"v", timestamp=2**60)


def test_log_append_time_is_what_is_stored_and_returned(log):
    topic = log.create_topic("stamped", config={"message.timestamp.type": "LogAppendTime"})
    at = topic.append(b"v", timestamp=5)
    assert at.timestamp > 1_600_000_000_000
    assert next(topic.scan().messages()).timestamp == at.timestamp


# --- writers ---------------------------------------------------------------


def test_a_writer_sends_everything_when_its_block_ends(topic):
    with topic.writer() as writer:
        for n in range(1000):
            writer.append(b"%d" % n)
    assert values(topic) == [b"%d" % n for n in range(1000)]


def test_flush_makes_records_visible_and_leaves_nothing_pending(topic):
    writer = topic.writer(linger_ms=60_000)
    writer.append(b"v", key=b"k", headers=[("h", b"x")], timestamp=1_700_000_000_000)
    assert writer.pending == 1
    writer.flush()
    assert writer.pending == 0
    (message,) = topic.scan().messages()
    assert (message.key, message.value, message.headers) == (b"k", b"v", [("h", b"x")])


def test_a_full_batch_is_sent_without_a_flush(topic):
    with topic.writer(linger_ms=60_000, batch_size=4096) as writer:
        for _ in range(100):
            writer.append(bytes(100))
        assert topic.describe()[0].end_offset > 0


def test_a_writer_sends_each_key_where_append_would(log):
    topic = log.create_topic("keyed", partitions=5)
    keys = [b"key-%d" % n for n in range(200)]
    with topic.writer() as writer:
        for key in keys:
            writer.append(b"", key=key)
    placed = {message.key: message.partition for message in topic.scan().messages()}
    assert placed == {key: topic.append(b"", key=key).partition for key in keys}


def test_what_a_writer_could_not_send_is_raised_and_named(topic):
    writer = topic.writer(linger_ms=60_000)
    for n in range(10):
        writer.append(b"%d" % n, timestamp=2**60)
    with pytest.raises(InvalidTimestamp) as caught:
        writer.flush()
    assert "10 records for partition 0 (numbers 0 to 9" in "".join(caught.value.__notes__)
    writer.append(b"good")
    writer.flush()
    assert values(topic) == [b"good"]


def test_leaving_the_block_raises_what_failed(topic):
    with pytest.raises(InvalidTimestamp), topic.writer(linger_ms=60_000) as writer:
        writer.append(b"v", timestamp=2**60)


def test_an_error_in_the_block_is_not_hidden_and_what_came_before_it_is_sent(topic):
    def fails():
        with topic.writer() as writer:
            writer.append(b"before")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert values(topic) == [b"before"]


# --- batches ---------------------------------------------------------------


def batch(**columns):
    return pa.RecordBatch.from_pydict(columns)


def test_append_batch_returns_the_offsets_of_each_partition(three):
    ranges = three.append_batch(batch(value=[b"a", b"b", b"c"], partition=pa.array([0, 2, 2], pa.int32())))
    assert dict(ranges) == {0: (10, 10), 2: (10, 11)}
    assert ranges.rows == 3
    assert repr(ranges) == "<3 rows appended to three {0: 10..10, 2: 10..11}>"


def test_all_columns_go_in_and_come_out(topic):
    headers = pa.array([[("a", b"1"), ("b", None)], []], pa.map_(pa.string(), pa.binary()))
    timestamps = pa.array([1_700_000_000_000, 1_700_000_001_000], pa.timestamp("ms", "UTC"))
    topic.append_batch(
        pa.RecordBatch.from_arrays(
            [pa.array([b"v", None]), pa.array([None, b"k"], pa.binary()), timestamps, headers],
            ["value", "key", "timestamp", "headers"],
        )
    )
    first, second = topic.scan().messages()
    assert (first.value, first.key, first.timestamp) == (b"v", None, 1_700_000_000_000)
    assert first.headers == [("a", b"1"), ("b", None)]
    assert (second.value, second.key, second.timestamp, second.headers) == (None, b"k", 1_700_000_001_000, [])


def test_rows_with_one_key_stay_in_order(log):
    topic = log.create_topic("keyed", partitions=3)
    keys = [b"%d" % (n % 10) for n in range(1000)]
    topic.append_batch(batch(key=keys, value=[b"%d" % n for n in range(1000)]))
    seen: dict[bytes, int] = {}
    for message in topic.scan().messages():
        assert seen.get(message.key, -1) < int(message.value)
        seen[message.key] = int(message.value)
    assert len(seen) == 10


def test_a_large_batch_is_split_at_max_message_bytes(topic):
    topic.alter_config({"max.message.bytes": 5000})
    topic.append_batch(batch(value=[bytes(1000)] * 100))
    assert topic.describe()[0].end_offset == 100


def test_a_large_batch_is_split_at_the_size_of_a_segment(topic):
    topic.alter_config({"internal.segment.bytes": 5000})
    topic.append_batch(batch(value=[bytes(1000)] * 100))
    assert topic.describe()[0].end_offset == 100


def test_nothing_is_written_when_one_row_of_a_batch_is_wrong(three):
    wrong = [
        (MessageTooLarge, "row 1", batch(value=[b"good", bytes(2_000_000)])),
        (InvalidRecord, "row 1", batch(value=[b"good", b"x"], partition=pa.array([0, 3], pa.int32()))),
        (
            InvalidRecord,
            "row 1",
            batch(value=[b"good", b"x"], timestamp=pa.array([0, -5], pa.timestamp("ms"))),
        ),
        (InvalidTimestamp, "after", batch(value=[b"good", b"x"], timestamp=pa.array([0, 2**60], pa.int64()))),
    ]
    for error, words, data in wrong:
        with pytest.raises(error, match=words):
            three.append_batch(data)
    assert [info.end_offset for info in three.describe()] == [10, 10, 10]


def test_nothing_is_written_when_a_later_chunk_of_a_table_is_wrong(topic):
    table = pa.Table.from_batches([batch(value=[b"good"]), batch(value=[bytes(2_000_000)])])
    with pytest.raises(MessageTooLarge, match="in the rows from 1 on, row 0"):
        topic.append_batch(table)
    assert topic.describe()[0].end_offset == 0


def test_a_stream_is_checked_batch_by_batch_and_an_error_says_what_is_stored(topic):
    batches = [batch(value=[b"a", b"b"]), batch(value=[b"good", bytes(2_000_000)])]
    with pytest.raises(MessageTooLarge) as caught:
        topic.append_batch(pa.RecordBatchReader.from_batches(batches[0].schema, batches))
    assert "2 rows appended to events {0: 0..1}" in caught.value.__notes__[0]
    assert values(topic) == [b"a", b"b"]


def test_a_very_large_batch_is_taken_in_slices(topic):
    count = 1_200_000
    large = batch(value=pa.array([b""] * (count - 1) + [bytes(2_000_000)]))
    with pytest.raises(MessageTooLarge, match="in the rows from 1,048,576 on, row 151423"):
        topic.append_batch(large)
    assert topic.append_batch(large.slice(0, count - 1)) == {0: (0, count - 2)}


def test_a_compacted_topic_takes_no_record_without_a_key(log):
    topic = log.create_topic("compacted", config={"cleanup.policy": "compact"})
    keys = batch(value=[b"v", b"w"], key=[b"k", None])
    attempts = [
        lambda: topic.append(b"v"),
        lambda: topic.append_batch(batch(value=[b"v"])),
        lambda: topic.append_batch(keys),
        lambda: topic.append_batch(pa.Table.from_batches([keys])),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidRecord, match="needs a key"):
            attempt()
    writer = topic.writer()
    writer.append(b"v", key=b"k")
    writer.append(b"v")
    with pytest.raises(InvalidRecord, match="needs a key"):
        writer.flush()
    assert topic.describe()[0].end_offset == 0
    topic.append(b"v", key=b"k")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (batch(value=[1, 2]), "value"),
        (batch(key=[b"k"]), "value"),
        (batch(value=[b"v"], colour=["red"]), "colour"),
        (batch(value=[b"v"], timestamp=["noon"]), "timestamp"),
        (batch(value=[b"v"], headers=[["h"]]), "headers"),
        (batch(value=[b"v"], headers=[[{"name": "a", "value": b"b"}]]), "headers"),
        (batch(value=[b"v"], partition=[0.5]), "partition"),
        ([b"v"], "list"),
        ({"value": [b"v"]}, "dict"),
        (b"v", "bytes"),
    ],
)
def test_columns_that_a_log_does_not_have_are_refused_with_those_it_has(topic, data, words):
    with pytest.raises(InvalidColumns, match=words) as caught:
        topic.append_batch(data)
    assert "timestamp: of any unit" in str(caught.value)
    assert topic.describe()[0].end_offset == 0


def test_an_empty_batch_writes_nothing(topic):
    empty = batch(value=pa.array([], pa.binary()))
    assert dict(topic.append_batch(empty)) == dict(topic.append_batch(pa.Table.from_batches([empty]))) == {}


def test_what_a_scan_gives_can_be_appended_as_it_is(log, three):
    copy = log.create_topic("copy", partitions=3, config={"retention.ms": -1})
    copy.append_batch(three.scan())
    assert copy.scan().to_arrow().drop_columns("topic").equals(three.scan().to_arrow().drop_columns("topic"))


def test_records_that_retention_will_delete_are_warned_of_once(log):
    topic = log.create_topic("week")
    with pytest.warns(UserWarning, match=r"retention\.ms"):
        topic.append(b"old", timestamp=1000)
    topic.append_batch(batch(value=[b"old"], timestamp=pa.array([1000])))
