"""Membership, generations and range assignment."""

import pytest

from pykafkalite.coordinator.assignment import range_assignment
from pykafkalite.coordinator.groups import REBALANCES, TRANSITIONS, Event, Group, State, check_group_id
from pykafkalite.errors import IllegalGeneration, InvalidGroup, NonEmptyGroup, UnknownGroup, UnknownMember

THREE = {"t": 3}


def assign(counts, **members):
    return range_assignment({name: frozenset(topics.split()) for name, topics in members.items()}, counts)


def test_partitions_are_dealt_in_ranges_and_the_first_members_get_one_more():
    assert assign({"t": 5}, b="t", a="t") == {"a": (("t", 0), ("t", 1), ("t", 2)), "b": (("t", 3), ("t", 4))}


def test_each_topic_is_dealt_on_its_own_as_in_kafkas_example():
    dealt = assign({"t0": 3, "t1": 3}, c0="t0 t1", c1="t0 t1")
    assert dealt["c0"] == (("t0", 0), ("t0", 1), ("t1", 0), ("t1", 1))
    assert dealt["c1"] == (("t0", 2), ("t1", 2))


def test_a_topic_goes_only_to_those_who_asked_for_it():
    assert assign({"t": 2, "u": 1}, a="t", b="u") == {"a": (("t", 0), ("t", 1)), "b": (("u", 0),)}


def test_members_beyond_the_partitions_get_nothing_and_missing_topics_nobody():
    assert assign({"t": 1}, a="t", b="t gone") == {"a": (("t", 0),), "b": ()}


def test_a_join_and_a_leave_each_begin_a_generation():
    group = Group("g")
    first = group.join(["t"], THREE)
    assert group.sync(first) == (1, (("t", 0), ("t", 1), ("t", 2)))
    second = group.join(["t"], THREE)
    assert sorted(group.sync(first)[1] + group.sync(second)[1]) == [("t", 0), ("t", 1), ("t", 2)]
    group.leave(first)
    assert group.sync(second) == (3, (("t", 0), ("t", 1), ("t", 2)))


def test_a_grown_topic_begins_a_generation_and_an_unchanged_one_does_not():
    group = Group("g")
    member = group.join(["t"], THREE)
    group.refresh({"t": 3, "other": 9})
    assert group.sync(member)[0] == 1
    group.refresh({"t": 4, "other": 9})
    assert group.sync(member) == (2, (("t", 0), ("t", 1), ("t", 2), ("t", 3)))


def test_a_stale_generation_can_commit_what_it_kept_and_not_what_it_lost():
    group = Group("g")
    old = group.join(["t"], THREE)
    group.join(["t"], THREE)
    kept = group.sync(old)[1]
    lost = {("t", 0), ("t", 1), ("t", 2)} - set(kept)
    group.check_commit(old, 1, kept)
    with pytest.raises(IllegalGeneration, match="went to another consumer"):
        group.check_commit(old, 1, lost)


def test_who_has_left_can_neither_commit_nor_leave_again():
    group = Group("g")
    member = group.join(["t"], THREE)
    group.leave(member)
    for late in (group.sync, group.leave, lambda m: group.check_commit(m, 1, [])):
        with pytest.raises(UnknownMember):
            late(member)


def test_a_group_with_members_is_not_deleted_or_reset():
    group = Group("g")
    member = group.join(["t"], THREE)
    for change in (group.delete, group.reset):
        with pytest.raises(NonEmptyGroup, match="has 1 member: close"):
            change()
    group.leave(member)
    group.reset()
    group.delete()
    assert group.state is State.DEAD
    with pytest.raises(UnknownGroup):
        group.delete()


def test_the_table_names_every_state_and_only_empty_groups_have_no_members():
    assert set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        for event, following in row.items():
            assert (following is State.STABLE) == (
                event is Event.JOIN or (state is State.STABLE and event is not Event.LAST_LEAVES)
            )
    assert Event.RESET not in REBALANCES


@pytest.mark.parametrize("name", ["", "  ", None, 3, "x" * 32768])
def test_a_group_id_is_a_string_with_something_in_it(name):
    with pytest.raises(InvalidGroup):
        check_group_id(name)
