"""Writes tests/golden/ anew with a real Kafka: `python tests/interop/make_golden.py [NAME...]`.

Each case becomes tests/golden/NAME/: `data`, the log directory as the stopped Kafka left it, and
`expected.json`, what Kafka itself said of it before: topics, first and last offsets, every record as its own
consumer gave it (read_uncommitted), which of them were not committed, what the groups had committed.
Bytes are base64, a value over 1 KiB its SHA-256.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from real_kafka import GOLDEN, Kafka, Oracle, b64, brief

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
T0 = 1_700_000_000_000  # ms; fixed, so that retention is off in every topic
KEEP = {"retention.ms": "-1"}
Case = Callable[[Kafka], None]
CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    """Registers the function under its name; its docstring says what is in the directory."""
    CASES[make.__name__] = make
    return make


def record(topic: str, n: int, value: bytes | None = b"", **more: Any) -> dict[str, Any]:
    """The n-th record of a topic; by default with a key, a telling value and a time of its own."""
    key, partition = more.get("key", b"key-%d" % n), more.get("partition", 0)
    headers = [[name, b64(data)] for name, data in more.get("headers", [])]
    value = b"value %d of %s " % (n, topic.encode()) * 4 if value == b"" else value
    timestamp = more.get("timestamp", T0 + 1000 * n)
    return {"topic": topic, "partition": partition, "key": b64(key), "value": b64(value), "headers": headers,
            "timestamp": timestamp}  # fmt: skip


def batches(topic: str, *sizes: int, start: int = 0, **more: Any) -> list[list[dict[str, Any]]]:
    """Batches of so many records each."""
    made = []
    for size in sizes:
        made.append([record(topic, n, **more) for n in range(start, start + size)])
        start += size
    return made


@case
def codecs(kafka: Kafka) -> None:
    """Every codec as a producer compresses it, in batches of 1, 7 and 40 records and one of several 64 KiB
    blocks, and as the broker does for `compression.type`."""
    for codec in CODECS:
        kafka.create(**{codec: {"config": KEEP}})
        big = [record(codec, 48, b"0123456789abcdef" * 10_000 if codec != "none" else b"x" * 3000)]
        config = {"compression.type": codec}
        kafka.ask("produce", batches=[*batches(codec, 1, 7, 40), big], config=config)
        if codec != "none":
            topic = f"broker-{codec}"
            kafka.create(**{topic: {"config": {**KEEP, "compression.type": codec}}})
            kafka.ask("produce", batches=batches(topic, 5, 20))


@case
def records(kafka: Kafka) -> None:
    """Null and empty keys, values and headers, repeated header names, times out of order, log-append time,
    three partitions, names with dots and dashes."""
    kafka.create(
        nulls={"config": KEEP},
        headers={"config": KEEP},
        appended={"config": {**KEEP, "message.timestamp.type": "LogAppendTime"}},
        **{"dotted.and-dashed_name": {"partitions": 3, "config": KEEP}, "empty": {"config": KEEP}},
    )
    pairs = [(None, None), (None, b"v"), (b"k", None), (b"\0", b"\0\xff"), (b"k" * 20, b"v" * 200)]
    kafka.ask("produce", batches=[[record("nulls", n, v, key=k) for n, (k, v) in enumerate(pairs)]])
    odd = [("a", b"1"), ("a", b"2"), ("", b""), ("null", None), ("snow\N{SNOWMAN}", b"\0" * 30)]
    mixed = [record("headers", n, headers=odd[:n]) for n in range(6)]
    for codec in ("none", "zstd"):
        kafka.ask("produce", batches=[mixed], config={"compression.type": codec})
        kafka.ask("produce", batches=batches("appended", 3, 4), config={"compression.type": codec})
    dotted = "dotted.and-dashed_name"
    disorder = [record(dotted, n, partition=n % 3, timestamp=T0 - n * 7 % 5) for n in range(12)]
    kafka.ask("produce", batches=[disorder[:6], disorder[6:]])


@case
def transactions(kafka: Kafka) -> None:
    """Committed and aborted transactions side by side, plain records between them, one left open."""
    kafka.create(mixed={"config": KEEP}, left_open={"config": KEEP})
    for n, end in enumerate(["commit", "abort", None, "abort", "commit"]):
        config = {"transactional.id": f"t{n % 2}"} if end else {}
        codec = {"compression.type": CODECS[n]}
        kafka.ask("produce", batches=batches("mixed", 3, 2, start=n * 5), config=config | codec, end=end)
    kafka.ask("produce", batches=batches("left_open", 2))
    config = {"transactional.id": "open"}
    kafka.ask("produce", batches=batches("left_open", 3, start=2), config=config, end="open")
    kafka.ask("produce", batches=batches("left_open", 2, start=5))


@case
def compacted(kafka: Kafka) -> None:
    """What the cleaner leaves: gaps inside and between batches, tombstones with a delete horizon, merged
    segments."""
    often = {**KEEP, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "100"}
    for codec in ("none", "lz4"):
        topic = f"compacted-{codec}"
        kafka.create(**{topic: {"config": often}})
        for round_ in range(6):
            start, keys = 20 * round_, 3 + round_
            again = [record(topic, n, key=b"key-%d" % (n % keys)) for n in range(start, start + 20)]
            gone = record(topic, 900, None, key=b"key-1", timestamp=T0 + 120_000)
            kafka.ask("produce", batches=[again, [gone]], config={"compression.type": codec})
        kafka.ask("produce", batches=batches(topic, 2, start=1000))
    deadline = time.monotonic() + 60
    while len(kafka.records()) > 60:  # Of 256 produced.
        assert time.monotonic() < deadline, "the cleaner did nothing"
        time.sleep(0.2)
    time.sleep(2)  # For a run that is under way.


@case
def segments(kafka: Kafka) -> None:
    """Many segments with their indexes, a log start in the middle of one, leader epochs of three starts."""
    small = {**KEEP, "internal.segment.bytes": "12000", "index.interval.bytes": "700"}
    timed = {**KEEP, "segment.ms": "10000"}
    kafka.create(rolled={"config": small}, timed={"config": timed}, shortened={"config": small})
    kafka.ask("produce", batches=batches("rolled", *[1, 3, 5, 2, 8] * 24))
    kafka.ask("produce", batches=batches("timed", *[4] * 12))
    kafka.ask("produce", batches=batches("shortened", *[5] * 60))
    kafka.ask("delete_records", partitions=[["shortened", 0]], before=151)
    for start in (1000, 2000):
        kafka.stop()
        kafka.start()
        kafka.ask("produce", batches=batches("rolled", 3, 3, start=start))


@case
def groups(kafka: Kafka) -> None:
    """`__consumer_offsets` with groups of both protocols, commits of no member, several commits of one."""
    kafka.create(read={"partitions": 2, "config": KEEP})
    for partition in (0, 1):
        kafka.ask("produce", batches=batches("read", 4, 4, partition=partition))
    kafka.ask("join", group="classic", topics=["read"], records=5, config={"group.protocol": "classic"})
    kafka.ask("join", group="modern", topics=["read"], records=3, config={"group.protocol": "consumer"})
    kafka.ask("commit", group="simple", offsets=[["read", 0, 2, ""], ["read", 1, 3, "with metadata"]])
    kafka.ask("commit", group="simple", offsets=[["read", 0, 7, "later"]])


def position(it: dict[str, Any]) -> tuple[str, int, int]:
    """Where a record lies."""
    return it["topic"], it["partition"], it["offset"]


def expected(kafka: Kafka) -> dict[str, Any]:
    """All that Kafka says about its directory, while it runs."""
    kept = kafka.records()
    committed = [position(it) for it in kafka.records(isolation="read_committed")]
    partitions = kafka.partitions()
    offsets = kafka.ask("offsets", partitions=partitions)
    groups = {name: kafka.ask("committed", group=name) for name in ("classic", "modern", "simple")}
    return {
        "topics": kafka.ask("topics"),
        "offsets": {f"{t}-{p}": at for (t, p), at in zip(partitions, offsets, strict=True)},
        "groups": {name: at for name, at in groups.items() if at},
        "not committed": [it for it in map(position, kept) if it not in committed],
        "records": kept,
    }


def make(oracle: Oracle, name: str) -> None:
    """One case, from formatting to the committed files."""
    target = GOLDEN / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        kafka = Kafka(oracle, target / "data", Path(home), log_cleaner_backoff_ms=100, log_cleaner_threads=1)
        kafka.format()
        try:
            kafka.start()
            CASES[name](kafka)
            said = expected(kafka)
            kafka.stop()
        finally:
            kafka.kill()
    records = [it | {"value": brief(it["value"])} for it in said.pop("records")]
    head, lines = json.dumps(said, indent=1).removesuffix("\n}"), ",\n".join(map(json.dumps, records))
    (target / "expected.json").write_text(f'{head},\n "records": [\n{lines}\n]\n}}\n')
    size = sum(it.stat().st_size for it in target.rglob("*") if it.is_file())
    print(f"{name}: {len(records)} records, {size:,} bytes")


def main() -> None:
    """Makes the named cases, or all."""
    with tempfile.TemporaryDirectory() as home:
        oracle = Oracle(Path(home) / "oracle.log")
        try:
            for name in sys.argv[1:] or CASES:
                make(oracle, name)
        finally:
            oracle.close()


if __name__ == "__main__":
    main()
