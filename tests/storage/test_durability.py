"""What an acknowledgement promises in each mode, and what a failed sync leads to."""

import errno
import threading
import time

import pytest
from disk import Disk, sealed

from pykafkalite import _core
from pykafkalite.errors import MessageTooLarge, StorageError
from pykafkalite.storage.durability import PROMISE_SECONDS


class Sick:
    """A segment whose syncs fail while it is ill; everything else is the real one's."""

    def __init__(self, segment):
        self._segment = segment
        self.ill = True
        self.syncs = 0

    def __getattr__(self, name):
        return getattr(self._segment, name)

    def sync(self):
        self.syncs += 1
        if self.ill:
            raise OSError(errno.EIO, "Input/output error")
        self._segment.sync()


def test_fsync_shows_records_only_once_they_are_synced(new_disk):
    disk = new_disk(durability="fsync")
    disk.append(b"a")
    sick = disk.partition._active = Sick(disk.partition._active)
    with pytest.raises(StorageError, match="sync of events-0"):
        disk.append(b"b")
    assert sick.syncs == 1
    assert disk.values() == [b"a"]


def test_after_a_failed_sync_the_partition_lies_on_a_fresh_file_before_it_takes_appends(new_disk):
    disk = new_disk(durability="fsync")
    disk.append(b"a")
    before = disk.log.stat().st_ino
    disk.partition._active = Sick(disk.partition._active)
    with pytest.raises(StorageError):
        disk.append(b"b")
    assert disk.append(b"c") == 2
    assert disk.log.stat().st_ino != before
    assert disk.values() == [b"a", b"b", b"c"]
    assert not list(disk.directory.glob("*.cleaned"))


def test_concurrent_appenders_share_syncs(new_disk):
    disk = new_disk(durability="fsync")
    disk.append(b"first")
    counter = disk.partition._active = Sick(disk.partition._active)
    counter.ill = False
    slow = counter._segment.sync

    class Slow(Sick):
        def sync(self):
            self.syncs += 1
            time.sleep(0.02)
            slow()

    counter = disk.partition._active = Slow(counter._segment)
    threads = [threading.Thread(target=disk.append, args=(b"x",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(disk.values()) == 17
    assert counter.syncs <= 4


def test_os_syncs_behind_within_its_promise(tmp_path):
    from pykafkalite.storage.store import Store

    store = Store.open(tmp_path / "real-clock")
    store.create_topic("events")
    partition = store.partition("events", 0)
    partition.append(sealed(b"a", timestamp=-1))
    deadline = time.monotonic() + 20 * PROMISE_SECONDS
    while partition.commit.synced_offset < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert partition.commit.synced_offset == 1
    store.close()


def test_flush_messages_syncs_before_it_acknowledges(new_disk):
    disk = new_disk(flush_messages=2)
    disk.append(b"a")
    assert disk.partition.commit.synced_offset == 0
    disk.append(b"b")
    assert disk.partition.commit.synced_offset == 2


def test_a_batch_over_max_message_bytes_is_refused_and_nothing_is_written(new_disk):
    disk = new_disk(max_message_bytes=200)
    with pytest.raises(MessageTooLarge, match=r"max\.message\.bytes=200"):
        disk.append(b"x" * 200)
    assert disk.append(b"x") == 0


def test_a_topic_that_is_deleted_before_its_sync_keeps_no_other_from_being_synced(disk, caplog):
    disk.store.create_topic("gone")
    disk.store.partition("gone", 0).append(sealed(b"x"))
    disk.append(b"a")
    disk.store.delete_topic("gone")
    disk.store.syncing.sync_all()
    assert disk.partition.commit.synced_offset == 1
    assert caplog.text == ""


def test_a_partition_whose_sync_fails_keeps_no_other_from_being_synced(disk):
    disk.append(b"a")
    disk.store.create_topic("healthy")
    healthy = disk.store.partition("healthy", 0)
    healthy.append(sealed(b"x"))
    disk.partition._active = Sick(disk.partition._active)
    disk.store.syncing.sync_all()
    assert disk.partition.commit.synced_offset == 0
    assert healthy.commit.synced_offset == 1


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_topic_compresses_by_its_own_config(new_disk, codec):
    disk = new_disk(compression_type=codec)
    values = [b"the same again " * 20] * 30
    disk.append(*values)
    assert _core.parse_batch(disk.log.read_bytes()).codec != 0
    assert disk.log.stat().st_size < sum(map(len, values))
    assert disk.values() == values
    assert disk.values(17) == values[17:]


def test_log_append_time_is_the_brokers_clock(new_disk):
    disk = new_disk(message_timestamp_type="LogAppendTime")
    disk.clock.advance(60)
    appended = disk.partition.append(sealed(b"a"))
    assert appended.timestamp == disk.clock.now_ms()
    batch = _core.parse_batch(disk.log.read_bytes())
    assert batch.is_append_time
    assert batch.max_timestamp == appended.timestamp


def test_a_disk_keeps_its_promise_after_reopening(new_disk):
    disk: Disk = new_disk(durability="fsync")
    disk.append(b"a")
    disk.reopen()
    assert disk.values() == [b"a"]
