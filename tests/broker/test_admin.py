"""Topics, configs and offsets, as librdkafka's admin client asks for them."""

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)
from raw import batch

TIMEOUT = 10


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


def result(futures):
    (future,) = futures.values()
    return future.result(TIMEOUT)


def refusal(futures):
    with pytest.raises(KafkaException) as caught:
        result(futures)
    return caught.value.args[0].name()


def test_a_topic_is_created_described_grown_and_deleted(admin, store):
    result(admin.create_topics([NewTopic("new", 3, 1, config={"retention.ms": "5000"})]))
    assert store.topic("new").partitions == 3
    assert store.topic("new").config.retention_ms == 5000
    assert set(admin.list_topics(timeout=TIMEOUT).topics) == {"events", "new"}
    result(admin.create_partitions([NewPartitions("new", 5)]))
    assert store.topic("new").partitions == 5
    result(admin.delete_topics(["new"]))
    assert "new" not in store.topics()


@pytest.mark.parametrize(
    ("topic", "error"),
    [
        (NewTopic("events", 1, 1), "TOPIC_ALREADY_EXISTS"),
        (NewTopic("../x", 1, 1), "TOPIC_EXCEPTION"),
        (NewTopic("x", 0, 1), "INVALID_PARTITIONS"),
        (NewTopic("x", 1, 3), "INVALID_REPLICATION_FACTOR"),
        (NewTopic("x", 1, 1, config={"retention.ms": "soon"}), "INVALID_CONFIG"),
        (NewTopic("x", 1, 1, config={"retention.mss": "1"}), "INVALID_CONFIG"),
    ],
    ids=["exists", "path", "no partitions", "replicas", "value", "unknown config"],
)
def test_a_topic_that_cannot_be_is_refused_in_kafkas_words(admin, topic, error):
    assert refusal(admin.create_topics([topic])) == error


def test_a_topic_is_only_checked_when_asked_to(admin, store):
    result(admin.create_topics([NewTopic("maybe", 1, 1)], validate_only=True))
    assert "maybe" not in store.topics()


def test_deleting_what_is_not_there_says_so(admin):
    assert refusal(admin.delete_topics(["nowhere"])) == "UNKNOWN_TOPIC_OR_PART"


def test_configs_are_told_with_their_source(admin):
    configs = result(admin.describe_configs([ConfigResource("topic", "events")]))
    assert (configs["retention.ms"].value, configs["retention.ms"].is_default) == ("-1", False)
    assert (configs["segment.bytes"].value, configs["segment.bytes"].is_default) == ("1073741824", True)
    assert len(configs) >= 33


def test_configs_of_the_broker_are_told(admin):
    configs = result(admin.describe_configs([ConfigResource("broker", "0")]))
    assert configs["num.partitions"].value == "1"


@pytest.mark.parametrize(
    ("operation", "before", "given", "after"),
    [
        (AlterConfigOpType.SET, {}, "compact", "compact"),
        (AlterConfigOpType.APPEND, {}, "compact", "delete,compact"),
        (AlterConfigOpType.SUBTRACT, {"cleanup.policy": "compact,delete"}, "compact", "delete"),
        (AlterConfigOpType.DELETE, {"cleanup.policy": "compact"}, None, "delete"),
    ],
    ids=["set", "append", "subtract", "delete"],
)
def test_configs_are_altered_one_by_one(admin, store, operation, before, given, after):
    store.alter_config("events", before)
    entry = ConfigEntry("cleanup.policy", given, incremental_operation=operation)
    result(admin.incremental_alter_configs([ConfigResource("topic", "events", incremental_configs=[entry])]))
    assert ",".join(store.topic("events").config.cleanup_policy) == after


def test_records_are_deleted_up_to_an_offset(admin, store):
    store.partition("events", 0).append(bytearray(batch(b"a", b"b", b"c")))
    deleted = result(admin.delete_records([TopicPartition("events", 0, 2)]))
    assert deleted.low_watermark == 2
    assert store.partition("events", 0).start_offset == 2


def test_the_cluster_is_one_broker(admin, broker, store):
    cluster = admin.describe_cluster().result(TIMEOUT)
    assert cluster.cluster_id == store.cluster_id
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [broker.bootstrap_servers]


def test_metadata_creates_topics_only_when_asked_to(raw, store):
    ask = {"topics": None, "allow_auto_topic_creation": True}
    from raw import entity

    wanted = (entity(3, 5, "MetadataRequestTopic", name="made"),)
    raw.ask(3, 5, **ask | {"topics": wanted, "allow_auto_topic_creation": False})
    assert "made" not in store.topics()
    raw.ask(3, 5, **ask | {"topics": wanted})
    assert "made" in store.topics()


def test_producer_ids_are_never_given_twice(raw):
    from datetime import timedelta

    ask = {"transactional_id": None, "transaction_timeout": timedelta(seconds=1)}
    given = [raw.ask(22, 1, **ask).producer_id for _ in range(1100)]
    assert len(set(given)) == len(given)
