"""Damage, read-only logs and odd moments: each gets an error of its own, and what was written stays."""

import threading

import pytest
from sample_rows import rows

import pykafkalite as pk
from pykafkalite.api import TopicPartition
from pykafkalite.errors import (
    Closed,
    CorruptBatch,
    NotAStore,
    ReadOnly,
    StoreLocked,
    UnknownTopic,
)


@pytest.fixture
def damaged(path):
    """A topic of 30 records, ten a batch, with a flipped byte in the second batch."""
    with pk.open(path) as log:
        topic = log.create_topic("damaged")
        for first in (0, 10, 20):
            topic.append_batch(rows(10, first=first))
        size = topic.describe()[0].size
    (segment,) = (path / "damaged-0").glob("*.log")
    data = bytearray(segment.read_bytes()[:size])
    data[size // 3 + 200] ^= 1
    segment.write_bytes(data)
    with pk.open(path) as log:
        yield log.topic("damaged")


def test_a_scan_over_damage_gives_what_is_before_it_and_says_where_to_go_on(damaged):
    messages = damaged.scan().messages()
    assert [next(messages).offset for _ in range(10)] == list(range(10))
    with pytest.raises(CorruptBatch, match="offset 20") as caught:
        next(messages)
    assert caught.value.path.endswith(".log")
    assert caught.value.next_offset == 20
    assert [m.offset for m in damaged.scan(caught.value.next_offset).messages()] == list(range(20, 30))


def test_damage_does_not_keep_a_topic_from_being_shown(damaged):
    assert "30 records" in repr(damaged)


def test_what_is_gone_is_shown_as_gone(log, topic):
    scan, group = topic.scan(), log.consumer("events", group="g")
    log.delete_topic("events")
    for thing in (topic, scan):
        assert "no topic 'events'" in repr(thing)
        assert "no topic &#x27;events&#x27;" in thing._repr_html_()
    assert "events" in repr(group)


def test_a_consumer_over_damage_can_seek_behind_it(damaged):
    with damaged._log.consumer("damaged", group="g") as consumer:
        batches = consumer.batches(0)
        assert next(batches).num_rows == 10
        with pytest.raises(CorruptBatch) as caught:
            next(batches)
        assert consumer.commit() == {TopicPartition("damaged", 0): 10}
        consumer.seek("damaged", 0, caught.value.next_offset)
        assert [batch.num_rows for batch in consumer.batches(0)] == [10]


def test_a_read_only_log_refuses_every_change(path, log, topic):
    topic.append(b"v")
    with pk.open(path, mode="r") as reader:
        read = reader.topic("events")
        changes = [
            lambda: read.append(b"v"),
            lambda: read.append_batch(rows(1)),
            lambda: read.writer(),
            lambda: read.alter_config({"retention.ms": 1}),
            lambda: read.add_partitions(2),
            lambda: read.delete_records("latest"),
            lambda: reader.create_topic("new"),
            lambda: reader.delete_topic("events"),
            lambda: reader.consumer("events", group="g").commit(),
        ]
        for change in changes:
            with pytest.raises(ReadOnly):
                change()
        assert [m.value for m in read.scan().messages()] == [b"v"]
        assert "read-only" in repr(reader)


def test_what_is_not_a_log_is_not_opened_for_reading(tmp_path):
    with pytest.raises(NotAStore):
        pk.open(tmp_path / "nothing", mode="r")
    with pytest.raises(ValueError, match="mode"):
        pk.open(tmp_path, mode="w")
    with pytest.raises(ValueError, match="durability"):
        pk.open(tmp_path, durability="always")


def test_one_directory_is_not_shared_under_two_promises(path, log):
    with pytest.raises(StoreLocked, match="durability"):
        pk.open(path, durability="fsync")


def test_a_closed_log_ends_waits_in_other_threads(path):
    log = pk.open(path)
    topic = log.create_topic("quiet")
    errors = []

    def wait(items):
        with pytest.raises(Closed) as caught:
            list(items)
        errors.append(caught.value)

    consumer = log.consumer("quiet", group="g")
    threads = [
        threading.Thread(target=wait, args=[it]) for it in (topic.scan(follow=True), consumer.batches())
    ]
    for thread in threads:
        thread.start()
    log.close()
    for thread in threads:
        thread.join(5)
    assert len(errors) == 2


def test_a_topic_that_is_deleted_while_it_is_followed_says_so(log, topic):
    following = topic.scan(follow=True).messages()
    topic.append(b"v")
    assert next(following).value == b"v"
    threading.Timer(0.1, log.delete_topic, ["events"]).start()
    with pytest.raises(UnknownTopic, match="deleted"):
        next(following)


def test_a_reader_beside_the_writer_notices_a_topic_that_is_made_anew(path, log, topic):
    topic.append(b"old")
    with pk.open(path, mode="r") as reader:
        assert [m.value for m in reader.topic("events").scan().messages()] == [b"old"]
        consumer = reader.consumer("events")
        assert [m.value for m in consumer.messages(0)] == [b"old"]
        log.delete_topic("events")
        with pytest.raises(UnknownTopic):
            reader.topic("events")
        log.create_topic("events").append(b"new")
        assert [m.value for m in reader.topic("events").scan().messages()] == [b"new"]
        assert [m.value for m in consumer.messages(1.5)] == [b"new"]


def test_many_threads_append_scan_and_consume_at_once(log):
    topic = log.create_topic("busy", partitions=4)
    seen: set[tuple[int, int]] = set()
    failures = []
    everything = threading.Event()

    def guarded(action):
        try:
            action()
        except BaseException as error:
            failures.append(error)

    def append():
        with topic.writer() as writer:
            for n in range(2000):
                writer.append(b"%d" % n, key=b"%d" % n)
        for n in range(20):
            topic.append_batch(rows(50, first=n))

    def consume():
        with log.consumer("busy", group="g") as consumer:
            while not everything.is_set():
                for message in consumer.messages(timeout=0.05):
                    seen.add((message.partition, message.offset))

    def scan():
        for _ in range(20):
            scanned = topic.scan()
            assert scanned.to_arrow().num_rows == sum(end - start for start, end in scanned.bounds.values())

    writers = [threading.Thread(target=guarded, args=[it]) for it in (append, append, append, scan)]
    readers = [threading.Thread(target=guarded, args=[consume]) for _ in range(3)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    written = {(info.partition, n) for info in topic.describe() for n in range(info.end_offset)}
    assert len(written) == 3 * (2000 + 1000)
    for _ in range(100):
        if seen >= written or failures:
            break
        threading.Event().wait(0.1)
    everything.set()
    for thread in readers:
        thread.join()
    assert not failures
    assert seen == written
