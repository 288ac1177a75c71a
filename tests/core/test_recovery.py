"""Recovery keeps every whole valid batch, tells torn tails from holes, and rebuilds the indexes."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from segment_verbs import batch, create, fill, flip, index_of, reopen, time_index_of

from pykafkalite._core import Segment, walk_batches


def recover(segment: Segment, start: int = 0):
    """Reopens the files as after a crash and walks them."""
    again = reopen(Path(segment.path).parent, start, writable=True)
    return again, again.recover(start)


def positions(segment: Segment) -> list[int]:
    return [b.position for b in walk_batches(segment.span(0, 1 << 30, segment.end)[0])]


def test_a_whole_file_is_kept_as_it_is(tmp_path):
    segment = create(tmp_path)
    fill(segment, 30)
    again, found = recover(segment)
    assert (found.end, found.next_offset, found.batches, found.file_size) == (
        segment.end,
        60,
        30,
        segment.end,
    )
    assert (found.holes, found.problem, found.bad_position, found.valid_after) == ([], "", -1, -1)
    assert (again.end, again.next_offset, again.max_timestamp) == (segment.end, 60, segment.max_timestamp)


def test_an_empty_file_is_an_empty_segment(tmp_path):
    again, found = recover(create(tmp_path))
    assert (found.end, found.next_offset, found.batches, found.problem) == (0, 0, 0, "")
    again.append(batch(0))


def test_rebuilt_indexes_are_those_of_the_appends(tmp_path):
    segment = create(tmp_path)
    fill(segment, 60, step=-3)
    fill(segment, 60, step=7)
    segment.seal()
    indexes = index_of(segment), time_index_of(segment)
    for suffix in (".index", ".timeindex"):
        Path(segment.path).with_suffix(suffix).unlink()
    again, _ = recover(segment)
    assert (index_of(again), time_index_of(again)) == indexes
    assert len(indexes[0]) > 10


@pytest.mark.parametrize("start_batch", [1, 17, 59])
def test_recovery_from_the_middle_keeps_the_entries_before(tmp_path, start_batch):
    segment = create(tmp_path)
    start = fill(segment, 60)[start_batch][1]
    segment.seal()
    indexes = index_of(segment), time_index_of(segment)
    again, found = recover(segment, start)
    assert (found.batches, found.next_offset, found.end) == (60 - start_batch, 120, segment.end)
    assert (index_of(again), time_index_of(again)) == indexes
    assert (again.max_timestamp, again.max_timestamp_offset) == (segment.max_timestamp, 119)


def test_every_truncation_of_the_last_batches_keeps_the_whole_ones(tmp_path):
    segment = create(tmp_path)
    fill(segment, 4, size=60)
    whole, ends = Path(segment.path).read_bytes(), [*positions(segment)[1:], segment.end]
    for cut in range(ends[1], len(whole)):
        Path(segment.path).write_bytes(whole[:cut])
        again, found = recover(segment)
        assert found.end == again.end == max(end for end in ends if end <= cut)
        assert (found.holes, found.file_size) == ([], cut)
        assert bool(found.problem) == (cut not in ends)


@pytest.mark.parametrize("filler", [b"\0", b"\xa5", b"\2"], ids=["zeros", "garbage", "magics"])
def test_every_overwritten_tail_is_a_tail(tmp_path, filler):
    segment = create(tmp_path)
    fill(segment, 4, size=60)
    whole, ends = Path(segment.path).read_bytes(), [*positions(segment)[1:], segment.end]
    for cut in range(ends[1], len(whole)):
        Path(segment.path).write_bytes(whole[:cut] + filler * (len(whole) - cut))
        _, found = recover(segment)
        # A batch may end in the very bytes that were written over it.
        kept = max(end for end in ends if end <= cut or whole[cut:end] == filler * (end - cut))
        assert found.end == kept
        assert found.holes == []


def test_zeros_that_were_never_written_are_told_from_torn_batches(tmp_path):
    segment = create(tmp_path, preallocate=True)
    fill(segment, 3)
    again, found = recover(segment)
    assert (found.end, found.file_size, found.zeros) == (segment.end, 1 << 20, True)
    again.truncate(found.end)
    assert Path(segment.path).stat().st_size == segment.end


def test_bad_bytes_in_the_middle_are_a_hole_and_the_rest_is_kept(tmp_path):
    segment = create(tmp_path)
    placed = fill(segment, 10)
    flip(Path(segment.path), placed[4][1] + 80)
    again, found = recover(segment)
    assert (found.end, found.next_offset, found.batches) == (segment.end, 20, 9)
    assert [tuple(hole) for hole in found.holes] == [
        (placed[4][1], placed[5][1], placed[5][0], "the checksum does not match the bytes")
    ]
    assert (found.bad_position, found.valid_after) == (placed[4][1], placed[5][1])
    assert again.lookup(12) == placed[6][1]
    again.append(batch(20))


def test_every_flip_of_a_bit_of_a_batch_is_a_hole_where_it_lies(tmp_path):
    segment = create(tmp_path)
    fill(segment, 5, size=60)
    ends = [*positions(segment), segment.end]
    whole = Path(segment.path).read_bytes()
    unseen = set()
    for at in range(ends[2], ends[3]):
        for bit in range(8):
            Path(segment.path).write_bytes(whole)
            flip(Path(segment.path), at, bit)
            _, found = recover(segment)
            if found.batches == 5:
                unseen.add(at - ends[2])
            else:
                assert [(hole.position, hole.valid_after) for hole in found.holes] == [(ends[2], ends[3])]
    # Nothing protects the leader epoch, bytes 12 to 15.
    assert unseen == {12, 13, 14, 15}


def test_a_wrong_length_hides_no_batch_after_it(tmp_path):
    segment = create(tmp_path)
    placed = fill(segment, 6)
    for bit in range(31):
        damaged = tmp_path / str(bit)
        damaged.mkdir()
        shutil.copy(segment.path, damaged)
        flip(damaged / Path(segment.path).name, placed[2][1] + 8 + 3 - bit // 8, bit % 8)
        found = reopen(damaged, 0, writable=True).recover()
        assert (found.end, found.batches) == (segment.end, 5)
        assert [(hole.position, hole.valid_after) for hole in found.holes] == [(placed[2][1], placed[3][1])]


def test_a_torn_value_that_holds_batches_is_still_a_torn_tail(tmp_path):
    segment = create(tmp_path)
    fill(segment, 5)
    inner = bytes(batch(0)) * 3
    outer = batch(10, size=3_000)
    outer[100 : 100 + len(inner)] = inner
    Path(segment.path).write_bytes(Path(segment.path).read_bytes() + outer[:2_000])
    _, found = recover(segment)
    assert (found.end, found.holes) == (segment.end, [])


def test_leader_epochs_are_reported_where_they_begin(tmp_path):
    segment = create(tmp_path)
    for offset, epoch in enumerate([3, 3, 4, 7, 7]):
        segment.append(batch(offset, epoch=epoch))
    assert recover(segment)[1].epochs == [(3, 0), (4, 2), (7, 3)]


def test_appends_go_on_after_recovery_over_the_torn_tail(tmp_path):
    segment = create(tmp_path)
    fill(segment, 10)
    with Path(segment.path).open("ab") as file:
        file.write(batch(20)[:50])
    again, found = recover(segment)
    again.truncate(found.end)
    fill(again, 10)
    again.seal()
    assert [again.lookup(2 * i) for i in range(20)] == positions(again)


def test_a_reader_checks_without_touching_anything(tmp_path):
    segment = create(tmp_path)
    placed = fill(segment, 30)
    flip(Path(segment.path), placed[4][1] + 80)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    found = reopen(tmp_path, segment.end).recover()
    assert (found.batches, found.next_offset, len(found.holes)) == (29, 60, 1)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_ctrl_c_ends_a_long_recovery_and_leaves_the_segment_usable(tmp_path):
    segment = create(tmp_path, segment_bytes=1 << 28)
    data = b"".join(bytes(batch(i, size=1 << 20)) for i in range(128))
    segment.append(data)
    again = Segment.open(
        str(tmp_path), 0, segment_bytes=1 << 28, index_bytes=4096, index_interval=4096, end=0, writable=True
    )
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            again.recover()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert again.recover().batches == 128
