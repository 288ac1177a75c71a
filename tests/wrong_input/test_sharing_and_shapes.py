"""Threads, processes, closed things and odd shapes of data."""

from __future__ import annotations

import multiprocessing
import threading

import pyarrow as pa
import pytest

import pykafkalite as pk
from pykafkalite.errors import Closed, InvalidColumns, MessageTooLarge, OffsetOutOfRange


def values(topic):
    return [message.value for message in topic.scan().messages()]


def test_threads_share_a_log_and_no_append_is_lost(log):
    topic = log.create_topic("shared", 2, {"retention.ms": -1})

    def work(name):
        for n in range(100):
            topic.append(b"%d-%d" % (name, n), partition=name % 2)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(topic)
    for name in range(4):
        assert [v for v in found if v.startswith(b"%d-" % name)] == [b"%d-%d" % (name, n) for n in range(100)]


def test_two_consumers_of_a_group_in_threads_read_each_record_once(log):
    topic = log.create_topic("shared", 4, {"retention.ms": -1})
    topic.append_batch(
        pa.table({"value": [b"%d" % n for n in range(400)], "partition": [n % 4 for n in range(400)]})
    )
    seen, consumers = [], [log.consumer("shared", "g") for _ in range(2)]

    def work(consumer):
        seen.extend([message.value for message in consumer.messages(timeout=0.2)])

    threads = [threading.Thread(target=work, args=(consumer,)) for consumer in consumers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen, key=int) == [b"%d" % n for n in range(400)]


def test_a_writer_in_another_thread_is_told_to_be_made_there(topic):
    writer, errors = topic.writer(), []

    def work():
        try:
            writer.append(b"v")
            writer.flush()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "make one in each thread" in errors[0]


def child(path, answers):
    with pk.open(path, mode="r") as log:
        answers.put([message.value for message in log.topic("events").scan().messages()])


def test_a_spawned_process_opens_the_log_beside_its_parent(topic, path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=child, args=(path, answers))
    process.start()
    assert answers.get(timeout=30) == [b"a", b"b", b"c"]
    process.join(10)
    assert topic.append(b"d").offset == 3


def test_what_was_made_of_a_log_says_that_it_is_closed(log, topic):
    scan, writer, consumer = topic.scan(), topic.writer(linger_ms=60_000), log.consumer("events", "g")
    batches, messages = consumer.batches(0), topic.scan().messages()
    writer.append(b"never sent")
    log.close()
    for use in (
        lambda: list(scan),
        lambda: scan.to_arrow(),
        lambda: next(messages),
        lambda: next(batches),
        lambda: consumer.commit(),
        lambda: consumer.seek("events", 0, 0),
        lambda: topic.scan(),
        lambda: topic.offsets("latest"),
        lambda: writer.flush(),
    ):
        with pytest.raises(Closed, match="closed"):
            use()


def test_an_offset_out_of_range_names_the_range(log, topic):
    consumer = log.consumer("events")
    for use in (
        lambda: topic.scan(4),
        lambda: topic.scan(end=9),
        lambda: consumer.seek("events", 0, 4),
        lambda: topic.delete_records(4),
    ):
        with pytest.raises(OffsetOutOfRange, match=r"events-0 has offsets 0 to 3"):
            use()
    assert values(topic) == [b"a", b"b", b"c"]


def test_a_record_that_is_too_large_is_refused_everywhere_with_the_limit(topic):
    topic.alter_config({"max.message.bytes": 1000})
    large = bytes(2000)
    writer = topic.writer()
    for use in (
        lambda: topic.append(large),
        lambda: topic.append(b"v", key=large),
        lambda: topic.append(b"v", headers=[("h", large)]),
        lambda: writer.append(large),
        lambda: topic.append_batch(pa.table({"value": [b"good", large]})),
    ):
        with pytest.raises(MessageTooLarge, match=r"max\.message\.bytes"):
            use()
    writer.flush()
    assert values(topic) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("column", "array"),
    [
        ("value", pa.array([1.5])),
        ("value", pa.array([{"a": 1}])),
        ("key", pa.array([True])),
        ("timestamp", pa.array([1.5])),
        ("timestamp", pa.array(["2020-01-01"])),
        ("headers", pa.array(["h"])),
        ("partition", pa.array(["0"])),
    ],
)
def test_a_column_of_a_wrong_type_is_named_with_its_type_and_what_it_takes(topic, column, array):
    data = pa.table({"value": pa.array([b"v"]), column: array} if column != "value" else {"value": array})
    with pytest.raises(InvalidColumns) as caught:
        topic.append_batch(data)
    message = str(caught.value)
    assert f"column {column!r}" in message
    assert str(array.type) in message
    assert "append_batch takes" in message


def test_odd_shapes_of_arrow_are_stored_as_what_they_say(topic):
    empty = pa.chunked_array([pa.array([b"d"]), pa.array([], pa.binary()), pa.array([b"e"])])
    topic.append_batch(pa.table({"value": empty}))
    nested = pa.array([b"x", b"f", b"g", b"y"]).slice(1, 3).slice(0, 2)
    topic.append_batch(pa.record_batch({"value": nested}))
    topic.append_batch(pa.table({"value": pa.nulls(1), "key": pa.array([b"k"])}))
    nothing = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.nulls(1, pa.string()))
    topic.append_batch(pa.table({"value": nothing, "key": pa.array([b"k"])}))
    topic.append_batch(pa.table({"value": pa.array([], pa.binary())}))
    topic.append_batch(pa.table({"value": pa.chunked_array([], pa.binary())}))
    assert values(topic)[3:] == [b"d", b"e", b"f", b"g", None, None]


def test_long_keys_and_names_of_any_language_come_back(topic):
    key, name = bytes(range(256)) * 1000, "größe-价格-" + "n" * 10_000
    topic.append(b"v", key=key, headers=[(name, None), ("", b"")] * 50)
    message = next(topic.scan(3).messages())
    assert (message.key, message.headers) == (key, [(name, None), ("", b"")] * 50)


def test_a_header_name_that_no_bytes_are_is_refused(topic):
    with pytest.raises(ValueError, match="surrogates"):
        topic.append(b"v", headers=[("\ud800", b"")])
    assert len(values(topic)) == 3
