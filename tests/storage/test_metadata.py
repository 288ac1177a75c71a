import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykafkalite._core import walk_batches
from pykafkalite.errors import (
    Closed,
    CorruptBatch,
    DiskFull,
    InvalidConfig,
    InvalidPartitions,
    InvalidTopic,
    NewerVersion,
    NotAStore,
    ReadOnly,
    StorageError,
    TopicExists,
    UnknownTopic,
)
from pykafkalite.storage import commits, metadata
from pykafkalite.storage.config import INTERNAL_CONFIGS
from pykafkalite.storage.metadata import FILE, MetadataLog


class Store:
    """A directory with metadata, and what can happen to it."""

    def __init__(self, path):
        self.path = path
        self.file = path / FILE
        self.log = self.open()

    def open(self, **options):
        return MetadataLog.open(self.path, **{"node_id": 1, "writable": True, **options})

    def reopen(self, **options):
        self.log.close()
        self.log = self.open(**options)
        return self.log

    def reader(self):
        return self.open(writable=False)

    def bytes(self):
        return self.file.read_bytes()

    def batches(self):
        return walk_batches(self.bytes())

    def flip(self, position):
        data = bytearray(self.bytes())
        data[position] ^= 0x40
        self.file.write_bytes(data)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.log.close()


EIO = OSError(5, "Input/output error")


def fail(monkeypatch, call, error=EIO):
    def refuse(*_):
        raise error

    monkeypatch.setattr(commits.os, call, refuse)


# --- topics


def test_a_created_topic_is_there_after_reopening(store):
    created = store.log.create_topic("flights", 3, {"retention.ms": -1})
    assert (created.name, created.partitions, created.config.retention_ms) == ("flights", 3, -1)
    assert isinstance(created.id, UUID)
    assert store.reopen().topic("flights") == created


def test_topics_keep_the_order_of_their_creation(store):
    for name in ("b", "a", "c"):
        store.log.create_topic(name)
    assert list(store.reopen().topics()) == ["b", "a", "c"]


def test_a_deleted_topic_is_gone_and_its_name_is_free(store):
    first = store.log.create_topic("a.b", 2)
    assert store.log.delete_topic("a.b") == first
    assert store.reopen().topics() == {}
    assert store.log.create_topic("a_b").id != first.id


def test_added_partitions_are_there_after_reopening(store):
    store.log.create_topic("t", 2, {"retention.ms": 5})
    assert store.log.add_partitions("t", 5).partitions == 5
    assert store.reopen().topic("t").partitions == 5
    assert store.log.topic("t").config.retention_ms == 5


def test_an_altered_config_is_there_after_reopening(store):
    before = store.log.create_topic("t", 1, {"retention.ms": 5, "preallocate": True})
    after = store.log.alter_config("t", {"retention.ms": None, "segment.bytes": 1 << 20})
    assert after.config.overrides == {"preallocate": "true", "segment.bytes": "1048576"}
    assert before.config.retention_ms == 5
    assert store.reopen().topic("t") == after


def test_altering_nothing_writes_nothing(store):
    store.log.create_topic("t", 1, {"retention.ms": 5})
    size = store.file.stat().st_size
    store.log.alter_config("t", {"retention.ms": "5", "preallocate": None})
    assert store.file.stat().st_size == size


def test_one_change_is_one_batch(store):
    for change in (
        lambda: store.log.create_topic("t", 2000, {"retention.ms": 5, "segment.bytes": 1 << 20}),
        lambda: store.log.add_partitions("t", 4000),
        lambda: store.log.alter_config("t", {"retention.ms": None, "segment.ms": 1000}),
        lambda: store.log.delete_topic("t"),
    ):
        before = len(store.batches())
        change()
        assert len(store.batches()) == before + 1


def test_internal_topics_are_known_by_their_name(store):
    topic = store.log.create_topic("__consumer_offsets", 1, INTERNAL_CONFIGS["__consumer_offsets"])
    assert topic.is_internal
    assert topic.config.compacts
    assert not store.log.create_topic("t").is_internal


def test_an_unknown_topic_comes_with_the_nearest_name(store):
    store.log.create_topic("flights")
    for call in (
        lambda: store.log.topic("flihgts"),
        lambda: store.log.delete_topic("flihgts"),
        lambda: store.log.add_partitions("flihgts", 2),
        lambda: store.log.alter_config("flihgts", {}),
    ):
        with pytest.raises(UnknownTopic, match=r"'flihgts'; did you mean 'flights'"):
            call()


def test_a_topic_cannot_be_created_twice_nor_beside_one_that_collides(store):
    store.log.create_topic("a.b")
    with pytest.raises(TopicExists, match="already"):
        store.log.create_topic("a.b")
    with pytest.raises(TopicExists, match=r"collides with 'a\.b'"):
        store.log.create_topic("a_b")


