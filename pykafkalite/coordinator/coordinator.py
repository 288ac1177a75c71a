"""The coordinator of one store: its groups and their commits, for this process and for its clients.

Requests come from any thread and each runs on its caller's, under one lock. What a request leads to
(answers, members of this process that join again, timers that are due) waits until the state machine
has come to rest, and then runs in order before the caller goes on: nobody is called in the middle.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from pykafkalite.coordinator.administration import Administration
from pykafkalite.coordinator.classic import ClassicGroups
from pykafkalite.coordinator.commits import Commits
from pykafkalite.coordinator.group import Group, check_group_id
from pykafkalite.coordinator.group_log import GroupLog
from pykafkalite.coordinator.rebalancing import storing_failure
from pykafkalite.coordinator.requests import CommitResult
from pykafkalite.coordinator.settings import GroupSettings
from pykafkalite.coordinator.timers import Timers
from pykafkalite.errors import Error, UnknownGroup
from pykafkalite.storage.clock import SYSTEM, Clock
from pykafkalite.storage.naming import hint
from pykafkalite.storage.writing import WritingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pykafkalite.coordinator.assignment import TopicPartitions
    from pykafkalite.coordinator.classic import RespondJoin, RespondSync
    from pykafkalite.coordinator.group_log import Committed, Written
    from pykafkalite.coordinator.rebalancing import Stored
    from pykafkalite.coordinator.requests import (
        CommitRequest,
        DescribedGroup,
        Failure,
        JoinRequest,
        Leaver,
        ListedGroup,
        Place,
        SyncRequest,
    )
    from pykafkalite.coordinator.timers import Task
    from pykafkalite.storage.records import GroupMetadataValue
    from pykafkalite.storage.store import Store

logger = logging.getLogger(__name__)

IN_PROCESS = "in-process"
"""The client host of members that live in the store's own process; a client's is the address it comes from."""


class Coordinator:
    """Safe from any thread.  `of(store)` gives each store its one coordinator while somebody holds it."""

    _all: ClassVar[weakref.WeakValueDictionary[int, Coordinator]] = weakref.WeakValueDictionary()
    _all_lock = threading.Lock()

    def __init__(
        self, store: Store, settings: GroupSettings | None = None, clock: Clock | None = None
    ) -> None:
        self.store = store
        self.settings = settings or GroupSettings()
        self.clock = clock or (store.clock if isinstance(store, WritingStore) else SYSTEM)
        self.timers = Timers(self.clock)
        self.log = GroupLog(store, self.clock)
        self.classic = ClassicGroups(self)
        self.commits = Commits(self, self.classic, self.log)
        self.administration = Administration(self.classic, self.commits, self.log)
        self._lock = threading.RLock()
        self._tasks: deque[Task] = deque()
        self._unsettled: list[tuple[Written, Stored]] = []
        self._depth = 0
        self._loaded = False
        self._alarm: float | None = None

    @classmethod
    def of(cls, store: Store) -> Coordinator:
        """The coordinator that every holder of `store` shares."""
        with cls._all_lock:
            found = cls._all.get(id(store))
            if found is None:
                found = cls._all[id(store)] = cls(store)
            return found

    # --- members --------------------------------------------------------------

    def join(self, request: JoinRequest, respond: RespondJoin) -> None:
        """JoinGroup; `respond` is called once, on whichever thread got the group there."""
        with self.turn():
            self.classic.join(request, respond)

    def sync(self, request: SyncRequest, respond: RespondSync) -> None:
        """SyncGroup; `respond` as for `join`."""
        with self.turn():
            self.classic.sync(request, respond)

    def heartbeat(
        self, group: str, member_id: str, generation: int, instance_id: str | None = None
    ) -> Failure:
        """Heartbeat."""
        with self.turn():
            return self.classic.heartbeat(group, member_id, generation, instance_id)

    def leave(self, group: str, leavers: Iterable[Leaver]) -> list[Failure] | type[Error]:
        """LeaveGroup: what became of each, or one error for all."""
        with self.turn():
            return self.classic.leave(group, list(leavers))

    # --- offsets --------------------------------------------------------------

    def commit(self, request: CommitRequest, respond: Callable[[CommitResult], None]) -> None:
        """OffsetCommit; acknowledged as the store's durability says.  `respond` as for `join`."""
        with self.turn():
            try:
                result, written = self.commits.commit(request)
            except Error as error:
                result, written = CommitResult(storing_failure(error)), None
            self._once_settled(written, lambda error: respond(_after(result, error)))

    def committed(self, group: str, places: Iterable[Place] | None = None) -> dict[Place, Committed | None]:
        """OffsetFetch: the commits of `places` (None: all that there are); None where there is none."""
        return self.commits.fetch(group, places)

    def delete_offsets(self, group: str, places: Iterable[Place]) -> dict[Place, Failure]:
        """OffsetDelete.  Raises InvalidGroup, UnknownGroup, NonEmptyGroup, StorageError."""
        with self.turn():
            return self.commits.delete(group, places)

    def forget_topic(self, topic: str) -> None:
        """To be called when a topic was deleted.  Raises StorageError."""
        with self.turn():
            self.commits.forget_topic(topic)

    def delete_group(self, group: str) -> None:
        """DeleteGroups, one of them.  Raises UnknownGroup, NonEmptyGroup, ReadOnly, StorageError."""
        with self.turn():
            self.commits.delete_group(group)

    # --- administration -------------------------------------------------------

    def describe(self, group: str) -> DescribedGroup:
        """DescribeGroups, one of them."""
        with self.turn():
            return self.administration.describe(group)

    def list_groups(self, states: Iterable[str] = (), types: Iterable[str] = ()) -> list[ListedGroup]:
        """ListGroups: all, or those in one of `states` and of one of `types`."""
        with self.turn():
            return self.administration.listed(states, types)

    def names(self) -> list[str]:
        """The groups that have members or commits, sorted."""
        with self.turn():
            return self.administration.names()

    def check(self, group: str) -> str:
        """The group's name.  Raises UnknownGroup with the nearest one, InvalidGroup."""
        names = self.names()
        if check_group_id(group) not in names:
            raise UnknownGroup(f"there is no group {group!r} with members or commits{hint(group, names)}")
        return group

    def assignment(self, group: str) -> dict[str, TopicPartitions]:
        """Member -> what it reads."""
        with self.turn():
            return self.administration.assignment(group)

    def reset(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Commits for a group without members.  Raises NonEmptyGroup, InvalidGroup, ReadOnly, StorageError."""
        with self.turn():
            self.commits.reset(check_group_id(group), offsets)

    # --- turns ----------------------------------------------------------------

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One request's turn; at its end, what it has led to happens.

        What was stored and has to wait for the disk does so on this thread, after the turn.
        """
        unsettled: list[tuple[Written, Stored]] = []
        try:
            with self._lock:
                self._depth += 1
                try:
                    if not self._loaded:
                        self._load_all_or_nothing()
                    yield
                finally:
                    self._depth -= 1
                    if not self._depth:
                        self._settle()
                        unsettled, self._unsettled = self._unsettled, unsettled
        finally:
            self._wait_for_disk(unsettled)
        self._look_after_tasks()

    def later(self, task: Task) -> None:
        """Runs `task` at the end of the turn that is under way; at once when there is none.

        Never waits for another thread: what Python collects leaves its group through here, at any moment.
        """
        self._tasks.append(task)
        self._look_after_tasks()

    def _look_after_tasks(self) -> None:
        """Whoever lets go of the lock sees what was left to be done meanwhile."""
        while self._tasks and self._lock.acquire(blocking=False):
            try:
                if self._depth:
                    return
            finally:
                self._lock.release()
            with self.turn():
                pass

    def run_due(self) -> None:
        """Lets timers run whose time has come."""
        with self.turn():
            self._alarm = None

    def release_clients(self) -> None:
        """Sends clients that wait for their group to look for another coordinator: the broker stops."""
        with self.turn():
            self.classic.release(clients_only=True)

    def unload(self) -> None:
        """Answers whoever waits that this is over, and lets no timer run any more: the broker goes."""
        with self.turn():
            self.classic.release(clients_only=False)
            self.timers.clear()

    def _settle(self) -> None:
        self._depth += 1
        try:
            while self._tasks or (self._loaded and self._is_due()):
                try:
                    if self._tasks:
                        self._tasks.popleft()()
                    else:
                        self.timers.run_next()
                except Exception:
                    # An answer that nobody takes any more must not keep the others from theirs.
                    logger.exception("the coordinator could not do what was due")
        finally:
            self._depth -= 1
        self._set_alarm()

    def _is_due(self) -> bool:
        return self.timers.left() == 0 and not self.store.closed

    def _set_alarm(self) -> None:
        """Has the store's scheduler wake us when the next timer is due."""
        left = self.timers.left()
        if left is None or not isinstance(self.store, WritingStore) or self.store.closed:
            return
        at = self.clock.monotonic() + left
        if self._alarm is None or at < self._alarm:
            self._alarm = at
            self.store.scheduler.after(left, _waker(self))

    # --- storing --------------------------------------------------------------

    def store_group(self, group: str, value: GroupMetadataValue, done: Stored) -> None:
        """Appends a group's record, then calls `done`."""
        try:
            written = self.log.write_group(group, value)
        except Error as error:
            done(error)
        else:
            self._once_settled(written, done)

    def _once_settled(self, written: Written | None, done: Stored) -> None:
        if written is None or written.is_settled:
            done(None)
        else:
            self._unsettled.append((written, done))

    def _wait_for_disk(self, unsettled: list[tuple[Written, Stored]]) -> None:
        """Without the lock: others go on meanwhile."""
        for written, done in unsettled:
            failed: Error | None = None
            try:
                written.settle()
            except Error as error:
                failed = error
            with self.turn():
                done(failed)

    def _load_all_or_nothing(self) -> None:
        self._loaded = True
        try:
            self._load()
        except BaseException:  # the next one tries again: nobody is told that a group is not there
            self._loaded = False
            self.classic.groups.clear()
            self.timers.clear()
            raise

    def _load(self) -> None:
        """Takes over the stored groups, as after a restart: members have their session timeout to come back."""
        if self.log.read_only:
            return
        for name, value in self.log.metadata().items():
            group = self.classic.groups[name] = Group.stored(name, value, self.clock.now_ms())
            self._take_over(group)
        self._expire_later()

    def _take_over(self, group: Group) -> None:
        gone = [member_id for member_id, member in group.members.items() if member.client_host == IN_PROCESS]
        for member_id in gone:  # with the process that they lived in
            group.remove(member_id)
        for member in group.members.values():
            self.classic.set_session_timer(group, member)
        if gone or len(group.members) > self.settings.group_max_size:
            self.classic.prepare(group)

    def _expire_later(self) -> None:
        self.timers.set("retention", self.settings.offsets_retention_check_interval_ms, self._expire)

    def _expire(self) -> None:
        self._expire_later()
        try:
            self.commits.expire()
        except Error as error:
            logger.warning("offsets past retention could not be deleted: %s", error)


def _after(result: CommitResult, error: Error | None) -> CommitResult:
    return result if error is None else CommitResult(storing_failure(error))


def _waker(coordinator: Coordinator) -> Task:
    """Runs what is due if the coordinator is still there: the scheduler must not keep it."""
    reference = weakref.ref(coordinator)

    def wake() -> None:
        found = reference()
        if found is not None and not found.store.closed:
            found.run_due()

    return wake
