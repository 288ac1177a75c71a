"""Opening, sharing, locking, closing a store; topics and their directories."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from disk import read_all, sealed

from pykafkalite.errors import (
    Closed,
    CorruptBatch,
    Forked,
    InvalidPartitions,
    NewerVersion,
    NotAStore,
    OffsetOutOfRange,
    ReadOnly,
    StoreLocked,
    TopicExists,
    UnknownTopic,
)
from pykafkalite.storage.store import Store

HOLD = """
import sys
from pykafkalite.storage.store import Store
store = Store.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_records_survive_a_clean_stop(disk):
    disk.append(b"a", b"b")
    disk.reopen()
    assert disk.values() == [b"a", b"b"]
    assert disk.append(b"c") == 2


def test_a_second_writing_process_is_told_who_holds_the_directory(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked, match=rf"process {holder.pid}") as caught:
            Store.open(tmp_path)
        assert caught.value.pid == holder.pid
        holder.kill()
    Store.open(tmp_path).close()


def test_two_writable_opens_of_one_process_share_a_store(tmp_path):
    first, second = Store.open(tmp_path), Store.open(tmp_path / "." / "")
    assert first is second
    first.create_topic("events")
    first.close()
    second.partition("events", 0).append(sealed(b"still open", timestamp=-1))
    second.close()
    with pytest.raises(Closed, match="open it again"):
        second.topics()


def test_a_shared_store_keeps_the_durability_it_was_opened_with(disk):
    with pytest.raises(StoreLocked, match="durability='os' already"):
        Store.open(disk.path, durability="fsync")


def test_a_forked_child_is_told_to_open_anew_and_does_not_keep_the_lock(disk):
    disk.append(b"a")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            disk.append(b"from the child")
        except Forked:
            code = 42
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert disk.append(b"b") == 1


def test_a_memory_store_leaves_nothing_behind():
    store = Store.open(":memory:")
    store.create_topic("events")
    store.partition("events", 0).append(sealed(b"a", timestamp=-1))
    assert read_all(store, "events", 0) == [(0, b"a")]
    path = store.path
    assert path.is_dir()
    store.close()
    assert not path.exists()


def test_the_memory_of_a_dead_process_is_cleared_by_the_next_one():
    code = "from pykafkalite.storage.store import Store; import os; print(Store.open(':memory:').path); os._exit(0)"
    left = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert os.path.isdir(left)
    Store.open(":memory:").close()
    assert not os.path.exists(left)


def test_reading_where_nothing_is_says_so(tmp_path):
    with pytest.raises(NotAStore, match="there is no directory"):
        Store.open(tmp_path / "nowhere", mode="r")
    with pytest.raises(NotAStore, match="neither a pykafkalite store nor a Kafka log directory"):
        Store.open(tmp_path, mode="r")


def test_a_store_of_a_newer_version_is_refused(disk):
    disk.close()
    meta = disk.path / "meta.properties"
    meta.write_text(meta.read_text().replace("format.version=1", "format.version=99"))
    with pytest.raises(NewerVersion, match="install a newer pykafkalite"):
        Store.open(disk.path)


def test_a_kafka_brokers_directory_is_not_written_to(tmp_path):
    (tmp_path / "meta.properties").write_text("version=1\ncluster.id=abc\nnode.id=1\n")
    with pytest.raises(NotAStore, match="belongs to a Kafka broker"):
        Store.open(tmp_path)


def test_a_read_only_store_refuses_to_write(disk):
    reader = Store.open(disk.path, mode="r")
    with pytest.raises(ReadOnly, match='mode="a"'):
        reader.create_topic("other")
    reader.close()


def test_an_unknown_topic_is_answered_with_the_nearest_one(disk):
    with pytest.raises(UnknownTopic, match="did you mean 'events'"):
        disk.store.topic("event")
    with pytest.raises(UnknownTopic, match="it has 1, numbered from 0"):
        disk.store.partition("events", 1)


def test_a_topic_exists_once(disk):
    with pytest.raises(TopicExists):
        disk.store.create_topic("events")


