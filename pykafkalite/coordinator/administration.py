"""Groups as an administrator sees them: DescribeGroups, ListGroups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykafkalite.coordinator.consumer_protocol import PROTOCOL_TYPE, decode_assignment
from pykafkalite.coordinator.group import Member, State
from pykafkalite.coordinator.requests import DescribedGroup, DescribedMember, ListedGroup
from pykafkalite.errors import CorruptBatch, UnknownGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykafkalite.coordinator.assignment import TopicPartitions
    from pykafkalite.coordinator.classic import ClassicGroups
    from pykafkalite.coordinator.commits import Commits
    from pykafkalite.coordinator.group_log import GroupLog


class Administration:
    """The coordinator locks."""

    def __init__(self, classic: ClassicGroups, commits: Commits, log: GroupLog) -> None:
        self._classic = classic
        self._commits = commits
        self._log = log

    def describe(self, name: str) -> DescribedGroup:
        """One group with its members; what they read is shown once it is settled."""
        group = self._commits.find(name)
        if group is None:
            return DescribedGroup(UnknownGroup, name, State.DEAD.value)
        protocol = group.protocol if group.state is State.STABLE else None
        members = tuple(
            DescribedMember(
                member.member_id,
                member.instance_id,
                member.client_id,
                member.client_host,
                b"" if protocol is None else member.metadata(protocol),
                member.assignment,
            )
            for member in group.members.values()
        )
        return DescribedGroup(
            None, name, group.state.value, group.protocol_type or "", protocol or "", members
        )

    def listed(self, states: Iterable[str] = (), types: Iterable[str] = ()) -> list[ListedGroup]:
        """All groups, or those in one of `states` and of one of `types`; case does not matter."""
        wanted_states = {state.strip().lower() for state in states}
        wanted_types = {kind.strip().lower() for kind in types}
        names = sorted({*self._classic.groups, *self._log.groups()})
        groups = [group for name in names if (group := self._commits.find(name)) is not None]
        return [
            ListedGroup(group.name, group.protocol_type or "", group.state.value)
            for group in groups
            if (not wanted_states or group.state.value.lower() in wanted_states)
            and (not wanted_types or "classic" in wanted_types)
        ]

    def names(self) -> list[str]:
        """The groups that have members or commits, sorted."""
        with_members = (name for name, group in self._classic.groups.items() if group.members)
        return sorted({*self._log.groups(), *with_members})

    def assignment(self, name: str) -> dict[str, TopicPartitions]:
        """Member -> what it reads, of a group of consumers."""
        group = self._classic.groups.get(name)
        if group is None or group.protocol_type != PROTOCOL_TYPE:
            return {}
        return {member.member_id: _places(member) for member in group.members.values()}


def _places(member: Member) -> TopicPartitions:
    try:
        return decode_assignment(member.assignment)
    except CorruptBatch:  # of an assignor with a form of its own
        return ()
