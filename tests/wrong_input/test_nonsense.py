"""Arguments of every wrong type, to everything public: an error of ours or a TypeError or ValueError that says
what was wanted, at once, and nothing is written, made or lost."""

from __future__ import annotations

import copy
import datetime
import math
import os
import pickle
import time

import pytest

import pykafkalite as pk
from pykafkalite.api import TopicPartition
from pykafkalite.errors import Error, InvalidConfig, InvalidGroup, InvalidRecord, OffsetOutOfRange


class Thing:
    pass


WRONG = {
    "none": None,
    "a bool": True,
    "a negative number": -1,
    "a number over 31 bits": 1 << 31,
    "a number over 63 bits": 1 << 63,
    "a float": 1.5,
    "not a number": math.nan,
    "infinity": math.inf,
    "no text": "",
    "text": "x",
    "text with a zero": "a\0b",
    "bytes": b"x",
    "an empty list": [],
    "a list of none": [None],
    "a list of lists": [[]],
    "an empty tuple": (),
    "a dict": {"a": 1},
    "a dict of none": {None: 0},
    "a date without a zone": datetime.datetime(2020, 1, 1),
    "a duration": datetime.timedelta(1),
    "an object": Thing(),
}

# What is no mistake: the methods' own words for "nothing" and "whatever".
TAKEN = {
    "open": ("text",),
    "open durability": (),
    "alter a config": ("none", "a negative number", "a number over 31 bits"),
    "create a topic": ("text",),
    "create a topic with partitions": (),
    "create a topic with configs": ("none", "no text", "an empty list", "an empty tuple"),
    "consume as a group": ("none", "text", "text with a zero"),
    "consume from": ("a number over 31 bits", "a number over 63 bits", "a date without a zone"),
    "append a value": ("none", "bytes"),
    "append with a key": ("none", "bytes"),
    "append with headers": ("none", "no text", "an empty list", "an empty tuple"),
    "append a header's name": ("no text", "text", "text with a zero"),
    "append a header's value": ("none", "bytes"),
    "append at a time": ("none", "a negative number", "a number over 31 bits", "a date without a zone"),
    "append to a partition": ("none",),
    "write a value": ("none", "bytes"),
    "write with a key": ("none", "bytes"),
    "write with headers": ("none", "no text", "an empty list", "an empty tuple"),
    "write at a time": ("none", "a number over 31 bits"),
    "write to a partition": ("none",),
    "make a writer that lingers": ("a number over 31 bits", "a number over 63 bits"),
    "make a writer of a size": ("none", "a number over 31 bits", "a number over 63 bits"),
    "scan from": ("a date without a zone",),
    "scan partitions": ("none",),
    "scan columns": ("none",),
    "ask for offsets": ("a date without a zone",),
    "delete records": ("a date without a zone",),
    "consume for": ("none", "a number over 31 bits", "a number over 63 bits", "a float", "infinity"),
    "commit": ("none",),
    "commit an offset": ("a number over 31 bits",),
    "seek to": ("a date without a zone",),
}

CALLS = {
    "open": lambda log, wrong: pk.open(wrong),
    "open for reading": lambda log, wrong: pk.open(wrong, mode="r"),
    "open with a mode": lambda log, wrong: pk.open(log.address, mode=wrong),
    "open durability": lambda log, wrong: pk.open(log.address, durability=wrong),
    "look for a topic": lambda log, wrong: log.topic(wrong),
    "look for a group": lambda log, wrong: log.group(wrong),
    "create a topic": lambda log, wrong: log.create_topic(wrong),
    "create a topic with partitions": lambda log, wrong: log.create_topic("made", wrong),
    "create a topic with configs": lambda log, wrong: log.create_topic("made", config=wrong),
    "alter configs": lambda log, wrong: log.topic("events").alter_config(wrong),
    "alter a config": lambda log, wrong: log.topic("events").alter_config({"retention.ms": wrong}),
    "add partitions": lambda log, wrong: log.topic("events").add_partitions(wrong),
    "delete a topic": lambda log, wrong: log.delete_topic(wrong),
    "consume": lambda log, wrong: log.consumer(wrong),
    "consume as a group": lambda log, wrong: log.consumer("events", wrong),
    "consume from": lambda log, wrong: log.consumer("events", start=wrong),
    "append a value": lambda log, wrong: log.topic("events").append(wrong),
    "append with a key": lambda log, wrong: log.topic("events").append(b"v", key=wrong),
    "append with headers": lambda log, wrong: log.topic("events").append(b"v", headers=wrong),
    "append a header's name": lambda log, wrong: log.topic("events").append(b"v", headers=[(wrong, b"v")]),
    "append a header's value": lambda log, wrong: log.topic("events").append(b"v", headers=[("h", wrong)]),
    "append at a time": lambda log, wrong: log.topic("events").append(b"v", timestamp=wrong),
    "append to a partition": lambda log, wrong: log.topic("events").append(b"v", partition=wrong),
    "write a value": lambda log, wrong: write(log, wrong),
    "write with a key": lambda log, wrong: write(log, b"v", key=wrong),
    "write with headers": lambda log, wrong: write(log, b"v", headers=wrong),
    "write at a time": lambda log, wrong: write(log, b"v", timestamp=wrong),
    "write to a partition": lambda log, wrong: write(log, b"v", partition=wrong),
    "make a writer that lingers": lambda log, wrong: log.topic("events").writer(linger_ms=wrong),
    "make a writer of a size": lambda log, wrong: log.topic("events").writer(batch_size=wrong),
    "append a batch": lambda log, wrong: log.topic("events").append_batch(wrong),
    "scan from": lambda log, wrong: log.topic("events").scan(wrong),
    "scan partitions": lambda log, wrong: log.topic("events").scan(partitions=wrong),
    "scan columns": lambda log, wrong: log.topic("events").scan(columns=wrong),
    "scan in a form": lambda log, wrong: log.topic("events").scan(values=wrong),
    "ask for offsets": lambda log, wrong: log.topic("events").offsets(wrong),
    "delete records": lambda log, wrong: log.topic("events").delete_records(wrong),
    "consume for": lambda log, wrong: next(iter(log.consumer("events").batches(wrong))),
    "commit": lambda log, wrong: log.consumer("events", "g").commit(wrong),
    "commit in a partition": lambda log, wrong: log.consumer("events", "g").commit(
        {("events", str(wrong)): 0}
    ),
    "commit an offset": lambda log, wrong: commit_offset(log, wrong),
    "look for a commit": lambda log, wrong: log.consumer("events", "g").committed("events", wrong),
    "look for a position": lambda log, wrong: log.consumer("events").position("events", wrong),
    "seek in a topic": lambda log, wrong: log.consumer("events").seek(wrong, 0, 0),
    "seek in a partition": lambda log, wrong: log.consumer("events").seek("events", wrong, 0),
    "seek to": lambda log, wrong: log.consumer("events").seek("events", 0, wrong),
}


