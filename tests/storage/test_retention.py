"""What retention deletes, and what it leaves."""

import warnings

import pytest
from disk import NOW

DAY = 24 * 3600 * 1000
SMALL = {"internal_segment_bytes": 200, "file_delete_delay_ms": 1000}


def fill(disk, count=5, **how):
    for number in range(count):
        disk.append(b"%d" % number * 100, **how)


def segments(disk):
    return sorted(int(path.stem) for path in disk.directory.glob("*.log"))


def test_segments_older_than_retention_ms_go_and_the_start_moves(new_disk):
    disk = new_disk(retention_ms=DAY, **SMALL)
    fill(disk, 3, timestamp=NOW)
    disk.clock.advance(DAY / 1000 + 1)
    fill(disk, 2, timestamp=NOW + DAY + 1000)
    disk.store.check_retention()
    assert disk.partition.start_offset == 3
    assert segments(disk) == [3, 4]
    assert len(disk.values()) == 2


def test_an_expired_active_segment_is_rolled_and_deleted_too(new_disk):
    disk = new_disk(retention_ms=DAY, **SMALL)
    fill(disk, 3)
    disk.clock.advance(2 * DAY / 1000)
    disk.store.check_retention()
    assert disk.partition.start_offset == disk.partition.high_watermark == 3
    assert disk.append(b"next", timestamp=disk.clock.now_ms()) == 3


def test_oldest_segments_go_while_the_log_is_larger_than_retention_bytes(new_disk):
    disk = new_disk(retention_ms=-1, retention_bytes=500, **SMALL)
    fill(disk, 6)
    disk.store.check_retention()
    assert disk.partition.size >= 500
    assert segments(disk) == [3, 4, 5]


def test_deleted_segments_are_renamed_first_and_removed_after_the_delay(new_disk):
    disk = new_disk(retention_ms=-1, retention_bytes=1, **SMALL)
    fill(disk, 3)
    disk.store.check_retention()
    assert list(disk.directory.glob("*.log.deleted"))
    disk.clock.advance(1.5)
    disk.store.scheduler.run_due()
    assert not list(disk.directory.glob("*.deleted"))


def test_a_compacted_topic_keeps_old_records(new_disk):
    disk = new_disk(cleanup_policy="compact", retention_ms=DAY, **SMALL)
    fill(disk, 3)
    disk.clock.advance(2 * DAY / 1000)
    disk.store.check_retention()
    assert len(disk.values()) == 3


def test_nothing_is_deleted_without_a_limit(new_disk):
    disk = new_disk(retention_ms=-1, **SMALL)
    fill(disk, 3, timestamp=0)
    disk.store.check_retention()
    assert len(disk.values()) == 3


def test_appending_expired_records_warns_once_and_names_the_config(new_disk):
    disk = new_disk(retention_ms=DAY)
    with pytest.warns(UserWarning, match=r"retention\.ms=-1"):
        disk.append(b"old", timestamp=1_300_000_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        disk.append(b"old", timestamp=1_300_000_000_000)


def test_a_reader_keeps_a_segment_that_retention_has_deleted(new_disk):
    from pykafkalite import _core

    disk = new_disk(retention_ms=-1, retention_bytes=0, **SMALL)
    fill(disk, 2)
    reader = _core.ColumnReader("events", 0, ["value"])
    disk.partition.fill(reader, 0, 1)
    batch = reader.finish()
    disk.store.check_retention()
    disk.clock.advance(5)
    disk.store.scheduler.run_due()
    disk.close()
    assert batch["value"].to_pylist() == [b"0" * 100]


def test_a_segment_is_rolled_when_it_is_full_or_old(new_disk):
    disk = new_disk(segment_ms=1000, retention_ms=-1, internal_segment_bytes=400)
    fill(disk, 2)
    assert segments(disk) == [0]
    fill(disk, 1)
    assert segments(disk) == [0, 2]
    disk.append(b"later", timestamp=NOW + 1500)
    assert segments(disk) == [0, 2, 3]
