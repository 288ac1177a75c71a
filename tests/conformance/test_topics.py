"""Topics by name, and what happens to wrong ones."""

import pytest

from pykafkalite.errors import (
    Closed,
    InvalidConfig,
    InvalidPartitions,
    InvalidTopic,
    TopicExists,
    UnknownTopic,
)


def test_topics_are_found_by_name(log):
    made = log.create_topic("flights", partitions=3, config={"retention.ms": 86_400_000})
    assert (made.name, made.partitions, made.is_internal) == ("flights", 3, False)
    assert made.config["retention.ms"] == 86_400_000
    assert set(made.overrides) == {"retention.ms"}
    assert log.topic("flights").id == made.id
    assert list(log.topics()) == ["flights"]


def test_an_unknown_name_is_answered_with_the_nearest(log):
    log.create_topic("flights")
    with pytest.raises(UnknownTopic, match="did you mean 'flights'"):
        log.topic("fligths")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a b", "ä", "x" * 250])
def test_a_name_that_kafka_does_not_allow_is_refused(log, name):
    with pytest.raises(InvalidTopic):
        log.create_topic(name)


def test_a_name_is_given_once(log):
    log.create_topic("a.b")
    for name in ("a.b", "a_b"):
        with pytest.raises(TopicExists):
            log.create_topic(name)


@pytest.mark.parametrize(
    "config", [{"retention": 1}, {"retention.ms": "soon"}, {"segment.bytes": 1}, {"cleanup.policy": "burn"}]
)
def test_an_unknown_or_ill_typed_config_is_refused(log, config):
    with pytest.raises(InvalidConfig):
        log.create_topic("t", config=config)
    assert list(log.topics()) == []


def test_configs_can_be_changed_and_set_back(topic):
    topic.alter_config({"retention.ms": 5, "flush.messages": 1})
    topic.alter_config({"retention.ms": None})
    assert topic.config["retention.ms"] == 604_800_000
    assert set(topic.overrides) == {"flush.messages"}


def test_partitions_can_be_added_and_never_taken_away(topic):
    topic.add_partitions(4)
    assert topic.partitions == len(topic.describe()) == 4
    with pytest.raises(InvalidPartitions):
        topic.add_partitions(3)
    assert topic.append(b"v", partition=3).partition == 3


def test_a_deleted_topic_is_gone_and_its_name_is_free(log, topic):
    topic.append(b"old")
    log.delete_topic("events")
    with pytest.raises(UnknownTopic):
        topic.append(b"v")
    with pytest.raises(UnknownTopic):
        log.topic("events")
    assert log.create_topic("events").describe()[0].end_offset == 0


def test_describe_and_offsets_say_what_is_there(three):
    assert [(i.partition, i.start_offset, i.end_offset) for i in three.describe()] == [
        (p, 0, 10) for p in range(3)
    ]
    assert all(info.size > 0 for info in three.describe())
    assert three.offsets("2020-01-01T00:00:05") == {0: 5, 1: 5, 2: 5}


def test_looks_tell_records_sizes_and_times(log, three):
    for thing in (log, three, three.scan()):
        for shown in (repr(thing), thing._repr_html_()):
            assert "2020-01-01" in shown
            assert "three" in shown
    assert "30 records" in repr(log)
    assert "30 records" in repr(three)
    assert "30 offsets in 3 partitions" in repr(three.scan())


def test_after_close_everything_says_so(log, three):
    scan, consumer, writer = three.scan(), log.consumer("three", group="g"), three.writer()
    log.close()
    log.close()
    uses = [
        lambda: log.topics(),
        lambda: log.topic("three"),
        lambda: log.create_topic("x"),
        lambda: log.consumer("three"),
        lambda: log.groups(),
        lambda: three.append(b"v"),
        lambda: three.scan(),
        lambda: three.describe(),
        lambda: list(scan),
        lambda: consumer.commit(),
        lambda: list(consumer.batches(0)),
        lambda: (writer.append(b"v"), writer.flush()),
    ]
    for use in uses:
        with pytest.raises(Closed):
            use()
    assert "closed" in repr(log)
    assert log.closed
    for thing in (three, scan, consumer):
        assert "closed" in repr(thing)