def write(log, value, **how):
    with log.topic("events").writer() as writer:
        writer.append(value, **how)


def commit_offset(log, offset):
    log.consumer("events", "g").commit({TopicPartition("events", 0): offset})


@pytest.mark.parametrize("call", CALLS)
def test_nonsense_is_refused_with_what_was_wanted_and_changes_nothing(
    log, topic, path, call, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    for name, wrong in WRONG.items():
        if name in TAKEN.get(call, ()):
            continue
        with pytest.raises((Error, TypeError, ValueError)) as caught:
            CALLS[call](log, wrong)
        message = str(caught.value)
        assert len(message) > 20, (name, message)
        for accident in (
            "unhashable",
            "not supported between",
            "not iterable",
            "unpack",
            "an integer is required",
        ):
            assert accident not in message, (name, message)
    assert [m.value for m in topic.scan().messages()] == [b"a", b"b", b"c"]
    assert set(log.topics()) == {"events"}
    assert files(tmp_path) == before


def files(path):
    """But for the topic that a group's first commit makes."""
    return {file for file in path.rglob("*") if "__consumer_offsets" not in str(file)}


def test_a_time_in_seconds_is_refused_before_it_becomes_1970(topic):
    for append in (topic.append, topic.writer().append):
        with pytest.raises(TypeError, match=r"milliseconds since 1970.*time\.time\(\) \* 1000"):
            append(b"v", timestamp=time.time())


def test_a_partition_that_is_no_whole_number_makes_no_directory(log, path):
    three = log.create_topic("three", 3)
    for wrong in (1.5, 1.0, True, "1"):
        with pytest.raises(TypeError, match="whole number"):
            three.append(b"v", partition=wrong)
    assert not list(path.glob("three-*"))


def test_numbers_of_numpy_are_numbers(log):
    numpy = pytest.importorskip("numpy")
    three = log.create_topic("three", 3, config={"retention.ms": -1})
    at = three.append(b"v", partition=numpy.int64(2), timestamp=numpy.int64(1_700_000_000_000))
    assert (at.partition, type(at.partition)) == (2, int)
    assert [m.partition for m in three.scan(partitions=numpy.arange(3)).messages()] == [2]


def test_headers_in_a_dict_are_told_to_be_pairs(topic):
    for append in (topic.append, topic.writer().append):
        with pytest.raises(TypeError, match=r'headers are pairs, \[\("name", b"value"\)\]'):
            append(b"v", headers={"source": b"test"})
        with pytest.raises(TypeError, match="the name of a header is a str, not bytes"):
            append(b"v", headers=[(b"source", b"test")])
        with pytest.raises(
            TypeError, match=r"the value of a header is bytes or None, not str; encode text first"
        ):
            append(b"v", headers=[("source", "test")])


def test_an_empty_address_is_not_the_directory_one_happens_to_be_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="takes a directory"):
        pk.open("")
    assert os.listdir(tmp_path) == []


def test_configs_and_groups_of_a_wrong_type_have_their_own_errors(log, topic):
    with pytest.raises(InvalidConfig, match="configs are a mapping"):
        log.create_topic("made", config=["retention.ms"])
    with pytest.raises(InvalidGroup, match="a group id is a string"):
        log.consumer("events", ["g"])
    with pytest.raises(OffsetOutOfRange, match='give "earliest" or "latest"'):
        log.consumer("events", start=-1)
    with pytest.raises(InvalidRecord, match="timestamp"):
        topic.append(b"v", timestamp=1 << 70)


def test_a_timeout_that_is_no_number_does_not_wait_for_ever(log, topic):
    consumer = log.consumer("events", start="latest")
    for ask in (consumer.batches, consumer.messages):
        with pytest.raises(ValueError, match="timeout is seconds"):
            next(iter(ask(math.nan)))


def test_what_stands_on_an_open_log_cannot_be_pickled_or_copied_and_says_why(log, topic):
    consumer = log.consumer("events", "g")
    consumer.commit({TopicPartition("events", 0): 1})
    for thing in (log, topic, topic.scan(), topic.writer(), consumer, consumer.batches(0), log.group("g")):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(
                TypeError, match=r"belongs to a log that is open in this process; open the log again"
            ):
                attempt(thing)
