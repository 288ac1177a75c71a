"""kcat against either broker."""

import json
import shutil
import subprocess

import pytest

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("kcat") is None, reason="needs kcat"),
]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def kcat(broker, *args, stdin=""):
    done = subprocess.run(
        ["kcat", "-b", broker.servers, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lines_that_are_produced_with_every_codec_are_consumed(kafka_broker):
    topic = kafka_broker.topic("lines")
    lines = [f"key-{n % 7}:line {n}" for n in range(200)]
    for codec in CODECS:
        kcat(kafka_broker, "-P", "-t", topic, "-K:", "-z", codec, stdin="\n".join(lines) + "\n")
    assert kcat(kafka_broker, "-C", "-t", topic, "-K:", "-e", "-q").splitlines() == lines * len(CODECS)


def test_headers_nulls_and_times_are_shown(kafka_broker):
    topic = kafka_broker.topic("json")
    kcat(kafka_broker, "-P", "-t", topic, "-K:", "-Z", "-H", "a=1", "-H", "b=2", stdin="key:\n:value\n")
    shown = [json.loads(it) for it in kcat(kafka_broker, "-C", "-t", topic, "-J", "-e", "-q").splitlines()]
    assert [(it["key"], it["payload"], it["headers"]) for it in shown] == [
        ("key", None, ["a", "1", "b", "2"]),
        (None, "value", ["a", "1", "b", "2"]),
    ]
    assert all(it["tstype"] == "create" for it in shown)


def test_offsets_of_a_time_are_queried(kafka_broker):
    topic = kafka_broker.topic("query")
    kcat(kafka_broker, "-P", "-t", topic, stdin="a\nb\n")
    assert kcat(kafka_broker, "-Q", "-t", f"{topic}:0:0").split() == [topic, "[0]", "offset", "0"]
    assert kcat(kafka_broker, "-Q", "-t", f"{topic}:0:-1").split() == [topic, "[0]", "offset", "2"]


def test_the_broker_and_its_topics_are_listed(kafka_broker):
    topic = kafka_broker.topic("listed", partitions=3)
    listed = json.loads(kcat(kafka_broker, "-L", "-J"))
    assert [it["name"] for it in listed["brokers"]] == [kafka_broker.servers]
    (shown,) = [it for it in listed["topics"] if it["topic"] == topic]
    assert [it["partition"] for it in shown["partitions"]] == [0, 1, 2]


def test_the_end_of_a_partition_is_read_backwards_from(kafka_broker):
    topic = kafka_broker.topic("tail")
    kcat(kafka_broker, "-P", "-t", topic, stdin="".join(f"{n}\n" for n in range(100)))
    assert kcat(kafka_broker, "-C", "-t", topic, "-o", "-3", "-e", "-q").split() == ["97", "98", "99"]
