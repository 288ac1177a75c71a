import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykafkalite.errors import InvalidConfig
from pykafkalite.storage.config import INTERNAL_CONFIGS, TopicConfig

INTERNAL = "internal.segment.bytes"
KAFKA_4_3_DEFAULTS = """
cleanup.policy=delete compression.gzip.level=-1 compression.lz4.level=9 compression.type=producer
compression.zstd.level=3 delete.retention.ms=86400000 file.delete.delay.ms=60000
flush.messages=9223372036854775807 flush.ms=9223372036854775807 follower.replication.throttled.replicas=
index.interval.bytes=4096 leader.replication.throttled.replicas= local.retention.bytes=-2
local.retention.ms=-2 max.compaction.lag.ms=9223372036854775807 max.message.bytes=1048588
message.timestamp.after.max.ms=3600000
message.timestamp.before.max.ms=9223372036854775807 message.timestamp.type=CreateTime
min.cleanable.dirty.ratio=0.5 min.compaction.lag.ms=0 min.insync.replicas=1 preallocate=false
remote.log.copy.disable=false remote.log.delete.on.disable=false remote.storage.enable=false
retention.bytes=-1 retention.ms=604800000 segment.bytes=1073741824 segment.index.bytes=10485760
segment.jitter.ms=0 segment.ms=604800000 unclean.leader.election.enable=false
"""


def test_names_and_defaults_are_those_of_kafka_4_3():
    kafkas = dict(pair.split("=") for pair in KAFKA_4_3_DEFAULTS.split())
    ours = {name: row.kind.text(row.default) for name, row in TopicConfig.table.items() if name != INTERNAL}
    assert ours == kafkas
    assert set(TopicConfig.table) - set(kafkas) == {INTERNAL}


def test_every_setting_says_what_it_is_and_what_is_allowed():
    for row in TopicConfig.table.values():
        assert row.doc.endswith(".")
        assert row.kind.allowed


def test_every_default_is_allowed_and_read_back_from_its_text():
    for name, row in TopicConfig.table.items():
        if name != INTERNAL:
            assert row.parse(row.kind.text(row.default)) == row.default


@pytest.mark.parametrize("given", ["86400000", 86_400_000, 86.4e6, " 86400000 ", "+86400000"])
def test_a_number_is_taken_as_users_give_it(given):
    config = TopicConfig({"retention.ms": given})
    assert config.retention_ms == config["retention.ms"] == 86_400_000
    assert config.overrides == {"retention.ms": "86400000"}


@pytest.mark.parametrize(
    "given",
    [
        "abc",
        "",
        "5.5",
        5.5,
        "1_000",
        "0x10",
        "\u0664",
        True,
        None,
        -2,
        2**63,
        math.inf,
        math.nan,
        b"5",
        "9" * 5000,
    ],
)
def test_what_is_no_such_number_is_refused_with_what_is_allowed(given):
    with pytest.raises(InvalidConfig, match=r"retention\.ms cannot be .*-1 or more"):
        TopicConfig({"retention.ms": given})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment.bytes", (1 << 20) - 1),
        ("segment.bytes", 1 << 31),
        ("segment.index.bytes", 3),
        ("compression.gzip.level", 0),
        ("compression.lz4.level", 18),
        ("compression.zstd.level", 23),
        ("compression.type", "GZIP"),
        ("message.timestamp.type", "createtime"),
        ("cleanup.policy", "Compact"),
        ("cleanup.policy", "compact,,delete"),
        ("cleanup.policy", [1]),
        ("min.cleanable.dirty.ratio", math.nan),
        ("min.cleanable.dirty.ratio", 1.1),
        ("min.cleanable.dirty.ratio", True),
        ("preallocate", 1),
        ("preallocate", "yes"),
        ("leader.replication.throttled.replicas", "x"),
        ("internal.segment.bytes", -1),
        ("remote.storage.enable", True),
    ],
)
def test_a_value_that_kafka_refuses_is_refused(name, value):
    with pytest.raises(InvalidConfig, match=name):
        TopicConfig({name: value})


