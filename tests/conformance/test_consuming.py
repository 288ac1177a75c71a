"""Consumers and groups: shares, commits, resuming."""

import threading
import time
from datetime import UTC, datetime
from itertools import islice

import pyarrow as pa
import pytest

from pykafkalite.api import TopicPartition
from pykafkalite.errors import (
    Closed,
    IllegalGeneration,
    InvalidGroup,
    NonEmptyGroup,
    OffsetOutOfRange,
    UnknownGroup,
    UnknownTopic,
)

NOW = 0.0  # seconds to wait: what is there is news enough


def read(consumer, timeout=NOW):
    return [(m.topic, m.partition, m.offset) for m in consumer.messages(timeout=timeout)]


def everything(topic="three"):
    return [(topic, partition, offset) for partition in range(3) for offset in range(10)]


def test_a_consumer_reads_all_partitions_and_ends_when_no_news_come(log, three):
    with log.consumer("three") as consumer:
        began = time.monotonic()
        rows = sum(batch.num_rows for batch in consumer.batches(timeout=0.05))
        assert rows == 30
        assert 0.05 <= time.monotonic() - began < 10


def test_messages_are_the_same_records(log, three):
    with log.consumer(["three"]) as consumer:
        assert sorted(read(consumer)) == everything()
        assert read(consumer) == []


def test_a_group_resumes_where_it_committed(log, three):
    with log.consumer(["three"], group="g") as consumer:
        batches = consumer.batches(timeout=NOW)
        first = next(batches)
        stored = consumer.commit()
    done = first.column("partition")[0].as_py()
    assert stored[TopicPartition("three", done)] == 10
    with log.consumer(["three"], group="g") as consumer:
        assert sorted(read(consumer)) == [row for row in everything() if row[1] != done]


def test_a_commit_in_the_middle_of_a_loop_covers_what_was_yielded_and_no_more(log, three):
    with log.consumer(["three"], group="g") as consumer:
        fourth = next(islice(consumer.messages(timeout=NOW), 3, None))
        consumer.commit()
        assert consumer.committed("three", fourth.partition) == fourth.offset + 1 == 4


def test_leaving_a_loop_early_loses_nothing(log, three):
    with log.consumer(["three"]) as consumer:
        first = next(iter(consumer))
        assert sorted([(first.topic, first.partition, first.offset), *read(consumer)]) == everything()


def test_nothing_is_committed_without_commit(log, three):
    with log.consumer(["three"], group="g") as consumer:
        read(consumer)
    assert "g" not in log.groups()
    with log.consumer(["three"], group="g") as consumer:
        assert sorted(read(consumer)) == everything()


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("earliest", 0),
        ("latest", 10),
        (7, 7),
        (1_000_000, 10),
        (datetime(2020, 1, 1, 0, 0, 5, tzinfo=UTC), 5),
        ("2020-01-01T00:00:05", 5),
    ],
)
def test_partitions_without_a_commit_begin_where_start_says(log, three, start, first):
    with log.consumer(["three"], start=start) as consumer:
        assert [consumer.position("three", p) for p in range(3)] == [first] * 3


def test_a_commit_wins_over_start(log, three):
    with log.consumer(["three"], group="g") as consumer:
        consumer.commit({TopicPartition("three", 1): 6})
    with log.consumer(["three"], group="g", start="latest") as consumer:
        assert [consumer.position("three", p) for p in range(3)] == [10, 6, 10]


def test_two_consumers_of_a_group_share_the_partitions_and_two_groups_do_not(log, three):
    a, b = (log.consumer(["three"], group="g") for _ in range(2))
    other = log.consumer(["three"], group="other")
    assert sorted(a.assignment + b.assignment) == [TopicPartition("three", p) for p in range(3)]
    assert sorted(read(a) + read(b)) == everything()
    assert sorted(read(other)) == everything()


def test_members_of_a_group_may_read_different_topics(log, three, topic):
    a = log.consumer(["three"], group="g")
    b = log.consumer(["events", "three"], group="g")
    dealt = {
        name: [at for at in a.assignment + b.assignment if at.topic == name] for name in ("events", "three")
    }
    assert dealt["events"] == [TopicPartition("events", 0)]
    assert sorted(at.partition for at in dealt["three"]) == [0, 1, 2]
    assert not [at for at in a.assignment if at.topic == "events"]


