"""Committed offsets by the rules: who may commit, fetch and delete them, and how long they are kept.

The rules are those of Kafka's OffsetMetadataManager. Whether a topic exists is the caller's question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykafkalite.coordinator.consumer_protocol import PROTOCOL_TYPE
from pykafkalite.coordinator.group import Event, Group, State
from pykafkalite.coordinator.requests import CommitRequest, CommitResult, Failure, NewCommit, Place
from pykafkalite.errors import (
    Error,
    GroupSubscribedToTopic,
    IllegalGeneration,
    InvalidGroup,
    NonEmptyGroup,
    OffsetMetadataTooLarge,
    UnknownGroup,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pykafkalite.coordinator.classic import ClassicGroups
    from pykafkalite.coordinator.group_log import Committed, GroupLog, Written
    from pykafkalite.coordinator.rebalancing import Keeping


class Commits:
    """The offsets of all groups.  The coordinator locks."""

    def __init__(self, keeping: Keeping, classic: ClassicGroups, log: GroupLog) -> None:
        self._keeping = keeping
        self._classic = classic
        self._log = log

    def find(self, name: str) -> Group | None:
        """The group, if it has members or commits, or had them lately."""
        group = self._classic.groups.get(name)
        if group is None and self._log.committed(name):
            group = self._classic.groups[name] = Group(name, self._keeping.clock.now_ms())
        return group

    def commit(self, request: CommitRequest) -> tuple[CommitResult, Written | None]:
        """OffsetCommit: the answer, to be given once what was written is settled.  Raises ReadOnly, StorageError."""
        try:
            group = self._check(request)
        except Error as error:
            return CommitResult(type(error)), None
        if group is None:
            group = self._classic.groups[request.group] = Group(request.group, self._keeping.clock.now_ms())
        member = group.members.get(request.member_id)
        if member is not None:
            self._classic.set_session_timer(group, member)
        limit = self._keeping.settings.offset_metadata_max_bytes
        failed: dict[Place, type[Error]] = {
            place: OffsetMetadataTooLarge
            for place, commit in request.offsets.items()
            if len(commit.metadata) > limit
        }
        stored = {place: commit for place, commit in request.offsets.items() if place not in failed}
        return CommitResult(None, failed), self._log.write_commit(request.group, stored, request.retention)

    def _check(self, request: CommitRequest) -> Group | None:
        group = self.find(request.group)
        if group is not None:
            group.check_commit(request.member_id, request.instance_id, request.generation)
        elif request.generation >= 0:
            missing = UnknownGroup if request.knows_missing_groups else IllegalGeneration
            raise missing(f"there is no group {request.group!r}")
        return group

    def fetch(self, group: str, places: Iterable[Place] | None = None) -> dict[Place, Committed | None]:
        """OffsetFetch: the commits of `places` (None: all that there are); None where there is none."""
        committed = self._log.committed(group)
        return {place: committed.get(place) for place in (committed if places is None else places)}

    def delete(self, name: str, places: Iterable[Place]) -> dict[Place, Failure]:
        """OffsetDelete.  Raises InvalidGroup, UnknownGroup, NonEmptyGroup, StorageError."""
        if not name:
            raise InvalidGroup("a group id is not empty")
        group = self.find(name)
        if group is None:
            raise UnknownGroup(f"there is no group {name!r}")
        if group.state is not State.EMPTY and group.protocol_type != PROTOCOL_TYPE:
            raise NonEmptyGroup(f"group {name!r} has members, and what they read is not known")
        results: dict[Place, Failure] = {}
        for place in places:
            results[place] = GroupSubscribedToTopic if group.reads(place[0]) else None
        known = {*self._log.committed(name), *self._log.unstable(name)}
        self._log.forget(
            name, [place for place, failed in results.items() if failed is None and place in known]
        )
        return results

    def reset(self, name: str, offsets: Mapping[Place, int]) -> None:
        """An administrator moves a group.  Raises NonEmptyGroup, ReadOnly, StorageError."""
        group = self.find(name)
        if group is not None and group.state is not State.EMPTY:
            raise NonEmptyGroup(f"group {name!r} has {_members(group)}: close its consumers before a reset")
        self._log.commit(name, {place: NewCommit(offset) for place, offset in offsets.items()})

    def forget_if_unused(self, name: str) -> None:
        """Keeps nothing of a group that neither has members nor has ever committed.  Raises StorageError."""
        group = self._classic.groups.get(name)
        if group is None or group.state is not State.EMPTY or group.pending or self._log.committed(name):
            return
        if not self._log.read_only:
            self._log.delete_group(name)
        del self._classic.groups[name]

    def delete_group(self, name: str) -> None:
        """DeleteGroups, one of them.  Raises UnknownGroup, NonEmptyGroup, StorageError."""
        group = self.find(name)
        if group is None:
            raise UnknownGroup(f"there is no group {name!r}")
        if group.state is not State.EMPTY:
            raise NonEmptyGroup(f"group {name!r} has {_members(group)}: close its consumers before a delete")
        self._log.delete_group(name)
        group.move(Event.DELETED, self._keeping.clock.now_ms())
        del self._classic.groups[name]

    def forget_topic(self, topic: str) -> None:
        """A topic was deleted: nobody goes on from offsets in it.  Raises StorageError."""
        for group in self._log.groups():
            self._log.forget(group, [place for place in self._log.committed(group) if place[0] == topic])

    def expire(self) -> None:
        """Forgets offsets that are past retention, and empty groups that have none.  Raises StorageError."""
        for name in {*self._classic.groups, *self._log.groups()}:
            group = self.find(name)
            if group is None:
                continue
            committed, unstable = self._log.committed(name), self._log.unstable(name)
            expired = [place for place in self._expired(group, committed) if place not in unstable]
            self._log.forget(name, expired)
            if (
                len(expired) == len(committed)
                and not unstable
                and not group.pending
                and group.state is State.EMPTY
            ):
                self.delete_group(name)

    def _expired(self, group: Group, committed: Mapping[Place, Committed]) -> list[Place]:
        """KIP-211: from when the group became empty on; of consumers that never join, from each commit on."""
        is_simple = group.protocol_type is None
        if not (
            is_simple
            or group.state is State.EMPTY
            or (group.state is State.STABLE and group.topics is not None)
        ):
            return []
        now = self._keeping.clock.now_ms()
        retention = self._keeping.settings.offsets_retention_minutes * 60_000
        expired = []
        for place, commit in committed.items():
            if group.reads(place[0]):
                continue
            empty_since = group.since if group.state is State.EMPTY and not is_simple else commit.timestamp
            if now >= (empty_since + retention if commit.expires < 0 else commit.expires):
                expired.append(place)
        return expired


def _members(group: Group) -> str:
    count = len(group.members)
    return f"{count} member{'s' * (count != 1)}"
