"""Each config that storage enforces, by what it does to files and appends."""

import pytest
from disk import NOW, sealed

from pykafkalite.errors import InvalidTimestamp, MessageTooLarge

HOUR = 3600 * 1000


def bases(disk):
    return sorted(int(path.stem) for path in disk.directory.glob("*.log"))


def test_segment_bytes_bounds_every_segment(new_disk):
    disk = new_disk(segment_bytes=1 << 20)
    for _ in range(8):
        disk.append(bytes(300_000))
    assert bases(disk) == [0, 3, 6]
    assert all(path.stat().st_size <= 1 << 20 for path in disk.directory.glob("*.log"))


def test_a_changed_segment_bytes_counts_from_the_next_segment(new_disk):
    disk = new_disk(internal_segment_bytes=1000)
    disk.append(b"x" * 530)
    disk.store.alter_config("events", {"internal.segment.bytes": 300})
    disk.append(b"x" * 200)
    assert bases(disk) == [0]
    disk.append(b"x" * 100)
    disk.append(b"x" * 100)
    assert bases(disk) == [0, 2, 3]


def test_a_batch_that_no_segment_can_hold_is_refused(new_disk):
    disk = new_disk(internal_segment_bytes=200)
    with pytest.raises(MessageTooLarge, match=r"segment\.bytes=200"):
        disk.append(b"x" * 300)


def test_segment_index_bytes_rolls_when_the_index_is_full(new_disk):
    disk = new_disk(segment_index_bytes=24, index_interval_bytes=0)
    for _ in range(6):
        disk.append(b"x")
    assert len(bases(disk)) > 1
    assert all(path.stat().st_size <= 24 for path in disk.directory.glob("*.index"))


def test_index_interval_bytes_spaces_index_entries(new_disk):
    disk = new_disk(index_interval_bytes=1000)
    for _ in range(40):
        disk.append(b"x" * 31)
    disk.close()
    size = 61 + 7 + 31
    assert next(disk.directory.glob("*.index")).stat().st_size // 8 == 40 * size // (1000 + size)


def test_segment_jitter_ms_rolls_some_segments_earlier(new_disk, monkeypatch):
    monkeypatch.setattr("random.randint", lambda low, high: high)
    disk = new_disk(segment_ms=10_000, segment_jitter_ms=4_000)
    disk.append(b"first")
    disk.append(b"later", timestamp=NOW + 5_000)
    assert bases(disk) == [0]
    disk.append(b"after the jittered age", timestamp=NOW + 7_000)
    assert bases(disk) == [0, 2]


def test_preallocate_reserves_the_segment_and_gives_the_rest_back_at_the_end(new_disk):
    disk = new_disk(segment_bytes=1 << 20, preallocate=True)
    disk.append(b"x")
    assert disk.log.stat().st_size == 1 << 20
    assert disk.log.stat().st_blocks * 512 >= 1 << 20
    disk.close()
    assert disk.log.stat().st_size < 200


def test_a_preallocated_tail_is_no_damage_after_a_kill(new_disk):
    disk = new_disk(segment_bytes=1 << 20, preallocate=True)
    disk.append(b"x")
    left = disk.after_a_kill().open()
    assert left.store.recovered == []
    assert left.values() == [b"x"]
    assert left.append(b"y") == 1
    left.close()


def test_max_message_bytes_is_of_the_batch_as_it_is_stored(new_disk):
    disk = new_disk(max_message_bytes=300, compression_type="zstd")
    disk.append(b"x" * 10_000)
    with pytest.raises(MessageTooLarge):
        disk.append(bytes(range(256)) * 2)


def test_message_timestamps_have_to_be_near_now(new_disk):
    disk = new_disk(message_timestamp_before_max_ms=HOUR, message_timestamp_after_max_ms=HOUR)
    disk.append(b"now")
    with pytest.raises(InvalidTimestamp, match=r"message\.timestamp\.before\.max\.ms"):
        disk.append(b"old", timestamp=NOW - 2 * HOUR)
    with pytest.raises(InvalidTimestamp, match="timestamps are milliseconds"):
        disk.append(b"seconds taken for milliseconds", timestamp=NOW * 1000)
    disk.append(b"no timestamp", timestamp=-1)
    assert disk.values() == [b"now", b"no timestamp"]


def test_flush_ms_makes_the_sync_due_sooner(new_disk):
    disk = new_disk(flush_ms=20)
    disk.append(b"x")
    ((written, due),) = disk.store.syncing._dirty.values()
    assert due - written == pytest.approx(0.02)


def test_compression_type_uncompressed_unpacks_what_a_producer_packed(new_disk):
    from pykafkalite import _core
    from pykafkalite.storage import codecs

    disk = new_disk(compression_type="uncompressed")
    plain = sealed(b"a" * 100, b"b" * 100)
    packed = _core.reseal(plain, codecs.compress(codecs.ZSTD, plain[_core.BATCH_HEADER :]), codecs.ZSTD)
    disk.partition.append(packed)
    assert _core.parse_batch(disk.log.read_bytes()).codec == 0
    assert disk.values() == [b"a" * 100, b"b" * 100]


def test_configs_survive_a_restart_and_changes_take_effect_at_once(new_disk):
    disk = new_disk()
    disk.append(b"x" * 500)
    disk.store.alter_config("events", {"max.message.bytes": 300})
    with pytest.raises(MessageTooLarge):
        disk.append(b"x" * 500)
    disk.reopen()
    with pytest.raises(MessageTooLarge):
        disk.append(b"x" * 500)
    disk.store.alter_config("events", {"max.message.bytes": None})
    assert disk.append(b"x" * 500) == 1
