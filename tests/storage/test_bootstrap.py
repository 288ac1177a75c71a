import pytest

from pykafkalite._core import records_of, walk_batches
from pykafkalite.storage.bootstrap import FILE
from pykafkalite.storage.metadata import MetadataLog
from pykafkalite.storage.records import (
    ConfigRecord,
    FeatureLevelRecord,
    PartitionRecord,
    ProducerIdsRecord,
    TopicRecord,
    decode_metadata,
)


@pytest.fixture
def log(tmp_path):
    log = MetadataLog.open(tmp_path, node_id=1, writable=True, now=lambda: 1234)
    yield log
    log.close()


def snapshot(path):
    data = (path / FILE).read_bytes()
    return data, walk_batches(data)


def metadata_records(path):
    data, batches = snapshot(path)
    return [decode_metadata(record[3]) for batch in batches[1:-1] for record in records_of(data, batch)]


def test_a_snapshot_is_framed_by_a_header_and_a_footer(log, tmp_path):
    log.write_bootstrap()
    data, batches = snapshot(tmp_path)
    (header,), (footer,) = records_of(data, batches[0]), records_of(data, batches[-1])
    assert [batch.is_control for batch in batches] == [True, False, True]
    assert header[2:4] == (bytes.fromhex("00000003"), bytes.fromhex("0000 0000000000000000 00"))
    assert footer[2:4] == (bytes.fromhex("00000004"), bytes.fromhex("0000 00"))


def test_its_offsets_begin_at_zero_and_have_no_gap(log, tmp_path):
    log.create_topic("t", 1200)
    log.write_bootstrap()
    _, batches = snapshot(tmp_path)
    assert [batch.base_offset for batch in batches] == [0, *(batch.last_offset + 1 for batch in batches[:-1])]
    assert {batch.leader_epoch for batch in batches} == {0}
    assert max(batch.count for batch in batches) == 500


def test_it_says_which_version_of_kafka_it_is_for(log, tmp_path):
    log.write_bootstrap()
    assert metadata_records(tmp_path)[0] == FeatureLevelRecord(name="metadata.version", feature_level=30)


def test_it_holds_topics_partitions_and_what_was_set(log, tmp_path):
    log.raise_leader_epoch()
    topic = log.create_topic("t", 2, {"retention.ms": -1})
    log.delete_topic(log.create_topic("gone").name)
    log.allocate_producer_ids(1000)
    log.write_bootstrap()
    records = [record for record in metadata_records(tmp_path) if not isinstance(record, FeatureLevelRecord)]
    partitions = [
        PartitionRecord(
            partition_id=index,
            topic_id=topic.id,
            replicas=(1,),
            isr=(1,),
            leader=1,
            leader_epoch=1,
            partition_epoch=0,
        )
        for index in range(2)
    ]
    assert records == [
        ProducerIdsRecord(broker_id=1, broker_epoch=0, next_producer_id=1000),
        TopicRecord(name="t", topic_id=topic.id),
        *partitions,
        ConfigRecord(resource_type=2, resource_name="t", name="retention.ms", value="-1"),
    ]


def test_it_is_written_only_when_something_changed(log, tmp_path):
    log.write_bootstrap()
    first = (tmp_path / FILE).stat().st_ino
    log.write_bootstrap()
    assert (tmp_path / FILE).stat().st_ino == first
    log.create_topic("t")
    log.write_bootstrap()
    assert (tmp_path / FILE).stat().st_ino != first


def test_it_is_written_anew_when_it_was_removed(log, tmp_path):
    log.write_bootstrap()
    log.close()
    (tmp_path / FILE).unlink()
    again = MetadataLog.open(tmp_path, node_id=1, writable=True)
    again.write_bootstrap()
    again.close()
    assert (tmp_path / FILE).exists()


def test_nothing_is_ever_read_from_it(log, tmp_path):
    log.create_topic("t")
    log.close()
    (tmp_path / FILE).write_bytes(b"garbage")
    again = MetadataLog.open(tmp_path, node_id=1, writable=True)
    assert list(again.topics()) == ["t"]
    again.close()
