from __future__ import annotations

import random
from pathlib import Path

import pytest
from segment_verbs import batch, create, fill, index_of, reopen, time_index_of

from pykafkalite._core import Segment, parse_batch, walk_batches
from pykafkalite.errors import Closed, CorruptBatch, ReadOnly, StorageError


def test_what_was_appended_lies_in_the_file_byte_for_byte(tmp_path):
    segment = create(tmp_path)
    first, second = batch(0, records=3), batch(3)
    assert segment.append(first) == 0
    assert segment.append(second) == len(first)
    assert Path(segment.path).read_bytes() == bytes(first + second)
    assert (segment.end, segment.next_offset) == (len(first + second), 4)


def test_a_segment_is_named_after_its_first_offset(tmp_path):
    create(tmp_path, 42)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000000000000000042.index",
        "00000000000000000042.log",
        "00000000000000000042.timeindex",
    ]
    assert not any(path.stat().st_size for path in tmp_path.iterdir())


def test_an_existing_log_is_never_created_again(tmp_path):
    create(tmp_path).append(batch(0))
    with pytest.raises(StorageError, match=r"cannot create .*File exists"):
        create(tmp_path)
    assert reopen(tmp_path, 60).path


def test_several_batches_are_one_append(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0, records=2) + batch(2) + batch(7))
    assert segment.next_offset == 8
    assert [b.base_offset for b in walk_batches(segment.span(0, 1 << 20, segment.end)[0])] == [0, 2, 7]


@pytest.mark.parametrize(
    "data", [b"x", bytes(batch(0))[:-1], bytes(100), bytes(batch(0)) + b"\0", bytes(batch(2))]
)
def test_what_is_not_whole_batches_in_order_is_refused_and_changes_nothing(tmp_path, data):
    segment = create(tmp_path)
    segment.append(batch(0, records=3))
    end = segment.end
    with pytest.raises(ValueError, match="cannot append"):
        segment.append(data)
    assert (segment.end, segment.next_offset, Path(segment.path).stat().st_size) == (end, 3, end)


def test_a_view_shows_the_mapped_file_itself(tmp_path):
    segment = create(tmp_path)
    data = batch(0)
    segment.append(data)
    owner, start, end = segment.span(0, 1 << 20, segment.end)
    assert (bytes(owner), start, end) == (bytes(data), 0, len(data))
    assert owner.readonly
    with Path(segment.path).open("r+b") as file:
        file.seek(70)
        file.write(b"!")
    assert owner[70] == ord("!")


def test_a_view_outlives_close_and_unlink(tmp_path):
    segment = create(tmp_path)
    data = batch(0, size=5_000)
    segment.append(data)
    view = segment.span(0, 1 << 20, segment.end)[0]
    segment.close()
    for path in tmp_path.iterdir():
        path.unlink()
    del segment
    assert bytes(view) == bytes(data)


def test_the_mapping_gives_nothing_that_is_not_published(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0))
    assert len(segment.mapping.slice(0, segment.end)) == segment.end
    for start, end in ((0, segment.end + 1), (-1, 5), (5, 4)):
        with pytest.raises(ValueError, match="published"):
            segment.mapping.slice(start, end)


