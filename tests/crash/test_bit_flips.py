"""One bit of a file is the other way round: it is noticed, or lies where nothing can notice it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from history import read_all
from victim import value_of

from pykafkalite import _core
from pykafkalite.errors import CorruptBatch, Error
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.store import Store
from pykafkalite.storage.verify import verify

PLACE = ("events", 0)
NOW = 1_700_000_000_000
CONFIG = {"retention.ms": -1, "internal.segment.bytes": 600, "index.interval.bytes": 100}
START, END = 3, 24
LOG = "events-0/00000000000000000000.log"
LIVE_HEADER, LIVE_SLOT = range(32), range(4096, 4096 + 72)

# What Kafka's CRC does not cover: it begins behind itself, at the attributes.
OUTSIDE_THE_CRC = {
    **dict.fromkeys(range(8), "base offset"),
    **dict.fromkeys(range(8, 12), "length"),
    **dict.fromkeys(range(12, 16), "leader epoch"),
    16: "magic",
    **dict.fromkeys(range(17, 21), "crc"),
}

# File -> what may come of a flip in it besides "right". "hidden": right records only, but not all of
# them; "shown again": deleted ones too. Never a wrong record at any offset, never a crash.
CHECKED_BY_CRC = {"refused: CorruptBatch"}
ALLOWED = {
    LOG: CHECKED_BY_CRC,
    "events-0/00000000000000000008.index": set(),
    "events-0/00000000000000000008.timeindex": set(),
    "events-0/00000000000000000022.timeindex": set(),
    "events-0/leader-epoch-checkpoint": set(),
    # An id of another topic: set aside, which is said.
    "events-0/partition.metadata": {"hidden"},
    "recovery-point-offset-checkpoint": set(),
    "replication-offset-checkpoint": set(),
    # A digit has no checksum.
    "log-start-offset-checkpoint": {"hidden", "shown again", "refused: OffsetOutOfRange"},
    "meta.properties": {"refused: NewerVersion"},
    ".kafka_cleanshutdown": set(),
    "bootstrap.checkpoint": set(),
    # A torn last commit is cut, which is said: the topic is the last commit here.
    "pykafkalite.metadata": {"refused: CorruptBatch", "refused: UnknownTopic"},
    # Shared memory has no checksum. A writable open believes it only where the files agree.
    "pykafkalite.live": {
        "hidden",
        "shown again",
        "refused: NotAStore",
        "refused: NewerVersion",
        "refused: StorageError",
        "refused: OffsetOutOfRange",
        "refused: CorruptBatch",
    },
}


class Flipper:
    """A small store, as a clean close and as a SIGKILL leave it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock(NOW)
        self.killed = path.with_name("killed")
        with Store.open(path, clock=self.clock) as store:
            store.create_topic("events", 1, CONFIG)
            for serial in range(0, END, 2):
                values = [(None, value_of(serial + i), None, NOW + serial + i) for i in range(2)]
                store.partition(*PLACE).append(_core.build_batch(values))
            store.delete_records(*PLACE, START)
            store.syncing.sync_all()
            store.checkpoint()
            shutil.copytree(path, self.killed)

    def flipped(self, source: Path, name: str, position: int, bit: int) -> Path:
        """A copy of the directory with one bit changed."""
        target = self.path.with_name("flipped")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        data = bytearray((target / name).read_bytes())
        data[position] ^= 1 << bit
        (target / name).write_bytes(data)
        return target

    def outcome(self, path: Path, mode: str) -> str:
        """What a reader, or the next writer, makes of it."""
        try:
            with Store.open(path, mode=mode, clock=self.clock) as store:
                found = read_all(store, PLACE)
                if mode == "a":
                    store.partition(*PLACE).append(_core.build_batch([(None, value_of(99), None, NOW)]))
                    again = read_all(store, PLACE)
                    if again[:-1] != found or (again and again[-1][1] != value_of(99)):
                        return f"wrong after an append: {again}"
        except Error as error:
            return f"refused: {type(error).__name__}"
        if any(value != value_of(offset) for offset, value in found):
            return f"wrong: {found}"
        offsets = [offset for offset, _ in found]
        if offsets == list(range(START, END)):
            return "right"
        if offsets and offsets == list(range(offsets[0], END)) and offsets[0] < START:
            return "shown again"
        return "hidden" if offsets == sorted(set(offsets)) else f"wrong: {found}"