def test_when_a_consumer_leaves_the_others_take_over_from_its_commits(log, three):
    a, b = (log.consumer(["three"], group="g") for _ in range(2))
    read(a)
    mine = a.commit()
    a.close()
    assert len(b.assignment) == 3
    assert sorted(read(b)) == [row for row in everything() if (row[0], row[1]) not in mine]


def test_a_consumer_cannot_commit_what_a_rebalance_gave_away(log, three):
    a = log.consumer(["three"], group="g")
    read(a)
    b = log.consumer(["three"], group="g")
    with pytest.raises(IllegalGeneration, match="went to another consumer"):
        a.commit()
    assert a.committed("three", 0) is None
    assert len(a.assignment) + len(b.assignment) == 3
    a.commit()
    assert all(a.committed(*place) == 10 for place in a.assignment)


def test_a_commit_that_lost_nothing_survives_a_rebalance(log, three):
    a, b = (log.consumer(["three"], group="g") for _ in range(2))
    read(a)
    kept = a.assignment
    b.close()
    a.commit()
    assert [a.committed(*place) for place in kept] == [10] * len(kept)


def test_a_topic_that_grows_is_read_whole(log, topic):
    with log.consumer(["events"]) as consumer:
        assert read(consumer) == []
        topic.add_partitions(2)
        topic.append(b"new", partition=1)
        assert read(consumer, timeout=1.5) == [("events", 1, 0)]


def test_a_topic_that_grows_is_noticed_while_others_are_busy(log, topic):
    noise = log.create_topic("noise")
    stop = threading.Event()

    def make_noise():
        while not stop.wait(0.01):
            noise.append(b"x")

    thread = threading.Thread(target=make_noise)
    thread.start()
    try:
        with log.consumer(["events"]) as consumer:
            messages = consumer.messages(timeout=5)
            topic.append(b"first")
            assert next(messages).partition == 0
            topic.add_partitions(2)
            topic.append(b"new", partition=1)
            assert next(messages).partition == 1
    finally:
        stop.set()
        thread.join()


def test_partitions_take_turns(log):
    topic = log.create_topic("large", partitions=2)
    for partition in (0, 1):
        with topic.writer() as writer:
            for _ in range(150_000):
                writer.append(b"", partition=partition)
    with log.consumer("large") as consumer:
        seen = [batch.column("partition")[0].as_py() for batch in consumer.batches(timeout=NOW)]
    assert seen[:4] in ([0, 1, 0, 1], [1, 0, 1, 0])


def test_a_topic_that_is_made_anew_is_read_from_its_start_and_old_commits_are_gone(log, topic):
    for _ in range(5):
        topic.append(b"old")
    with log.consumer("events", group="g") as consumer:
        messages = consumer.messages(timeout=0.05)
        assert len(list(messages)) == 5
        consumer.commit()
        log.delete_topic("events")
        assert "g" not in [name for name, group in log.groups().items() if group.describe()]
        assert read(consumer) == []
        log.create_topic("events").append(b"new")
        assert read(consumer, timeout=1.5) == [("events", 0, 0)]
        assert consumer.commit() == {TopicPartition("events", 0): 1}


def test_several_topics_share_one_dictionary(log, three, topic):
    topic.append(b"v")
    with log.consumer(["three", "events"]) as consumer:
        batches = list(consumer.batches(timeout=NOW))
    assert {tuple(batch.column("topic").dictionary.to_pylist()) for batch in batches} == {("three", "events")}
    assert sorted({batch.column("topic")[0].as_py() for batch in batches}) == ["events", "three"]


def test_columns_and_forms_can_be_chosen(log, three):
    with log.consumer("three") as consumer:
        batch = next(consumer.batches(NOW, columns=["value"], values="binary"))
        assert batch.schema.names == ["value"]
        assert batch.schema.types == [pa.binary()]


def test_seek_goes_anywhere_in_the_log_and_nowhere_else(log, three):
    with log.consumer("three") as consumer:
        assert consumer.seek("three", 1, 8) == 8
        assert consumer.seek("three", 0, "latest") == 10
        assert consumer.seek("three", 2, "2020-01-01T00:00:09") == 9
        assert sorted(read(consumer)) == [("three", 1, 8), ("three", 1, 9), ("three", 2, 9)]
        with pytest.raises(OffsetOutOfRange, match="has offsets 0 to 10"):
            consumer.seek("three", 1, 11)
        with pytest.raises(UnknownTopic):
            consumer.position("three", 7)


