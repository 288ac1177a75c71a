"""Disks that are full, threads that close, children that were forked: an error, and nothing lost."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from segment_verbs import batch, create, fill, reopen

from pykafkalite._core import Segment, sync_directory, syncfs, walk_batches
from pykafkalite.errors import Closed, DiskFull, StorageError

FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from segment_verbs import batch, create
from pykafkalite.errors import StorageError

segment = create(Path(sys.argv[1]), preallocate=sys.argv[3] == "preallocated")
segment.append(batch(0))
end = segment.end
soft = end + int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
try:
    segment.append(b"".join(bytes(batch(i)) for i in range(1, 9)))
except StorageError as error:
    print(error.errno)
assert (segment.end, segment.next_offset) == (end, 1)
assert Path(segment.path).stat().st_size == end
assert bytes(segment.span(0, 1 << 20, 1 << 20)[0]) == batch(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
segment.append(batch(1, records=3))
segment.seal()
"""


@pytest.mark.parametrize("room", [0, 1, 100, 400, 1_000])
@pytest.mark.parametrize("kind", ["plain", "preallocated"])
def test_an_append_that_does_not_fit_the_disk_leaves_nothing_and_the_next_goes_on(tmp_path, kind, room):
    helpers = str(Path(__file__).parent)
    run = [sys.executable, "-c", FULL, str(tmp_path), helpers, kind, str(room)]
    assert int(subprocess.run(run, check=True, capture_output=True, text=True).stdout) == errno.EFBIG
    written = (tmp_path / f"{0:020}.log").read_bytes()
    assert written == bytes(batch(0) + batch(1, records=3))


def test_no_space_left_is_an_error_of_its_own(tmp_path):
    (tmp_path / f"{0:020}.log").symlink_to("/dev/full")
    segment = reopen(tmp_path, 0, writable=True, mapped=False)
    with pytest.raises(DiskFull) as caught:
        segment.append(batch(0))
    assert caught.value.errno == errno.ENOSPC
    assert (segment.end, segment.next_offset) == (0, 0)


def test_a_segment_that_cannot_be_preallocated_leaves_no_files(tmp_path):
    with pytest.raises(StorageError):
        create(tmp_path, segment_bytes=1 << 62, preallocate=True)
    assert list(tmp_path.iterdir()) == []


def test_indexes_that_cannot_be_written_lose_no_append_and_no_lookup(tmp_path):
    segment = create(tmp_path, index_interval=0)
    for suffix in (".index", ".timeindex"):
        index = Path(segment.path).with_suffix(suffix)
        index.unlink()
        index.mkdir()
    fill(segment, 600, size=20)
    assert all(segment.lookup(2 * i) == position for i, (_, position) in enumerate(positions(segment)))
    with pytest.raises(StorageError, match="cannot write the indexes"):
        segment.flush_indexes()
    for suffix in (".index", ".timeindex"):
        Path(segment.path).with_suffix(suffix).rmdir()
    segment.flush_indexes()
    assert Path(segment.path).with_suffix(".index").stat().st_size == 599 * 8


def positions(segment: Segment) -> list[tuple[int, int]]:
    return [(b.base_offset, b.position) for b in walk_batches(segment.span(0, 1 << 30, segment.end)[0])]


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "pread"])
def test_closing_under_the_feet_of_readers_is_an_error_and_no_crash(tmp_path, mapped):
    writer = create(tmp_path)
    placed = fill(writer, 100)
    writer.seal()
    for _ in range(20):
        segment = reopen(tmp_path, writer.end, mapped=mapped)
        wrong = []

        def read(segment: Segment = segment, wrong: list[object] = wrong) -> None:
            try:
                while True:
                    for offset, position in placed:
                        if segment.lookup(offset) != position:
                            wrong.append(offset)
                        owner, start, end = segment.span(position, 5_000, writer.end)
                        if walk_batches(owner, start, end)[0].base_offset != offset:
                            wrong.append(offset)
            except Closed:
                return

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        segment.close()
        for reader in readers:
            reader.join()
        assert wrong == []


def test_readers_see_whole_batches_while_one_thread_appends(tmp_path):
    segment = create(tmp_path, segment_bytes=8 << 20, index_interval=0)
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            end = segment.end
            if not end:
                continue
            owner, start, stop = segment.span(0, 1 << 30, end)
            last = walk_batches(owner, start, stop)[-1]
            if last.position + last.size != end or segment.lookup(last.base_offset) != last.position:
                wrong.append(end)

    reader = threading.Thread(target=read)
    reader.start()
    fill(segment, 1_500, size=50)
    done.set()
    reader.join()
    assert wrong == []


def test_everything_can_be_synced(tmp_path):
    segment = create(tmp_path)
    segment.append(batch(0))
    segment.sync()
    segment.flush_indexes(sync=True)
    sync_directory(str(tmp_path))
    syncfs(str(tmp_path))
    for sync in (sync_directory, syncfs):
        with pytest.raises(StorageError, match="cannot open"):
            sync(str(tmp_path / "missing"))


def test_a_segment_is_made_by_its_two_verbs_only():
    with pytest.raises(TypeError, match=r"use Segment\.create"):
        Segment()