def test_a_pointer_stays_good_while_the_file_grows(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0))
    view, address = segment.span(0, 100, segment.end)[0], segment.mapping.address
    before = bytes(view)
    fill(segment, 100)
    assert segment.mapping.address == address
    assert bytes(view) == before


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "pread"])
def test_a_span_is_whole_batches_and_at_least_one(tmp_path, mapped):
    segment = create(tmp_path)
    placed = [position for _, position in fill(segment, 10)] + [segment.end]
    reader = reopen(tmp_path, segment.end, mapped=mapped)
    size = placed[1]

    def ends_at(start, max_bytes, until):
        owner, first, last = reader.span(start, max_bytes, until)
        assert bytes(owner[first:last]) == Path(segment.path).read_bytes()[start : start + last - first]
        return start + last - first

    assert ends_at(0, 1, segment.end) == placed[1]
    assert ends_at(0, 2 * size, segment.end) == placed[2]
    assert ends_at(0, 3 * size - 1, segment.end) == placed[2]
    assert ends_at(placed[4], 1 << 20, segment.end) == segment.end
    assert ends_at(placed[4], 1 << 20, placed[6]) == placed[6]
    assert ends_at(segment.end, 100, segment.end) == segment.end


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "pread"])
def test_every_offset_is_found_by_whoever_opens_the_files(tmp_path, mapped):
    segment = create(tmp_path, 100)
    segment.append(batch(100))
    segment.append(batch(150, records=50, size=9_000))
    fill(segment, 40)
    segment.append(batch(1_000, records=10))
    segment.seal()
    reader = reopen(tmp_path, segment.end, mapped=mapped, base_offset=100)
    walked = walk_batches(segment.span(0, 1 << 20, segment.end)[0])
    for offset in range(0, 1_012):
        expected = next((b.position for b in walked if b.last_offset >= offset), segment.end)
        assert segment.lookup(offset) == expected
        assert reader.lookup(offset) == expected


def test_a_timestamp_is_found_in_the_first_batch_that_may_hold_it(tmp_path):
    segment = create(tmp_path)
    fill(segment, 50, step=10)
    walked = walk_batches(segment.span(0, 1 << 20, segment.end)[0])
    for timestamp in range(990, 1_510):
        expected = next(((b.position, b.base_offset) for b in walked if b.max_timestamp >= timestamp), None)
        assert segment.lookup_timestamp(timestamp) == expected
    assert segment.lookup_timestamp(1_000, start=walked[7].position) == (walked[7].position, 14)


def test_what_a_segment_knows_of_itself_survives_reopening(tmp_path):
    segment = create(tmp_path)
    assert (segment.max_timestamp, segment.max_timestamp_offset, segment.rolling_timestamp) == (-1, -1, -1)
    segment.append(batch(0, timestamp=7_000))
    segment.append(batch(1, timestamp=9_000, records=5))
    fill(segment, 30)
    segment.seal()
    for other in (segment, reopen(tmp_path, segment.end), reopen(tmp_path, segment.end, writable=True)):
        assert other.next_offset == 66
        assert (other.max_timestamp, other.max_timestamp_offset, other.rolling_timestamp) == (9_004, 5, 7_000)


def test_a_reader_sees_what_it_was_told_of_and_no_more(tmp_path):
    segment = create(tmp_path)
    first = segment.append(batch(0)) or segment.end
    reader = reopen(tmp_path, first)
    segment.append(batch(1))
    assert (reader.end, reader.next_offset, reader.lookup(1)) == (first, 1, first)
    reader.advance(segment.end)
    assert (reader.end, reader.next_offset, reader.lookup(1)) == (segment.end, 2, first)
    assert parse_batch(reader.span(first, 1, reader.end)[0]).base_offset == 1


def test_a_reader_that_knew_a_smaller_segment_bytes_maps_what_grew_beyond(tmp_path):
    segment = create(tmp_path, segment_bytes=1 << 20)
    segment.append(batch(0))
    reader = Segment.open(
        str(tmp_path), 0, segment_bytes=4096, index_bytes=4096, index_interval=4096, end=0, writable=False
    )
    old = reader.mapping
    fill(segment, 20)
    reader.advance(segment.end)
    assert reader.mapping is not old
    assert reader.lookup(39) == segment.lookup(39)
    assert bytes(reader.span(0, 1 << 20, segment.end)[0]) == Path(segment.path).read_bytes()


def test_appends_go_on_after_reopening(tmp_path):
    segment = create(tmp_path)
    fill(segment, 20)
    segment.seal()
    segment.close()
    again = reopen(tmp_path, segment.end, writable=True)
    fill(again, 20)
    assert again.next_offset == 80
    again.seal()
    assert all(
        again.lookup(b.last_offset) == b.position for b in walk_batches(again.span(0, 1 << 20, again.end)[0])
    )


