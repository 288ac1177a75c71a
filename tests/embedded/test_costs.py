"""What Python pays: the same for one record and for a thousand; and what importing costs."""

import gc
import itertools
import subprocess
import sys
import threading
import time

import pytest
from sample_rows import rows


def calls(action):
    """Python and C calls that Python makes for `action`: the fewest of a few times, of which some wait for a sync."""
    return min(calls_once(action) for _ in range(5))


def calls_once(action):
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    gc.collect()
    gc.disable()  # its callbacks would be counted too
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_append_batch_makes_the_same_calls_for_one_row_and_for_a_thousand(topic):
    topic.append_batch(rows(1))
    # The least of a few: now and then an append also wakes the thread that syncs.
    one, thousand = (
        min(calls(lambda data=data: topic.append_batch(data)) for _ in range(10))
        for data in (rows(1), rows(1000))
    )
    assert one == thousand


def test_a_scan_makes_the_same_calls_for_one_row_and_for_a_thousand(log):
    counts = []
    for count in (1, 1000):
        topic = log.create_topic(f"of-{count}")
        topic.append_batch(rows(count))
        list(topic.scan())
        counts.append(calls(lambda topic=topic: list(topic.scan())))
    assert counts[0] == counts[1]


def blocks(action):
    """Memory blocks that Python holds more while it holds the result of `action`."""
    action()
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        held = action()
        return sys.getallocatedblocks() - before, held
    finally:
        gc.enable()


def test_a_scan_allocates_the_same_for_one_row_and_for_a_thousand(log):
    counts = []
    for count in (1, 1000):
        topic = log.create_topic(f"of-{count}")
        topic.append_batch(rows(count))
        counts.append(min(blocks(lambda topic=topic: list(topic.scan()))[0] for _ in range(5)))
    assert abs(counts[0] - counts[1]) < 50  # other threads allocate, too; one for each row would be 999


def test_append_batch_allocates_the_same_for_one_row_and_for_a_thousand(topic):
    one, thousand = rows(1), rows(1000)
    counts = [
        min(blocks(lambda data=data: topic.append_batch(data))[0] for _ in range(5))
        for data in (one, thousand)
    ]
    assert abs(counts[0] - counts[1]) < 50  # other threads allocate, too; one for each row would be 999


def test_other_threads_go_on_during_appends_and_scans(topic):
    large = rows(200_000)
    ticks, done = [], threading.Event()

    def tick():
        while not done.wait(0.002):
            ticks.append(time.monotonic())

    ticking = threading.Thread(target=tick)
    ticking.start()
    began = time.monotonic()
    while time.monotonic() - began < 1:
        topic.append_batch(large)
        topic.scan().to_arrow()
    done.set()
    ticking.join()
    gaps = sorted(b - a for a, b in itertools.pairwise(ticks))
    assert gaps[len(gaps) // 2] < 0.05


def test_the_library_is_imported_without_its_heavy_friends():
    code = "import sys, pykafkalite; print(*{'pyarrow', 'numpy', 'rich', 'asyncio', 'polars'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


def test_importing_takes_at_most_sixty_milliseconds():
    code = "import time; t = time.perf_counter(); import pykafkalite; print(time.perf_counter() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(5)]
    assert min(times) < 0.06


def test_a_log_can_be_opened_and_read_one_by_one_without_arrow():
    code = (
        "import sys, pykafkalite as pk\n"
        "with pk.open(':memory:') as log:\n"
        "    topic = log.create_topic('t'); topic.append(b'v')\n"
        "    assert [m.value for m in topic.scan().messages()] == [b'v']\n"
        "print('pyarrow' in sys.modules)\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.parametrize("name", ["open", "Log", "Message", "api", "errors", "__version__"])
def test_the_front_door_lists_what_it_gives(name):
    import pykafkalite

    assert name in dir(pykafkalite)
    assert getattr(pykafkalite, name)


def test_the_front_door_has_nothing_else():
    import pykafkalite

    with pytest.raises(AttributeError, match="nothing_like_it"):
        pykafkalite.nothing_like_it  # noqa: B018


def test_an_address_that_is_not_here_is_refused_at_once():
    import pykafkalite

    began = time.monotonic()
    with pytest.raises(ValueError, match="directory"):
        pykafkalite.open("kafka://127.0.0.1:9")
    assert time.monotonic() - began < 1
