"""SIGKILL of a broker under load from idempotent producers, and SIGSTOP: what was acknowledged is there, once."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from serving import STARTS_WITHIN, Served

import pykafkalite as pk
from pykafkalite.storage.verify import verify

pytestmark = pytest.mark.long  # twenty seconds of kills

PARTITIONS = 3
KILLS = 4


class Journal:
    """What the broker acknowledged, by delivery reports: value -> (partition, offset)."""

    def __init__(self) -> None:
        self.acknowledged: dict[bytes | None, tuple[int | None, int | None]] = {}
        self.failed: list[str] = []

    def report(self, error: object, message: Message) -> None:
        value = message.value()
        if error:
            self.failed.append(f"{value!r}: {error}")
        else:
            self.acknowledged[value] = message.partition(), message.offset()

    def problems(self, path: Path) -> list[str]:
        """Of what is in the log of a broker that runs no more."""
        with pk.open(path, mode="r") as log:
            rows = log.topic("events").scan().to_arrow().to_pylist()
        found = {(row["partition"], row["offset"]): row["value"] for row in rows}
        times = Counter(found.values())
        return [
            *self.failed,
            *(
                f"{value!r} is not at {place}"
                for value, place in self.acknowledged.items()
                if found.get(place) != value
            ),
            *(f"{value!r} is there {count} times" for value, count in times.items() if count > 1),
        ]


@contextlib.contextmanager
def load(served: Served, journal: Journal, producers: int = 2) -> Iterator[None]:
    """Idempotent producers that write all the while, and wait at the end until all is delivered."""
    stop = threading.Event()

    def produce(name: int) -> None:
        producer = Producer(
            {
                "bootstrap.servers": served.address,
                "enable.idempotence": True,
                "linger.ms": 1,
                "reconnect.backoff.ms": 10,
                "reconnect.backoff.max.ms": 100,
                "retry.backoff.ms": 10,
                "log_level": 0,
            }
        )
        try:
            for number in itertools.count():
                if stop.is_set():
                    break
                producer.produce("events", b"%d-%d" % (name, number), on_delivery=journal.report)
                if number % 50 == 49:
                    producer.poll(0.005)
            if left := producer.flush(20):
                journal.failed.append(f"{left} records were never reported")
        except Exception as error:  # a fatal one of its own, such as a sequence that the broker does not take
            journal.failed.append(str(error))

    threads = [threading.Thread(target=produce, args=(name,)) for name in range(producers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def create_topic(served: Served) -> None:
    admin = AdminClient({"bootstrap.servers": served.address})
    (future,) = admin.create_topics([NewTopic("events", PARTITIONS, config={"retention.ms": "-1"})]).values()
    future.result(10)


def wait_for_more(journal: Journal, count: int) -> None:
    wanted, deadline = len(journal.acknowledged) + count, time.monotonic() + 20
    while len(journal.acknowledged) < wanted:
        assert time.monotonic() < deadline, "nothing is acknowledged any more"
        time.sleep(0.01)


def kill_again_and_again(served: Served, journal: Journal, kills: int) -> list[float]:
    """Under load; the processor time of each start."""
    spent = []
    with load(served, journal):
        for _ in range(kills):
            wait_for_more(journal, 500)
            served.kill()
            assert served.start() < STARTS_WITHIN
            spent.append(served.cpu_seconds)
        wait_for_more(journal, 500)
    return spent


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_a_broker_killed_again_and_again_loses_nothing_acknowledged_and_has_nothing_twice(
    tmp_path: Path, durability: str
):
    journal = Journal()
    with Served(tmp_path / "data", f"durability={durability}") as served:
        create_topic(served)
        spent = kill_again_and_again(served, journal, kills=4)
        assert served.stop() == 0
    assert journal.problems(tmp_path / "data") == []
    assert verify(tmp_path / "data").problems == []
    # Back within 0.3 s of processor time, so that what else runs here does not count, and its own import of tools
    # for tests, which is some of it.
    assert min(spent) <= 0.4


def test_a_seeded_bug_is_caught(tmp_path: Path):
    """One that acknowledges each batch before it is written."""
    journal = Journal()
    with Served(tmp_path / "data", bug="acknowledges_clients_before_writing") as served:
        create_topic(served)
        with load(served, journal):
            wait_for_more(journal, 500)
            served.kill()
            served.start()
    assert any("is not at" in problem for problem in journal.problems(tmp_path / "data"))


class Reader:
    """A member of a group that reads `events`, and notes what the broker says it has committed."""

    def __init__(self, served: Served) -> None:
        self.committed: dict[int, int] = {}
        self.moved = 0
        self._stop = threading.Event()
        self._config = {
            "bootstrap.servers": served.address,
            "group.id": "readers",
            "group.instance.id": "one",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100,
            "log_level": 0,
        }
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        consumer = Consumer(self._config)
        consumer.subscribe(["events"])
        while not self._stop.is_set():
            if not any(message.error() is None for message in consumer.consume(100, 0.1)):
                continue
            with contextlib.suppress(
                KafkaException
            ):  # while the broker is away; the next one commits that too
                for one in consumer.commit(asynchronous=False) or []:
                    if one.error is None:
                        self.committed[one.partition] = one.offset
                        self.moved += 1
        consumer.close()

    def wait_for_more(self, commits: int) -> None:
        wanted, deadline = self.moved + commits, time.monotonic() + 30
        while self.moved < wanted:
            assert time.monotonic() < deadline, "the group does not go on"
            time.sleep(0.01)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_groups_commits_survive_and_its_member_goes_on(tmp_path: Path):
    journal = Journal()
    with Served(tmp_path / "data") as served:
        create_topic(served)
        with load(served, journal, producers=1), Reader(served) as reader:
            for _ in range(2):
                reader.wait_for_more(5)
                served.kill()
                before = dict(reader.committed)
                served.start()
                asking = Consumer({"bootstrap.servers": served.address, "group.id": "readers"})
                places = [TopicPartition("events", partition) for partition in before]
                after = {place.partition: place.offset for place in asking.committed(places, 10)}
                assert all(after[partition] >= offset for partition, offset in before.items())
                asking.close()
            reader.wait_for_more(5)
        served.kill()
    assert journal.problems(tmp_path / "data") == []


def test_a_broker_frozen_for_a_second_loses_nothing_and_has_nothing_twice(tmp_path: Path):
    journal = Journal()
    with Served(tmp_path / "data") as served:
        create_topic(served)
        with load(served, journal), Reader(served) as reader:
            wait_for_more(journal, 500)
            served.freeze(1.0)
            wait_for_more(journal, 500)
            reader.wait_for_more(2)
        assert served.stop() == 0
    assert journal.problems(tmp_path / "data") == []
