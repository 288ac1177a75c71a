"""Kafka's own command-line tools against either broker."""

import json
import re

import pytest
from real_kafka import KafkaError

pytestmark = [pytest.mark.interop, pytest.mark.long]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def offsets(broker, topic, *more):
    return broker.tool("kafka-get-offsets", "--topic", topic, *more).splitlines()


def fill(broker, topic, count, *more):
    text = "".join(f"line {n}\n" for n in range(count))
    broker.tool("kafka-console-producer", "--topic", topic, *more, stdin=text)


# --- kafka-topics, kafka-configs -------------------------------------------------


def test_topics_are_created_listed_described_grown_and_deleted(kafka_broker):
    name = kafka_broker.name("tool")
    made = kafka_broker.tool(
        "kafka-topics", "--create", "--topic", name, "--partitions", "2", "--config", "retention.ms=9"
    )
    assert made == f"Created topic {name}.\n"
    assert name in kafka_broker.tool("kafka-topics", "--list").split()
    with pytest.raises(KafkaError, match="already exists"):
        kafka_broker.tool("kafka-topics", "--create", "--topic", name)
    assert kafka_broker.tool("kafka-topics", "--create", "--topic", name, "--if-not-exists") == ""
    kafka_broker.tool("kafka-topics", "--alter", "--topic", name, "--partitions", "3")
    head, *partitions = kafka_broker.tool("kafka-topics", "--describe", "--topic", name).splitlines()
    assert re.match(
        rf"Topic: {name}\tTopicId: [\w-]{{22}}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: ", head
    )
    assert "retention.ms=9" in head
    assert [re.search(r"Partition: (\d)\tLeader: (\d)", it)[1] for it in partitions] == ["0", "1", "2"]
    kafka_broker.tool("kafka-topics", "--delete", "--topic", name)
    assert name not in kafka_broker.tool("kafka-topics", "--list").split()
    with pytest.raises(KafkaError, match="does not exist"):
        kafka_broker.tool("kafka-topics", "--describe", "--topic", name)


@pytest.mark.parametrize("flag", ["under-replicated", "unavailable", "under-min-isr", "at-min-isr"])
def test_no_partition_lacks_replicas(kafka_broker, flag):
    topic = kafka_broker.topic("whole")
    said = kafka_broker.tool("kafka-topics", "--describe", "--topic", topic, f"--{flag}-partitions")
    assert (topic in said) == (flag == "at-min-isr")


def test_configs_are_described_with_where_they_come_from(kafka_broker):
    topic = kafka_broker.topic("configured")
    about = ["--entity-type", "topics", "--entity-name", topic]
    kafka_broker.tool(
        "kafka-configs",
        *about,
        "--alter",
        "--add-config",
        "max.message.bytes=2000,cleanup.policy=[compact,delete]",
    )
    shown = kafka_broker.tool("kafka-configs", *about, "--describe")
    assert (
        "max.message.bytes=2000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000, "
        in shown
    )
    assert "DEFAULT_CONFIG:message.max.bytes=1048588}" in shown
    assert "cleanup.policy=compact,delete" in shown
    kafka_broker.tool("kafka-configs", *about, "--alter", "--delete-config", "max.message.bytes")
    shown = kafka_broker.tool("kafka-configs", *about, "--describe")
    assert "max.message.bytes" not in shown
    with pytest.raises(KafkaError, match="InvalidConfigurationException"):
        kafka_broker.tool("kafka-configs", *about, "--alter", "--add-config", "max.message.bytes=lots")


def test_every_topic_config_is_described_with_the_same_value(kafka_broker):
    about = [
        "--entity-type",
        "topics",
        "--entity-name",
        kafka_broker.topic("defaults"),
        "--describe",
        "--all",
    ]
    shown = kafka_broker.tool("kafka-configs", *about)
    values = dict(re.findall(r"^  ([\w.]+)=(\S*) sensitive=false", shown, re.MULTILINE))
    assert values["segment.bytes"] == "1073741824"
    assert values["min.insync.replicas"] == "1"
    assert values["compression.type"] == "producer"
    assert values["retention.ms"] == "-1"
    assert len(values) >= 30


def test_configs_of_the_broker_are_described(kafka_broker):
    shown = kafka_broker.tool(
        "kafka-configs", "--entity-type", "brokers", "--entity-name", "0", "--describe", "--all"
    )
    assert "node.id=0 sensitive=false" in shown
    assert "num.partitions=1 sensitive=false" in shown


# --- records ---------------------------------------------------------------------


def test_lines_go_in_and_come_out(kafka_broker):
    topic = kafka_broker.topic("console")
    text = "k1:v1\nk2:v2\n:v3\n"
    kafka_broker.tool(
        "kafka-console-producer", "--topic", topic, "--reader-property", "parse.key=true",
        "--reader-property", "key.separator=:", stdin=text,
    )  # fmt: skip
    shown = kafka_broker.tool(
        "kafka-console-consumer", "--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "3",
        "--formatter-property", "print.key=true", "--formatter-property", "key.separator=:",
    )  # fmt: skip
    assert shown == text


