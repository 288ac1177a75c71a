"""After an unclean stop: what is kept, what is cut, what is said."""

import pytest

from pykafkalite.errors import CorruptBatch


def test_records_survive_a_kill(disk):
    disk.append(b"a", b"b")
    disk.append(b"c")
    with disk.after_a_kill().open().store as store:
        assert store.partition("events", 0).high_watermark == 3
        assert disk.values() == [b"a", b"b", b"c"]


def test_a_torn_last_batch_is_cut_off_and_kept_aside(disk):
    disk.append(b"a")
    disk.append(b"b")
    left = disk.after_a_kill()
    left.chop(3)
    left.open()
    assert left.values() == [b"a"]
    assert list(left.directory.glob("*.torn"))
    assert "torn tail" in left.store.recovered[0]
    assert left.append(b"c") == 1
    assert left.values() == [b"a", b"c"]
    left.close()


@pytest.mark.parametrize("damage", ["chop", "zero", "scribble"])
def test_from_every_byte_of_the_last_two_batches_whole_batches_before_stay(disk, damage):
    disk.append(b"first")
    start = disk.log.stat().st_size
    disk.append(b"second")
    middle = disk.log.stat().st_size
    disk.append(b"third")
    end = disk.log.stat().st_size
    for position in range(start, end):
        left = disk.after_a_kill()
        intact = left.log.read_bytes()
        getattr(left, damage)(end - position)
        damaged = left.log.read_bytes()
        left.open()
        # Zeros change nothing where a batch ends in one.
        whole = sum(damaged[:behind] == intact[:behind] for behind in (middle, end))
        expected = [b"first", b"second", b"third"][: 1 + whole]
        assert left.values() == expected, position
        assert left.append(b"new") == len(expected)
        assert left.values() == [*expected, b"new"]
        left.close()


def test_a_bad_batch_with_valid_ones_after_it_stays_and_is_reported(disk):
    disk.append(b"a")
    position = disk.log.stat().st_size
    disk.append(b"b")
    disk.append(b"c")
    left = disk.after_a_kill()
    left.flip(position + 66)
    left.open()
    with pytest.raises(CorruptBatch, match="go on at offset 2") as caught:
        left.values(1)
    assert (caught.value.position, caught.value.next_offset) == (position, 2)
    assert left.values(2) == [b"c"]
    assert left.append(b"d") == 3
    assert len(list(left.directory.glob("*.log"))) == 2
    assert left.values(2) == [b"c", b"d"]
    left.close()


def test_the_leader_epoch_rises_at_each_unclean_open(disk):
    disk.append(b"a")
    left = disk.after_a_kill().open()
    left.append(b"b")
    assert (left.directory / "leader-epoch-checkpoint").read_text() == "0\n2\n0 0\n1 1\n"
    left.close()


def test_a_clean_stop_needs_no_recovery_and_keeps_the_epoch(disk):
    disk.append(b"a")
    disk.reopen()
    assert disk.store.recovered == []
    disk.append(b"b")
    assert disk.values() == [b"a", b"b"]
    assert (disk.directory / "leader-epoch-checkpoint").read_text() == "0\n1\n0 0\n"


def test_indexes_past_the_recovery_point_are_rebuilt(new_disk):
    disk = new_disk(index_interval_bytes=0)
    for number in range(20):
        disk.append(b"%d" % number)
    expected = disk.after_a_kill("expected").open()
    expected.close()
    left = disk.after_a_kill()
    for index in left.directory.glob("*.*index"):
        index.write_bytes(b"\xff" * 100)
    left.open()
    left.close()
    name = "00000000000000000000.index"
    assert (left.directory / name).read_bytes() == (expected.directory / name).read_bytes() != b""


def test_an_empty_segment_begun_just_before_the_kill_is_no_loss(disk):
    disk.append(b"a")
    left = disk.after_a_kill()
    (left.directory / f"{1:020d}.log").touch()
    left.open()
    assert left.append(b"b") == 1
    assert left.values() == [b"a", b"b"]
    left.close()
