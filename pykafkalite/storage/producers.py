"""Who may write what: the rules for batches that carry a producer id.

They are those of Kafka's ProducerStateManager, ProducerAppendInfo and ProducerStateEntry (4.3): a producer's
batches follow one another without a gap, none of its last five is written twice, an older epoch is refused,
a transaction lasts from its first batch to its control batch. Nothing here touches a file or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ..errors import (
    CoordinatorFenced,
    InvalidProducerEpoch,
    InvalidRecord,
    InvalidTransactionState,
    OutOfOrderSequence,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NO_PRODUCER = NO_EPOCH = NO_SEQUENCE = NO_OFFSET = -1
RETAINED_BATCHES = 5
SEQUENCES = 1 << 31
"""Sequence numbers go from 0 to 2^31 - 1, and then from 0 again."""
_LAST_EPOCH = 0x7FFF


class Origin(Enum):
    """Who appends, which decides what is checked (Kafka's AppendOrigin)."""

    CLIENT = "a client: sequences must follow, control batches are refused"
    COORDINATOR = "a coordinator: epochs only"
    COORDINATOR_V2 = "a coordinator under transaction.version 2: each marker brings a new epoch"
    LOG = "the log itself, read again: what is written counts"


class Marker(NamedTuple):
    """What a control batch says of its producer's transaction."""

    is_abort: bool
    coordinator_epoch: int


class Produced(NamedTuple):
    """A batch as these rules see it. `timestamp`: its largest, ms; `marker`: of a control batch that has a record."""

    producer_id: int
    epoch: int
    base_sequence: int
    first_offset: int
    last_offset: int
    timestamp: int
    is_transactional: bool
    is_control: bool
    marker: Marker | None

    @property
    def last_sequence(self) -> int:
        """Of its last record; -1 without sequences."""
        if self.base_sequence == NO_SEQUENCE:
            return NO_SEQUENCE
        return (self.base_sequence + self.last_offset - self.first_offset) % SEQUENCES


class Written(NamedTuple):
    """One of a producer's last batches; `timestamp` is its largest, ms."""

    last_sequence: int
    last_offset: int
    offset_delta: int
    timestamp: int

    @property
    def first_sequence(self) -> int:
        return (self.last_sequence - self.offset_delta) % SEQUENCES

    @property
    def first_offset(self) -> int:
        return self.last_offset - self.offset_delta


class Producer(NamedTuple):
    """What a partition knows of one producer. `batches`: the last five, oldest first."""

    producer_id: int
    epoch: int = NO_EPOCH
    coordinator_epoch: int = -1
    timestamp: int = -1
    transaction_start: int = NO_OFFSET
    batches: tuple[Written, ...] = ()

    @property
    def last(self) -> Written | None:
        return self.batches[-1] if self.batches else None

    @property
    def last_sequence(self) -> int:
        return self.batches[-1].last_sequence if self.batches else NO_SEQUENCE

    @property
    def in_transaction(self) -> bool:
        return self.transaction_start != NO_OFFSET

    def duplicate(self, batch: Produced) -> Written | None:
        """The batch with the same sequences, when it is one of the last five."""
        if batch.epoch != self.epoch:
            return None
        sequences = batch.base_sequence, batch.last_sequence
        return next((b for b in self.batches if (b.first_sequence, b.last_sequence) == sequences), None)

    def with_batch(self, batch: Produced) -> Producer:
        """After `batch`; an open transaction stays open, a transactional batch begins one."""
        before = self.batches if batch.epoch == self.epoch else ()
        delta = batch.last_offset - batch.first_offset
        written = Written(batch.last_sequence, batch.last_offset, delta, batch.timestamp)
        begins = batch.is_transactional and not self.in_transaction
        return self._replace(
            epoch=batch.epoch,
            timestamp=batch.timestamp,
            transaction_start=batch.first_offset if begins else self.transaction_start,
            batches=(*before, written)[-RETAINED_BATCHES:],
        )

    def with_marker(self, batch: Produced, marker: Marker) -> Producer:
        """After its transaction has ended."""
        return self._replace(
            epoch=batch.epoch,
            coordinator_epoch=marker.coordinator_epoch,
            timestamp=batch.timestamp,
            transaction_start=NO_OFFSET,
            batches=self.batches if batch.epoch == self.epoch else (),
        )


class Ended(NamedTuple):
    """A transaction that a marker at `last_offset` has ended."""

    producer_id: int
    first_offset: int
    last_offset: int
    is_abort: bool


class AbortedTransaction(NamedTuple):
    """Records of `producer_id` from `first_offset` to `last_offset` (the marker's) do not count.

    `last_stable_offset`: that of the log right after it had ended.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


@dataclass(slots=True)
class Change:
    """What batches do to the producers once they are written."""

    producers: dict[int, Producer] = field(default_factory=dict)
    begun: list[tuple[int, int]] = field(default_factory=list)  # (first offset, producer id)
    ended: list[Ended] = field(default_factory=list)


class Producers:
    """The producers of one partition, and its open transactions. The caller serialises."""

    def __init__(self, producers: Iterable[Producer] = ()) -> None:
        self._producers = {producer.producer_id: producer for producer in producers}
        begun = ((p.transaction_start, p.producer_id) for p in self._producers.values() if p.in_transaction)
        self._open = dict(sorted(begun))  # first offset -> producer id, the earliest first

    def __iter__(self) -> Iterator[Producer]:
        return iter(self._producers.values())

    def __len__(self) -> int:
        return len(self._producers)

    def get(self, producer_id: int) -> Producer | None:
        """What is known of a producer."""
        return self._producers.get(producer_id)

    @property
    def first_unstable_offset(self) -> int | None:
        """Where the earliest open transaction begins; None when none is open."""
        return next(iter(self._open), None)

    def check(self, batches: Sequence[Produced], origin: Origin) -> Change | Written:
        """Whether `batches`, offsets assigned, may be written: what they then change, for `apply`.

        A batch that was written already is returned instead. Raises OutOfOrderSequence,
        InvalidProducerEpoch, CoordinatorFenced, InvalidTransactionState, InvalidRecord.
        """
        change = Change()
        for batch in batches:
            known = self._producers.get(batch.producer_id)
            if origin is Origin.CLIENT:
                check_sent_by_client(batch)
                if known and (duplicate := known.duplicate(batch)):
                    return duplicate
            now = change.producers.get(batch.producer_id) or known or Producer(batch.producer_id)
            if batch.is_control:
                changed = self._ended(change, now, batch, origin)
            else:
                changed = self._continued(change, now, batch, origin, is_new=known is None)
            change.producers[batch.producer_id] = changed
        return change

    def apply(self, change: Change) -> list[AbortedTransaction]:
        """The checked batches are written; the transactions that they aborted."""
        self._producers.update(change.producers)
        self._open.update(change.begun)
        aborted = []
        for ended in change.ended:
            others = (first for first, producer in self._open.items() if producer != ended.producer_id)
            stable = next(others, ended.last_offset + 1)
            if ended.is_abort:
                aborted.append(AbortedTransaction(*ended[:3], stable))
            self._open.pop(ended.first_offset, None)
        return aborted

    def expire(self, before: int) -> None:
        """Forget producers that have no open transaction and wrote nothing after `before` (ms)."""
        self._producers = {
            producer_id: producer
            for producer_id, producer in self._producers.items()
            if producer.in_transaction or producer.timestamp > before
        }

    def _continued(
        self, change: Change, now: Producer, batch: Produced, origin: Origin, *, is_new: bool
    ) -> Producer:
        if origin is not Origin.LOG:
            _check_epoch(now, batch)
        if origin is Origin.CLIENT:
            _check_sequence(now, batch, is_new=is_new)
        if origin is not Origin.LOG and now.in_transaction and not batch.is_transactional:
            raise InvalidTransactionState(
                f"producer {batch.producer_id} has an open transaction, begun at offset "
                f"{now.transaction_start}: it can write nothing outside of it until that has ended"
            )
        changed = now.with_batch(batch)
        if changed.in_transaction and not now.in_transaction:
            change.begun.append((batch.first_offset, batch.producer_id))
        return changed

    def _ended(self, change: Change, now: Producer, batch: Produced, origin: Origin) -> Producer:
        if batch.marker is None:  # compacted: all of the transaction is gone
            return now
        if origin is not Origin.LOG:
            _check_marker(now, batch, batch.marker, origin)
        if now.in_transaction:
            change.ended.append(
                Ended(batch.producer_id, now.transaction_start, batch.first_offset, batch.marker.is_abort)
            )
        return now.with_marker(batch, batch.marker)


def check_sent_by_client(batch: Produced) -> None:
    """Raises InvalidRecord for what only coordinators may write."""
    if batch.is_control:
        raise InvalidRecord("clients cannot append control batches")
    if batch.base_sequence < 0:
        raise InvalidRecord(f"a batch of producer {batch.producer_id} has no sequence number")


def _check_epoch(now: Producer, batch: Produced) -> None:
    if batch.epoch < now.epoch:
        raise InvalidProducerEpoch(
            f"producer {batch.producer_id} wrote with epoch {batch.epoch}, but epoch {now.epoch} has been seen: "
            "another instance has taken over"
        )


def _check_sequence(now: Producer, batch: Produced, *, is_new: bool) -> None:
    first = batch.base_sequence
    if batch.epoch != now.epoch:
        if first != 0 and now.epoch != NO_EPOCH:
            raise OutOfOrderSequence(
                f"producer {batch.producer_id} begins epoch {batch.epoch} with sequence {first}, not 0"
            )
    # Of a producer that is not known (any more: retention, expiry) any sequence is taken.
    elif not is_new and first != now.last_sequence + 1 and (now.last_sequence, first) != (SEQUENCES - 1, 0):
        raise OutOfOrderSequence(
            f"producer {batch.producer_id} wrote sequence {first} after {now.last_sequence}: "
            "a batch before it is missing, or it was written long ago"
        )


def _check_marker(now: Producer, batch: Produced, marker: Marker, origin: Origin) -> None:
    if origin is Origin.COORDINATOR_V2 and batch.epoch == now.epoch:
        # A marker that is sent again, or one of a producer that has used up its epochs.
        if now.in_transaction and batch.epoch != _LAST_EPOCH:
            raise InvalidProducerEpoch(
                f"a marker of producer {batch.producer_id} has epoch {batch.epoch}, that of the open transaction: "
                "it belongs to an earlier one"
            )
    else:
        _check_epoch(now, batch)
    if marker.coordinator_epoch < now.coordinator_epoch:
        raise CoordinatorFenced(
            f"a marker of producer {batch.producer_id} comes from coordinator epoch {marker.coordinator_epoch}, "
            f"but epoch {now.coordinator_epoch} has been seen"
        )


def relocated(batches: Iterable[Produced], base: int, timestamp: int | None) -> list[Produced]:
    """`batches`, whose offsets count from 0, as they are stamped: from `base` on, with log-append `timestamp`."""
    return [
        batch._replace(
            first_offset=base + batch.first_offset,
            last_offset=base + batch.last_offset,
            timestamp=batch.timestamp if timestamp is None else timestamp,
        )
        for batch in batches
    ]
