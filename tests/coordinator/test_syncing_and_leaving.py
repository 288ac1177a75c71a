"""SyncGroup, Heartbeat, LeaveGroup, and what happens to who is not heard of."""

import pytest
from group_verbs import REBALANCE, SESSION

from pykafkalite.coordinator.requests import Leaver
from pykafkalite.errors import (
    IllegalGeneration,
    InconsistentGroupProtocol,
    InvalidGroup,
    RebalanceInProgress,
    StorageError,
    UnknownMember,
)


def joined(group, *names):
    """Members that have joined and not yet synced; the first leads."""
    members = group.members(*names)
    for member in members:
        member.join()
    return members


def test_members_wait_until_the_leader_has_dealt(group):
    leader, other = joined(group, "a", "b")
    assert other.sync() is None
    assert leader.sync().assignment == b"for " + leader.id.encode()
    assert other.synced.assignment == b"for " + other.id.encode()
    assert (other.synced.protocol_type, other.synced.protocol) == ("consumer", "range")
    assert group.state == "Stable"


def test_who_the_leader_forgets_gets_nothing(group):
    leader, other = joined(group, "a", "b")
    other.sync()
    leader.sync({leader.id: b"all", "nobody": b"x"})
    assert other.synced.assignment == b""


def test_a_stable_group_gives_its_assignment_again_and_ignores_a_new_one(group):
    (leader,) = group.members("a")
    assert leader.sync({leader.id: b"other"}).assignment == b"for " + leader.id.encode()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"generation": 7}, IllegalGeneration),
        ({"instance_id": "strange"}, UnknownMember),
        ({"protocol_type": "connect"}, InconsistentGroupProtocol),
        ({"protocol": "sticky"}, InconsistentGroupProtocol),
    ],
)
def test_a_sync_has_to_fit_the_generation(group, changes, error):
    (leader,) = joined(group, "a")
    assert leader.sync(**changes).error is error


def test_syncs_of_strangers_and_in_a_rebalance_are_refused(group):
    stranger = group.member()
    stranger.id = "m-1"
    assert stranger.sync().error is UnknownMember
    leader, other = group.members("a", "b")
    assert stranger.sync().error is UnknownMember
    leader.join()
    assert other.sync().error is RebalanceInProgress


def test_a_rebalance_while_the_leader_deals_sends_all_back_to_join(group):
    leader, other = joined(group, "a", "b")
    other.sync()
    group.member("c").join()
    assert other.synced.error is RebalanceInProgress
    assert leader.sync().error is RebalanceInProgress


def test_who_does_not_sync_within_the_rebalance_timeout_is_out(group):
    leader, silent = joined(group, "a", "b")
    leader.sync()
    for _ in range(REBALANCE // 1000 + 1):
        group.wait(1)
        silent.beat()
        leader.beat()
    assert group.member_ids == {leader.id}
    assert leader.beat() is RebalanceInProgress


def test_a_leader_that_never_deals_is_out_and_the_others_begin_anew(group):
    leader, other = joined(group, "a", "b")
    other.sync()
    for _ in range(REBALANCE // 1000 + 1):
        group.wait(1)
        leader.beat()
    assert other.synced.error is RebalanceInProgress
    assert other.join().leader == other.id


def test_a_group_that_cannot_be_stored_sends_all_back_to_join(group, monkeypatch):
    leader, other = joined(group, "a", "b")
    other.sync()

    def full(*_):
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr(group.coordinator.log, "write_group", full)
        assert leader.sync().error.code == other.synced.error.code == 16
        assert group.state == "PreparingRebalance"
    for member in (leader, other):
        member.join()
    for member in (other, leader):
        member.sync()
    assert group.state == "Stable"


# --- heartbeats and sessions ------------------------------------------------


def test_a_heartbeat_keeps_a_member_and_silence_loses_it(group):
    alive, silent = group.members("a", "b")
    for _ in range(SESSION // 1000 + 1):
        group.wait(1)
        alive.beat()
    assert group.member_ids == {alive.id}
    assert alive.beat() is RebalanceInProgress
    assert silent.beat() is UnknownMember


def test_a_commit_counts_as_a_heartbeat(group):
    (member,) = group.members("a")
    for _ in range(SESSION // 1000 + 1):
        group.wait(1)
        assert member.commit(1).error is None
    assert group.state == "Stable"


def test_heartbeats_of_other_generations_and_groups_are_refused(group):
    (member,) = group.members("a")
    assert member.beat(generation=member.generation - 1) is IllegalGeneration
    assert group.coordinator.heartbeat("nobody", member.id, 1) is UnknownMember
    assert group.coordinator.heartbeat("", member.id, 1) is InvalidGroup


def test_who_waits_for_an_answer_sends_no_heartbeats(group):
    leader, other = group.members("a", "b")
    leader.join()
    for _ in range(SESSION // 1000 + 5):
        group.wait(1)
        other.beat()
    assert group.member_ids == {leader.id, other.id}


def test_a_first_join_is_given_up_after_five_minutes(group):
    (patient,) = group.members("a", rebalance_timeout=1_000_000)
    new = group.member("b")
    new.join()
    for _ in range(301):
        group.wait(1)
        patient.beat()
    assert new.joined.error is UnknownMember
    assert group.member_ids == {patient.id}


def test_who_joined_and_is_not_heard_of_before_its_sync_is_out_after_its_session(group):
    leader = group.member("a")
    leader.join()
    group.wait(SESSION / 1000 - 1)
    assert group.member_ids == {leader.id}
    group.wait(2)
    assert group.state == "Empty"


def test_the_last_member_gone_leaves_an_empty_group_of_the_next_generation(group):
    (member,) = group.members("a")
    generation = member.generation
    group.wait(SESSION / 1000 + 1)
    assert group.state == "Empty"
    assert group.member("b").join().generation == generation + 2


# --- leaving ----------------------------------------------------------------


def test_who_leaves_is_gone_at_once_and_the_others_deal_anew(group):
    leader, other = group.members("a", "b")
    assert leader.leave() is None
    assert leader.leave() is UnknownMember
    assert other.beat() is RebalanceInProgress
    assert other.join().leader == other.id


def test_several_leave_in_one_request_each_with_its_own_result(group):
    a, b, c = group.members("a", "b", "c")
    static = group.member("s", instance_id="one")
    static.join()
    results = group.coordinator.leave(
        "g",
        [
            Leaver(a.id),
            Leaver("nobody"),
            Leaver("", "one"),
            Leaver("", "two"),
            Leaver(""),
            Leaver(b.id, "odd"),
        ],
    )
    assert results == [None, UnknownMember, None, UnknownMember, UnknownMember, UnknownMember]
    assert group.member_ids == {b.id, c.id}
    assert static.joined.error is UnknownMember


def test_leaving_a_group_that_is_not_there(group):
    assert group.coordinator.leave("nobody", [Leaver("m")]) == [UnknownMember]
    assert group.coordinator.leave("", [Leaver("m")]) is InvalidGroup


def test_an_id_that_was_given_out_can_be_given_back(group):
    group.members("a")
    new = group.member("b")
    new.ask_for_id()
    assert new.leave() is None
    assert new.join().error is UnknownMember


def test_a_rebalance_goes_on_without_the_one_it_waited_for(group):
    leader, other = group.members("a", "b")
    leader.join()
    other.leave()
    assert leader.joined.generation == other.generation + 1
