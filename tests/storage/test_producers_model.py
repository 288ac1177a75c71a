"""Random producers, coordinators, rolls, stops and kills against the rules told the simple way: from the whole log."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from disk import Disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from produced import ABORT, COMMIT, marker, sent

from pykafkalite.errors import InvalidProducerEpoch, InvalidTransactionState, OutOfOrderSequence
from pykafkalite.storage.producers import SEQUENCES, Origin


class Entry(NamedTuple):
    """A batch in the model's log; `kind`: of a marker."""

    producer: int
    epoch: int
    sequence: int
    first: int
    count: int
    transactional: bool = False
    kind: int | None = None

    @property
    def last(self):
        return self.first + self.count - 1


class Model:
    """Kafka's rules over a list of everything that was written."""

    def __init__(self):
        self.log = []
        self.end = 0

    def of(self, producer):
        return [entry for entry in self.log if entry.producer == producer]

    def epoch(self, producer):
        return self.of(producer)[-1].epoch if self.of(producer) else -1

    def batches(self, producer):
        """Of the present epoch."""
        epoch = self.epoch(producer)
        return [entry for entry in self.of(producer) if entry.epoch == epoch and entry.kind is None]

    def opened_at(self, producer):
        """Where its open transaction begins."""
        start = None
        for entry in self.of(producer):
            if entry.kind is not None:
                start = None
            elif entry.transactional and start is None:
                start = entry.first
        return start

    def next_sequence(self, producer):
        batches = self.batches(producer)
        return (batches[-1].sequence + batches[-1].count) % SEQUENCES if batches else 0

    def verdict(self, entry):
        """The entry it repeats, the error it meets, or None."""
        if entry.kind is None and entry.epoch == self.epoch(entry.producer):
            for old in self.batches(entry.producer)[-5:]:
                if (old.sequence, old.count) == (entry.sequence, entry.count):
                    return old
        if entry.epoch < self.epoch(entry.producer):
            return InvalidProducerEpoch
        if entry.kind is not None:
            return None
        expected = 0 if entry.epoch > self.epoch(entry.producer) else self.next_sequence(entry.producer)
        if self.of(entry.producer) and entry.sequence != expected:
            return OutOfOrderSequence
        if self.opened_at(entry.producer) is not None and not entry.transactional:
            return InvalidTransactionState
        return None

    def write(self, entry):
        self.log.append(entry)
        self.end += entry.count

    def stable(self):
        starts = [self.opened_at(entry.producer) for entry in self.log]
        return min((start for start in starts if start is not None), default=self.end)

    def aborted(self):
        """(producer, first offset, offset of its marker) of each aborted transaction."""
        found, starts = [], {}
        for entry in self.log:
            if entry.kind is None:
                if entry.transactional:
                    starts.setdefault(entry.producer, entry.first)
            elif (start := starts.pop(entry.producer, None)) is not None and entry.kind == ABORT:
                found.append((entry.producer, start, entry.first))
        return found


# What is done next: (what, producer, how far off the right sequence, epoch step, records, transactional).
steps = st.lists(
    st.tuples(
        st.sampled_from(["send"] * 6 + ["end"] * 3 + ["plain", "roll", "reopen", "kill"]),
        st.integers(0, 2),
        st.sampled_from([0, 0, 0, 0, -1, -2, -4, -7, 1]),
        st.sampled_from([0, 0, 0, 0, 0, 1, -1]),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps, st.sampled_from([0, SEQUENCES - 4]))
def test_a_partition_does_what_the_model_says(steps, first_sequence):
    with tempfile.TemporaryDirectory() as root:
        disk, model, forgetful = Disk(Path(root) / "store"), Model(), False
        for number, (what, producer, off, step, count, transactional) in enumerate(steps):
            if what == "roll" and model.end:
                disk.partition.roll()
            elif what == "reopen":
                disk.reopen()
                forgetful = True
            elif what == "kill":
                left = disk.after_a_kill(str(number)).open()
                disk.close()
                disk, forgetful = left, True
            elif what == "plain":
                disk.append(b"plain")
                model.write(Entry(-1, -1, -1, model.end, 1))
            elif what in ("send", "end"):
                apply(
                    disk,
                    model,
                    entry(model, what, producer, off, step, count, transactional, first_sequence),
                    forgetful,
                )
            check(disk.partition, model)
        disk.close()


def entry(model, what, producer, off, step, count, transactional, first_sequence):
    epoch = max(0, max(0, model.epoch(producer)) + step)
    if what == "end":
        return Entry(producer, epoch, -1, model.end, 1, True, COMMIT if transactional else ABORT)
    old = model.batches(producer)
    if off < 0 and len(old) >= -off and not step:  # one that was sent before
        return old[off]._replace(first=model.end)
    sequence = model.next_sequence(producer) if old else first_sequence if not model.of(producer) else 0
    sequence = 0 if step else (sequence + max(0, off)) % SEQUENCES
    return Entry(producer, epoch, sequence, model.end, count, transactional)


def apply(disk, model, entry, forgetful):
    verdict = model.verdict(entry)
    if entry.kind is not None:
        batch, origin = marker(entry.producer, entry.kind, epoch=entry.epoch), Origin.COORDINATOR
    else:
        values = [b"x"] * entry.count
        how = {"epoch": entry.epoch, "transactional": entry.transactional}
        batch, origin = sent(entry.producer, entry.sequence, *values, **how), Origin.CLIENT
    if verdict is None:
        assert disk.partition.append(batch, origin) == (entry.first, entry.last, -1)
        model.write(entry)
    elif isinstance(verdict, Entry):
        try:
            assert disk.partition.append(batch, origin) == (verdict.first, verdict.last, -1)
        except OutOfOrderSequence:  # a snapshot keeps the last batch only
            assert forgetful
            assert verdict is not model.batches(entry.producer)[-1]
    else:
        with pytest.raises(verdict):
            disk.partition.append(batch, origin)


def check(partition, model):
    assert partition.high_watermark == model.end
    assert partition.last_stable_offset == model.stable()
    assert [found[:3] for found in partition.aborted_transactions(0, model.end)] == model.aborted()
