"""OffsetCommit, OffsetFetch, OffsetDelete, DeleteGroups, and how long offsets are kept."""

import threading

import pytest
from group_verbs import Group, commit, committed

from pykafkalite.coordinator.consumer_protocol import Subscription, encode
from pykafkalite.coordinator.requests import CommitRequest, NewCommit
from pykafkalite.errors import (
    CorruptBatch,
    GroupSubscribedToTopic,
    IllegalGeneration,
    InvalidGroup,
    NonEmptyGroup,
    OffsetMetadataTooLarge,
    RebalanceInProgress,
    StorageError,
    UnknownGroup,
    UnknownMember,
)
from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.partition import WritablePartition
from pykafkalite.storage.store import Store

DAY = 24 * 60 * 60
READS_T = (("range", encode(Subscription(topics=("t",)))),)


def pass_days(group, days):
    """In steps of a retention check, without a heartbeat."""
    for _ in range(int(days * 144)):
        group.clock.advance(600)
        group.coordinator.run_due()


def test_a_consumer_that_joins_no_group_commits_into_one_without_members(group):
    assert commit(group, 7).error is None
    assert committed(group) == {("t", 0): 7}
    assert (group.state, group.coordinator.list_groups()[0].protocol_type) == ("Empty", "")


def test_while_a_group_has_members_only_they_commit(group):
    (member,) = group.members("a")
    assert commit(group, 7).error is UnknownMember
    assert commit(group, 7, generation=member.generation, member_id="stranger").error is UnknownMember
    assert member.commit(7, generation=member.generation - 1).error is IllegalGeneration
    assert member.commit(7, generation=-1).error is IllegalGeneration
    assert committed(group) == {}
    assert member.commit(7).error is None
    assert committed(group) == {("t", 0): 7}


def test_a_generation_of_a_group_that_is_not_there_cannot_be(group):
    assert commit(group, 7, generation=1, member_id="m").error is IllegalGeneration
    assert commit(group, 7, generation=1, member_id="m", knows_missing_groups=True).error is UnknownGroup
    assert group.coordinator.list_groups() == []


def test_members_commit_while_others_join_and_not_while_the_leader_deals(group):
    a, b = group.members("a", "b")
    group.member("c").join()
    assert a.commit(5).error is None
    a.join()
    b.join()
    assert a.commit(6).error is RebalanceInProgress
    assert committed(group) == {("t", 0): 5}


def test_who_was_thrown_out_commits_nothing(group):
    (member,) = group.members("a")
    group.wait(11)
    assert member.commit(9).error is UnknownMember
    assert committed(group) == {}


def test_too_much_metadata_fails_its_partition_alone(group):
    answers = []
    offsets = {("t", 0): NewCommit(1, metadata="x" * 4097), ("t", 1): NewCommit(2, 3, "x" * 4096)}
    group.coordinator.commit(CommitRequest("g", offsets), answers.append)
    assert (answers[0].error, answers[0].failed) == (None, {("t", 0): OffsetMetadataTooLarge})
    found = group.coordinator.committed("g")
    assert list(found) == [("t", 1)]
    assert (found["t", 1].leader_epoch, found["t", 1].metadata) == (3, "x" * 4096)


def test_a_fetch_of_what_was_never_committed_finds_nothing(group):
    commit(group, 7)
    assert group.coordinator.committed("g", [("t", 0), ("t", 1)])["t", 1] is None
    assert group.coordinator.committed("nobody") == {}


def test_a_commit_that_cannot_be_stored_is_answered_with_kafkas_error(group, monkeypatch):
    def full(*_):
        raise StorageError("full")

    monkeypatch.setattr(group.coordinator.log, "write_commit", full)
    assert commit(group, 7).error.code == 16


# --- deleting ---------------------------------------------------------------


def test_offsets_in_use_are_not_deleted_and_others_are(group):
    group.members("a", protocols=READS_T)
    group.coordinator.log.commit("g", {("t", 0): NewCommit(1), ("u", 0): NewCommit(2)})
    results = group.coordinator.delete_offsets("g", [("t", 0), ("u", 0), ("u", 9)])
    assert results == {("t", 0): GroupSubscribedToTopic, ("u", 0): None, ("u", 9): None}
    assert committed(group) == {("t", 0): 1}


