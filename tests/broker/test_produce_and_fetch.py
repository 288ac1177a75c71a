"""Records in and out over the wire."""

import threading
import time

import pytest
from kio.schema.errors import ErrorCode
from raw import Raw, batch, entity, fetch, fetch_request, produce, values_of

from pykafkalite import _core


def test_a_batch_is_stored_as_it_came_and_fetched_as_it_lies(raw, store):
    sent = batch(b"a", b"b")
    answer = produce(raw, "events", sent)
    assert (answer.error_code, answer.base_offset) == (ErrorCode.none, 0)
    fetched = fetch(raw, "events", 0)
    assert fetched.records[21:] == sent[21:]
    assert (fetched.high_watermark, fetched.log_start_offset) == (2, 0)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        (None, ErrorCode.invalid_record),
        (b"", ErrorCode.invalid_record),
        (b"garbage" * 20, ErrorCode.corrupt_message),
        (batch(b"a") + batch(b"b"), ErrorCode.invalid_record),
        (batch(b"a")[:-1], ErrorCode.corrupt_message),
        (batch(b"a")[:-1] + b"!", ErrorCode.corrupt_message),
    ],
    ids=["null", "empty", "garbage", "two batches", "truncated", "wrong CRC"],
)
def test_what_is_no_batch_is_refused_and_nothing_is_written(raw, store, records, error):
    assert produce(raw, "events", records).error_code is error
    assert store.partition("events", 0).high_watermark == 0


def test_a_control_batch_of_a_client_is_refused(raw):
    control = bytes(
        _core.build_batch([(b"\0\0\0\1", b"\0\0\0\0\0\0", None, 0)], attributes=_core.ATTR_CONTROL)
    )
    assert produce(raw, "events", control).error_code is ErrorCode.invalid_record


@pytest.mark.parametrize(("topic", "partition"), [("nowhere", 0), ("events", 2), ("events", -1)])
def test_an_unknown_partition_is_named_as_such(raw, topic, partition):
    error = ErrorCode.unknown_topic_or_partition
    assert produce(raw, topic, batch(b"x"), partition=partition).error_code is error


def test_clients_do_not_write_to_internal_topics(raw, store):
    store.create_topic("__consumer_offsets")
    assert produce(raw, "__consumer_offsets", batch(b"x")).error_code is ErrorCode.invalid_topic_exception


def test_acks_that_do_not_exist_are_refused(raw):
    assert produce(raw, "events", batch(b"x"), acks=2).error_code is ErrorCode.invalid_required_acks


def test_a_batch_over_max_message_bytes_is_told_so(raw, store):
    store.alter_config("events", {"max.message.bytes": 100})
    answer = produce(raw, "events", batch(b"x" * 100))
    assert answer.error_code is ErrorCode.message_too_large
    assert "max.message.bytes=100" in answer.error_message


def test_a_fetch_waits_until_there_is_something(raw, broker):
    writer = Raw(broker.bootstrap_servers)
    later = threading.Timer(0.1, produce, [writer, "events", batch(b"news")])
    later.start()
    begun = time.monotonic()
    assert values_of(fetch(raw, "events", 0, wait=10).records) == [b"news"]
    assert time.monotonic() - begun < 5
    later.join()
    writer.socket.close()


def test_no_record_comes_unseen_between_the_look_of_a_fetch_and_its_wait(raw, broker):
    writer = Raw(broker.bootstrap_servers)
    begun = time.monotonic()
    for offset in range(300):  # Both requests at once: the broker meets them in one turn of its loop.
        raw.send(1, 11, **fetch_request("events", offset, wait=9))
        produce(writer, "events", batch(b"news"))
        _, answer = raw.receive(1, 11)
        assert values_of(answer.responses[0].partitions[0].records) == [b"news"]
        assert time.monotonic() - begun < 9
    writer.socket.close()