@pytest.mark.parametrize(
    ("name", "value", "typed", "text"),
    [
        ("cleanup.policy", "compact, delete,compact", ("compact", "delete"), "compact,delete"),
        ("cleanup.policy", ["delete"], ("delete",), "delete"),
        ("cleanup.policy", "", (), ""),
        ("preallocate", "TRUE", True, "true"),
        ("preallocate", False, False, "false"),
        ("min.cleanable.dirty.ratio", "1e-1", 0.1, "0.1"),
        ("compression.gzip.level", "-1", -1, "-1"),
        ("leader.replication.throttled.replicas", "0:1,2:3", ("0:1", "2:3"), "0:1,2:3"),
        ("retention.bytes", -7, -7, "-7"),
    ],
)
def test_a_value_is_kept_typed_and_as_kafkas_text(name, value, typed, text):
    config = TopicConfig({name: value})
    assert config[name] == typed
    assert config.overrides == {name: text}


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(InvalidConfig, match=r"'retention\.msec'; did you mean 'retention\.ms'"):
        TopicConfig({"retention.msec": 1})
    with pytest.raises(InvalidConfig, match="no topic config 5"):
        TopicConfig({5: 1})


def test_a_contradiction_is_refused():
    with pytest.raises(InvalidConfig, match="cannot be more than"):
        TopicConfig({"min.compaction.lag.ms": 10, "max.compaction.lag.ms": 9})


def test_changes_make_a_new_config_and_none_goes_back_to_the_default():
    before = TopicConfig({"retention.ms": -1, "segment.bytes": 1 << 20})
    after = before.with_changes({"retention.ms": None, "preallocate": True})
    assert after.overrides == {"segment.bytes": "1048576", "preallocate": "true"}
    assert after.retention_ms == TopicConfig().retention_ms
    assert before.overrides == {"retention.ms": "-1", "segment.bytes": "1048576"}


def test_resetting_an_unknown_name_is_refused():
    with pytest.raises(InvalidConfig, match="no topic config"):
        TopicConfig().with_changes({"nope": None})


def test_a_config_cannot_be_changed_in_place():
    with pytest.raises(AttributeError, match="with_changes"):
        TopicConfig().retention_ms = 5


def test_configs_are_equal_when_the_same_things_were_set():
    assert TopicConfig({"retention.ms": 5}) == TopicConfig({"retention.ms": "5"}) != TopicConfig()
    assert hash(TopicConfig({"retention.ms": 5})) == hash(TopicConfig({"retention.ms": "5"}))


def test_what_a_newer_version_stored_is_kept_without_effect():
    config = TopicConfig.stored({"retention.ms": "5", "new.in.five": "x", "segment.bytes": "1"})
    assert (config.retention_ms, config.segment_bytes) == (5, 1 << 30)
    assert config.overrides == {"retention.ms": "5", "new.in.five": "x", "segment.bytes": "1"}


def test_what_a_newer_version_stored_survives_a_change():
    config = TopicConfig.stored({"new.in.five": "x"}).with_changes({"retention.ms": 5})
    assert config.overrides == {"new.in.five": "x", "retention.ms": "5"}


def test_tests_may_have_segments_below_kafkas_limit():
    config = TopicConfig({"internal.segment.bytes": 100})
    assert (config.segment_size, config.segment_bytes) == (100, 1 << 30)


def test_internal_topics_are_compacted():
    for overrides in INTERNAL_CONFIGS.values():
        assert TopicConfig(overrides).compacts
        assert not TopicConfig(overrides).deletes


values = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary(), st.lists(st.text())
)


@given(st.sampled_from(sorted(TopicConfig.table)), values)
def test_any_value_is_taken_or_refused_as_an_invalid_config(name, value):
    try:
        config = TopicConfig({name: value})
    except InvalidConfig:
        return
    assert TopicConfig(config.overrides) == config
    assert TopicConfig(config.overrides)[name] == config[name]