def test_offsets_of_members_that_are_no_consumers_are_not_deleted(group):
    group.members("a", protocol_type="connect")
    with pytest.raises(NonEmptyGroup):
        group.coordinator.delete_offsets("g", [("t", 0)])
    with pytest.raises(UnknownGroup):
        group.coordinator.delete_offsets("nobody", [("t", 0)])
    with pytest.raises(InvalidGroup):
        group.coordinator.delete_offsets("", [("t", 0)])


def test_a_group_is_deleted_with_its_offsets_once_nobody_is_in_it(group):
    (member,) = group.members("a")
    member.commit(3)
    with pytest.raises(NonEmptyGroup, match="1 member:"):
        group.coordinator.delete_group("g")
    member.leave()
    group.coordinator.delete_group("g")
    assert (committed(group), group.coordinator.list_groups(), group.state) == ({}, [], "Dead")
    with pytest.raises(UnknownGroup):
        group.coordinator.delete_group("g")
    group.restart()
    assert group.coordinator.list_groups() == []


def test_a_deleted_topic_takes_its_offsets_along(group):
    commit(group, 1, ("t", 0))
    commit(group, 2, ("u", 0))
    group.coordinator.forget_topic("t")
    assert committed(group) == {("u", 0): 2}


# --- retention --------------------------------------------------------------


def test_offsets_of_a_group_expire_seven_days_after_its_last_member_left(group):
    (member,) = group.members("a", protocols=READS_T, session_timeout=1_800_000)
    member.commit(3)
    for _ in range(3 * 144):
        member.beat()
        group.clock.advance(600)
    member.leave()
    pass_days(group, 6.9)
    assert committed(group) == {("t", 0): 3}
    pass_days(group, 0.2)
    assert committed(group) == {}
    assert group.coordinator.list_groups() == []


def test_offsets_of_consumers_that_join_no_group_expire_one_by_one(group):
    commit(group, 1, ("t", 0))
    pass_days(group, 4)
    commit(group, 2, ("t", 1))
    pass_days(group, 4)
    assert committed(group) == {("t", 1): 2}
    assert group.state == "Empty"


def test_what_members_read_does_not_expire_and_what_they_read_once_does(group):
    (member,) = group.members("a", protocols=READS_T, session_timeout=1_800_000)
    group.coordinator.log.commit("g", {("t", 0): NewCommit(1), ("once", 0): NewCommit(2)})
    for _ in range(8 * 144):
        assert member.beat() is None
        group.clock.advance(600)
    group.coordinator.run_due()
    assert committed(group) == {("t", 0): 1}


def test_a_client_may_say_how_long_its_offsets_are_kept(group):
    assert commit(group, 1, retention=2 * DAY * 1000).error is None
    group.restart()
    pass_days(group, 1.9)
    assert committed(group) == {("t", 0): 1}
    pass_days(group, 0.2)
    assert committed(group) == {}


# --- administration ---------------------------------------------------------


def test_a_stable_group_is_described_with_what_its_members_said_and_got(group):
    a, _ = group.members("a", "b", protocols=(("range", b"meta"),))
    found = group.coordinator.describe("g")
    assert (found.error, found.state, found.protocol_type, found.protocol) == (
        None,
        "Stable",
        "consumer",
        "range",
    )
    member = next(each for each in found.members if each.member_id == a.id)
    assert member == (a.id, None, "a", "/127.0.0.1", b"meta", b"for " + a.id.encode())


def test_in_a_rebalance_only_names_are_told_and_a_missing_group_is_dead(group):
    group.members("a")
    group.member("b").join()
    found = group.coordinator.describe("g")
    assert (found.state, found.protocol, found.members[0].metadata) == ("PreparingRebalance", "", b"")
    assert group.coordinator.describe("nobody") == (UnknownGroup, "nobody", "Dead", "", "", ())


def test_groups_are_listed_by_state_and_type_whatever_the_case(group):
    group.members("a")
    group.coordinator.log.commit("old", {("t", 0): NewCommit(1)})
    listed = group.coordinator.list_groups
    assert [(each.group, each.protocol_type, each.state, each.kind) for each in listed()] == [
        ("g", "consumer", "Stable", "classic"),
        ("old", "", "Empty", "classic"),
    ]
    assert [each.group for each in listed(states=["EMPTY "])] == ["old"]
    assert [each.group for each in listed(states=["stable", "Empty"], types=["Classic"])] == ["g", "old"]
    assert listed(types=["consumer"]) == listed(states=["odd"]) == []


