"""Producer state outlives the process: snapshots, transaction indexes, and what the log says again."""

import errno
import os

import pytest
from disk import NOW
from produced import ABORT, COMMIT, begin, end, produce, sent

from pykafkalite._core import Live
from pykafkalite.errors import InvalidProducerEpoch, OutOfOrderSequence, StorageError
from pykafkalite.storage import producer_state, snapshots, txn_index
from pykafkalite.storage.producers import AbortedTransaction, Producer, Written
from pykafkalite.storage.publishing import LIVE_FILE


def names(disk, suffix):
    return sorted(int(path.stem) for path in disk.directory.glob(f"*{suffix}"))


def state(partition):
    """What the partition knows of its producers, each with its last batch only, as a snapshot keeps them."""
    known = partition._load_producers(partition.written).producers
    return sorted(producer._replace(batches=producer.batches[-1:]) for producer in known)


# --- the files -------------------------------------------------------------------------------------

SOME = [
    Producer(3, 1, -1, NOW, -1, (Written(9, 20, 4, NOW),)),
    Producer(4, 0, 7, NOW + 1, 12, ()),
]


def test_a_snapshot_gives_back_what_was_written():
    assert snapshots.decode(snapshots.encode(SOME)) == SOME
    assert snapshots.decode(snapshots.encode([])) == []


def test_producers_lie_in_a_snapshot_in_the_order_of_javas_hash_map():
    # As ProducerStateManager.writeSnapshot of Kafka 4.3.1 wrote these.
    given = [
        1000,
        2000,
        3000,
        5,
        21,
        37,
        1 << 32,
        (1 << 63) - 1,
        65536,
        131073,
        1001,
        2017,
        12345678901234,
        0,
    ]
    written = [
        (1 << 63) - 1,
        0,
        1 << 32,
        65536,
        2017,
        131073,
        5,
        37,
        12345678901234,
        1000,
        1001,
        2000,
        21,
        3000,
    ]
    found = snapshots.decode(snapshots.encode(Producer(producer) for producer in given))
    assert [producer.producer_id for producer in found] == written


def test_every_flip_and_every_cut_of_a_snapshot_is_noticed():
    whole = snapshots.encode(SOME)
    for position in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            with pytest.raises(ValueError, match=r"CRC|version"):
                snapshots.decode(bytes(flipped))
        with pytest.raises(ValueError, match=r"CRC|only"):
            snapshots.decode(whole[:position])


def test_a_transaction_index_is_believed_up_to_what_cannot_be_an_entry():
    entries = [AbortedTransaction(1, 0, 4, 5), AbortedTransaction(2, 3, 6, 7)]
    whole = txn_index.encode(entries)
    assert txn_index.decode(whole) == entries
    assert txn_index.decode(whole[:-1]) == entries[:1]
    assert txn_index.decode(whole + bytes(34)) == entries
    assert txn_index.decode(whole + whole) == entries


# --- a clean stop ----------------------------------------------------------------------------------


def test_a_duplicate_is_known_again_after_a_clean_stop(disk):
    first = disk.partition.append(sent(7, 0, b"a", b"b"))
    disk.reopen()
    assert disk.partition.append(sent(7, 0, b"a", b"b")) == first
    with pytest.raises(OutOfOrderSequence):
        produce(disk, 7, 3)
    assert produce(disk, 7, 2) == 2


def test_an_open_transaction_holds_the_stable_offset_over_a_clean_stop(disk):
    begin(disk, 7, 0)
    disk.reopen()
    assert disk.partition.last_stable_offset == 0
    disk.append(b"plain")
    assert disk.partition.last_stable_offset == 0
    disk.reopen()
    end(disk, 7, ABORT)
    assert disk.partition.last_stable_offset == 3
    assert disk.partition.aborted_transactions(0, 3) == [(7, 0, 2, 3)]


def test_a_snapshot_lies_at_every_roll_and_clean_stop_and_goes_with_its_segment(new_disk):
    disk = new_disk(segment_bytes=1 << 20, file_delete_delay_ms=0)
    produce(disk, 7, 0)
    for _ in range(3):
        disk.append(bytes(700_000))
    disk.reopen()
    assert names(disk, ".log") == [0, 2, 3]
    assert names(disk, ".snapshot") == [2, 3, 4]
    disk.store.delete_records("events", 0, 3)
    disk.store.scheduler.run_due()
    assert names(disk, ".snapshot") == [3, 4]
    disk.append(b"x")
    disk.reopen()
    assert names(disk, ".snapshot") == [4, 5]
    with pytest.raises(OutOfOrderSequence):
        produce(disk, 7, 5)


