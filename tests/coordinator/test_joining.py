"""JoinGroup: who gets in, who leads, how long others wait."""

import pytest
from group_verbs import REBALANCE, SESSION, Group

from pykafkalite.coordinator.requests import JoinRequest
from pykafkalite.errors import (
    FencedInstanceId,
    GroupMaxSizeReached,
    InconsistentGroupProtocol,
    InvalidGroup,
    InvalidSessionTimeout,
    MemberIdRequired,
    RebalanceInProgress,
    UnknownMember,
)

RANGE, STICKY = ("range", b"r"), ("sticky", b"s")


def test_the_first_to_join_leads_the_first_generation_and_learns_the_members(group):
    member = group.member("app")
    joined = member.join()
    assert (joined.generation, joined.protocol_type, joined.protocol) == (1, "consumer", "range")
    assert joined.leader == joined.member_id == member.id
    assert [each.member_id for each in joined.members] == [member.id]
    assert member.id.startswith("app-")
    assert group.state == "CompletingRebalance"


def test_only_the_leader_learns_the_members(group):
    leader, other = group.members("a", "b")
    assert {each.member_id for each in leader.joined.members} == {leader.id, other.id}
    assert other.joined.members == ()
    assert other.joined.leader == leader.id


def test_a_new_dynamic_member_is_given_its_id_before_it_joins(group):
    member = group.member(needs_member_id=True)
    member.join()
    required, joined = member.answers
    assert (required.error, required.generation) == (MemberIdRequired, -1)
    assert joined.member_id == required.member_id
    assert joined.generation == 1


def test_a_given_id_that_nobody_uses_is_forgotten_after_its_session_timeout(group):
    in_time, late = group.member("a"), group.member("b")
    in_time.ask_for_id(), late.ask_for_id()
    group.wait(SESSION / 1000 - 1)
    assert in_time.join().error is None
    group.wait(2)
    assert late.join().error is UnknownMember


def test_a_rebalance_waits_for_ids_that_were_given_out(group):
    (first,) = group.members("a")
    new = group.member("b")
    new.ask_for_id()
    first.join()
    assert first.joined is None
    assert new.join().generation == first.joined.generation


def test_a_rebalance_waits_for_all_members_and_answers_them_together(group):
    first, second = group.members("a", "b")
    third = group.member("c")
    assert third.join() is None
    assert group.state == "PreparingRebalance"
    assert first.beat() is RebalanceInProgress
    assert first.join() is None
    assert second.join().generation == third.joined.generation == first.joined.generation == 3
    assert group.state == "CompletingRebalance"


