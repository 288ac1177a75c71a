"""A broker that is killed comes back with its groups as they were: members, assignments and commits."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def broker(directory, address="localhost:0", *arguments):
    command = [
        sys.executable,
        "-m",
        "pykafkalite",
        "serve",
        "--json",
        str(directory),
        "--listen",
        address,
        *arguments,
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process, json.loads(process.stdout.readline())["bootstrap_servers"]
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_killed_broker_comes_back_with_its_groups(tmp_path, durability):
    how = ("--set", f"durability={durability}")
    with broker(tmp_path / "log", "localhost:0", *how) as (_, address):
        producer = Producer({"bootstrap.servers": address, "log_level": 0})
        for n in range(100):
            producer.produce("events", b"%d" % n)
        producer.flush(10)
        consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "g",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "heartbeat.interval.ms": 200,
                "session.timeout.ms": 30_000,
                "log_level": 0,
            }
        )
        consumer.subscribe(["events"])
        assert len(consumer.consume(60, 20)) == 60
        offset = consumer.commit(asynchronous=False)[0].offset
        member = consumer.memberid()
    with broker(tmp_path / "log", address, *how):
        admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        described = admin.describe_consumer_groups(["g"])["g"].result(10)
        assert [each.member_id for each in described.members] == [member]
        assert [
            (place.topic, place.partition) for place in described.members[0].assignment.topic_partitions
        ] == [("events", 0)]
        rest = []
        while len(rest) + offset < 100:
            found = consumer.consume(100 - offset - len(rest), 10)
            assert found
            rest += [message for message in found if message.error() is None]
        assert [message.offset() for message in rest] == list(range(offset, 100))
        assert consumer.commit(asynchronous=False)[0].offset == 100
        assert consumer.memberid() == member
        consumer.close()