@pytest.fixture
def flipper(path: Path) -> Flipper:
    return Flipper(path)


def flips(path: Path) -> list[tuple[int, int]]:
    """(byte, bit) of everything in a file that means anything."""
    whole = range(path.stat().st_size)
    used: Iterable[int] = [*LIVE_HEADER, *LIVE_SLOT] if path.name == "pykafkalite.live" else whole
    return [(position, bit) for position in used for bit in range(8)]


def field_of(batches: list[_core.Batch], position: int) -> str:
    """Which field of a batch header the byte belongs to; "covered" by the CRC otherwise."""
    batch = next(batch for batch in batches if position < batch.position + batch.size)
    return OUTSIDE_THE_CRC.get(position - batch.position, "covered")


def test_every_flip_of_a_segment_is_noticed_but_for_these(flipper: Flipper):
    data = (flipper.path / LOG).read_bytes()
    batches = _core.walk_batches(data)
    unnoticed = set()
    for position, bit in flips(flipper.path / LOG):
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        try:
            _core.walk_batches(flipped)
        except (CorruptBatch, EOFError):
            continue
        unnoticed.add(field_of(batches, position))
    assert unnoticed == {"base offset", "leader epoch"}


def test_a_flip_of_a_base_offset_contradicts_its_neighbours(flipper: Flipper):
    second = _core.walk_batches((flipper.path / LOG).read_bytes())[1].position
    for position in range(second, second + 8):
        for bit in range(8):
            problems = verify(flipper.flipped(flipper.path, LOG, position, bit)).problems
            assert problems != [], (position, bit)


def check_flips(flipper: Flipper, name: str, source: Path, chosen: Iterator[tuple[int, int]]) -> int:
    """Flip those bits; how many of them."""
    batches = _core.walk_batches((source / LOG).read_bytes())
    count = 0
    for position, bit in chosen:
        count += 1
        if name == LOG and field_of(batches, position) == "base offset":
            continue  # see above
        for mode in "ra":
            path = flipper.flipped(source, name, position, bit)
            assert flipper.outcome(path, mode) in {"right", *ALLOWED[name]}, (mode, position, bit)
    return count


@pytest.mark.parametrize("state", ["closed", "killed"])
@pytest.mark.parametrize("name", ALLOWED)
def test_flips_drawn_by_lot_make_no_wrong_record(flipper: Flipper, name: str, state: str):
    source = flipper.path if state == "closed" else flipper.killed
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    if (source / name).exists() and (every := flips(source / name)):
        chosen = random.Random(seed).sample(every, 12)
        assert check_flips(flipper, name, source, iter(chosen)) == 12


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["closed", "killed"])
@pytest.mark.parametrize("name", ALLOWED)
def test_no_flip_makes_a_wrong_record(flipper: Flipper, name: str, state: str):
    source = flipper.path if state == "closed" else flipper.killed
    if (source / name).exists():
        check_flips(flipper, name, source, iter(flips(source / name)))


def test_a_slot_that_a_dead_writer_left_half_written_does_not_keep_the_store_from_opening(flipper: Flipper):
    path = flipper.flipped(flipper.killed, "pykafkalite.live", LIVE_SLOT[0], 0)
    assert flipper.outcome(path, "r") == "refused: StorageError"
    assert flipper.outcome(path, "a") == "right"
    with Store.open(path, mode="r") as reader:
        assert read_all(reader, PLACE)[-1] == (END, value_of(99))


def test_a_reader_that_checks_nothing_is_caught(flipper: Flipper, monkeypatch: pytest.MonkeyPatch):
    """Batches in a file whose CRC was made anew after the flip stand for such a reader."""
    position = (flipper.path / LOG).read_bytes().index(b"00000005")
    path = flipper.flipped(flipper.path, LOG, position, 0)
    data = bytearray((path / LOG).read_bytes())
    for batch in _core.walk_batches(data, check_crc=False):
        crc = _core.crc32c(data[batch.position + 21 : batch.position + batch.size])
        data[batch.position + 17 : batch.position + 21] = crc.to_bytes(4)
    (path / LOG).write_bytes(data)
    assert flipper.outcome(path, "r").startswith("wrong")
