"""What Kafka allows and what it takes for granted is what we allow and take for granted."""

import random
import string

import pytest

from pykafkalite.errors import InvalidConfig, InvalidTopic
from pykafkalite.storage.config import TopicConfig
from pykafkalite.storage.naming import check_topic_name

pytestmark = pytest.mark.interop

VALUES = [
    *[
        "",
        " ",
        "abc",
        "true",
        "false",
        "TRUE",
        "yes",
        "-3",
        "-2",
        "-1",
        "0",
        "1",
        " 7 ",
        "+5",
        "05",
        "1.5",
        "1e3",
    ],
    *[
        "0x10",
        "1_000",
        "22",
        "23",
        "1000",
        "131073",
        "-131073",
        "1048575",
        "1048576",
        "2147483647",
        "2147483648",
    ],
    *[
        "9223372036854775807",
        "9223372036854775808",
        "0.5",
        "1.0",
        "1.01",
        "NaN",
        ".5",
        "0.5f",
        "-0.1",
        "Infinity",
    ],
    *[
        "compact",
        "delete",
        "compact,delete",
        "delete, compact",
        "compact,",
        ",",
        "delete,delete",
        "Compact",
        "none",
    ],
    *[
        "gzip",
        "snappy",
        "lz4",
        "zstd",
        "ZSTD",
        "producer",
        "uncompressed",
        "CreateTime",
        "LogAppendTime",
        "createtime",
    ],
    *["*", "0:1", "0:1,1:2", "0:", "1", "a:b", "*,0:1"],
]
# Kafka would take these; what they should mean is anyone's guess.
STRICTER = {
    "follower.replication.throttled.replicas": {","},
    "leader.replication.throttled.replicas": {","},
    "internal.segment.bytes": {"-3", "-2", "-1", "0", "-131073"},
    "min.cleanable.dirty.ratio": {"NaN", "0.5f"},
}
TIERED = "remote.storage.enable"  # Allowed by name; there is no tiered storage here.


def refused(check, candidate, error):
    try:
        check(candidate)
    except error:
        return True
    return False


def test_every_topic_config_has_kafkas_default(oracle):
    ours = {name: row.kind.text(row.default) for name, row in TopicConfig.table.items()}
    kafkas = oracle.ask("topic_defaults")
    assert {name: kafkas.get(name) for name in ours} == {**ours, "internal.segment.bytes": None}
    assert set(kafkas) <= set(ours)


def test_every_topic_config_takes_the_values_that_kafka_takes(oracle):
    configs = [{name: value} for name in TopicConfig.table if name != TIERED for value in VALUES]
    answers = oracle.ask("topic_configs", configs=configs)
    for config, kafka in zip(configs, answers, strict=True):
        ((name, value),) = config.items()
        stricter = value in STRICTER.get(name, ())
        assert refused(TopicConfig, config, InvalidConfig) == (bool(kafka) or stricter), (config, kafka)


def test_a_topic_has_a_name_that_kafka_allows(oracle):
    choose = random.Random(7)
    letters = (
        string.ascii_letters
        + string.digits
        + "._-" * 5
        + "/ \\\0\n:*\N{SNOWMAN}\N{LATIN SMALL LETTER E WITH ACUTE}"
    )
    names = [
        "",
        ".",
        "..",
        "...",
        "a" * 249,
        "a" * 250,
        "__consumer_offsets",
        "__cluster_metadata",
        "-",
        "_",
        " a",
    ]
    names += ["".join(choose.choices(letters, k=choose.randrange(1, 12))) for _ in range(2000)]
    answers = oracle.ask("topic_names", names=names)
    ours = [refused(check_topic_name, it, InvalidTopic) for it in names]
    assert [it for it, us, kafka in zip(names, ours, answers, strict=True) if us != bool(kafka)] == []
    assert 100 < sum(ours) < 1900