@pytest.mark.parametrize("partitions", [0, -1, True, 1.0, "1", None, metadata.MAX_PARTITIONS + 1])
def test_a_partition_count_that_is_none_is_refused(store, partitions):
    with pytest.raises(InvalidPartitions):
        store.log.create_topic("t", partitions)


def test_partitions_cannot_become_fewer(store):
    store.log.create_topic("t", 3)
    for count in (1, 3):
        with pytest.raises(InvalidPartitions, match="has 3 partitions"):
            store.log.add_partitions("t", count)


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 250, "__cluster_metadata"])
def test_a_bad_name_is_refused(store, name):
    with pytest.raises(InvalidTopic):
        store.log.create_topic(name)


def test_what_is_refused_writes_nothing(store):
    before = store.bytes()
    with pytest.raises(InvalidConfig):
        store.log.create_topic("t", 1, {"retention.msec": 1})
    with pytest.raises(InvalidPartitions):
        store.log.create_topic("t", 0)
    assert store.bytes() == before


def test_the_leader_epoch_only_rises(store):
    assert store.log.leader_epoch == 0
    assert store.log.raise_leader_epoch() == 1
    store.log.create_topic("t")
    assert store.reopen(node_id=2).raise_leader_epoch() == 2
    assert store.batches()[-1].leader_epoch == 1
    store.log.create_topic("u")
    assert store.batches()[-1].leader_epoch == 2


def test_producer_ids_are_never_given_out_twice(store):
    first = store.log.allocate_producer_ids()
    second = store.reopen().allocate_producer_ids(10)
    assert (first, second) == (range(1000), range(1000, 1010))


def test_the_last_of_many_topics_costs_what_the_first_did(store):
    def create(first, last):
        begin = time.process_time()
        size = store.file.stat().st_size
        for index in range(first, last):
            store.log.create_topic(f"t{index}")
        return time.process_time() - begin, store.file.stat().st_size - size

    first_time, first_bytes = create(10000, 10300)
    create(10300, 12000)
    last_time, last_bytes = create(12000, 12300)
    assert last_bytes == first_bytes
    assert last_time < 5 * first_time


names = st.sampled_from(["a", "b", "c"])
retentions = st.none() | st.integers(-1, 10)
steps = st.one_of(
    st.tuples(st.just("create_topic"), names, st.integers(1, 4)),
    st.tuples(st.just("delete_topic"), names),
    st.tuples(st.just("add_partitions"), names, st.integers(1, 8)),
    st.tuples(st.just("alter_config"), names, st.fixed_dictionaries({"retention.ms": retentions})),
)


@given(st.lists(steps, max_size=30))
@settings(deadline=None, max_examples=40)
def test_after_any_changes_the_file_says_what_the_image_says(changes):
    with tempfile.TemporaryDirectory() as path:
        store = Store(Path(path))
        early_reader = store.reader()
        for change, *arguments in changes:
            with contextlib.suppress(TopicExists, UnknownTopic, InvalidPartitions):
                getattr(store.log, change)(*arguments)
        expected = store.log.topics()
        early_reader.refresh()
        late_reader = store.reader()
        store.log._replace()
        new_reader = store.reader()
        for log in (early_reader, late_reader, new_reader, store.reopen()):
            assert list(log.topics().items()) == list(expected.items())
            log.close()


# --- damage


def test_a_torn_commit_is_handed_over_and_cut(store):
    store.log.create_topic("kept")
    whole = store.bytes()
    store.log.create_topic("torn", 3)
    both = store.bytes()
    for size in range(len(whole) + 1, len(both)):
        store.file.write_bytes(both[:size])
        torn = []
        log = store.reopen(torn=lambda *what, torn=torn: torn.append(what))
        assert list(log.topics()) == ["kept"]
        assert store.bytes() == whole
        assert torn == [(store.file, len(whole), both[len(whole) : size])]


@pytest.mark.parametrize("tail", [b"\0" * 200, b"\xff" * 200, os.urandom(500)])
def test_garbage_behind_the_last_commit_is_cut(store, tail):
    store.log.create_topic("kept")
    whole = store.bytes()
    store.file.write_bytes(whole + tail)
    assert list(store.reopen().topics()) == ["kept"]
    assert store.bytes() == whole


def test_creation_goes_on_after_a_cut(store):
    store.log.create_topic("kept")
    store.file.write_bytes(store.bytes() + b"torn")
    store.reopen().create_topic("next")
    assert list(store.reopen().topics()) == ["kept", "next"]