def test_producers_are_known_where_all_segments_are_gone(disk):
    produce(disk, 7, 0)
    disk.partition.roll()
    disk.store.delete_records("events", 0, -1)
    disk.reopen()
    assert produce(disk, 7, 0) == 0
    assert produce(disk, 7, 1) == 1


def test_an_expired_producer_is_not_loaded(disk):
    produce(disk, 7, 0)
    disk.close()
    disk.clock.advance(producer_state.PRODUCER_EXPIRATION_MS / 1000)
    disk.open()
    assert produce(disk, 7, 5, timestamp=disk.clock.now_ms()) == 1


def test_plain_appends_load_no_producers(disk, monkeypatch):
    produce(disk, 7, 0)
    partition = disk.reopen().partition
    monkeypatch.setattr(producer_state.ProducerState, "load", None)
    disk.append(b"a")
    assert partition.last_stable_offset == 2
    monkeypatch.undo()


def test_a_live_file_that_lies_about_the_stable_offset_is_not_believed(disk):
    begin(disk, 7, 0)
    slot, bounds = disk.partition._slot, disk.partition.bounds()
    disk.close()
    live = Live.open(str(disk.path / LIVE_FILE), writable=True)
    live.publish(slot, *bounds._replace(stable=1))
    live.mark_closed()
    live.close()
    assert disk.open().partition.last_stable_offset == 0


# --- an unclean stop -------------------------------------------------------------------------------


def busy(disk):
    """Producers over several segments, transactions committed, aborted and open."""
    disk.append(b"plain")
    begin(disk, 1, 0, b"a", b"b")
    begin(disk, 2, 0)
    disk.partition.roll()
    end(disk, 2, ABORT)
    produce(disk, 3, 0, b"c", b"d")
    end(disk, 1, COMMIT, epoch=1)
    disk.partition.roll()
    begin(disk, 2, 1)
    begin(disk, 4, 0)
    end(disk, 2, ABORT)
    disk.append(b"plain")


def test_a_kill_leaves_producers_transactions_and_indexes_as_they_were(disk):
    busy(disk)
    left = disk.after_a_kill().open()
    assert left.partition.last_stable_offset == disk.partition.last_stable_offset == 9
    assert state(left.partition) == state(disk.partition)
    assert left.partition.aborted_transactions(0, 12) == [(2, 3, 4, 1), (2, 8, 10, 9)]
    with pytest.raises(InvalidProducerEpoch):
        begin(left, 1, 2)
    assert begin(left, 4, 0) == 9
    assert begin(left, 4, 1) == 12
    left.close()


@pytest.mark.parametrize("suffix", [".snapshot", ".txnindex"])
@pytest.mark.parametrize("damage", ["cut", "zeroed", "garbage", "emptied"])
def test_damaged_files_of_producers_are_made_anew_from_the_log(disk, suffix, damage):
    busy(disk)
    left = disk.after_a_kill()
    found = list(left.directory.glob(f"*{suffix}"))
    assert len(found) > 1
    for path in found:
        data = path.read_bytes()
        kept = {"cut": data[:-1], "zeroed": bytes(len(data)), "garbage": data + b"x", "emptied": b""}[damage]
        path.write_bytes(kept)
    left.open()
    assert left.partition.last_stable_offset == 9
    assert state(left.partition) == state(disk.partition)
    assert left.partition.aborted_transactions(0, 12) == [(2, 3, 4, 1), (2, 8, 10, 9)]
    left.close()


def test_damaged_snapshots_are_made_up_for_after_a_clean_stop_too(disk):
    busy(disk)
    before = state(disk.partition)
    disk.close()
    for path in disk.directory.glob("*.snapshot"):
        path.write_bytes(b"garbage")
    disk.open()
    assert disk.partition.last_stable_offset == 9
    assert state(disk.partition) == before
    assert names(disk, ".snapshot") == [disk.partition.end_offset]
    assert snapshots.read_snapshot(disk.directory, disk.partition.end_offset)


