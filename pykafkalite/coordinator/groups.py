"""The membership of consumer groups: a state machine, without I/O and without a clock.

Rule 1: the states are Kafka's and TRANSITIONS is the whole machine; an event that its state does
        not list is refused by the error of REFUSALS.
Rule 2: whatever changes who should read what (a member joins or leaves, a topic grows) begins a new
        generation; a member that still reads by an older one can no longer commit what it has lost.
"""

from __future__ import annotations

import uuid
from enum import Enum, auto
from typing import TYPE_CHECKING

from pykafkalite.coordinator.assignment import TopicPartitions, range_assignment
from pykafkalite.errors import IllegalGeneration, InvalidGroup, NonEmptyGroup, UnknownGroup, UnknownMember

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class State(Enum):
    """What a group is; the value is Kafka's word for it."""

    EMPTY = "Empty"  # offsets at most
    STABLE = "Stable"  # members, and each knows (or will learn when it asks) what it has to read
    DEAD = "Dead"  # deleted


class Event(Enum):
    """What can happen to a group."""

    JOIN = auto()
    LEAVE = auto()
    LAST_LEAVES = auto()
    TOPICS_CHANGE = auto()
    RESET = auto()
    DELETE = auto()


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.EMPTY: {
        Event.JOIN: State.STABLE,
        Event.TOPICS_CHANGE: State.EMPTY,
        Event.RESET: State.EMPTY,
        Event.DELETE: State.DEAD,
    },
    State.STABLE: {
        Event.JOIN: State.STABLE,
        Event.LEAVE: State.STABLE,
        Event.LAST_LEAVES: State.EMPTY,
        Event.TOPICS_CHANGE: State.STABLE,
    },
    State.DEAD: {
        Event.JOIN: State.STABLE,
    },
}

REBALANCES = frozenset({Event.JOIN, Event.LEAVE, Event.LAST_LEAVES, Event.TOPICS_CHANGE})


def check_group_id(group: object) -> str:
    """Raises InvalidGroup.  Kafka takes any string that is not empty; its length must fit 16 bits."""
    if not isinstance(group, str) or not group.strip():
        raise InvalidGroup(f"a group id is a string that is not empty, not {group!r}")
    if len(group.encode(errors="replace")) > 0x7FFF:
        raise InvalidGroup("a group id has at most 32,767 bytes")
    return group


class Group:
    """One group's members and assignment.  Not thread-safe: the coordinator locks."""

    def __init__(self, name: str) -> None:
        self.name = check_group_id(name)
        self.state = State.EMPTY
        self.generation = 0
        self.subscriptions: dict[str, frozenset[str]] = {}
        self.assignment: dict[str, TopicPartitions] = {}
        self._partitions: dict[str, int] = {}

    @property
    def topics(self) -> frozenset[str]:
        """What its members read, together."""
        return frozenset().union(*self.subscriptions.values())

    def join(
        self, topics: Iterable[str], partitions: Mapping[str, int], *, client: str = "pykafkalite"
    ) -> str:
        """Adds a member and returns its id.  `partitions`: how many each topic has."""
        member = f"pykafkalite-{uuid.uuid4()}"
        self.subscriptions[member] = frozenset(topics)
        self._on(Event.JOIN, partitions)
        return member

    def leave(self, member: str) -> None:
        """Removes a member.  Raises UnknownMember."""
        self._check_member(member)
        del self.subscriptions[member]
        self._on(Event.LEAVE if self.subscriptions else Event.LAST_LEAVES, self._partitions)

    def refresh(self, partitions: Mapping[str, int]) -> None:
        """Takes note of topics that came, went or grew."""
        if {topic: partitions.get(topic, 0) for topic in self.topics} != self._partitions:
            self._on(Event.TOPICS_CHANGE, partitions)

    def sync(self, member: str) -> tuple[int, TopicPartitions]:
        """The current generation, and what `member` reads in it.  Raises UnknownMember."""
        self._check_member(member)
        return self.generation, self.assignment[member]

    def check_commit(self, member: str, generation: int, partitions: Iterable[tuple[str, int]]) -> None:
        """Raises UnknownMember; IllegalGeneration when one of these has gone to another member."""
        self._check_member(member)
        if generation == self.generation:
            return
        lost = sorted(set(partitions) - set(self.assignment[member]))
        if lost:
            names = ", ".join(f"{topic}-{partition}" for topic, partition in lost)
            raise IllegalGeneration(
                f"group {self.name!r} was rebalanced (generation {self.generation}, this consumer has "
                f"{generation}) and {names} went to another consumer, which reads it again from the last "
                f"commit; nothing was committed: go on reading to take up the new assignment"
            )

    def reset(self) -> None:
        """Before an administrator moves its offsets.  Raises NonEmptyGroup."""
        self._on(Event.RESET, {})

    def delete(self) -> None:
        """Raises NonEmptyGroup, UnknownGroup."""
        self._on(Event.DELETE, {})

    def _on(self, event: Event, partitions: Mapping[str, int]) -> None:
        following = TRANSITIONS[self.state].get(event)
        if following is None:
            raise self._refusal(event)
        self.state = following
        if event in REBALANCES:
            self.generation += 1
            self._partitions = {topic: partitions.get(topic, 0) for topic in self.topics}
            self.assignment = range_assignment(self.subscriptions, self._partitions)

    def _refusal(self, event: Event) -> Exception:
        if self.state is State.DEAD:
            return UnknownGroup(f"group {self.name!r} was deleted")
        members = len(self.subscriptions)
        return NonEmptyGroup(
            f"group {self.name!r} has {members} member{'s' * (members != 1)}: "
            f"close its consumers before a {event.name.lower()}"
        )

    def _check_member(self, member: str) -> None:
        if member not in self.subscriptions:
            raise UnknownMember(f"{member} is not a member of group {self.name!r} (any more)")