def test_who_does_not_join_again_within_the_rebalance_timeout_is_out(group):
    slow, quick = group.members("slow", "quick")
    third = group.member("third")
    third.join()
    quick.join()
    for _ in range(REBALANCE // 1000 + 1):
        group.wait(1)
        slow.beat()
    assert group.member_ids == {quick.id, third.id}
    assert slow.beat() is UnknownMember
    assert quick.leads != third.leads


def test_the_longest_rebalance_timeout_of_the_members_counts(group):
    (patient,) = group.members("patient", rebalance_timeout=120_000)
    hasty = group.member("hasty", rebalance_timeout=6_000)
    hasty.join()
    for _ in range(115):
        group.wait(1)
        patient.beat()
    assert hasty.joined is None
    for _ in range(6):
        group.wait(1)
        patient.beat()
    assert hasty.joined.leader == hasty.id


def test_members_agree_on_the_protocol_that_most_of_them_prefer(group):
    a, b = group.members("a", "b", protocols=(RANGE, STICKY))
    c = group.member("c", protocols=(STICKY, RANGE))
    c.join()
    a.join(protocols=(STICKY, RANGE))
    b.join()
    assert {member.joined.protocol for member in (a, b, c)} == {"sticky"}
    assert {each.metadata for each in next(m for m in (a, b, c) if m.leads).joined.members} == {b"s"}


def test_a_protocol_that_not_all_know_is_not_chosen(group):
    (a,) = group.members("a", protocols=(STICKY, RANGE))
    b = group.member("b", protocols=(RANGE,))
    b.join()
    assert a.join().protocol == "range"


@pytest.mark.parametrize(
    "request_", [{"protocols": (("other", b""),)}, {"protocols": ()}, {"protocol_type": "connect"}]
)
def test_a_member_without_a_protocol_in_common_is_refused(group, request_):
    group.members("a")
    assert group.member("b", **request_).join().error is InconsistentGroupProtocol
    assert group.state == "Stable"


def test_an_empty_group_takes_any_type_but_none(group):
    (member,) = group.members("a")
    member.leave()
    assert group.member("b", protocol_type="").join().error is InconsistentGroupProtocol
    assert group.member("b", protocol_type="connect").join().protocol_type == "connect"


@pytest.mark.parametrize("timeout", [5_999, 1_800_001])
def test_session_timeouts_have_bounds(group, timeout):
    assert group.member(session_timeout=timeout).join().error is InvalidSessionTimeout
    assert group.coordinator.list_groups() == []


def test_a_group_id_is_not_empty(group):
    answers = []
    group.coordinator.join(JoinRequest("", "m"), answers.append)
    assert (answers[0].error, answers[0].member_id) == (InvalidGroup, "m")


@pytest.mark.parametrize("exists", [False, True])
def test_a_member_id_that_the_group_never_gave_is_unknown(group, exists):
    if exists:
        group.members("a")
    stranger = group.member()
    stranger.id = "m-stranger"
    assert stranger.join().error is UnknownMember


def test_a_group_takes_no_more_than_its_size(memory):
    group = Group(memory, group_max_size=2)
    group.members("a", "b")
    assert group.member("c").join().error is GroupMaxSizeReached
    assert group.state == "Stable"


def test_a_follower_that_joins_again_unchanged_gets_the_same_answer_and_nobody_else_notices(group):
    leader, other = group.members("a", "b")
    assert other.join().generation == leader.generation
    assert (group.state, leader.beat()) == ("Stable", None)


def test_a_leader_that_joins_again_and_a_follower_with_other_topics_begin_a_rebalance(group):
    leader, other = group.members("a", "b")
    other.join(protocols=(("range", b"more"),))
    assert group.state == "PreparingRebalance"
    leader.join()
    for member in (other, leader):
        member.sync()
    assert group.state == "Stable"
    leader.join()
    assert group.state == "PreparingRebalance"


def test_an_answer_to_a_join_that_was_lost_is_given_again_while_the_leader_deals(group):
    member = group.member()
    member.join()
    assert member.join() == member.answers[0]
    assert group.state == "CompletingRebalance"


def test_a_join_that_a_newer_one_supersedes_is_answered_too(group):
    first, _ = group.members("a", "b")
    first.join()
    first.join()
    assert first.answers[-1].error is RebalanceInProgress


def test_with_a_delay_the_first_generation_waits_for_more_members(memory):
    group = Group(memory, group_initial_rebalance_delay_ms=3_000)
    a, b = group.member("a"), group.member("b")
    a.join()
    group.wait(2)
    b.join()
    group.wait(2)
    assert a.joined is None  # one came during the delay: another one begins
    group.wait(3)
    assert a.joined.generation == b.joined.generation == 1


def test_the_first_delay_ends_with_the_rebalance_timeout_however_many_come(memory):
    group = Group(memory, group_initial_rebalance_delay_ms=3_000)
    members = [group.member(str(n), rebalance_timeout=7_000) for n in range(5)]
    for member in members:
        member.join()
        group.wait(2)
    assert members[0].joined is not None


# --- static members --------------------------------------------------------


def test_a_static_member_that_comes_back_costs_no_rebalance_and_keeps_its_assignment(group):
    leader, other = group.members("a", "b", may_skip_assignment=True)
    static = group.member("s", instance_id="one")
    static.join()
    leader.join()
    other.join()
    for member in (static, other, leader):
        member.sync()
    assignment = static.sync().assignment
    again = group.member("s", instance_id="one")
    joined = again.join()
    assert joined.generation == static.generation
    assert joined.member_id != static.id
    assert again.sync().assignment == assignment
    assert (group.state, leader.beat()) == ("Stable", None)


def test_the_member_that_was_replaced_is_fenced_in_all_that_it_does(group):
    (static,) = group.members("s", instance_id="one")
    group.member("s", instance_id="one").join()
    assert static.beat() is FencedInstanceId
    assert static.commit(5).error is FencedInstanceId
    assert static.sync().error is FencedInstanceId
    assert static.join().error is FencedInstanceId
    assert static.leave() is FencedInstanceId


def test_a_static_member_that_waits_for_its_join_is_fenced_when_another_takes_its_place(group):
    (leader,) = group.members("a")
    static = group.member("s", instance_id="one")
    static.join()
    again = group.member("s", instance_id="one")
    again.join()
    assert static.joined.error is FencedInstanceId
    leader.join()
    assert again.joined.generation == leader.generation


def test_a_static_leader_that_comes_back_is_told_to_skip_the_assignment(group):
    group.members("s", instance_id="one")
    joined = group.member("s", instance_id="one", may_skip_assignment=True).join()
    assert joined.skip_assignment
    assert joined.leader == joined.member_id
    assert [each.member_id for each in joined.members] == [joined.member_id]


def test_an_older_static_leader_that_comes_back_does_not_learn_that_it_leads(group):
    (static,) = group.members("s", instance_id="one")
    joined = group.member("s", instance_id="one").join()
    assert (joined.skip_assignment, joined.leader, joined.members) == (False, static.id, ())


def test_a_static_member_that_brings_another_protocol_begins_a_rebalance(group):
    a, b = group.members("a", "b", protocols=(RANGE, STICKY))
    static = group.member("s", instance_id="one", protocols=(RANGE, STICKY))
    static.join()
    for member in (a, b):
        member.join()
    for member in (static, b, a):
        member.sync()
    again = group.member("s", instance_id="one", protocols=(STICKY,))
    assert again.join() is None
    assert group.state == "PreparingRebalance"


def test_a_static_member_keeps_its_place_in_a_rebalance_that_it_misses(group):
    (static,) = group.members("s", instance_id="one", session_timeout=600_000)
    other = group.member("b")
    other.join()
    for _ in range(REBALANCE // 1000 + 1):
        group.wait(1)
    assert other.leads
    assert group.member_ids == {static.id, other.id}