def test_a_snapshot_of_what_was_cut_off_is_removed(disk):
    produce(disk, 7, 0, b"a")
    produce(disk, 7, 1, b"b")
    disk.close()
    assert names(disk, ".snapshot") == [2]
    (disk.path / ".kafka_cleanshutdown").unlink()
    disk.chop(1)
    disk.open()
    assert names(disk, ".snapshot") == [1]
    assert produce(disk, 7, 0) == 0
    assert produce(disk, 7, 1) == 1


def test_a_marker_that_was_cut_off_ended_nothing(disk):
    begin(disk, 7, 0)
    end(disk, 7, ABORT)
    left = disk.after_a_kill()
    left.chop(1)
    left.open()
    assert left.partition.last_stable_offset == 0
    assert left.partition.aborted_transactions(0, 2) == []
    assert end(left, 7, COMMIT) == 1
    assert left.partition.aborted_transactions(0, 2) == []
    left.close()


def test_wherever_the_log_is_cut_the_state_is_that_of_the_batches_before(disk):
    begin(disk, 1, 0, b"a")
    states = [(disk.log.stat().st_size, 0, state(disk.partition))]
    for step in (
        lambda: begin(disk, 2, 0),
        lambda: end(disk, 1, ABORT),
        lambda: disk.append(b"plain"),
        lambda: end(disk, 2, COMMIT),
    ):
        step()
        states.append((disk.log.stat().st_size, disk.partition.last_stable_offset, state(disk.partition)))
    size = states[-1][0]
    for cut in range(1, size - states[0][0], 7):
        left = disk.after_a_kill()
        left.chop(cut)
        left.open()
        _, stable, producers = [known for known in states if known[0] <= size - cut][-1]
        assert left.partition.last_stable_offset == stable
        assert state(left.partition) == producers
        left.close()


def test_batches_behind_a_corrupt_one_count(disk):
    begin(disk, 1, 0)
    position = disk.log.stat().st_size
    disk.append(b"plain")
    end(disk, 1, ABORT)
    begin(disk, 2, 0)
    left = disk.after_a_kill()
    left.flip(position + 8, bit=6)  # its length
    left.open()
    assert left.partition.last_stable_offset == 3
    assert left.partition.aborted_transactions(0, 4) == [(1, 0, 2, 3)]
    left.close()


def test_the_first_producer_after_much_plain_data_is_found_again(disk):
    for _ in range(5):
        disk.append(b"plain")
    disk.partition.commit.up_to(5)
    begin(disk, 7, 0)
    disk.store.syncing.sync_all()
    disk.store.checkpoint()  # recovery begins behind the open transaction
    left = disk.after_a_kill().open()
    assert left.partition.last_stable_offset == 5
    assert begin(left, 7, 0) == 5
    left.close()


# --- disks that refuse -----------------------------------------------------------------------------


def test_a_marker_whose_index_entry_cannot_be_written_is_not_acknowledged_and_counts_once_there_is_room(
    disk, monkeypatch
):
    begin(disk, 7, 0)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(producer_state, "append_aborted", full)
    with pytest.raises(StorageError):
        end(disk, 7, ABORT)
    assert disk.partition.last_stable_offset == 0
    monkeypatch.undo()
    disk.append(b"plain")
    assert disk.partition.last_stable_offset == disk.partition.high_watermark == 3
    assert disk.partition.aborted_transactions(0, 3) == [(7, 0, 1, 2)]


def test_a_transaction_index_that_cannot_be_synced_is_written_anew(new_disk, monkeypatch):
    disk = new_disk(durability="fsync")
    begin(disk, 7, 0)
    index = disk.directory / "00000000000000000000.txnindex"

    def ill(path):
        assert path == index
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pykafkalite.storage.partition.sync_file", ill)
    with pytest.raises(StorageError, match="sync of events-0"):
        end(disk, 7, ABORT)
    assert disk.partition.last_stable_offset == 0
    before = index.stat().st_ino
    monkeypatch.undo()
    disk.append(b"plain")
    assert index.stat().st_ino != before
    assert disk.partition.last_stable_offset == 3
    assert disk.partition.aborted_transactions(0, 3) == [(7, 0, 1, 2)]


def test_an_interrupt_between_the_write_and_its_note_loses_no_producer(disk, monkeypatch):
    begin(disk, 7, 0)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(disk.partition, "_note_producers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        begin(disk, 7, 1)
    monkeypatch.undo()
    assert begin(disk, 7, 1) == 1
    assert begin(disk, 7, 2) == 2
    assert disk.partition.last_stable_offset == 0
