"""Index files: Kafka's bytes when we write them, and no lies when anybody else has."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest
from segment_verbs import batch, create, fill, flip, index_of, reopen, time_index_of

from pykafkalite._core import Segment, walk_batches

INDEXES = (".index", ".timeindex")


def sealed(directory: Path, count: int = 60, *, size: int = 1_000) -> Segment:
    segment = create(directory, 50)
    segment.append(batch(50, timestamp=900))
    fill(segment, count, size=size)
    segment.seal()
    return segment


def truth(segment: Segment):
    """(position of each offset, first batch for each timestamp), by walking every batch."""
    walked = walk_batches(segment.span(0, 1 << 30, segment.end)[0])
    offsets = {offset: b.position for b in walked for offset in range(b.base_offset, b.last_offset + 1)}
    times = {
        b.max_timestamp: next(
            (o.position, o.base_offset) for o in walked if o.max_timestamp >= b.max_timestamp
        )
        for b in walked
    }
    return offsets, times


def assert_no_lies(segment: Segment, reader: Segment) -> None:
    offsets, times = truth(segment)
    assert {offset: reader.lookup(offset) for offset in offsets} == offsets
    assert {timestamp: reader.lookup_timestamp(timestamp) for timestamp in times} == times
    assert (reader.next_offset, reader.max_timestamp) == (segment.next_offset, segment.max_timestamp)


def test_entries_are_where_and_what_kafka_would_write(tmp_path):
    segment = create(tmp_path, 1_000)
    size = len(batch(0, size=1_900))
    for offset, timestamp in enumerate([5_000, 9_000, 7_000, 8_000, 9_000, 9_500], start=1_000):
        segment.append(batch(offset, size=1_900, timestamp=timestamp))
    segment.seal()
    # The first three batches are over 4096 bytes: the fourth is indexed, with the largest timestamp so far
    # and the offset of the first batch that has it.  Two more do not fill the interval again; the seal adds
    # the last.
    assert 2 * size <= 4_096 < 3 * size
    assert index_of(segment) == [(3, 3 * size)]
    assert time_index_of(segment) == [(9_000, 1), (9_500, 5)]
    raw = Path(segment.path).with_suffix(".timeindex").read_bytes()
    assert raw[:12].hex() == "0000000000002328" + "00000001"


def test_a_batch_is_indexed_by_its_last_offset(tmp_path):
    segment = create(tmp_path, index_interval=0)
    segment.append(batch(0))
    position = segment.append(batch(1, records=10))
    segment.seal()
    assert index_of(segment) == [(10, position)]


def test_batches_of_one_append_are_indexed_as_if_they_came_alone(tmp_path):
    (tmp_path / "together").mkdir()
    (tmp_path / "alone").mkdir()
    batches = [batch(i, size=700, timestamp=5_000 + i * 7 % 40) for i in range(50)]
    together, alone = create(tmp_path / "together"), create(tmp_path / "alone")
    together.append(b"".join(batches))
    for data in batches:
        alone.append(data)
    for segment in (together, alone):
        segment.seal()
    assert index_of(together) == index_of(alone)
    assert time_index_of(together) == time_index_of(alone)


def test_records_without_timestamps_make_no_time_index(tmp_path):
    segment = create(tmp_path, index_interval=0)
    for offset in range(5):
        segment.append(batch(offset, timestamp=-1))
    segment.seal()
    assert (len(index_of(segment)), time_index_of(segment)) == (4, [])
    assert reopen(tmp_path, segment.end).max_timestamp == -1


def test_entries_wait_in_memory_and_lookups_see_them(tmp_path):
    segment = create(tmp_path, index_interval=0)
    fill(segment, 40)
    assert index_of(segment) == []
    offsets, _ = truth(segment)
    assert {offset: segment.lookup(offset) for offset in offsets} == offsets
    segment.flush_indexes(sync=True)
    assert len(index_of(segment)) == 39
    segment.append(batch(80))
    assert segment.lookup(80) > segment.lookup(79)


def test_a_full_block_of_entries_is_written_at_once(tmp_path):
    segment = create(tmp_path, index_interval=0)
    fill(segment, 600, size=20)
    assert len(index_of(segment)) == 512
    assert len(time_index_of(segment)) == 512


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "pread"])
@pytest.mark.parametrize("suffix", INDEXES)
def test_every_flip_of_a_bit_in_an_index_costs_nothing_but_time(tmp_path, suffix, mapped):
    segment = sealed(tmp_path, 20)
    index = Path(segment.path).with_suffix(suffix)
    for at in range(index.stat().st_size):
        for bit in (0, 7):
            flip(index, at, bit)
            assert_no_lies(segment, reopen(tmp_path, segment.end, mapped=mapped, base_offset=50))
            flip(index, at, bit)


@pytest.mark.parametrize("suffix", INDEXES)
def test_an_index_may_be_missing_cut_short_or_garbage(tmp_path, suffix):
    segment = sealed(tmp_path)
    index = Path(segment.path).with_suffix(suffix)
    good, rng = index.read_bytes(), random.Random(1)
    contents = [good[:cut] for cut in range(len(good))]
    contents += [rng.randbytes(rng.randint(0, 400)) for _ in range(100)]
    contents += [b"\xff" * 96, b"\x7f" * 96, b"\0" * 96, good[::-1], good + rng.randbytes(50), good * 3]
    for content in contents:
        index.write_bytes(content)
        assert_no_lies(segment, reopen(tmp_path, segment.end, base_offset=50))
        assert_no_lies(segment, reopen(tmp_path, segment.end, writable=True, base_offset=50))
    index.unlink()
    assert_no_lies(segment, reopen(tmp_path, segment.end, base_offset=50))


@pytest.mark.parametrize("suffix", INDEXES)
def test_appends_after_garbage_leave_an_index_without_it(tmp_path, suffix):
    segment = sealed(tmp_path)
    segment.close()
    index = Path(segment.path).with_suffix(suffix)
    index.write_bytes(random.Random(3).randbytes(333))
    again = reopen(tmp_path, segment.end, writable=True, base_offset=50)
    fill(again, 40)
    again.seal()
    assert_no_lies(again, reopen(tmp_path, again.end, base_offset=50))
    walked = {b.last_offset - 50: b.position for b in walk_batches(Path(again.path).read_bytes())}
    assert all(walked[offset] == position for offset, position in index_of(again))
    assert all(offset in walked for _, offset in time_index_of(again))


def test_the_zeros_of_a_running_kafka_are_no_entries(tmp_path):
    segment = sealed(tmp_path, 700)
    for suffix in INDEXES:
        with Path(segment.path).with_suffix(suffix).open("ab") as file:
            file.truncate(10 << 20)
    reader = reopen(tmp_path, segment.end, mapped=False, base_offset=50)
    assert_no_lies(segment, reader)
    began = time.perf_counter()
    for _ in range(100):
        reader.lookup(1_400)
    assert time.perf_counter() - began < 1
    again = reopen(tmp_path, segment.end, writable=True, base_offset=50)
    again.append(batch(again.next_offset))
    again.seal()
    assert 0 not in [position for _, position in index_of(again)]


def test_an_entry_past_what_was_published_is_not_followed(tmp_path):
    segment = sealed(tmp_path)
    published = segment.lookup(100)
    reader = reopen(tmp_path, published, base_offset=50)
    assert (reader.lookup(99), reader.lookup(100), reader.lookup(150)) == (
        segment.lookup(99),
        published,
        published,
    )
    assert reader.next_offset == walk_batches(segment.span(published, 1, segment.end)[0])[0].base_offset


def test_an_index_that_points_into_the_middle_of_a_batch_is_not_believed(tmp_path):
    segment = sealed(tmp_path)
    entries = [(offset, position + 1) for offset, position in index_of(segment)]
    index = Path(segment.path).with_suffix(".index")
    index.write_bytes(b"".join(struct.pack(">ii", *entry) for entry in entries))
    assert_no_lies(segment, reopen(tmp_path, segment.end, base_offset=50))


def test_a_damaged_batch_hides_none_of_the_others(tmp_path):
    segment = sealed(tmp_path, 6, size=60)
    offsets, _ = truth(segment)
    bad = segment.lookup(55)
    good_offsets = {offset: position for offset, position in offsets.items() if position != bad}
    lost = [offset for offset, position in offsets.items() if position == bad]
    size = min(position for position in offsets.values() if position > bad) - bad
    for at in [*range(0, 61), size - 1]:
        for bit in range(8):
            flip(Path(segment.path), bad + at, bit)
            for reader in (
                reopen(tmp_path, segment.end, mapped=mapped, base_offset=50) for mapped in (True, False)
            ):
                assert {offset: reader.lookup(offset) for offset in good_offsets} == good_offsets, (at, bit)
                assert [reader.lookup(offset) for offset in lost] == [bad] * len(lost), (at, bit)
            flip(Path(segment.path), bad + at, bit)
