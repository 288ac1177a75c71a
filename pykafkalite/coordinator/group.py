"""One classic consumer group: its states, its members, what they have in common.

Rule 1: the states are Kafka's and TRANSITIONS is the whole machine (ClassicGroupState).
Rule 2: a group knows no requests, clocks or logs: `classic` decides, `rebalancing` moves it on.
"""

from __future__ import annotations

import uuid
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING

from pykafkalite.coordinator.consumer_protocol import PROTOCOL_TYPE, decode_subscription
from pykafkalite.coordinator.requests import (
    JoinedMember,
    JoinRequest,
    JoinResult,
    Protocols,
    SyncResult,
)
from pykafkalite.errors import (
    CoordinatorNotAvailable,
    CorruptBatch,
    FencedInstanceId,
    IllegalGeneration,
    InvalidGroup,
    RebalanceInProgress,
    UnknownMember,
)
from pykafkalite.storage.records import GroupMetadataValue, MemberMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class State(Enum):
    """What a group is; the value is Kafka's word for it."""

    EMPTY = "Empty"  # offsets at most
    PREPARING = "PreparingRebalance"  # waits until all members have joined (again)
    COMPLETING = "CompletingRebalance"  # waits until the leader has dealt out the partitions
    STABLE = "Stable"
    DEAD = "Dead"  # deleted


class Event(Enum):
    """What can happen to a group."""

    REBALANCE = auto()  # a member came, went, or wants something else
    ALL_JOINED = auto()
    NOBODY_LEFT = auto()
    ASSIGNED = auto()
    DELETED = auto()


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.EMPTY: {Event.REBALANCE: State.PREPARING, Event.DELETED: State.DEAD},
    State.PREPARING: {Event.ALL_JOINED: State.COMPLETING, Event.NOBODY_LEFT: State.EMPTY},
    State.COMPLETING: {Event.ASSIGNED: State.STABLE, Event.REBALANCE: State.PREPARING},
    State.STABLE: {Event.REBALANCE: State.PREPARING},
    State.DEAD: {},
}


def check_group_id(group: object) -> str:
    """Raises InvalidGroup.  Kafka takes any string that is not empty; its length must fit 16 bits."""
    if not isinstance(group, str) or not group.strip():
        raise InvalidGroup(f"a group id is a string that is not empty, not {group!r}")
    if len(group.encode(errors="replace")) > 0x7FFF:
        raise InvalidGroup("a group id has at most 32,767 bytes")
    return group


class Member:
    """One member of a group, and the requests of its that wait for an answer."""

    __slots__ = (
        "answer_join",
        "answer_sync",
        "assignment",
        "client_host",
        "client_id",
        "instance_id",
        "is_new",
        "member_id",
        "on_rebalance",
        "protocol_type",
        "protocols",
        "rebalance_timeout",
        "session_timeout",
    )

    def __init__(self, member_id: str, request: JoinRequest) -> None:
        self.member_id = member_id
        self.instance_id = request.instance_id
        self.client_id = request.client_id
        self.client_host = request.client_host
        self.protocol_type = request.protocol_type
        self.protocols = request.protocols
        self.session_timeout = request.session_timeout
        self.rebalance_timeout = request.rebalance_timeout
        self.on_rebalance = request.on_rebalance
        self.assignment = b""
        self.is_new = False
        self.answer_join: Callable[[JoinResult], None] | None = None
        self.answer_sync: Callable[[SyncResult], None] | None = None

    @classmethod
    def stored(cls, value: MemberMetadata, group: GroupMetadataValue) -> Member:
        """As it was when its group's record was written."""
        request = JoinRequest(
            "",
            instance_id=value.group_instance_id,
            protocol_type=group.protocol_type,
            protocols=((group.protocol or "", value.subscription),),
            session_timeout=value.session_timeout,
            # Records of v0 had none: the session timeout served for both.
            rebalance_timeout=value.session_timeout
            if value.rebalance_timeout == -1
            else value.rebalance_timeout,
            client_id=value.client_id,
            client_host=value.client_host,
        )
        member = cls(value.member_id, request)
        member.assignment = value.assignment
        return member

    def metadata(self, protocol: str | None) -> bytes:
        """What it said of itself for one protocol."""
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")

    @property
    def must_send_heartbeats(self) -> bool:
        """Not while an answer is owed to it, except to its first join; then it may give up waiting unseen."""
        return self.is_new or (self.answer_join is None and self.answer_sync is None)


