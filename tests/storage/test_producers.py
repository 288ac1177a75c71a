"""Idempotent and transactional producers: what a partition takes, answers and refuses, as Kafka does."""

import pytest
from disk import NOW
from produced import ABORT, COMMIT, begin, end, marker, produce, sent

from pykafkalite.errors import (
    CoordinatorFenced,
    InvalidProducerEpoch,
    InvalidRecord,
    InvalidTransactionState,
    OutOfOrderSequence,
)
from pykafkalite.storage.producers import SEQUENCES, Origin
from pykafkalite.storage.writing import PRODUCER_EXPIRY_SECONDS

DAY = 24 * 60 * 60


# --- sequences -------------------------------------------------------------------------------------


def test_a_batch_that_is_sent_again_is_answered_with_its_offsets_and_not_written_again(disk):
    disk.append(b"before")
    first = disk.partition.append(sent(7, 0, b"a", b"b"))
    again = disk.partition.append(sent(7, 0, b"a", b"b"))
    assert first == again == (1, 2, -1)
    assert disk.values() == [b"before", b"a", b"b"]


def test_each_of_the_last_five_batches_is_known_again_and_the_sixth_is_out_of_order(disk):
    for sequence in range(6):
        produce(disk, 7, sequence)
    assert [produce(disk, 7, sequence) for sequence in range(1, 6)] == [1, 2, 3, 4, 5]
    with pytest.raises(OutOfOrderSequence, match="wrote sequence 0 after 5"):
        produce(disk, 7, 0)
    assert disk.partition.end_offset == 6


def test_a_gap_in_the_sequence_is_refused_and_what_follows_on_is_taken(disk):
    produce(disk, 7, 0, b"a", b"b")
    with pytest.raises(OutOfOrderSequence):
        produce(disk, 7, 3)
    assert produce(disk, 7, 2) == 2


def test_sequences_begin_again_at_0_after_the_largest(disk):
    produce(disk, 7, SEQUENCES - 2, b"a")
    wrapped = disk.partition.append(sent(7, SEQUENCES - 1, b"b", b"c"))
    assert produce(disk, 7, 1) == 3
    assert disk.partition.append(sent(7, SEQUENCES - 1, b"b", b"c")) == wrapped == (1, 2, -1)


def test_a_producer_that_is_not_known_begins_with_any_sequence(disk):
    assert produce(disk, 7, 41) == 0
    assert produce(disk, 7, 42) == 1


def test_a_duplicate_in_a_topic_of_log_append_time_keeps_its_first_time(new_disk):
    disk = new_disk(message_timestamp_type="LogAppendTime")
    produce(disk, 7, 0)
    disk.clock.advance(5)
    assert disk.partition.append(sent(7, 0)) == (0, 0, NOW)


def test_a_producer_of_another_epoch_begins_at_sequence_0(disk):
    produce(disk, 7, 0)
    with pytest.raises(OutOfOrderSequence, match="begins epoch 1"):
        produce(disk, 7, 1, epoch=1)
    assert produce(disk, 7, 0, epoch=1) == 1


def test_an_older_epoch_is_refused(disk):
    produce(disk, 7, 0, epoch=3)
    with pytest.raises(InvalidProducerEpoch, match="epoch 3 has been seen") as caught:
        produce(disk, 7, 1, epoch=2)
    assert caught.value.code == 47


def test_producers_know_nothing_of_each_other(disk):
    assert [produce(disk, producer, 0) for producer in (1, 2, 1 << 62)] == [0, 1, 2]


def test_clients_write_no_control_batches_and_no_batches_without_sequence(disk):
    with pytest.raises(InvalidRecord, match="control batches"):
        disk.partition.append(marker(7, COMMIT))
    with pytest.raises(InvalidRecord, match="no sequence number"):
        produce(disk, 7, -1)
    assert disk.partition.end_offset == 0


def test_coordinators_write_batches_without_sequences(disk):
    for expected in range(2):
        appended = disk.partition.append(sent(7, -1, transactional=True), Origin.COORDINATOR)
        assert appended.base_offset == expected


def test_a_refused_append_changes_nothing(disk):
    produce(disk, 7, 0)
    with pytest.raises(OutOfOrderSequence):
        disk.partition.append(sent(8, 0, transactional=True) + sent(7, 5))
    assert disk.partition.end_offset == disk.partition.last_stable_offset == 1
    assert produce(disk, 8, 3) == 1  # still not known


def test_a_producer_that_was_silent_for_a_day_is_forgotten(disk):
    produce(disk, 7, 0)
    begin(disk, 8, 0)
    disk.clock.advance(DAY - 1)
    disk.store.scheduler.run_due()
    with pytest.raises(OutOfOrderSequence):
        produce(disk, 7, 5)
    disk.clock.advance(PRODUCER_EXPIRY_SECONDS)
    disk.store.scheduler.run_due()
    assert produce(disk, 7, 5, timestamp=disk.clock.now_ms()) == 2
    assert disk.partition.last_stable_offset == 1  # an open transaction keeps its producer
    with pytest.raises(OutOfOrderSequence):
        begin(disk, 8, 5)


# --- transactions ----------------------------------------------------------------------------------


