"""Consumers of this process as members of groups: they answer the coordinator at once, by themselves.

Rule 1: a consumer's membership joins, leads and syncs by the same protocol as any client's; only its
        heartbeats are left out: it is gone when it leaves, or with the process.
Rule 2: a rebalance never waits for a consumer's thread. What a consumer still reads by an older
        generation it can commit only as far as it has kept those partitions.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from pykafkalite.coordinator.assignment import ASSIGNORS, TopicPartitions
from pykafkalite.coordinator.consumer_protocol import (
    Subscription,
    decode_assignment,
    decode_subscription,
    encode,
    encode_assignment,
)
from pykafkalite.coordinator.coordinator import IN_PROCESS, Coordinator
from pykafkalite.coordinator.group import State, check_group_id
from pykafkalite.coordinator.requests import (
    CommitRequest,
    JoinedMember,
    JoinRequest,
    JoinResult,
    Leaver,
    NewCommit,
    SyncRequest,
    SyncResult,
)
from pykafkalite.errors import (
    CorruptBatch,
    Error,
    GroupMaxSizeReached,
    IllegalGeneration,
    InconsistentGroupProtocol,
    RebalanceInProgress,
    UnknownMember,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pykafkalite.coordinator.group_log import Committed
    from pykafkalite.coordinator.requests import Place
    from pykafkalite.storage.store import Store

logger = logging.getLogger(__name__)

_REFUSALS = {
    InconsistentGroupProtocol: (
        "the members of group {group!r} share partitions in a way unknown here; known are "
        + ", ".join(ASSIGNORS)
        + ": let one of them be in their assignment strategies, or take another group"
    ),
    GroupMaxSizeReached: "group {group!r} has as many members as group.max.size allows",
}
_RETRY = 1000
"""How long (ms) until a consumer whose group could not be stored joins again."""


class Membership(Protocol):
    """One consumer's side of its group."""

    @property
    def generation(self) -> int:
        """That of what `sync` gives, now: what was assigned in an older one may be another's."""

    def sync(self, *, refresh: bool = False) -> tuple[int, TopicPartitions]:
        """(generation, (topic, partition) pairs) to read now; `refresh` looks whether topics have grown.

        Raises UnknownMember after `leave`.
        """

    def committed(self) -> Mapping[Place, Committed]:
        """What its group has committed."""

    def commit(self, generation: int, offsets: Mapping[Place, int]) -> None:
        """Raises UnknownMember, IllegalGeneration, RebalanceInProgress, ReadOnly, StorageError."""

    def leave(self) -> None:
        """Gives its partitions to the others.  Again: does nothing."""

    def abandon(self) -> None:
        """As `leave`, without waiting for anybody: for a consumer that Python collects."""


def join(coordinator: Coordinator, group: str | None, topics: Iterable[str]) -> Membership:
    """A new member; without a group, one that reads everything.

    Raises InvalidGroup, InconsistentGroupProtocol, GroupMaxSizeReached.
    """
    if group is None:
        return Alone(coordinator.store, topics)
    return GroupMember(coordinator, check_group_id(group), topics)


class Alone:
    """Reads all partitions of its topics and commits nothing."""

    def __init__(self, store: Store, topics: Iterable[str]) -> None:
        self.generation = 0
        self._store = store
        self._topics = tuple(topics)
        self._partitions: dict[str, int] | None = None
        self._left = False
        self._refresh()

    def sync(self, *, refresh: bool = False) -> tuple[int, TopicPartitions]:
        if self._left:
            raise UnknownMember("this consumer has been closed")
        if refresh:
            self._refresh()
        places = (
            (topic, number) for topic, count in (self._partitions or {}).items() for number in range(count)
        )
        return self.generation, tuple(sorted(places))

    def _refresh(self) -> None:
        partitions = count_partitions(self._store, self._topics)
        if partitions != self._partitions:
            self._partitions = partitions
            self.generation += 1

    def committed(self) -> Mapping[Place, Committed]:
        return {}

    def commit(self, generation: int, offsets: Mapping[Place, int]) -> None:
        raise UnknownMember("a consumer without a group commits nothing")

    def leave(self) -> None:
        self._left = True

    def abandon(self) -> None:
        self._left = True