class Group:
    """Not thread-safe: the coordinator locks."""

    def __init__(self, name: str, now: int) -> None:
        self.name = name
        self.state = State.EMPTY
        self.came_from = State.DEAD
        self.since = now
        """When it got into this state (ms)."""
        self.generation = 0
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self.statics: dict[str, str] = {}
        """Instance id -> member id."""
        self.pending: set[str] = set()
        """Ids that were given out and not yet used to join (KIP-394)."""
        self.unsynced: set[str] = set()
        self.grew_while_empty = False
        """A member came during the first rebalance's delay."""
        self.topics: frozenset[str] | None = None
        """What its consumers read together; None when that cannot be known."""

    @classmethod
    def stored(cls, name: str, value: GroupMetadataValue, now: int) -> Group:
        """As its record says."""
        group = cls(name, value.current_state_timestamp if value.current_state_timestamp >= 0 else now)
        group.generation = value.generation
        group.protocol_type = value.protocol_type or None
        for stored in value.members:
            group.add(Member.stored(stored, value))
        group.protocol, group.leader = value.protocol, value.leader
        if group.members:
            group.state = State.STABLE
        group.topics = group.read_topics()
        return group

    def move(self, event: Event, now: int) -> None:
        """Goes where TRANSITIONS says."""
        self.came_from, self.state, self.since = self.state, TRANSITIONS[self.state][event], now

    # --- members --------------------------------------------------------------

    def new_member_id(self, client_id: str, instance_id: str | None) -> str:
        return f"{client_id if instance_id is None else instance_id}-{uuid.uuid4()}"

    def add(self, member: Member) -> None:
        """A member whose protocols the group supports."""
        if not self.members:
            self.protocol_type = member.protocol_type
        self.leader = self.leader or member.member_id
        self.members[member.member_id] = member
        if member.instance_id is not None:
            self.statics[member.instance_id] = member.member_id
        self.pending.discard(member.member_id)

    def remove(self, member_id: str) -> Member | None:
        """Forgets a member, or an id that was given out; the next one leads if it led."""
        member = self.members.pop(member_id, None)
        if member is not None and member.instance_id is not None:
            del self.statics[member.instance_id]
        if self.leader == member_id:
            self.leader = next(iter(self.members), None)
        self.pending.discard(member_id)
        self.unsynced.discard(member_id)
        return member

    def rename(self, old: str, new: str) -> Member:
        """Gives a static member that came back its new id; all else stays (KIP-345)."""
        member = self.members.pop(old)
        assert member.instance_id is not None
        member.member_id = new
        self.members[new] = member
        self.statics[member.instance_id] = new
        if self.leader == old:
            self.leader = new
        if old in self.unsynced:
            self.unsynced.symmetric_difference_update((old, new))
        return member

    def check_member(self, member_id: str, instance_id: str | None) -> Member:
        """Raises UnknownMember, FencedInstanceId."""
        if instance_id is not None:
            current = self.statics.get(instance_id)
            if current is not None and current != member_id:
                raise FencedInstanceId(f"{instance_id} is {current} now, in group {self.name!r}")
        member = self.members.get(member_id)
        if member is None or (instance_id is not None and instance_id not in self.statics):
            raise UnknownMember(f"{member_id} is not a member of group {self.name!r} (any more)")
        return member

    def check_generation(self, member_id: str, instance_id: str | None, generation: int) -> Member:
        """As `check_member`; raises IllegalGeneration and, of a deleted group, CoordinatorNotAvailable too."""
        if self.state is State.DEAD:
            raise CoordinatorNotAvailable(f"group {self.name!r} was deleted")
        member = self.check_member(member_id, instance_id)
        if generation != self.generation:
            raise IllegalGeneration(
                f"generation {generation} of group {self.name!r} is not {self.generation}"
            )
        return member

    def check_commit(self, member_id: str, instance_id: str | None, generation: int) -> None:
        """Who may commit: members, in their generation; others only while there are no members."""
        if generation < 0 and self.state is State.EMPTY:
            return
        if generation >= 0 or member_id or instance_id is not None:
            self.check_generation(member_id, instance_id, generation)
        else:
            raise UnknownMember(f"group {self.name!r} has members: only they can commit")
        if self.state is State.COMPLETING:
            raise RebalanceInProgress(f"group {self.name!r} is dealing out its partitions")

    @property
    def all_joined(self) -> bool:
        return not self.pending and all(member.answer_join is not None for member in self.members.values())

    @property
    def rebalance_timeout(self) -> int:
        """The longest of its members'."""
        return max((member.rebalance_timeout for member in self.members.values()), default=0)

    # --- what members have in common ------------------------------------------

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Whether a member with these could join."""
        if self.state is State.EMPTY:
            return bool(protocol_type and protocols)
        common = self._common()
        return protocol_type == self.protocol_type and any(name in common for name, _ in protocols)

    def choose_protocol(self) -> str:
        """Of the protocols that all members know, the one that most of them like best."""
        common = self._common()
        votes = Counter(
            next(name for name, _ in member.protocols if name in common) for member in self.members.values()
        )
        return votes.most_common(1)[0][0]

    def _common(self) -> set[str]:
        known = Counter(
            name for member in self.members.values() for name in {name for name, _ in member.protocols}
        )
        return {name for name, count in known.items() if count == len(self.members)}

    def read_topics(self) -> frozenset[str] | None:
        if self.protocol_type != PROTOCOL_TYPE or (self.members and self.protocol is None):
            return None
        try:
            wanted = [
                decode_subscription(member.metadata(self.protocol)).topics for member in self.members.values()
            ]
        except CorruptBatch:  # an assignor with metadata of its own
            return None
        return frozenset().union(*wanted)

    def reads(self, topic: str) -> bool:
        """Whether offsets of `topic` are in use by a member; unknown subscriptions are taken to cover it."""
        return self.protocol_type == PROTOCOL_TYPE if self.topics is None else topic in self.topics

    def choose_leader(self) -> bool:
        """Makes sure that the leader is one who joined; False when nobody did."""
        leader = self.members.get(self.leader or "")
        if leader is not None and leader.answer_join is not None:
            return True
        joined = (member_id for member_id, member in self.members.items() if member.answer_join is not None)
        chosen = next(joined, None)
        self.leader = chosen or self.leader
        return chosen is not None

    def joined_members(self) -> tuple[JoinedMember, ...]:
        """All members, for the leader."""
        return tuple(
            JoinedMember(member.member_id, member.instance_id, member.metadata(self.protocol))
            for member in self.members.values()
        )

    def record(self, assignments: Mapping[str, bytes]) -> GroupMetadataValue:
        """What is stored of it."""
        return GroupMetadataValue(
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=self.leader,
            current_state_timestamp=self.since,
            members=tuple(
                MemberMetadata(
                    member_id=member.member_id,
                    group_instance_id=member.instance_id,
                    client_id=member.client_id,
                    client_host=member.client_host,
                    rebalance_timeout=member.rebalance_timeout,
                    session_timeout=member.session_timeout,
                    subscription=member.metadata(self.protocol),
                    assignment=assignments.get(member.member_id, b""),
                )
                for member in self.members.values()
            ),
        )