def test_a_damaged_commit_with_valid_ones_behind_it_keeps_the_store_from_opening(store):
    store.log.create_topic("a")
    position = len(store.bytes())
    store.log.create_topic("b", 1, {"retention.ms": -1})
    store.log.create_topic("c")
    store.flip(position + 70)
    damaged = store.bytes()
    for writable in (True, False):
        with pytest.raises(CorruptBatch, match="damaged at byte") as caught:
            store.open(writable=writable)
        assert (caught.value.path, caught.value.position) == (str(store.file), position)
    assert store.bytes() == damaged


def test_no_flipped_bit_is_ever_a_wrong_topic(store):
    created = [store.log.create_topic(name, 1, {"retention.ms": 5}) for name in ("a", "b")]
    whole = store.bytes()
    store.log.close()
    for bit in range(0, 8 * len(whole)):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        store.file.write_bytes(data)
        try:
            log = store.open(writable=False)
        except CorruptBatch:
            continue
        found = list(log.topics().values())
        log.close()
        assert found == created[: len(found)]


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"x" * 10])
def test_a_file_that_begins_with_nothing_valid_is_left_alone(store, content):
    store.file.write_bytes(content)
    with pytest.raises(CorruptBatch, match="does not begin"):
        store.open()
    assert store.file.read_bytes() == content


def test_a_commit_out_of_order_is_damage(store):
    store.log.create_topic("a")
    first = len(store.bytes())
    store.log.create_topic("b")
    whole = store.bytes()
    store.file.write_bytes(whole + whole[first:])
    with pytest.raises(CorruptBatch, match="cannot follow"):
        store.open()


def test_a_record_of_a_newer_version_keeps_the_store_from_opening(store, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(commits, "encode_metadata", lambda record: bytes([1, 77, 0, 0]))
        store.log.allocate_producer_ids()
    with pytest.raises(NewerVersion):
        store.open()


# --- a disk that refuses


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_change_that_the_disk_refused_was_not_made(store, monkeypatch, call):
    store.log.create_topic("kept")
    before = store.bytes()
    with monkeypatch.context() as broken:
        fail(broken, call)
        with pytest.raises(StorageError):
            store.log.create_topic("refused")
    assert list(store.log.topics()) == ["kept"]
    assert store.bytes() == before
    store.log.create_topic("refused")
    assert list(store.reopen().topics()) == ["kept", "refused"]


def test_after_a_failed_sync_the_next_commit_is_in_a_new_file(store, monkeypatch):
    inode = store.file.stat().st_ino
    with monkeypatch.context() as broken:
        fail(broken, "fsync")
        with pytest.raises(StorageError):
            store.log.create_topic("refused")
    assert store.file.stat().st_ino == inode
    store.log.create_topic("made")
    assert store.file.stat().st_ino != inode
    assert list(store.reopen().topics()) == ["made"]


def test_even_when_nothing_can_be_cut_the_refused_change_is_gone_after_the_next(store, monkeypatch):
    with monkeypatch.context() as broken:
        fail(broken, "fsync")
        fail(broken, "ftruncate")
        with pytest.raises(StorageError):
            store.log.create_topic("refused")
    store.log.create_topic("made")
    assert list(store.reopen().topics()) == ["made"]


def test_a_full_disk_says_so(store, monkeypatch):
    with monkeypatch.context() as full:
        fail(full, "pwrite", OSError(28, "No space left on device"))
        with pytest.raises(DiskFull):
            store.log.create_topic("t")


def test_an_interrupted_change_was_not_made(store, monkeypatch):
    with monkeypatch.context() as interrupted:
        fail(interrupted, "fsync", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            store.log.create_topic("t")
    assert store.log.topics() == {}
    store.log.create_topic("t")
    assert list(store.reopen().topics()) == ["t"]


KILLED = """
import os, sys
from pathlib import Path
from pykafkalite.storage import metadata
metadata.REPLACE_BYTES, metadata.REPLACE_FACTOR = 20_000, 1
log = metadata.MetadataLog.open(Path(sys.argv[1]), node_id=1, writable=True)
for number in range(int(sys.argv[2]), 1 << 30):
    log.create_topic(f"t{number}", 3, {"retention.ms": -1})
    os.write(1, b"%d\\n" % number)
    if number % 5:
        log.delete_topic(f"t{number}")
        os.write(1, b"-%d\\n" % number)
"""


def test_a_killed_process_leaves_every_acknowledged_change_and_at_most_one_more(store):
    store.log.close()
    existing, first = set(), 1
    for delay in (0.02, 0.05, 0.1, 0.2):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(store.path), str(first)], stdout=subprocess.PIPE, text=True
        )
        acknowledged = [int(child.stdout.readline())]
        time.sleep(delay)
        child.kill()
        acknowledged += [int(line) for line in child.stdout]
        child.wait()
        for number in acknowledged:
            (existing.add if number > 0 else existing.discard)(abs(number))
        found = {int(name[1:]): topic for name, topic in store.reopen().topics().items()}
        unacknowledged = existing ^ found.keys()
        assert len(unacknowledged) <= 1
        assert unacknowledged <= {abs(acknowledged[-1]), abs(acknowledged[-1]) + 1}
        assert {(topic.partitions, topic.config.retention_ms) for topic in found.values()} <= {(3, -1)}
        existing, first = set(found), abs(acknowledged[-1]) + 2
        store.log.close()