def test_the_console_producers_codecs_are_taken(kafka_broker):
    topic = kafka_broker.topic("console-codecs")
    for codec in CODECS:
        fill(kafka_broker, topic, 100, "--compression-codec", codec)
    args = ["--topic", topic, "--partition", "0", "--offset", "40", "--max-messages", "460"]
    got = kafka_broker.tool("kafka-console-consumer", *args).splitlines()
    assert got == [f"line {n % 100}" for n in range(40, 500)]


def test_offsets_are_got_for_every_time_and_topic(kafka_broker):
    topic = kafka_broker.topic("got", partitions=2)
    fill(kafka_broker, topic, 10)
    ends = offsets(kafka_broker, topic)
    assert sum(int(it.split(":")[2]) for it in ends) == 10
    assert offsets(kafka_broker, topic, "--time", "earliest") == [f"{topic}:0:0", f"{topic}:1:0"]
    assert offsets(kafka_broker, topic, "--time", "-2", "--partitions", "1") == [f"{topic}:1:0"]
    latest = offsets(kafka_broker, topic, "--time", "max-timestamp")
    assert all(int(it.split(":")[2]) < 10 for it in latest)
    assert offsets(kafka_broker, topic, "--time", "earliest-local") == [f"{topic}:0:0", f"{topic}:1:0"]
    everything = kafka_broker.tool("kafka-get-offsets").splitlines()
    assert set(ends) <= set(everything)


def test_records_are_deleted_as_a_file_says(kafka_broker, tmp_path):
    topic = kafka_broker.topic("deleted")
    fill(kafka_broker, topic, 10)
    wanted = tmp_path / "delete.json"
    wanted.write_text(
        json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 7}], "version": 1})
    )
    said = kafka_broker.tool("kafka-delete-records", "--offset-json-file", str(wanted))
    assert f"partition: {topic}-0\tlow_watermark: 7" in said
    assert offsets(kafka_broker, topic, "--time", "earliest") == [f"{topic}:0:7"]


# --- the broker ------------------------------------------------------------------


def test_the_log_directory_shows_what_a_partition_takes(kafka_broker):
    topic = kafka_broker.topic("sized")
    fill(kafka_broker, topic, 1000)
    said = kafka_broker.tool("kafka-log-dirs", "--describe", "--topic-list", topic)
    (size,) = re.findall(rf'"partition":"{topic}-0","size":(\d+),"offsetLag":0,"isFuture":false', said)
    assert int(size) > 1000 * len("line 1")


def test_the_apis_are_listed_in_versions_that_java_can_use(kafka_broker):
    said = kafka_broker.tool("kafka-broker-api-versions")
    assert "UNSUPPORTED" not in "".join(
        re.findall(
            r"^\t(?:Produce|Fetch|Metadata|ApiVersions|CreateTopics|InitProducerId)\(.*$", said, re.MULTILINE
        )
    )
    versions = dict(re.findall(r"^\t(\w+)\(\d+\): (\d+ to \d+)", said, re.MULTILINE))
    assert versions["Produce"] == "0 to 13"
    assert versions["Fetch"] == "4 to 18"
    assert versions["Metadata"] == "0 to 13"


def test_the_cluster_has_an_id(kafka_broker):
    said = kafka_broker.tool(
        "kafka-cluster", "cluster-id", "--bootstrap-server", kafka_broker.servers, bootstrap=""
    )
    assert re.fullmatch(r"Cluster ID: [\w-]{22}\n", said)


def test_electing_leaders_leaves_everything_where_it_is(kafka_broker):
    topic = kafka_broker.topic("elected")
    said = kafka_broker.tool(
        "kafka-leader-election", "--election-type", "preferred", "--topic", topic, "--partition", "0"
    )
    assert f"Valid replica already elected for partitions {topic}-0" in said


# --- performance tools -----------------------------------------------------------


@pytest.mark.parametrize("acks", ["1", "all"])
def test_the_producers_perf_test_sends_all_its_records(kafka_broker, acks):
    topic = kafka_broker.topic("producer-perf", partitions=3)
    said = kafka_broker.tool(
        "kafka-producer-perf-test", "--topic", topic, "--num-records", "20000", "--record-size", "100",
        "--throughput", "-1", "--command-property", f"acks={acks}",
    )  # fmt: skip
    assert "20000 records sent" in said
    assert sum(int(it.split(":")[2]) for it in offsets(kafka_broker, topic)) == 20_000


def test_the_quorum_of_the_metadata_has_one_voter_that_leads(kafka_broker):
    shown = kafka_broker.tool("kafka-metadata-quorum", "describe", "--status")
    status = dict(re.findall(r"^(\w+):\s+(.*)$", shown, re.MULTILINE))
    assert status["LeaderId"] == "0"
    assert int(status["HighWatermark"]) > 0
    shown = kafka_broker.tool("kafka-metadata-quorum", "describe", "--replication")
    (leader,) = [it.split() for it in shown.splitlines() if "Leader" in it.split()]
    assert leader[0] == "0"


def test_a_partition_is_reassigned_to_where_it_is(kafka_broker, tmp_path):
    topic = kafka_broker.topic("reassigned")
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [0]}]})
    )
    done = ["--reassignment-json-file", str(plan)]
    said = kafka_broker.tool("kafka-reassign-partitions", "--execute", *done)
    assert f"Successfully started partition reassignment for {topic}-0" in said
    assert f"Reassignment of partition {topic}-0 is completed." in kafka_broker.tool(
        "kafka-reassign-partitions", "--verify", *done
    )
