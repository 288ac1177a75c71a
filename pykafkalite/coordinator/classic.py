"""The classic group protocol: what JoinGroup, SyncGroup, Heartbeat and LeaveGroup do.

Rule 1: the decisions are those of Kafka's GroupMetadataManager, in its order: clients depend on which
        of several errors they get.
Rule 2: an answer is given by calling `respond` once, now or when the group has got there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from pykafkalite.coordinator.group import Group, Member, State
from pykafkalite.coordinator.rebalancing import NEW_MEMBER_TIMEOUT, Rebalancing, storing_failure
from pykafkalite.coordinator.requests import (
    Failure,
    JoinRequest,
    JoinResult,
    Leaver,
    SyncRequest,
    SyncResult,
)
from pykafkalite.errors import (
    CoordinatorNotAvailable,
    Error,
    GroupMaxSizeReached,
    InconsistentGroupProtocol,
    InvalidGroup,
    InvalidSessionTimeout,
    MemberIdRequired,
    RebalanceInProgress,
    UnknownMember,
)

RespondJoin = Callable[[JoinResult], None]
RespondSync = Callable[[SyncResult], None]


class ClassicGroups(Rebalancing):
    """Requests of members.  The coordinator locks, and runs what was put off until `later`."""

    # --- JoinGroup ------------------------------------------------------------

    def join(self, request: JoinRequest, respond: RespondJoin) -> None:
        """A member joins, or joins again."""
        settings = self.keeping.settings
        if not request.group:
            return self._refuse(respond, InvalidGroup, request.member_id)
        shortest, longest = settings.group_min_session_timeout_ms, settings.group_max_session_timeout_ms
        if not shortest <= request.session_timeout <= longest:
            return self._refuse(respond, InvalidSessionTimeout, request.member_id)
        group = self.groups.get(request.group)
        if group is None:
            if request.member_id:
                return self._refuse(respond, UnknownMember, request.member_id)
            group = Group(request.group, self.keeping.clock.now_ms())
        if not self._has_room(group, request.member_id):
            group.remove(request.member_id)
            return self._refuse(respond, GroupMaxSizeReached, "")
        if group.state is State.DEAD:
            return self._refuse(respond, CoordinatorNotAvailable, request.member_id)
        if not group.supports(request.protocol_type, request.protocols):
            return self._refuse(respond, InconsistentGroupProtocol, request.member_id)
        self.groups[request.group] = group
        if not request.member_id:
            self._join_new(group, request, respond)
        elif request.member_id in group.pending:
            self._add(group, request.member_id, request, respond)
        else:
            self._join_again(group, request, respond)
        return None

    def _refuse(self, respond: RespondJoin, error: type[Error], member_id: str) -> None:
        self.keeping.later(partial(respond, JoinResult(error, member_id)))

    def _has_room(self, group: Group, member_id: str) -> bool:
        limit = self.keeping.settings.group_max_size
        if group.state in (State.EMPTY, State.DEAD):
            return True
        member = group.members.get(member_id)
        if group.state is State.PREPARING:
            waiting = sum(other.answer_join is not None for other in group.members.values())
            return (member is not None and member.answer_join is not None) or waiting < limit
        return member is not None or len(group.members) < limit

    def _join_new(self, group: Group, request: JoinRequest, respond: RespondJoin) -> None:
        member_id = group.new_member_id(request.client_id, request.instance_id)
        current = None if request.instance_id is None else group.statics.get(request.instance_id)
        if current is not None:
            self._come_back(group, current, member_id, request, respond)
        elif request.instance_id is None and request.needs_member_id:
            self.expect(group, member_id, request.session_timeout)
            self._refuse(respond, MemberIdRequired, member_id)
        else:
            self._add(group, member_id, request, respond)

    def _add(self, group: Group, member_id: str, request: JoinRequest, respond: RespondJoin) -> None:
        member = Member(member_id, request)
        member.is_new = True
        member.answer_join = respond
        if group.state is State.PREPARING and group.came_from is State.EMPTY:
            group.grew_while_empty = True
        group.add(member)
        self.set_session_timer(group, member, NEW_MEMBER_TIMEOUT)
        self.rebalance(group)

    def _join_again(self, group: Group, request: JoinRequest, respond: RespondJoin) -> None:
        try:
            member = group.check_member(request.member_id, request.instance_id)
        except Error as error:
            return self._refuse(respond, type(error), request.member_id)
        knows_all = member.protocols == request.protocols
        if (group.state is State.COMPLETING and knows_all) or (
            group.state is State.STABLE and knows_all and group.leader != member.member_id
        ):
            # The answer may have been lost on its way: the same again.
            self.keeping.later(partial(respond, self.joined(group, member)))
        else:
            self._update(member, request, respond)
            self.rebalance(group)
        return None

    def _update(self, member: Member, request: JoinRequest, respond: RespondJoin) -> None:
        # A request that this one supersedes: nobody waits for it, but its connection may.
        self.answer_join(member, JoinResult(RebalanceInProgress, member.member_id))
        member.protocols = request.protocols
        member.session_timeout = request.session_timeout
        member.rebalance_timeout = request.rebalance_timeout
        member.on_rebalance = request.on_rebalance
        member.answer_join = respond

    def _come_back(
        self, group: Group, old: str, new: str, request: JoinRequest, respond: RespondJoin
    ) -> None:
        """A static member was restarted: in a stable group that costs no rebalance (KIP-345)."""
        leader = group.leader
        member = self.replace(group, old, new)
        before = member.protocols, member.session_timeout, member.rebalance_timeout, member.on_rebalance
        self._update(member, request, respond)
        if group.state is State.COMPLETING:
            self.prepare(group)
        elif group.state is not State.STABLE:
            self.complete_if_all_joined(group)
        elif group.choose_protocol() != group.protocol:
            self.rebalance(group)
        else:
            # Until it is stored, an answer is owed to the member; its place in the group is as before.
            def stored(error: Error | None) -> None:
                if group.members.get(new) is not member or member.answer_join is not respond:
                    return  # it left, or a rebalance has begun meanwhile, which answers it
                result = self.joined(group, member)
                if error is not None:
                    member.answer_join = None
                    (
                        member.protocols,
                        member.session_timeout,
                        member.rebalance_timeout,
                        member.on_rebalance,
                    ) = before
                    self.set_session_timer(group, self.replace(group, new, old))
                    self._refuse(respond, storing_failure(error), "")
                elif request.may_skip_assignment:
                    leads = group.leader == new
                    self.answer_join(member, result._replace(skip_assignment=leads))
                else:  # an older client that is named leader would deal out partitions: it is not told
                    self.answer_join(member, result._replace(leader=leader or "", members=()))

            assignments = {each.member_id: each.assignment for each in group.members.values()}
            self.keeping.store_group(group.name, group.record(assignments), stored)

    # --- SyncGroup ------------------------------------------------------------

    def sync(self, request: SyncRequest, respond: RespondSync) -> None:
        """A member asks for its assignment; the leader brings everybody's."""

        def answer(result: SyncResult) -> None:
            self.keeping.later(partial(respond, result))

        if not request.group:
            return answer(SyncResult(InvalidGroup))
        group = self.groups.get(request.group)
        if group is None or group.state is State.EMPTY:
            return answer(SyncResult(UnknownMember))
        try:
            member = group.check_generation(request.member_id, request.instance_id, request.generation)
        except Error as error:
            return answer(SyncResult(type(error)))
        if request.protocol_type not in (None, group.protocol_type) or request.protocol not in (
            None,
            group.protocol,
        ):
            return answer(SyncResult(InconsistentGroupProtocol))
        if group.state is State.PREPARING:
            return answer(SyncResult(RebalanceInProgress))
        self.synced(group, member)
        if group.state is State.STABLE:
            return answer(self.assigned(group, member))
        self.answer_sync(member, SyncResult(RebalanceInProgress))  # one that this one supersedes
        member.answer_sync = respond
        if group.leader == member.member_id:
            self.store_assignment(group, request.assignments)
        return None

    # --- Heartbeat ------------------------------------------------------------

    def heartbeat(
        self, group_id: str, member_id: str, generation: int, instance_id: str | None = None
    ) -> Failure:
        """A member says that it is there; RebalanceInProgress tells it to join again."""
        if not group_id:
            return InvalidGroup
        group = self.groups.get(group_id)
        if group is None:
            return UnknownMember
        try:
            member = group.check_generation(member_id, instance_id, generation)
        except Error as error:
            return type(error)
        self.set_session_timer(group, member)
        return RebalanceInProgress if group.state is State.PREPARING else None

    # --- LeaveGroup -----------------------------------------------------------

    def leave(self, group_id: str, leavers: Iterable[Leaver]) -> list[Failure] | type[Error]:
        """Members leave, several at once; what became of each, or one error for all."""
        if not group_id:
            return InvalidGroup
        group = self.groups.get(group_id)
        if group is None:
            return [UnknownMember for _ in leavers]
        if group.state is State.DEAD:
            return CoordinatorNotAvailable
        results = [self._leave(group, leaver) for leaver in leavers]
        if None in results:
            self.after_leaving(group)
        return results

    def _leave(self, group: Group, leaver: Leaver) -> Failure:
        member_id = leaver.member_id or group.statics.get(leaver.instance_id or "", "")
        if not leaver.member_id and (leaver.instance_id is None or not member_id):
            return UnknownMember
        if member_id not in group.pending:
            try:
                group.check_member(member_id, leaver.instance_id)
            except Error as error:
                return type(error)
        self.dismiss(group, member_id, UnknownMember)
        return None
