"""The coordinator of one store: its groups' members and their commits, for all of this process."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, ClassVar

from pykafkalite.coordinator.groups import Group, State, check_group_id
from pykafkalite.coordinator.offsets import Committed, Offsets, Place
from pykafkalite.errors import UnknownGroup
from pykafkalite.storage.naming import hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pykafkalite.coordinator.assignment import TopicPartitions
    from pykafkalite.storage.store import Store


class Coordinator:
    """Safe from any thread.  `of(store)` gives each store its one coordinator while somebody holds it."""

    _all: ClassVar[weakref.WeakValueDictionary[int, Coordinator]] = weakref.WeakValueDictionary()
    _all_lock = threading.Lock()

    def __init__(self, store: Store) -> None:
        self.offsets = Offsets(store)
        self._store = store
        self._groups: dict[str, Group] = {}
        self._lock = threading.RLock()

    @classmethod
    def of(cls, store: Store) -> Coordinator:
        """The coordinator that every holder of `store` shares."""
        with cls._all_lock:
            found = cls._all.get(id(store))
            if found is None:
                found = cls._all[id(store)] = cls(store)
            return found

    def join(self, group: str | None, topics: Iterable[str]) -> Membership:
        """A new member; without a group, the only one of a group that nobody sees.  Raises InvalidGroup."""
        topics = tuple(topics)
        if group is not None:
            check_group_id(group)
        with self._lock:
            joined = Group("(none)") if group is None else self._groups.get(group) or Group(group)
            if group is not None:
                self._groups[group] = joined
            return Membership(
                self,
                joined,
                joined.join(topics, self._partitions({*topics, *joined.topics})),
                group is not None,
            )

    def names(self) -> list[str]:
        """The groups that have members or commits, sorted."""
        with self._lock:
            return sorted({*self.offsets.groups(), *self._groups})

    def check(self, group: str) -> str:
        """Raises UnknownGroup with the nearest name, InvalidGroup."""
        names = self.names()
        if check_group_id(group) not in names:
            raise UnknownGroup(f"there is no group {group!r} with members or commits{hint(group, names)}")
        return group

    def state(self, group: str) -> State:
        with self._lock:
            if group in self._groups:
                return self._groups[group].state
        return State.EMPTY if self.offsets.committed(group) else State.DEAD

    def assignment(self, group: str) -> Mapping[str, TopicPartitions]:
        """Member -> what it reads."""
        with self._lock:
            return dict(self._groups[group].assignment) if group in self._groups else {}

    def reset(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Commits for a group without members.  Raises NonEmptyGroup, InvalidGroup, ReadOnly."""
        with self._lock:
            (self._groups.get(check_group_id(group)) or Group(group)).reset()
            self.offsets.commit(group, offsets)

    def delete(self, group: str) -> None:
        """Forgets a group's commits.  Raises NonEmptyGroup, UnknownGroup, ReadOnly."""
        with self._lock:
            self.check(group)
            if group in self._groups:
                self._groups[group].delete()
            self.offsets.forget(group, self.offsets.committed(group))

    def _partitions(self, topics: Iterable[str]) -> dict[str, int]:
        known = self._store.topics()
        return {topic: known[topic].partitions for topic in topics if topic in known}

    def _leave(self, group: Group, member: str) -> None:
        with self._lock:
            if member not in group.subscriptions:
                return
            group.leave(member)
            if group.state is State.EMPTY and self._groups.get(group.name) is group:
                del self._groups[group.name]

    def _sync(self, group: Group, member: str, refresh: bool) -> tuple[int, TopicPartitions]:
        with self._lock:
            if refresh:
                group.refresh(self._partitions(group.topics))
            return group.sync(member)

    def _commit(self, group: Group, member: str, generation: int, offsets: Mapping[Place, int]) -> None:
        with self._lock:
            group.check_commit(member, generation, offsets)
            self.offsets.commit(group.name, offsets)


class Membership:
    """One member's side of its group."""

    def __init__(self, coordinator: Coordinator, group: Group, member: str, commits: bool) -> None:
        self.member = member
        self.commits = commits
        self._coordinator = coordinator
        self._group = group

    @property
    def generation(self) -> int:
        """The group's, now: what was assigned in an older one may be another's."""
        return self._group.generation

    def sync(self, *, refresh: bool = False) -> tuple[int, TopicPartitions]:
        """(generation, (topic, partition) pairs) to read now; `refresh` looks whether topics have grown.

        Raises UnknownMember after `leave`.
        """
        return self._coordinator._sync(self._group, self.member, refresh)

    def committed(self) -> dict[Place, Committed]:
        return self._coordinator.offsets.committed(self._group.name) if self.commits else {}

    def commit(self, generation: int, offsets: Mapping[Place, int]) -> None:
        """Raises UnknownMember, IllegalGeneration, ReadOnly, StorageError."""
        self._coordinator._commit(self._group, self.member, generation, offsets)

    def leave(self) -> None:
        """Gives its partitions to the others.  Again: does nothing."""
        self._coordinator._leave(self._group, self.member)