def test_seek_within_a_loop_goes_on_from_there(log, topic):
    for _ in range(10):
        topic.append(b"v")
    with log.consumer("events") as consumer:
        messages = consumer.messages(timeout=NOW)
        assert [next(messages).offset for _ in range(3)] == [0, 1, 2]
        assert consumer.position("events", 0) == 3
        consumer.seek("events", 0, 8)
        assert [message.offset for message in messages] == [8, 9]


def test_two_loops_over_one_consumer_share_its_records(log, topic):
    for _ in range(6):
        topic.append(b"v")
    with log.consumer("events") as consumer:
        first, second = consumer.messages(NOW), consumer.messages(NOW)
        offsets = [next(messages).offset for messages in (first, first, second, second, first, first)]
    assert offsets == [0, 1, 2, 3, 4, 5]


def test_messages_of_a_partition_that_went_to_another_consumer_are_not_committed(log, three):
    a = log.consumer(["three"], group="g")
    messages = a.messages(NOW)
    read_by_a = [next(messages) for _ in range(5)]
    b = log.consumer(["three"], group="g")
    kept = a.assignment
    read_by_a += messages
    a.commit()
    assert {(m.topic, m.partition) for m in read_by_a[5:]} <= set(kept)
    assert sorted(read(b)) == [row for row in everything() if row[:2] in b.assignment]


def test_a_position_that_retention_overtook_goes_on_at_the_start(log, three, caplog):
    with log.consumer("three", group="g") as consumer:
        consumer.commit({TopicPartition("three", 0): 2})
    three.delete_records({0: 5})
    with log.consumer("three", group="g") as consumer:
        assert [row for row in read(consumer) if row[1] == 0] == [("three", 0, n) for n in range(5, 10)]
    assert "offset 2 of three-0 is not there any more" in caplog.text


def test_an_unknown_topic_and_a_bad_group_are_refused(log, three):
    with pytest.raises(UnknownTopic, match="three"):
        log.consumer(["thre"])
    with pytest.raises(UnknownTopic):
        log.consumer([])
    with pytest.raises(InvalidGroup):
        log.consumer(["three"], group="")
    with pytest.raises(ValueError, match="earliest"):
        log.consumer(["three"], start="sometime")


def test_a_closed_consumer_says_so(log, three):
    consumer = log.consumer(["three"], group="g")
    consumer.close()
    consumer.close()
    for use in (consumer.commit, lambda: read(consumer), lambda: consumer.assignment):
        with pytest.raises(Closed):
            use()


# --- administration --------------------------------------------------------


def test_a_group_shows_commits_lag_and_members(log, three):
    with log.consumer("three", group="g") as consumer:
        consumer.commit({TopicPartition("three", 0): 4})
        group = log.group("g")
        assert group.state == "Stable"
        first, second, _ = group.describe()
        assert (first.committed, first.end_offset, first.lag) == (4, 10, 6)
        assert (second.committed, second.lag, second.member) == (None, None, group.members[0])
    assert log.group("g").state == "Empty"
    assert list(log.groups()) == ["g"]
    assert "lag 6" in repr(log.group("g"))


def test_resetting_a_group_moves_its_commits(log, three):
    with log.consumer("three", group="g") as consumer:
        read(consumer)
        consumer.commit()
        with pytest.raises(NonEmptyGroup):
            log.group("g").reset("earliest")
    assert [row.committed for row in log.group("g").reset("2020-01-01T00:00:03")] == [3, 3, 3]
    assert [row.committed for row in log.group("g").reset({1: "latest"}, topics="three")] == [3, 10, 3]


def test_a_deleted_group_is_forgotten(log, three):
    with log.consumer("three", group="g") as consumer:
        read(consumer)
        consumer.commit()
        with pytest.raises(NonEmptyGroup):
            log.group("g").delete()
    log.group("g").delete()
    assert "g" not in log.groups()
    with pytest.raises(UnknownGroup):
        log.group("g")


def test_an_unknown_group_is_refused_with_the_nearest(log, three):
    with log.consumer("three", group="reports") as consumer:
        consumer.commit()
    with pytest.raises(UnknownGroup, match="did you mean 'reports'"):
        log.group("report")
