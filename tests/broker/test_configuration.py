"""What a broker is told, and by whom: flag before environment before file before default."""

import pytest

from pykafkalite import errors
from pykafkalite.broker.configuration import load, parse_properties
from pykafkalite.broker.settings import Settings


@pytest.fixture
def properties(tmp_path):
    file = tmp_path / "server.properties"

    def write(text):
        file.write_text(text)
        return file

    return write


def test_a_flag_counts_before_the_environment_before_a_file_before_the_default(properties):
    file = properties("num.partitions=2\nfetch.max.bytes=2000\nsocket.request.max.bytes=200\n")
    environ = {"PYKAFKALITE_NUM_PARTITIONS": "3", "KAFKA_FETCH_MAX_BYTES": "3000"}
    settings = load(file=file, environ=environ, sets=[("num.partitions", "4")])
    assert settings.num_partitions == 4
    assert settings.fetch_max_bytes == 3000
    assert settings.socket_request_max_bytes == 200
    assert settings.group_min_session_timeout_ms == 6000
    assert settings.sources == {
        "num.partitions": "--set num.partitions",
        "fetch.max.bytes": "KAFKA_FETCH_MAX_BYTES",
        "socket.request.max.bytes": str(file),
    }


def test_our_variable_counts_before_kafkas():
    environ = {"PYKAFKALITE_NUM_PARTITIONS": "3", "KAFKA_NUM_PARTITIONS": "4"}
    assert load(environ=environ).num_partitions == 3


def test_variables_of_other_kafka_software_are_none_of_ours():
    environ = {"KAFKA_OPTS": "-Xmx1g", "KAFKA_BOOTSTRAP_SERVERS": "x:1", "PYKAFKALITE_LOG": "json"}
    assert not load(environ=environ).sources


def test_the_command_line_s_directory_is_the_broker_s_unless_something_says_more():
    environ = {"PYKAFKALITE_AT": "data", "KAFKA_LOG_DIRS": "theirs"}
    assert load(environ=environ).log_dirs == "data"
    assert load(environ={**environ, "PYKAFKALITE_LOG_DIRS": "ours"}).log_dirs == "ours"
    assert load(environ=environ, sets=[("log.dir", "set")]).log_dirs == "set"


def test_a_variable_of_ours_that_is_no_config_is_an_error():
    with pytest.raises(errors.InvalidConfig, match=r"num\.partitions.*PYKAFKALITE_NUM_PARTITONS"):
        load(environ={"PYKAFKALITE_NUM_PARTITONS": "3"})


def test_a_config_in_another_unit_or_under_another_name_is_the_same_config(properties):
    file = properties("log.retention.ms=1\nbroker.id=7\n")
    settings = load(file=file, sets=[("log.retention.hours", "1"), ("node.id", "8")])
    assert settings.topic_defaults == {"retention.ms": 3_600_000}
    assert settings.node_id == 8


def test_of_several_units_the_finest_counts_as_in_kafka():
    given = {"log.retention.hours": "1", "log.retention.minutes": "1", "log.roll.hours": "2"}
    assert Settings.given(given).topic_defaults == {"retention.ms": 60_000, "segment.ms": 7_200_000}


def test_no_limit_is_no_limit_in_every_unit():
    assert Settings.given({"log.retention.hours": "-1"}).topic_defaults == {"retention.ms": -1}


def test_an_unknown_name_is_an_error_with_the_nearest_one_and_its_place(properties):
    file = properties("num.partitons=2\n")
    with pytest.raises(errors.InvalidConfig) as raised:
        load(file=file)
    assert "did you mean 'num.partitions'?" in str(raised.value)
    assert str(file) in str(raised.value)


def test_a_wrong_value_is_told_with_its_place_and_what_is_allowed():
    with pytest.raises(
        errors.InvalidConfig, match=r"cannot be 'many': it takes 1 to .*--set num\.partitions"
    ):
        load(sets=[("num.partitions", "many")])


def test_what_has_no_effect_on_one_node_is_accepted_with_a_note():
    settings = Settings.given({"process.roles": "broker,controller", "num.io.threads": "8"})
    assert len(settings.notes) == 2
    assert settings.notes[0].startswith("process.roles is accepted and has no effect: there is one node")


@pytest.mark.parametrize(
    "name", ["ssl.keystore.location", "sasl.enabled.mechanisms", "authorizer.class.name"]
)
def test_security_that_would_not_be_kept_is_refused(name):
    with pytest.raises(errors.InvalidConfig, match="there is no authentication"):
        Settings.given({name: "x"})


def test_a_server_properties_of_a_real_kafka_serves_as_it_is(properties):
    text = """
        # as in config/server.properties
        process.roles=broker,controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
        num.network.threads=3
        num.io.threads=8
        socket.send.buffer.bytes=102400
        socket.receive.buffer.bytes=102400
        socket.request.max.bytes=104857600
        log.dirs=/tmp/kraft-combined-logs
        num.partitions=1
        num.recovery.threads.per.data.dir=2
        offsets.topic.replication.factor=1
        share.coordinator.state.topic.replication.factor=1
        share.coordinator.state.topic.min.isr=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        log.retention.hours=168
        log.segment.bytes=1073741824
        log.retention.check.interval.ms=300000
    """
    settings = load(file=properties(text))
    assert (settings.node_id, settings.log_dirs) == (1, "/tmp/kraft-combined-logs")


def test_properties_are_read_as_java_reads_them():
    text = "a=1\n! no\nb : two words \nc\\=d=3\ne = on\\\n   going\nf\ng\\u0041 \\ttab\n"
    assert dict(parse_properties(text)) == {
        "a": "1", "b": "two words", "c=d": "3", "e": "ongoing", "f": "", "gA": "tab",
    }  # fmt: skip


def test_toml_tables_make_dotted_names(tmp_path):
    file = tmp_path / "broker.toml"
    file.write_text('num.partitions = 2\n[log]\nretention.ms = -1\ncleanup.policy = ["compact", "delete"]\n')
    settings = load(file=file)
    assert settings.num_partitions == 2
    assert settings.topic_defaults == {"retention.ms": -1, "cleanup.policy": ("compact", "delete")}


@pytest.mark.parametrize(("name", "text"), [("x.toml", "a = "), ("missing", None)])
def test_a_file_that_cannot_be_read_is_told(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(errors.InvalidConfig, match=name):
        load(file=tmp_path / name)


def test_every_row_tells_its_text_and_kafkas():
    rows = {row.name: (text, row.kafka) for row, text in Settings(num_partitions=3).rows()}
    assert rows["num.partitions"] == ("3", "1")
    assert rows["group.initial.rebalance.delay.ms"] == ("0", "3000")
    assert rows["log.retention.ms"] == ("604800000", "604800000")
    assert "log.retention.hours" not in rows


def test_of_several_units_the_one_that_counts_is_told():
    settings = Settings.given({"log.retention.hours": 24, "log.retention.minutes": 30})
    rows = {row.name: text for row, text in settings.rows() if "log.retention." in row.name}
    assert rows == {"log.retention.bytes": "-1", "log.retention.minutes": "30"}


def test_there_is_one_directory():
    with pytest.raises(errors.InvalidConfig, match="it takes one directory"):
        Settings.given({"log.dirs": "/a,/b"})


def test_defaults_of_topics_that_no_topic_could_have_are_refused():
    given = {"log.cleaner.min.compaction.lag.ms": 2, "log.cleaner.max.compaction.lag.ms": 1}
    with pytest.raises(errors.InvalidConfig, match=r"min\.compaction\.lag\.ms \(2\) cannot be more"):
        Settings.given(given)
