"""How a group gets from one generation to the next: the phases, and what happens when time runs out.

The rules are those of Kafka's GroupMetadataManager. Members wait for an answer to their join
(PREPARING) until all have joined or the longest rebalance timeout is over, then for an answer to
their sync (COMPLETING) until the leader's assignment is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pykafkalite.coordinator.group import TRANSITIONS, Event, Group, Member, State
from pykafkalite.coordinator.requests import Failure, JoinResult, SyncResult
from pykafkalite.errors import (
    Error,
    FencedInstanceId,
    MessageTooLarge,
    NotCoordinator,
    RebalanceInProgress,
    StorageError,
    UnknownMember,
)

if TYPE_CHECKING:
    from pykafkalite.coordinator.settings import GroupSettings
    from pykafkalite.coordinator.timers import Task, Timers
    from pykafkalite.storage.clock import Clock
    from pykafkalite.storage.records import GroupMetadataValue

logger = logging.getLogger(__name__)

NEW_MEMBER_TIMEOUT = 5 * 60 * 1000
"""How long a first join may wait (ms): its member id is not known to anybody yet, so nobody else gives it up."""

Stored = Callable[[Error | None], None]


class Keeping(Protocol):
    """What the phases need of the coordinator."""

    settings: GroupSettings
    clock: Clock
    timers: Timers

    def later(self, task: Task) -> None:
        """Runs `task` once the state machine has come to rest."""

    def store_group(self, group: str, value: GroupMetadataValue, done: Stored) -> None:
        """Appends a group's record; `done(error)` once it is safe, now or later."""


