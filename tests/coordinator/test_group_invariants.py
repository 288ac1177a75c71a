"""Whatever members do, in whatever order, and however time passes: what is true of a group stays true."""

from __future__ import annotations

from group_verbs import Group, Member, commit
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pykafkalite.coordinator.group import State
from pykafkalite.coordinator.membership import GroupMember, join
from pykafkalite.errors import Error
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.store import Store

NAMES = st.integers(0, 4)
PROTOCOLS = st.sampled_from(
    [(("range", b"1"),), (("range", b"2"), ("sticky", b"2")), (("sticky", b""), ("range", b""))]
)


class Client(Member):
    """Its leaders deal out, to each member, the generation and its id."""

    asked = -1

    def sync(self):
        self.asked = self.generation
        members = self.joined.members if self.leads else ()
        return super().sync(
            {each.member_id: b"%d %s" % (self.generation, each.member_id.encode()) for each in members}
        )


class Groups(RuleBasedStateMachine):
    @initialize(delay=st.sampled_from([0, 3_000]), size=st.sampled_from([3, 100]))
    def begin(self, delay, size):
        self.store = Store.open(":memory:", clock=ManualClock())
        self.store.create_topic("t", 2)
        self.group = Group(self.store, group_initial_rebalance_delay_ms=delay, group_max_size=size)
        self.clients = [self._client(n) for n in range(5)]
        self.ours: list[GroupMember] = []
        self.offset = 0

    def teardown(self):
        if not hasattr(self, "store"):
            return
        # Every request is answered in the end, and a group that nobody is heard of in becomes empty.
        for consumer in self.ours:
            consumer.leave()
        self._pass(700)
        waiting = (
            [each for each in self.now.members.values() if each.answer_join or each.answer_sync]
            if self.now
            else []
        )
        assert waiting == []
        assert self.now is None or self.now.state is State.EMPTY
        self.store.close()

    def _client(self, n):
        static = {"instance_id": f"static-{n}"} if n > 2 else {"needs_member_id": n % 2 == 0}
        return Client(self.group, f"c{n}", {"rebalance_timeout": 30_000} | static)

    def _pass(self, seconds):
        for _ in range(seconds):
            self.group.clock.advance(1)
            self.group.coordinator.run_due()

    @property
    def now(self):
        return self.group.coordinator.classic.groups.get("g")

    # --- what can happen --------------------------------------------------

    @rule(n=NAMES, protocols=PROTOCOLS)
    def somebody_joins(self, n, protocols):
        self.clients[n].join(protocols=protocols)

    @rule(n=NAMES)
    def somebody_starts_again(self, n):
        self.clients[n] = self._client(n)
        self.clients[n].join()

    @rule(n=NAMES)
    def somebody_syncs(self, n):
        self.clients[n].sync()

    @rule()
    def all_do_what_clients_do(self):
        for client in self.clients:
            if client.id and client.beat() is not None:
                client.join()
        for client in self.clients:
            if client.joined is not None and client.joined.error is None:
                client.sync()

    @rule(n=NAMES)
    def somebody_leaves(self, n):
        self.clients[n].leave()

    @rule(n=NAMES, behind=st.integers(0, 1))
    def somebody_commits(self, n, behind):
        client = self.clients[n]
        self.offset += 1
        result = client.commit(self.offset, generation=client.generation - behind)
        if result.error is None and client.generation - behind >= 0:
            assert self.now.generation == client.generation - behind
            assert self.now.members[client.id].instance_id == client.instance_id
            assert self.now.state in (State.STABLE, State.PREPARING)

    @rule()
    def somebody_without_a_group_commits(self):
        assert (commit(self.group, 1).error is None) == (self.now is None or self.now.state is State.EMPTY)

    @rule(seconds=st.sampled_from([1, 4, 11, 31]))
    def time_passes(self, seconds):
        self._pass(seconds)

    @precondition(lambda self: len(self.ours) < 2)
    @rule()
    def a_consumer_of_this_process_joins(self):
        try:
            self.ours.append(join(self.group.coordinator, "g", ["t"]))
        except Error as refusal:
            assert refusal.code in (23, 81), refusal  # noqa: PT017

    @precondition(lambda self: self.ours)
    @rule()
    def a_consumer_of_this_process_leaves(self):
        self.ours.pop().leave()

    @precondition(lambda self: not self.ours)
    @rule()
    def the_broker_restarts(self):
        members = None if self.now is None or self.now.state is not State.STABLE else set(self.now.members)
        self.group.restart()
        assert members is None or self.group.member_ids == members
        for client in self.clients:  # a generation that was never stored is no more
            if client.beat() is not None:
                client.generation = -1

    # --- what stays true --------------------------------------------------

    @invariant()
    def exactly_one_member_leads(self):
        if getattr(self, "group", None) and self.now is not None:
            assert (self.now.leader in self.now.members) if self.now.members else self.now.leader is None
            assert bool(self.now.members) or self.now.state in (State.EMPTY, State.PREPARING)
            told = [
                client for client in self.clients if client.leads and client.generation == self.now.generation
            ]
            assert len({client.id for client in told if client.id in self.now.members}) <= 1

    @invariant()
    def nobody_is_ahead_of_the_generation_or_answered_for_another(self):
        if getattr(self, "group", None) and self.now is not None:
            for client in self.clients:
                if client.id in self.now.members:
                    assert client.generation <= self.now.generation

    @invariant()
    def who_is_told_an_assignment_is_told_its_own_of_its_generation(self):
        for client in getattr(self, "clients", ()):
            if (
                client.synced is not None
                and client.synced.error is None
                and client.synced.assignment[:1].isdigit()
            ):
                generation, member_id = client.synced.assignment.split(b" ", 1)
                assert member_id.decode() == client.id or client.instance_id is not None
                assert int(generation) == client.asked

    @invariant()
    def every_member_of_a_stable_group_has_an_assignment_of_this_generation(self):
        if getattr(self, "group", None) and self.now is not None and self.now.state is State.STABLE:
            for member in self.now.members.values():
                dealt = member.assignment.split(b" ")
                if dealt[0].isdigit():
                    assert int(dealt[0]) == self.now.generation
                else:
                    assert member.assignment  # a consumer of this process dealt
            for consumer in self.ours:
                assert consumer.generation == self.now.generation

    @invariant()
    def an_instance_id_is_one_member(self):
        if getattr(self, "group", None) and self.now is not None:
            statics = {
                each.instance_id: each.member_id for each in self.now.members.values() if each.instance_id
            }
            assert statics == self.now.statics
            assert len(statics) == sum(each.instance_id is not None for each in self.now.members.values())


TestGroups = Groups.TestCase
TestGroups.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