# --- growth


def test_a_file_that_has_grown_is_replaced_and_says_the_same(store, monkeypatch):
    monkeypatch.setattr(metadata, "REPLACE_BYTES", 4096)
    kept = store.log.create_topic("kept", 3, {"retention.ms": 5})
    store.log.raise_leader_epoch()
    store.log.allocate_producer_ids()
    for _ in range(200):
        store.log.create_topic("passing")
        store.log.delete_topic("passing")
        assert store.file.stat().st_size < 10_000
    assert store.reopen().topics() == {"kept": kept}
    assert store.log.leader_epoch == 1
    assert store.log.allocate_producer_ids(1) == range(1000, 1001)


def test_a_change_stands_when_the_replacement_fails(store, monkeypatch):
    monkeypatch.setattr(metadata, "REPLACE_BYTES", 0)
    monkeypatch.setattr(metadata, "REPLACE_FACTOR", 0)
    with monkeypatch.context() as broken:
        broken.setattr(commits, "replace_file", lambda *_: (_ for _ in ()).throw(StorageError(5, "no")))
        store.log.create_topic("a")
    assert list(store.log.topics()) == ["a"]
    store.log.create_topic("b")
    assert list(store.reopen().topics()) == ["a", "b"]


def test_a_replacement_that_died_before_the_rename_leaves_the_old_file(store):
    store.log.create_topic("t")
    (store.path / (FILE + ".tmp")).write_bytes(b"half of it")
    assert list(store.reopen().topics()) == ["t"]


# --- readers


def test_a_reader_follows_what_is_committed(store):
    reader = store.reader()
    assert not reader.refresh()
    store.log.create_topic("a")
    assert reader.topics() == {}
    assert reader.refresh()
    store.log.alter_config("a", {"retention.ms": 5})
    store.log.create_topic("b")
    assert reader.refresh()
    assert reader.topics() == store.log.topics()
    assert not reader.refresh()


def test_a_reader_follows_into_a_replaced_file(store, monkeypatch):
    store.log.create_topic("a")
    reader = store.reader()
    monkeypatch.setattr(metadata, "REPLACE_BYTES", 0)
    monkeypatch.setattr(metadata, "REPLACE_FACTOR", 0)
    store.log.delete_topic("a")
    store.log.create_topic("b")
    assert reader.refresh()
    assert reader.topics() == store.log.topics()


def test_a_reader_waits_for_the_rest_of_a_commit(store):
    store.log.create_topic("a")
    half = store.bytes()
    store.log.create_topic("b")
    whole = store.bytes()
    store.file.write_bytes(half)
    reader = store.reader()
    with store.file.open("ab") as file:
        file.write(whole[len(half) : -5])
        file.flush()
        assert not reader.refresh()
        file.write(whole[-5:])
    assert reader.refresh()
    assert list(reader.topics()) == ["a", "b"]


def test_a_reader_forgets_a_commit_that_was_taken_back(store):
    reader = store.reader()
    before = store.bytes()
    store.log.create_topic("a")
    reader.refresh()
    os.truncate(store.file, len(before))
    assert reader.refresh()
    assert reader.topics() == {}


def test_a_reader_changes_nothing(store):
    store.log.create_topic("t")
    store.file.write_bytes(store.bytes() + b"torn")
    before = store.bytes()
    reader = store.reader()
    for call in (
        lambda: reader.create_topic("u"),
        lambda: reader.delete_topic("t"),
        lambda: reader.raise_leader_epoch(),
        lambda: reader.write_bootstrap(),
    ):
        with pytest.raises(ReadOnly):
            call()
    assert store.bytes() == before


def test_a_reader_of_a_directory_without_metadata_is_told_so(tmp_path):
    with pytest.raises(NotAStore):
        MetadataLog.open(tmp_path, node_id=1, writable=False)


def test_use_after_close_is_an_error(store):
    store.log.close()
    store.log.close()
    with pytest.raises(Closed):
        store.log.create_topic("t")
    with pytest.raises(Closed):
        store.log.refresh()


def test_no_descriptor_is_left_behind(store, monkeypatch):
    monkeypatch.setattr(metadata, "REPLACE_BYTES", 0)
    monkeypatch.setattr(metadata, "REPLACE_FACTOR", 0)
    before = len(os.listdir("/proc/self/fd"))
    for index in range(5):
        store.log.create_topic(f"t{index}")
        store.reader().close()
    assert len(os.listdir("/proc/self/fd")) == before
