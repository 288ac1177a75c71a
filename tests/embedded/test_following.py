"""Waiting for news: threads, processes, event loops, Ctrl-C."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
from sample_rows import rows

import pykafkalite as pk
from pykafkalite.api import TopicPartition
from pykafkalite.errors import Closed, Forked, ReadOnly


def later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.start()
    return timer


def test_a_following_scan_gives_what_is_there_and_then_what_comes(topic):
    topic.append(b"there")
    scan = topic.scan(follow=True)
    later(0.1, lambda: topic.append(b"comes"))
    messages = scan.messages()
    assert next(messages).value == b"there"
    began = time.monotonic()
    assert next(messages).value == b"comes"
    assert 0.05 < time.monotonic() - began < 10


def test_a_following_scan_stops_at_an_end_that_was_named(topic):
    for n in range(3):
        topic.append(b"%d" % n)
    assert sum(batch.num_rows for batch in topic.scan(1, 3, follow=True)) == 2


def test_a_scan_that_never_ends_is_not_made_a_table(topic):
    with pytest.raises(ValueError, match="never ends"):
        topic.scan(follow=True).to_arrow()


def test_waiting_costs_no_processor_time(topic):
    with topic._log.consumer("events") as consumer:
        before = resource.getrusage(resource.RUSAGE_SELF)
        assert list(consumer.batches(timeout=1)) == []
        after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.05


def test_a_waiting_consumer_wakes_within_milliseconds(log, topic):
    delays = []
    with log.consumer("events") as consumer:
        for _ in range(20):
            sent = []
            later(0.01, lambda sent=sent: (sent.append(time.monotonic()), topic.append(b"x")))
            next(consumer.messages(timeout=5))
            delays.append(time.monotonic() - sent[0])
    assert sorted(delays)[10] < 0.01


def run(path, code):
    return subprocess.Popen(
        [sys.executable, "-c", f"import pykafkalite as pk, sys, os, time\npath = {str(path)!r}\n{code}"],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_another_process_follows_live_and_cannot_commit(path, topic):
    reader = run(
        path,
        "log = pk.open(path, mode='r')\n"
        "consumer = log.consumer('events', group='g')\n"
        "print('ready', flush=True)\n"
        "print(next(consumer.messages(timeout=10)).value, flush=True)\n"
        "try: consumer.commit()\n"
        "except pk.errors.ReadOnly as error: print(error, flush=True)\n",
    )
    assert reader.stdout.readline() == "ready\n"
    topic.append(b"live")
    assert reader.stdout.readline() == "b'live'\n"
    assert "serve" in reader.stdout.readline()
    assert reader.wait(10) == 0


def test_a_reader_goes_on_from_what_the_writing_process_committed(path, log, topic):
    topic.append_batch(rows(10))
    with log.consumer("events", group="g") as consumer:
        consumer.commit({TopicPartition("events", 0): 7})
    with pk.open(path, mode="r") as reader, reader.consumer("events", group="g") as consumer:
        assert [m.offset for m in consumer.messages(timeout=0)] == [7, 8, 9]
        with log.consumer("events", group="g") as writer:
            writer.commit({TopicPartition("events", 0): 9})
        assert consumer.committed("events", 0) == 9
        assert reader.group("g").describe()[0].lag == 1
    with pk.open(path, mode="r") as reader, pytest.raises(ReadOnly):
        reader.group("g").delete()


def quickest_end(path, program, tries=5):
    """Seconds from SIGINT to KeyboardInterrupt, of the quickest of some tries: other programs share the machine."""
    quickest = 60.0
    for _ in range(tries):
        process = run(path, program)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        quickest = min(quickest, float(process.stdout.readline()) - sent)
        assert process.wait(30) == 0
        if quickest < 0.05:
            break
    return quickest


def test_ctrl_c_ends_a_wait_at_once(path, topic):
    program = (
        "log = pk.open(path, mode='r')\n"
        "print('ready', flush=True)\n"
        "try:\n"
        "    for batch in log.consumer('events').batches(): pass\n"
        "except KeyboardInterrupt: print(time.monotonic(), flush=True)\n"
    )
    assert quickest_end(path, program) < 0.05


@pytest.mark.parametrize(
    "work", ["topic.append_batch(data)", "topic.scan().to_arrow()", "list(topic.scan().messages())"]
)
def test_ctrl_c_ends_work_at_once_and_leaves_whole_batches(path, log, work):
    log.create_topic("work", config={"retention.ms": -1}).append_batch(rows(300_000))
    log.close()
    program = (
        "import pyarrow\n"
        "data = pyarrow.record_batch({'value': pyarrow.array([b'v' * 20] * 3_000_000)})\n"
        "log = pk.open(path); topic = log.topic('work')\n"
        "def go():\n"
        f"    while True: {work}\n"
        "print('ready', flush=True)\n"
        "try: go()\n"
        "except KeyboardInterrupt: print(time.monotonic(), flush=True)\n"
        "log.close()\n"
    )
    assert quickest_end(path, program) < 0.05
    with pk.open(path) as again:
        scan = again.topic("work").scan(columns=["offset"])
        assert scan.to_arrow().num_rows == scan.bounds[0][1] >= 300_000


def test_a_forked_child_is_told_to_open_anew_and_harms_nothing(log, topic):
    topic.append(b"before")
    consumer = log.consumer("events", group="g")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for use in (
                lambda: topic.append(b"child"),
                lambda: list(topic.scan()),
                lambda: consumer.commit(),
            ):
                try:
                    use()
                    status = 2
                    break
                except Forked:
                    status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    topic.append(b"after")
    assert [m.value for m in topic.scan().messages()] == [b"before", b"after"]
    consumer.commit()


def test_two_opens_of_a_directory_share_it_and_close_on_their_own(path):
    first, second = pk.open(path), pk.open(path)
    topic = first.create_topic("shared")
    assert second.topic("shared").append(b"v").offset == 0
    scan = topic.scan()
    first.close()
    for use in (lambda: topic.append(b"v"), lambda: list(scan), first.topics):
        with pytest.raises(Closed):
            use()
    assert second.topic("shared").append(b"w").offset == 1
    second.close()


def test_groups_span_the_opens_of_one_process(path, log, topic):
    topic.add_partitions(2)
    with pk.open(path) as other:
        a, b = log.consumer("events", group="g"), other.consumer("events", group="g")
        assert (len(a.assignment), len(b.assignment)) == (1, 1)
    assert len(a.assignment) == 2


def test_a_consumer_that_nobody_holds_has_left(log, topic):
    topic.add_partitions(2)
    a = log.consumer("events", group="g")
    log.consumer("events", group="g")
    assert len(a.assignment) == 2


# --- async for -------------------------------------------------------------


def test_async_for_gives_the_loop_its_time(log, topic):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        later(0.3, lambda: topic.append(b"late"))
        with log.consumer("events", group="g") as consumer:
            async for message in consumer:
                assert message.value == b"late"
                assert consumer.commit() == {TopicPartition("events", 0): 1}
                break
        ticking.cancel()
        return ticks

    assert asyncio.run(main()) >= 10


def test_async_batches_end_after_their_timeout(log, topic):
    topic.append_batch(rows(10))

    async def main():
        with log.consumer("events") as consumer:
            return [batch.num_rows async for batch in consumer.batches(timeout=0.1)]

    assert asyncio.run(main()) == [10]


def test_async_scans_read_all_and_follow(topic):
    topic.append_batch(rows(10))

    async def main():
        bounded = [batch.num_rows async for batch in topic.scan()]
        later(0.05, lambda: topic.append(b"more"))
        following = aiter(topic.scan(follow=True))
        return bounded, [(await anext(following)).num_rows for _ in range(2)]

    assert asyncio.run(main()) == ([10], [10, 1])


def test_a_cancelled_wait_loses_and_commits_nothing(log, topic):
    async def main():
        with log.consumer("events", group="g") as consumer:
            batches = aiter(consumer.batches())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(batches), 0.05)
            topic.append(b"v")
            await asyncio.sleep(0.3)
            assert consumer.commit() == {TopicPartition("events", 0): 0}
            batch = await asyncio.wait_for(anext(batches), 1)
            assert batch.column("value").to_pylist() == [b"v"]
            assert consumer.commit() == {TopicPartition("events", 0): 1}

    asyncio.run(main())
