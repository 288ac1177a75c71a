"""What real Kafka wrote (tests/golden) is read here, and written back as the same bytes."""

import json
from pathlib import Path

import pytest

from pykafkalite._core import check_records, records_of, walk_batches
from pykafkalite.storage import naming
from pykafkalite.storage.checkpoints import (
    CLEAN_SHUTDOWN,
    HIGH_WATERMARKS,
    LEADER_EPOCHS,
    LOG_STARTS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
)
from pykafkalite.storage.codecs import decompress
from pykafkalite.storage.config import TopicConfig
from pykafkalite.storage.records import (
    GroupMetadataValue,
    OffsetCommitValue,
    decode_group,
    decode_metadata,
    encode_group,
    encode_metadata,
)

GOLDEN = Path(__file__).parent.parent / "golden"
STORES = sorted(path for path in GOLDEN.glob("*/data") if path.is_dir())
every_store = pytest.mark.parametrize("store", STORES, ids=[path.parent.name for path in STORES])


def batches_of(path):
    data = path.read_bytes()
    return [(data, batch) for batch in walk_batches(data)]


def expected(store):
    return json.loads((store.parent / "expected.json").read_text())


def test_there_is_golden_data():
    assert len(STORES) >= 6


@every_store
def test_kafkas_checkpoints_are_read_without_a_problem(store):
    for kind in (RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS, META_PROPERTIES, CLEAN_SHUTDOWN):
        found = kind.read(store)
        assert found.problem is None
        assert found.value is not None
    assert META_PROPERTIES.read(store).value.format_version is None


@every_store
def test_kafkas_checkpoints_of_partitions_come_out_as_the_same_bytes(store):
    for directory in store.glob("*-[0-9]"):
        for kind in (LEADER_EPOCHS, PARTITION_METADATA):
            value, problem = kind.read(directory)
            assert problem is None
            assert kind.text(value).encode() == (directory / kind.name).read_bytes()
    assert (
        CLEAN_SHUTDOWN.text(CLEAN_SHUTDOWN.read(store).value) == (store / ".kafka_cleanshutdown").read_text()
    )


@every_store
def test_kafkas_names_are_understood(store):
    for directory in (path for path in store.iterdir() if path.is_dir()):
        assert naming.parse_directory(directory.name) is not None
        for log in directory.glob("*.log"):
            assert naming.segment_file(*naming.parse_segment_file(log.name)) == log.name


@every_store
def test_kafkas_metadata_comes_out_as_the_same_bytes(store):
    for data, batch in batches_of(store / "bootstrap.checkpoint"):
        for _, _, _, value, _ in [] if batch.is_control else records_of(data, batch):
            assert encode_metadata(decode_metadata(value)) == value


@every_store
def test_every_compressed_batch_becomes_its_records(store):
    for log in store.glob("*/*.log"):
        for data, batch in batches_of(log):
            if batch.codec:
                payload = data[batch.position + 61 : batch.position + batch.size]
                check_records(data, batch, decompress(batch.codec, payload, 1 << 20), dense=False)


def test_there_are_batches_of_every_codec():
    seen = {batch.codec for log in GOLDEN.glob("codecs/data/*/*.log") for _, batch in batches_of(log)}
    assert seen == {0, 1, 2, 3, 4}


def group_records():
    for data, batch in batches_of(GOLDEN / "groups/data/__consumer_offsets-0/00000000000000000000.log"):
        for _, _, key, value, _ in records_of(data, batch):
            if decoded := decode_group(key, value):
                yield key, value, *decoded


def test_kafkas_committed_offsets_are_what_its_clients_saw():
    groups = {}
    for _, _, key, value in group_records():
        if isinstance(value, OffsetCommitValue):
            committed = groups.setdefault(key.group, {})
            committed[key.topic, key.partition] = [key.topic, key.partition, value.offset, value.metadata]
    seen = {group: [offsets[key] for key in sorted(offsets)] for group, offsets in groups.items()}
    assert seen == expected(GOLDEN / "groups/data")["groups"]


def test_kafkas_groups_come_out_as_the_same_bytes():
    groups = [found for found in group_records() if isinstance(found[3], GroupMetadataValue)]
    assert groups
    for key, value, *decoded in groups:
        assert encode_group(*decoded) == (key, value)


def test_a_kafka_topics_config_is_ours():
    for store in STORES:
        for topic in expected(store)["topics"].values():
            assert TopicConfig(topic["config"]).overrides == topic["config"]