def test_a_reader_holds_no_descriptor(tmp_path):
    segment = create(tmp_path)
    fill(segment, 20)
    segment.flush_indexes()
    before = len(list(Path("/proc/self/fd").iterdir()))
    readers = [reopen(tmp_path, segment.end) for _ in range(10)]
    assert all(reader.lookup(30) for reader in readers)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_shortened_by_someone_else_is_a_shorter_span(tmp_path):
    segment = create(tmp_path)
    fill(segment, 5)
    reader = reopen(tmp_path, segment.end, mapped=False)
    with Path(segment.path).open("r+b") as file:
        file.truncate(100)
    owner, start, end = reader.span(0, 1 << 20, segment.end)
    assert (len(owner), start, end) == (100, 0, 100)
    assert reader.span(500, 1 << 20, segment.end)[2] == 0
    assert reader.lookup(4) in range(0, segment.end + 1)


def test_a_file_shorter_than_what_was_published_is_not_opened(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0))
    with pytest.raises(CorruptBatch, match=r"cannot open .* to byte"):
        reopen(tmp_path, segment.end + 1)


def test_use_after_close_and_writes_by_readers_say_so(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0))
    reader = reopen(tmp_path, segment.end)
    for write in (lambda: reader.append(batch(1)), reader.seal, reader.sync, reader.flush_indexes):
        with pytest.raises(ReadOnly):
            write()
    segment.close()
    segment.close()
    for use in (
        lambda: segment.append(batch(1)),
        lambda: segment.lookup(0),
        lambda: segment.span(0, 1, 1),
        segment.sync,
    ):
        with pytest.raises(Closed):
            use()


def test_a_segment_rolls_where_kafka_rolls(tmp_path):
    segment = create(tmp_path, segment_bytes=1_000)
    segment.append(batch(0))
    room = 1_000 - segment.end
    assert segment.fits(room, 1)
    assert not segment.fits(room + 1, 1)
    assert segment.fits(1, 2**31 - 1)
    assert not segment.fits(1, 2**31)


def test_a_segment_rolls_when_an_index_is_full(tmp_path):
    segment = create(tmp_path, index_bytes=8 * 5, index_interval=0)
    while segment.fits(200, segment.next_offset):
        segment.append(batch(segment.next_offset, timestamp=1_000 + segment.next_offset))
    # 40 bytes hold 5 offsets but 3 times, and the last of those is kept for the seal.
    assert segment.next_offset == 3
    segment.append(batch(3, timestamp=1_003))
    segment.seal()
    assert [offset for offset, _ in index_of(segment)] == [1, 2, 3]
    assert time_index_of(segment) == [(1_001, 1), (1_002, 2), (1_003, 3)]


def test_preallocated_space_is_given_back_at_the_seal(tmp_path):
    segment = create(tmp_path, preallocate=True)
    assert Path(segment.path).stat().st_size == 1 << 20
    segment.append(batch(0))
    segment.seal()
    assert Path(segment.path).stat().st_size == segment.end


def test_random_appends_and_lookups_agree_with_a_plain_list(tmp_path):
    rng = random.Random(7)
    segment = create(tmp_path, index_interval=rng.choice([0, 500, 4096]))
    model = []
    for _ in range(300):
        offset = segment.next_offset + rng.choice([0, 0, 0, 1, 50])
        data = batch(
            offset, records=rng.randint(1, 5), size=rng.randint(5, 2_000), timestamp=rng.randint(0, 10_000)
        )
        position = segment.append(data)
        model.append((parse_batch(data), position))
        offset = rng.randint(0, segment.next_offset)
        assert segment.lookup(offset) == next((p for b, p in model if b.last_offset >= offset), segment.end)
        timestamp = rng.randint(0, 10_000)
        expected = next(((p, b.base_offset) for b, p in model if b.max_timestamp >= timestamp), None)
        assert segment.lookup_timestamp(timestamp) == expected