def test_an_open_transaction_holds_the_last_stable_offset(disk):
    disk.append(b"plain")
    begin(disk, 7, 0, b"a", b"b")
    disk.append(b"plain")
    begin(disk, 7, 2)
    assert disk.partition.last_stable_offset == 1
    assert end(disk, 7, COMMIT) == 5
    assert disk.partition.last_stable_offset == 6
    disk.append(b"plain")
    assert disk.partition.last_stable_offset == disk.partition.high_watermark == 7


def test_the_earliest_open_transaction_counts(disk):
    begin(disk, 1, 0)
    begin(disk, 2, 0)
    begin(disk, 3, 0)
    end(disk, 2, COMMIT)
    assert disk.partition.last_stable_offset == 0
    end(disk, 1, COMMIT)
    assert disk.partition.last_stable_offset == 2
    end(disk, 3, ABORT)
    assert disk.partition.last_stable_offset == 6


def test_only_aborted_transactions_are_in_the_index(disk):
    begin(disk, 1, 0)
    begin(disk, 2, 0)
    end(disk, 2, ABORT)
    end(disk, 1, COMMIT)
    begin(disk, 2, 1)
    end(disk, 2, ABORT)
    assert disk.partition.aborted_transactions(0, 6) == [(2, 1, 2, 0), (2, 4, 5, 6)]
    assert disk.partition.aborted_transactions(3, 6) == [(2, 4, 5, 6)]
    assert disk.partition.aborted_transactions(0, 4) == [(2, 1, 2, 0)]
    assert disk.partition.aborted_transactions(3, 4) == []


def test_an_aborted_transaction_is_found_over_segments(new_disk):
    disk = new_disk(segment_bytes=1 << 20)
    begin(disk, 1, 0)
    for _ in range(3):
        disk.append(bytes(700_000))
    end(disk, 1, ABORT)
    disk.append(bytes(700_000))
    assert len(list(disk.directory.glob("*.log"))) == 4
    assert disk.partition.aborted_transactions(0, 1) == [(1, 0, 4, 5)]


def test_a_marker_without_a_transaction_ends_none(disk):
    produce(disk, 7, 0)
    end(disk, 7, ABORT)
    assert disk.partition.last_stable_offset == 2
    assert disk.partition.aborted_transactions(0, 2) == []
    assert produce(disk, 7, 1) == 2


def test_a_marker_with_the_next_epoch_fences_the_one_before(disk):
    begin(disk, 7, 0)
    end(disk, 7, ABORT, epoch=1)
    with pytest.raises(InvalidProducerEpoch):
        begin(disk, 7, 1)
    assert begin(disk, 7, 0, epoch=1) == 2


def test_nothing_is_written_outside_of_an_open_transaction(disk):
    begin(disk, 7, 0)
    with pytest.raises(InvalidTransactionState, match="begun at offset 0"):
        produce(disk, 7, 1)
    end(disk, 7, COMMIT)
    assert produce(disk, 7, 1) == 2


def test_the_marker_of_an_older_coordinator_is_refused(disk):
    begin(disk, 7, 0)
    end(disk, 7, COMMIT, coordinator_epoch=4)
    begin(disk, 7, 1)
    with pytest.raises(CoordinatorFenced):
        end(disk, 7, ABORT, coordinator_epoch=3)
    assert disk.partition.last_stable_offset == 2


def test_under_transaction_version_2_a_late_marker_cannot_end_the_next_transaction(disk):
    begin(disk, 7, 0, epoch=4)
    with pytest.raises(InvalidProducerEpoch, match="an earlier one"):
        end(disk, 7, ABORT, epoch=4, origin=Origin.COORDINATOR_V2)
    end(disk, 7, ABORT, epoch=5, origin=Origin.COORDINATOR_V2)
    assert end(disk, 7, ABORT, epoch=5, origin=Origin.COORDINATOR_V2) == 2  # sent again
    assert disk.partition.aborted_transactions(0, 3) == [(7, 0, 1, 2)]


def test_a_control_batch_that_ends_nothing_is_refused(disk):
    with pytest.raises(InvalidRecord, match="type 2"):
        disk.partition.append(marker(7, 2), Origin.COORDINATOR)


def test_records_before_the_log_start_hold_no_stable_offset_below_it(disk):
    begin(disk, 7, 0, b"a", b"b")
    disk.append(b"c")
    disk.store.delete_records("events", 0, 2)
    assert disk.partition.last_stable_offset == 2
    disk.store.delete_records("events", 0, -1)
    disk.append(b"d")
    assert disk.partition.last_stable_offset == 3
    disk.reopen().append(b"e")
    assert disk.partition.last_stable_offset == 3
    end(disk, 7, COMMIT)
    assert disk.partition.last_stable_offset == 6


def test_with_fsync_the_stable_offset_moves_with_what_is_shown(new_disk):
    disk = new_disk(durability="fsync")
    begin(disk, 7, 0)
    disk.append(b"plain")
    assert (disk.partition.high_watermark, disk.partition.last_stable_offset) == (2, 0)
    end(disk, 7, ABORT)
    assert disk.partition.last_stable_offset == 3


def test_a_partition_without_producers_has_no_files_of_producers(disk):
    disk.append(b"a")
    disk.partition.roll()
    disk.append(b"b")
    disk.reopen()
    assert not [*disk.directory.glob("*.snapshot"), *disk.directory.glob("*.txnindex")]
