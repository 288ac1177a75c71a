"""The records that the store itself keeps: ours read by Kafka's decoders, Kafka's read by us."""

import json
import re
from uuid import UUID

import pytest

import pykafkalite as pk
from pykafkalite._core import ATTR_CONTROL, build_batch, records_of, stamp, walk_batches
from pykafkalite.api import TopicPartition
from pykafkalite.storage import records as stored
from pykafkalite.storage.records import (
    GroupMetadataKey,
    GroupMetadataValue,
    MemberMetadata,
    OffsetCommitKey,
    OffsetCommitValue,
    decode_group,
    encode_control,
    encode_group,
    encode_metadata,
)

ID = UUID(bytes=bytes(range(16)))
METADATA = [
    stored.FeatureLevelRecord(name="metadata.version", feature_level=30),
    stored.TopicRecord(name="flights", topic_id=ID),
    stored.PartitionRecord(
        partition_id=2, topic_id=ID, replicas=(0,), isr=(0,), leader=0, leader_epoch=5, partition_epoch=6
    ),
    stored.ConfigRecord(resource_type=2, resource_name="flights", name="retention.ms", value="-1"),
    stored.ProducerIdsRecord(broker_id=0, broker_epoch=9, next_producer_id=1000),
    stored.RemoveTopicRecord(topic_id=ID),
]
MEMBER = MemberMetadata(
    member_id="m",
    client_id="c",
    client_host="/127.0.0.1",
    session_timeout=45,
    subscription=b"",
    assignment=b"",
)


def payloads(dump):
    """The JSON that a decoder printed for each record: {"type": ..., "data": {...}}."""
    return [json.loads(it) for it in re.findall(r"payload: (\{.*\})$", dump, re.MULTILINE)]


def write(path, *batches):
    end, content = 0, b""
    for batch in batches:
        end = stamp(batch, end, 0)
        content += batch
    path.write_bytes(content)
    return path


@pytest.mark.interop
def test_every_metadata_record_of_ours_is_read_by_kafkas_decoder(oracle, tmp_path):
    log = write(
        tmp_path / ("0" * 20 + ".log"), build_batch([(None, encode_metadata(it), None, 0) for it in METADATA])
    )
    feature, topic, partition, config, block, removed = payloads(
        oracle.dump("--cluster-metadata-decoder", "--deep-iteration", "--files", log)
    )
    assert feature["type"] == "FEATURE_LEVEL_RECORD"
    assert feature["data"] == {"name": "metadata.version", "featureLevel": 30}
    assert topic["data"] == {"name": "flights", "topicId": "AAECAwQFBgcICQoLDA0ODw"}
    assert partition["data"]["partitionId"] == 2
    assert [partition["data"][it] for it in ("leader", "leaderEpoch", "partitionEpoch")] == [0, 5, 6]
    assert partition["data"]["replicas"] == partition["data"]["isr"] == [0]
    assert config["data"] == {
        "resourceType": 2,
        "resourceName": "flights",
        "name": "retention.ms",
        "value": "-1",
    }
    assert block["data"] == {"brokerId": 0, "brokerEpoch": 9, "nextProducerId": 1000}
    assert removed["data"] == {"topicId": "AAECAwQFBgcICQoLDA0ODw"}


@pytest.mark.interop
def test_a_snapshots_header_and_footer_are_kafkas(oracle, tmp_path):
    header, footer = (
        build_batch([(*encode_control(it), None, 0)], attributes=ATTR_CONTROL)
        for it in (stored.SnapshotHeaderRecord(last_contained_log_timestamp=7), stored.SnapshotFooterRecord())
    )
    data = build_batch([(None, encode_metadata(METADATA[0]), None, 0)])
    path = write(tmp_path / "bootstrap.checkpoint", header, data, footer)
    dump = oracle.dump("--cluster-metadata-decoder", "--deep-iteration", "--files", path)
    assert 'SnapshotHeader {"version":0,"lastContainedLogTimestamp":7}' in dump
    assert 'SnapshotFooter {"version":0}' in dump


@pytest.mark.interop
def test_every_group_record_of_ours_is_read_by_kafkas_decoder(oracle, tmp_path):
    commit = OffsetCommitValue(offset=42, leader_epoch=3, metadata="so far", commit_timestamp=9)
    group = GroupMetadataValue(
        protocol_type="consumer", generation=4, protocol="range", leader="m", members=(MEMBER,)
    )
    written = [
        encode_group(OffsetCommitKey(group="g", topic="t", partition=1), commit),
        encode_group(OffsetCommitKey(group="g", topic="t", partition=2), None),
        encode_group(GroupMetadataKey(group="g"), group),
    ]
    batch = build_batch([(key, value, None, 0) for key, value in written])
    log = write(tmp_path / ("0" * 20 + ".log"), batch)
    dump = oracle.dump("--offsets-decoder", "--deep-iteration", "--files", log)
    keys = [json.loads(it) for it in re.findall(r"key: (\{.*?\}\})", dump)]
    assert [it["data"] for it in keys] == [
        {"group": "g", "topic": "t", "partition": 1},
        {"group": "g", "topic": "t", "partition": 2},
        {"group": "g"},
    ]
    offset, metadata = payloads(dump)
    assert offset["data"].items() >= {"offset": 42, "leaderEpoch": 3, "metadata": "so far"}.items()
    assert metadata["data"].items() >= {"generation": 4, "protocol": "range", "leader": "m"}.items()
    assert metadata["data"]["members"][0]["memberId"] == "m"


@pytest.mark.parametrize("golden", ["groups"], indirect=True)
def test_the_commits_that_kafka_stored_are_read_by_us(golden):
    data, expected = golden
    log = (data / "__consumer_offsets-0" / ("0" * 20 + ".log")).read_bytes()
    committed = {}
    for batch in walk_batches(log):
        for _, _, key, value, _ in [] if batch.is_control else records_of(log, batch):
            match decode_group(key, value):
                case OffsetCommitKey() as at, OffsetCommitValue() as commit:
                    row = [at.topic, at.partition, commit.offset, commit.metadata]
                    committed.setdefault(at.group, {})[at.topic, at.partition] = row
                case OffsetCommitKey() as at, None:
                    committed[at.group].pop((at.topic, at.partition), None)
    told = {group: sorted(rows.values()) for group, rows in committed.items()}
    assert told == expected["groups"]


@pytest.mark.interop
def test_a_group_that_lived_here_is_read_by_kafkas_offsets_decoder(oracle, tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("flights", 2)
        with log.consumer("flights", group="g") as consumer:
            consumer.commit({TopicPartition("flights", 1): 7})
            (member,) = log.group("g").members
    segment = tmp_path / "log" / "__consumer_offsets-0" / f"{0:020}.log"
    found = payloads(oracle.dump("--offsets-decoder", "--print-data-log", "--files", segment))
    groups = [it["data"] for it in found if "generation" in it["data"]]
    commits = [it["data"] for it in found if "offset" in it["data"]]
    assert [(it["protocolType"], it["generation"], len(it["members"])) for it in groups] == [
        ("consumer", 1, 1),
        ("consumer", 2, 0),
    ]
    assert (groups[0]["leader"], groups[0]["protocol"], groups[0]["members"][0]["memberId"]) == (
        member,
        "range",
        member,
    )
    assert [it["offset"] for it in commits] == [7]