class GroupMember:
    """A member of a group by the classic protocol."""

    def __init__(self, coordinator: Coordinator, group: str, topics: Iterable[str]) -> None:
        self.member_id = ""
        self._coordinator = coordinator
        self._group = group
        self._generation = -1
        self._subscription = encode(Subscription(topics=tuple(topics)))
        self._places: TopicPartitions = ()
        self._dealt: dict[str, int] | None = None
        """Topic -> partitions, when it dealt them out as the leader."""
        self._joined_generation = -1
        self._refused: type[Error] | None = None
        self._left = False
        self._join()
        if self._refused is not None and not self.member_id:
            raise self._refused(_REFUSALS[self._refused].format(group=group))

    # --- the protocol ---------------------------------------------------------

    def _join(self) -> None:
        if self._left:
            return
        request = JoinRequest(
            self._group,
            self.member_id,
            protocols=tuple((name, self._subscription) for name in ASSIGNORS),
            client_id="pykafkalite",
            client_host=IN_PROCESS,
            on_rebalance=self._rebalance,
        )
        self._coordinator.join(request, self._joined)

    def _rebalance(self) -> None:
        """The group deals out anew, or this member was removed: unless that is over already, join again."""
        group = self._coordinator.classic.groups.get(self._group)
        if group is None or not self.member_id:
            return
        member = group.members.get(self.member_id)
        if member is None:  # an administrator's work: it is wanted here nevertheless
            self.member_id = ""
            self._join()
        elif group.state is not State.PREPARING or member.answer_join is not None:
            return
        elif self._refused is None:
            self._join()
        else:  # not at once what has just failed
            self._coordinator.timers.set(("retry", self._group, self.member_id), _RETRY, self._retry)

    def _retry(self) -> None:
        self._refused = None
        self._rebalance()

    def _joined(self, result: JoinResult) -> None:
        if result.error is None and not self._left:
            self.member_id, self._joined_generation = result.member_id, result.generation
            assignments = self._deal(result) if result.leader == result.member_id else {}
            request = SyncRequest(self._group, result.generation, self.member_id, assignments=assignments)
            self._coordinator.sync(request, self._synced)
        else:
            self._refused = result.error

    def _deal(self, result: JoinResult) -> dict[str, bytes]:
        """What each member is to read, by the assignor that the group has agreed on."""
        wanted = {member.member_id: _topics_of(member) for member in result.members}
        self._dealt = count_partitions(self._coordinator.store, frozenset().union(*wanted.values()))
        dealt = ASSIGNORS[result.protocol or ""](wanted, self._dealt)
        return {member_id: encode_assignment(places) for member_id, places in dealt.items()}

    def _synced(self, result: SyncResult) -> None:
        if result.error is None:
            try:
                self._places = decode_assignment(result.assignment)
            except CorruptBatch as error:
                logger.warning("the leader of group %s assigned what makes no sense: %s", self._group, error)
                self._places = ()
            self._generation, self._refused = self._joined_generation, None
        elif result.error is not RebalanceInProgress:
            self._refused = result.error

    # --- the consumer's side --------------------------------------------------

    @property
    def generation(self) -> int:
        with self._coordinator.turn():  # what another thread has begun is over then
            return self._generation

    def sync(self, *, refresh: bool = False) -> tuple[int, TopicPartitions]:
        with self._coordinator.turn():
            self._check()
            if refresh:
                self._look_for_growth()
        with self._coordinator.turn():
            return self._generation, self._places

    def _look_for_growth(self) -> None:
        group = self._coordinator.classic.groups.get(self._group)
        leader = None if group is None else group.members.get(group.leader or "")
        leads = None if leader is None else getattr(leader.on_rebalance, "__self__", None)
        if isinstance(leads, GroupMember) and group is not None and group.state is State.STABLE:
            leads.deal_again_if_grown()

    def deal_again_if_grown(self) -> None:
        """A leader's work: begins a rebalance when topics came, went or grew."""
        if self._dealt is None or count_partitions(self._coordinator.store, self._dealt) != self._dealt:
            self._join()

    def committed(self) -> Mapping[Place, Committed]:
        return self._coordinator.log.committed(self._group)

    def commit(self, generation: int, offsets: Mapping[Place, int]) -> None:
        with self._coordinator.turn():
            self._check()
            lost = sorted(set(offsets) - set(self._places)) if generation != self._generation else []
            if lost:
                names = ", ".join(f"{topic}-{partition}" for topic, partition in lost)
                raise IllegalGeneration(
                    f"group {self._group!r} was rebalanced (generation {self._generation}, this consumer has "
                    f"{generation}) and {names} went to another consumer, which reads it again from the last "
                    f"commit; nothing was committed: go on reading to take up the new assignment"
                )
            if self._joined_generation != self._generation:
                raise RebalanceInProgress(
                    f"group {self._group!r} is dealing out its partitions anew; nothing was committed: "
                    f"go on reading, then commit again"
                )
            commits = {place: NewCommit(offset) for place, offset in offsets.items()}
            request = CommitRequest(self._group, commits, self._generation, self.member_id)
            result, written = self._coordinator.commits.commit(request)
        if result.error is not None:
            raise result.error(
                f"group {self._group!r} does not take this commit: go on reading, then commit again"
            )
        if written is not None:
            written.settle()

    def leave(self) -> None:
        store = self._coordinator.store
        if self._left or store.closed or not store.belongs_here():
            self._left = True
            return
        with self._coordinator.turn():
            self._left = True
            self._coordinator.leave(self._group, [Leaver(self.member_id)])
        with self._coordinator.turn():
            self._coordinator.commits.forget_if_unused(self._group)

    def abandon(self) -> None:
        self._coordinator.later(self.leave)

    def _check(self) -> None:
        if self._left:
            raise UnknownMember(f"this consumer has left group {self._group!r}")


def _topics_of(member: JoinedMember) -> frozenset[str]:
    try:
        return frozenset(decode_subscription(member.metadata).topics)
    except CorruptBatch as error:
        logger.warning(
            "member %s gets nothing to read, its subscription makes no sense: %s", member.member_id, error
        )
        return frozenset()


def count_partitions(store: Store, topics: Iterable[str]) -> dict[str, int]:
    """Topic -> how many partitions it has; 0 when it is not there."""
    known = store.topics()
    return {topic: known[topic].partitions if topic in known else 0 for topic in topics}