def test_partitions_can_be_added_but_not_taken_away(disk):
    disk.store.add_partitions("events", 3)
    assert disk.store.partition("events", 2).append(sealed(b"x")).base_offset == 0
    with pytest.raises(InvalidPartitions):
        disk.store.add_partitions("events", 2)


def test_a_deleted_topic_is_gone_and_its_name_is_free(disk):
    disk.append(b"old")
    partition = disk.partition
    disk.store.delete_topic("events")
    with pytest.raises(UnknownTopic, match="was deleted"):
        partition.append(sealed(b"too late"))
    disk.store.create_topic("events")
    assert disk.values() == []
    disk.append(b"new")
    assert disk.values() == [b"new"]


def test_a_deleted_topics_directory_goes_after_file_delete_delay_ms(new_disk):
    disk = new_disk(file_delete_delay_ms=5000)
    disk.append(b"old")
    disk.store.delete_topic("events")
    assert list(disk.path.glob("events-0.*-delete"))
    disk.clock.advance(5.1)
    disk.store.scheduler.run_due()
    assert not list(disk.path.glob("events-0*"))


def test_a_partition_directory_of_no_topic_is_set_aside(disk):
    disk.close()
    stranger = disk.path / "stranger-0"
    stranger.mkdir()
    (stranger / "00000000000000000000.log").write_bytes(b"precious")
    disk.reopen()
    assert not stranger.exists()
    aside = next(disk.path.glob("stranger-0.*-stray"))
    assert (aside / "00000000000000000000.log").read_bytes() == b"precious"


def test_records_before_an_offset_can_be_deleted(disk):
    for value in (b"a", b"b", b"c"):
        disk.append(value)
    assert disk.store.delete_records("events", 0, 2) == 2
    assert disk.values() == [b"c"]
    with pytest.raises(OffsetOutOfRange):
        disk.values(1)
    with pytest.raises(OffsetOutOfRange, match="high watermark is 3"):
        disk.store.delete_records("events", 0, 9)
    disk.reopen()
    assert disk.values() == [b"c"]
    left = disk.after_a_kill().open()
    assert left.values() == [b"c"]
    left.close()


@pytest.fixture
def few_descriptors():
    """The usual limit of a process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("count", [1200, pytest.param(10_000, marks=pytest.mark.long)])
def test_more_partitions_than_descriptors_are_written_and_read(tmp_path, few_descriptors, count):
    with Store.open(tmp_path) as store:
        store.create_topic("many", count, {"retention.ms": -1})
        for index in range(count):
            store.partition("many", index).append(sealed(b"x"))
        for index in range(0, count, 7):
            assert store.partition("many", index).append(sealed(b"y")).base_offset == 1
            assert read_all(store, "many", index) == [(0, b"x"), (1, b"y")]
    with Store.open(tmp_path) as store:
        assert store.recovered == []
        ends = [store.partition("many", index).high_watermark for index in range(count)]
        assert ends == [2 if index % 7 == 0 else 1 for index in range(count)]


def test_open_segments_of_a_readers_cache_are_bounded(disk):
    from pykafkalite.storage.segments import SegmentCache

    disk.append(b"x")
    cache = SegmentCache(limit=2)
    for name in ("a", "b", "c"):
        copy = disk.path / f"copy-{name}"
        copy.mkdir()
        Path(copy / disk.log.name).write_bytes(disk.log.read_bytes())
        cache.get(copy, 0, None, disk.partition.config, mapped=True)
    assert len(cache) == 2


def test_damage_at_the_end_of_the_metadata_of_a_cleanly_closed_store_is_no_torn_commit(disk):
    disk.append(b"precious")
    disk.close()
    metadata = disk.path / "pykafkalite.metadata"
    disk.flip(metadata.stat().st_size - 3, file=metadata)
    with pytest.raises(CorruptBatch, match="closed cleanly"):
        Store.open(disk.path)
    disk.flip(metadata.stat().st_size - 3, file=metadata)
    disk.store = Store.open(disk.path)
    assert disk.values() == [b"precious"]
