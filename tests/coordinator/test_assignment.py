"""Who gets which partition."""

from pykafkalite.coordinator.assignment import range_assignment, round_robin_assignment


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


def test_round_robin_deals_partitions_in_turn_to_those_who_read_the_topic():
    members = {"a": frozenset({"t"}), "b": frozenset({"t", "u"}), "c": frozenset({"u"})}
    assert round_robin_assignment(members, {"t": 3, "u": 2, "gone": 0, "nobodys": 4}) == {
        "a": (("t", 0), ("t", 2)),
        "b": (("t", 1), ("u", 0)),
        "c": (("u", 1),),
    }