def test_a_fetch_wakes_for_records_appended_in_the_process(raw, store):
    appending = threading.Timer(0.1, store.partition("events", 0).append, [bytearray(batch(b"embedded"))])
    appending.start()
    assert values_of(fetch(raw, "events", 0, wait=10).records) == [b"embedded"]


def test_a_fetch_without_news_answers_after_max_wait(raw):
    begun = time.monotonic()
    assert fetch(raw, "events", 0, wait=0.2).records == b""
    assert 0.15 < time.monotonic() - begun < 5


def test_a_fetch_in_the_middle_of_a_batch_gives_the_whole_batch(raw):
    produce(raw, "events", batch(b"a", b"b", b"c"))
    assert values_of(fetch(raw, "events", 2).records) == [b"a", b"b", b"c"]


def test_the_first_batch_is_whole_whatever_the_limits_and_the_others_keep_to_them(raw):
    for value in (b"a", b"b", b"c"):
        produce(raw, "events", batch(value * 1000))
    produce(raw, "events", batch(b"other" * 1000), partition=1)
    assert len(values_of(fetch(raw, "events", 0, partition_max_bytes=1).records)) == 1
    assert len(values_of(fetch(raw, "events", 0, partition_max_bytes=2500).records)) == 2
    both = (
        raw.ask(1, 11, **fetch_request("events", 0, max_bytes=1, partitions=(0, 1))).responses[0].partitions
    )
    assert [len(values_of(part.records)) for part in both] == [1, 0]


def test_an_offset_out_of_range_is_told_at_once(raw):
    begun = time.monotonic()
    assert fetch(raw, "events", 7, wait=10).error_code is ErrorCode.offset_out_of_range
    assert time.monotonic() - begun < 5


def test_a_session_tells_only_what_is_new(raw):
    first = raw.ask(1, 11, **fetch_request("events", 0, session_epoch=0, partitions=(0, 1)))
    assert first.session_id > 0
    assert len(first.responses[0].partitions) == 2
    produce(raw, "events", batch(b"news"), partition=1)
    second = raw.ask(
        1, 11, **fetch_request("events", 0, session_id=first.session_id, session_epoch=1, partitions=())
    )
    ((topic, parts),) = [(one.topic, one.partitions) for one in second.responses]
    assert (topic, [part.partition_index for part in parts]) == ("events", [1])
    assert values_of(parts[0].records) == [b"news"]


def test_sessions_that_are_not_there_or_out_of_step_are_refused(raw):
    ask = fetch_request("events", 0, session_id=12345, session_epoch=3)
    assert raw.ask(1, 11, **ask).error_code is ErrorCode.fetch_session_id_not_found
    session = raw.ask(1, 11, **fetch_request("events", 0, session_epoch=0)).session_id
    wrong = fetch_request("events", 0, session_id=session, session_epoch=9)
    assert raw.ask(1, 11, **wrong).error_code is ErrorCode.invalid_fetch_session_epoch


def test_a_followers_fetch_is_refused(raw):
    ask = fetch_request("events", 0) | {"replica_id": 2}
    assert raw.ask(1, 11, **ask).error_code is ErrorCode.cluster_authorization_failed


def test_offsets_are_listed_by_time_and_by_name(raw):
    produce(raw, "events", batch(b"a", timestamp=1000))
    produce(raw, "events", batch(b"b", timestamp=3000))
    produce(raw, "events", batch(b"c", timestamp=2000))

    def offset_at(timestamp):
        part = entity(
            2, 7, "ListOffsetsPartition", partition_index=0, current_leader_epoch=-1, timestamp=timestamp
        )
        topics = (entity(2, 7, "ListOffsetsTopic", name="events", partitions=(part,)),)
        answer = raw.ask(2, 7, replica_id=-1, isolation_level=0, topics=topics).topics[0].partitions[0]
        return answer.offset, answer.timestamp

    assert offset_at(-2) == (0, -1)
    assert offset_at(-1) == (3, -1)
    assert offset_at(-3) == (1, 3000)
    assert offset_at(1500) == (1, 3000)
    assert offset_at(9000) == (-1, -1)