class Rebalancing:
    """Moves groups from generation to generation.  The coordinator locks."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        self.groups: dict[str, Group] = {}

    # --- answers --------------------------------------------------------------

    def answer_join(self, member: Member, result: JoinResult) -> bool:
        """Answers the join that waits, if one does."""
        answer, member.answer_join = member.answer_join, None
        if answer is not None:
            self.keeping.later(partial(answer, result))
        return answer is not None

    def answer_sync(self, member: Member, result: SyncResult) -> bool:
        """Answers the sync that waits, if one does."""
        answer, member.answer_sync = member.answer_sync, None
        if answer is not None:
            self.keeping.later(partial(answer, result))
        return answer is not None

    def joined(self, group: Group, member: Member) -> JoinResult:
        """What a member learns of the generation that it has joined."""
        leads = group.leader == member.member_id
        return JoinResult(
            member_id=member.member_id,
            generation=group.generation,
            protocol_type=group.protocol_type,
            protocol=group.protocol,
            leader=group.leader or "",
            members=group.joined_members() if leads else (),
        )

    # --- waiting for joins ----------------------------------------------------

    def rebalance(self, group: Group) -> None:
        """Begins the next generation, or completes its join phase if that was under way."""
        if Event.REBALANCE in TRANSITIONS[group.state]:
            self.prepare(group)
        else:
            self.complete_if_all_joined(group)

    def prepare(self, group: Group) -> None:
        """All members have to join (again)."""
        if group.state is State.COMPLETING:
            self.deal(group, {}, RebalanceInProgress)
        self.keeping.timers.cancel(_sync_key(group))
        is_first = group.state is State.EMPTY
        group.move(Event.REBALANCE, self.keeping.clock.now_ms())
        for member in group.members.values():
            if member.on_rebalance is not None and member.answer_join is None:
                self.keeping.later(member.on_rebalance)
        if is_first:
            delay = self.keeping.settings.group_initial_rebalance_delay_ms
            left = max(group.rebalance_timeout - delay, 0)
            self._set_join_timer(group, delay, lambda: self._end_first_delay(group, delay, left))
        elif group.all_joined:
            self.complete_join(group)
        else:
            self._set_join_timer(group, group.rebalance_timeout, lambda: self.complete_join(group))

    def complete_if_all_joined(self, group: Group) -> None:
        """Not during the first rebalance's delay, which runs to its end."""
        if group.state is State.PREPARING and group.came_from is not State.EMPTY and group.all_joined:
            self.complete_join(group)

    def _end_first_delay(self, group: Group, delay: int, left: int) -> None:
        if not group.grew_while_empty or not left:
            self.complete_join(group)
            return
        group.grew_while_empty = False
        again = min(self.keeping.settings.group_initial_rebalance_delay_ms, left)
        self._set_join_timer(group, again, lambda: self._end_first_delay(group, again, max(left - delay, 0)))

    def complete_join(self, group: Group) -> None:
        """Goes on with those who joined; dynamic members who did not are out, static ones keep their place."""
        self.keeping.timers.cancel(_join_key(group))
        if group.state is not State.PREPARING:
            return
        for member in list(group.members.values()):
            if member.answer_join is None and member.instance_id is None:
                self.dismiss(group, member.member_id, UnknownMember)
        if group.members and not group.choose_leader():
            # Static members only, none of which came back: their sessions decide.
            self._set_join_timer(group, group.rebalance_timeout, lambda: self.complete_join(group))
            return
        self._begin_generation(group)

    def _begin_generation(self, group: Group) -> None:
        now = self.keeping.clock.now_ms()
        group.generation += 1
        group.unsynced.clear()
        group.grew_while_empty = False
        group.protocol = group.choose_protocol() if group.members else None
        group.topics = group.read_topics()
        if not group.members:
            group.move(Event.NOBODY_LEFT, now)
            self.keeping.store_group(group.name, group.record({}), partial(_warn, group))
            return
        group.move(Event.ALL_JOINED, now)
        for member in group.members.values():
            self.answer_join(member, self.joined(group, member))
            self.set_session_timer(group, member)
            member.is_new = False
            group.unsynced.add(member.member_id)
        self.keeping.timers.set(_sync_key(group), group.rebalance_timeout, lambda: self._expire_syncs(group))

    # --- waiting for syncs ----------------------------------------------------

    def synced(self, group: Group, member: Member) -> None:
        """Notes that a member has asked for its assignment."""
        group.unsynced.discard(member.member_id)
        if not group.unsynced:
            self.keeping.timers.cancel(_sync_key(group))

    def store_assignment(self, group: Group, assignments: Mapping[str, bytes]) -> None:
        """Deals out what the leader decided, once it is stored."""
        generation = group.generation

        def stored(error: Error | None) -> None:
            if group.state is not State.COMPLETING or group.generation != generation:
                return
            if error is None:
                self.deal(group, assignments, None)
                group.move(Event.ASSIGNED, self.keeping.clock.now_ms())
            else:
                _warn(group, error)
                self.deal(group, {}, storing_failure(error))
                self.rebalance(group)

        self.keeping.store_group(group.name, group.record(assignments), stored)

    def deal(self, group: Group, assignments: Mapping[str, bytes], error: Failure) -> None:
        """Gives each member its assignment; those who wait for it are answered."""
        for member in group.members.values():
            member.assignment = assignments.get(member.member_id, b"")
            if self.answer_sync(member, self.assigned(group, member, error)):
                self.set_session_timer(group, member)

    def assigned(self, group: Group, member: Member, error: Failure = None) -> SyncResult:
        """The answer to a sync."""
        if error is not None:
            return SyncResult(error)
        return SyncResult(None, member.assignment, group.protocol_type, group.protocol)

    def _expire_syncs(self, group: Group) -> None:
        for member_id in list(group.unsynced):
            self.dismiss(group, member_id, UnknownMember)
        self.prepare(group)

    # --- sessions -------------------------------------------------------------

    def set_session_timer(self, group: Group, member: Member, timeout: int | None = None) -> None:
        """From now on the member has this long (ms; else its session timeout) to be heard of again."""
        if member.on_rebalance is None:
            timeout = member.session_timeout if timeout is None else timeout
            self._set_member_timer(group, member.member_id, timeout)

    def expect(self, group: Group, member_id: str, timeout: int) -> None:
        """An id was given out: it is forgotten when nobody joins with it in time."""
        group.pending.add(member_id)
        self._set_member_timer(group, member_id, timeout)

    def _set_member_timer(self, group: Group, member_id: str, timeout: int) -> None:
        key = _member_key(group, member_id)
        self.keeping.timers.set(key, timeout, lambda: self._expire_member(group, member_id))

    def _expire_member(self, group: Group, member_id: str) -> None:
        member = group.members.get(member_id)
        if member_id in group.pending:
            self.dismiss(group, member_id, UnknownMember)
            self.after_leaving(group, was_member=False)
        elif member is not None and member.must_send_heartbeats:
            logger.info("member %s of group %s was not heard of in time: it is out", member_id, group.name)
            self.dismiss(group, member_id, UnknownMember)
            self.after_leaving(group)

    # --- leaving --------------------------------------------------------------

    def dismiss(self, group: Group, member_id: str, error: type[Error]) -> None:
        """Removes a member; what it waits for is answered."""
        member = group.remove(member_id)
        self.keeping.timers.cancel(_member_key(group, member_id))
        if member is not None:
            self.answer_join(member, JoinResult(error))
            self.answer_sync(member, SyncResult(error))
            if member.on_rebalance is not None:
                self.keeping.later(member.on_rebalance)

    def after_leaving(self, group: Group, *, was_member: bool = True) -> None:
        """The others deal out anew what the member had."""
        if was_member and group.state in (State.STABLE, State.COMPLETING):
            self.prepare(group)
        elif (
            group.state is State.PREPARING
            and group.all_joined
            and (group.came_from is not State.EMPTY or not group.members)
        ):
            self.complete_join(group)

    def release(self, *, clients_only: bool) -> None:
        """Answers whoever waits: another coordinator goes on with what is stored."""
        for group in self.groups.values():
            for member in group.members.values():
                if clients_only and member.on_rebalance is not None:
                    continue
                self.answer_join(member, JoinResult(NotCoordinator, member.member_id))
                self.answer_sync(member, SyncResult(NotCoordinator))

    def replace(self, group: Group, old: str, new: str) -> Member:
        """A static member came back under a new id: the old one is fenced."""
        member = group.members[old]
        self.answer_join(member, JoinResult(FencedInstanceId, old))
        self.answer_sync(member, SyncResult(FencedInstanceId))
        self.keeping.timers.cancel(_member_key(group, old))
        member = group.rename(old, new)
        self.set_session_timer(group, member)
        return member

    def _set_join_timer(self, group: Group, timeout: int, task: Task) -> None:
        self.keeping.timers.set(_join_key(group), timeout, task)


def storing_failure(error: Error) -> type[Error]:
    """What members are told when their group's record could not be stored (appendGroupMetadataErrorToResponseError)."""
    if isinstance(error, StorageError):
        return NotCoordinator
    return Error if isinstance(error, MessageTooLarge) else type(error)


def _warn(group: Group, error: Error | None) -> None:
    if error is not None:
        logger.warning("group %s could not be stored: %s", group.name, error)


def _join_key(group: Group) -> tuple[str, str]:
    return "join", group.name


def _sync_key(group: Group) -> tuple[str, str]:
    return "sync", group.name


def _member_key(group: Group, member_id: str) -> tuple[str, str, str]:
    return "member", group.name, member_id