# --- restarts ---------------------------------------------------------------


def test_a_stable_group_goes_on_after_a_restart(group):
    leader, other = group.members("a", "b")
    other.commit(4)
    group.restart()
    assert (group.state, leader.beat(), other.beat()) == ("Stable", None, None)
    assert other.sync().assignment == b"for " + other.id.encode()
    assert other.commit(5).error is None
    assert committed(group) == {("t", 0): 5}
    assert leader.join() is None
    assert other.join().generation == leader.joined.generation


def test_members_that_do_not_come_back_after_a_restart_are_out_after_their_session(group):
    alive, _ = group.members("a", "b")
    group.restart()
    group.wait(5)
    assert alive.beat() is None
    group.wait(6)
    assert alive.beat() is RebalanceInProgress
    assert group.member_ids == {alive.id}


def test_a_rebalance_that_was_not_over_at_a_restart_is_begun_anew_by_the_members(group):
    leader, other = group.members("a", "b")
    group.member("c").join()
    leader.join()
    other.join()
    group.restart()
    assert leader.beat() is IllegalGeneration
    leader.join()
    assert other.join().generation == leader.joined.generation


def test_whoever_waits_when_the_coordinator_goes_is_sent_to_look_for_another(group):
    leader, other = group.members("a", "b")
    leader.join()
    group.coordinator.unload()
    assert leader.joined.error.code == 16
    group.wait(100)
    group.restart()
    assert group.member_ids == {leader.id, other.id}


def test_a_log_that_cannot_be_read_is_no_empty_one(group, monkeypatch):
    (member,) = group.members("a")
    group.restart()

    def corrupt(*_):
        raise CorruptBatch("flipped")

    with monkeypatch.context() as patch:
        patch.setattr(group.coordinator.log, "metadata", corrupt)
        for _ in range(2):
            with pytest.raises(CorruptBatch):
                member.beat()
    assert member.beat() is None


def test_static_members_are_known_after_a_restart(group):
    (static,) = group.members("s", instance_id="one")
    group.restart()
    again = group.member("s", instance_id="one")
    assert again.join().generation == static.generation
    group.restart()
    assert again.beat() is None
    assert static.beat().code == 82


def test_groups_survive_in_a_directory_that_is_opened_again(tmp_path):
    with Store.open(tmp_path / "log", clock=ManualClock()) as store:
        group = Group(store)
        (member,) = group.members("a")
        member.commit(3)
    with Store.open(tmp_path / "log", clock=ManualClock()) as store:
        member.group = group = Group(store)
        assert (member.beat(), committed(group)) == (None, {("t", 0): 3})


def test_with_fsync_an_answer_waits_for_the_disk_and_nobody_else_does(tmp_path, monkeypatch):
    with Store.open(tmp_path / "log", durability="fsync", clock=ManualClock()) as store:
        group = Group(store)
        (member,) = group.members("a")
        syncing, go_on = threading.Event(), threading.Event()
        settle = WritablePartition.settle

        def slow(partition, appended):
            syncing.set()
            go_on.wait(10)
            settle(partition, appended)

        monkeypatch.setattr(WritablePartition, "settle", slow)
        answers = []
        request = CommitRequest("g", {("t", 0): NewCommit(4)}, member.generation, member.id)
        thread = threading.Thread(target=lambda: group.coordinator.commit(request, answers.append))
        thread.start()
        assert syncing.wait(10)
        assert (member.beat(), answers, committed(group)) == (None, [], {})
        go_on.set()
        thread.join()
        assert (answers[0].error, committed(group)) == (None, {("t", 0): 4})


def test_a_sync_that_fails_is_no_commit_and_no_generation(tmp_path, monkeypatch):
    with Store.open(tmp_path / "log", durability="fsync", clock=ManualClock()) as store:
        group = Group(store)
        member = group.member("a")
        member.join()

        def fails(partition, appended):
            raise StorageError("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(WritablePartition, "settle", fails)
            assert member.sync().error.code == 16
            assert (group.state, member.beat()) == ("PreparingRebalance", RebalanceInProgress)
            assert member.commit(4).error.code == 16
