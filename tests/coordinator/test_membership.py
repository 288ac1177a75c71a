"""Consumers of this process and clients in one group, by one protocol."""

import threading

import pytest
from group_verbs import Group

from pykafkalite.coordinator.consumer_protocol import (
    Assignment,
    Partitions,
    Subscription,
    decode_assignment,
    decode_subscription,
    encode,
    encode_assignment,
)
from pykafkalite.coordinator.membership import join
from pykafkalite.coordinator.requests import Leaver
from pykafkalite.errors import (
    CorruptBatch,
    GroupMaxSizeReached,
    IllegalGeneration,
    InconsistentGroupProtocol,
    RebalanceInProgress,
    StorageError,
    UnknownMember,
)

READS_T = (("range", encode(Subscription(topics=("t",)))),)
ALL = (("t", 0), ("t", 1), ("t", 2))


@pytest.fixture
def group(memory):
    memory.create_topic("t", 3)
    return Group(memory)


def consumer(group, topics=("t",)):
    return join(group.coordinator, "g", topics)


def test_a_consumer_of_this_process_leads_and_deals_to_a_client(group):
    ours = consumer(group)
    assert ours.sync() == (1, ALL)
    theirs = group.member("client", protocols=READS_T)
    joined = theirs.join()
    assert joined.leader == ours.member_id
    assignment = decode_assignment(theirs.sync().assignment)
    assert sorted(ours.sync()[1] + assignment) == list(ALL)
    assert group.coordinator.assignment("g") == {ours.member_id: ours.sync()[1], theirs.id: assignment}


def test_a_client_leads_and_deals_to_a_consumer_of_this_process(group):
    (theirs,) = group.members("client", protocols=READS_T)
    ours = consumer(group)
    assert ours.sync() == (-1, ())
    joined = theirs.join()
    assert decode_subscription(joined.members[1].metadata).topics == ("t",)
    theirs.sync({theirs.id: encode_assignment(ALL[:1]), ours.member_id: encode_assignment(ALL[1:])})
    assert ours.sync() == (joined.generation, ALL[1:])


def test_until_a_rebalance_is_over_a_consumer_keeps_what_it_has_and_then_loses_it(group):
    ours = consumer(group)
    theirs = group.member("client", protocols=READS_T, session_timeout=600_000)
    theirs.join()
    theirs.sync()
    generation, mine = ours.sync()
    newcomer = group.member("newcomer", protocols=READS_T)
    newcomer.join()
    ours.commit(generation, {mine[0]: 1})
    assert ours.sync() == (generation, mine)
    theirs.join()
    for client in (newcomer, theirs):
        client.sync()
    assert ours.sync()[0] == generation + 1
    lost = [place for place in ALL if place not in ours.sync()[1]]
    with pytest.raises(IllegalGeneration, match="went to another consumer"):
        ours.commit(generation, {lost[0]: 1})


def test_while_a_client_deals_nothing_is_committed(group):
    (theirs,) = group.members("client", protocols=READS_T)
    ours = consumer(group)
    theirs.join()
    theirs.sync({ours.member_id: encode_assignment(ALL)})
    generation, places = ours.sync()
    theirs.join()
    assert group.state == "CompletingRebalance"
    with pytest.raises(RebalanceInProgress):
        ours.commit(generation, dict.fromkeys(places, 1))


def test_a_client_without_a_strategy_that_is_known_here_is_not_joined(group):
    group.members("client", protocols=(("cooperative-sticky", b""),))
    with pytest.raises(InconsistentGroupProtocol, match="range, roundrobin"):
        consumer(group)


def test_a_full_group_takes_no_consumer_of_this_process_either(memory):
    memory.create_topic("t", 3)
    group = Group(memory, group_max_size=1)
    group.members("client", protocols=READS_T)
    with pytest.raises(GroupMaxSizeReached, match=r"group.max.size"):
        consumer(group)
    assert group.state == "Stable"


def test_with_clients_that_only_take_turns_so_do_we(group):
    ours = consumer(group)
    theirs = group.member("client", protocols=(("roundrobin", READS_T[0][1]),))
    assert theirs.join().protocol == "roundrobin"
    theirs.sync()
    assert {len(ours.sync()[1]), len(decode_assignment(theirs.synced.assignment))} == {1, 2}


def test_a_client_whose_subscription_makes_no_sense_gets_nothing_and_harms_nobody(group):
    ours = consumer(group)
    theirs = group.member("client", protocols=(("range", b"\x00\x01\x7f\xff\xff\xff"),))
    theirs.join()
    assert decode_assignment(theirs.sync().assignment) == ()
    assert ours.sync()[1] == ALL


def test_an_assignment_that_makes_no_sense_is_none(group):
    (theirs,) = group.members("client", protocols=READS_T)
    ours = consumer(group)
    generation = theirs.join().generation
    theirs.sync({ours.member_id: b"nonsense"})
    assert ours.sync() == (generation, ())


def test_a_topic_that_grows_is_dealt_anew_whichever_consumer_notices(group):
    first, second = consumer(group), consumer(group)
    group.store.add_partitions("t", 4)
    second.sync(refresh=True)
    assert sorted(first.sync()[1] + second.sync()[1]) == [*ALL, ("t", 3)]
    generation = first.generation
    second.sync(refresh=True)
    assert first.generation == generation


def test_a_consumer_that_an_administrator_removed_joins_again(group):
    ours = consumer(group)
    other = consumer(group)
    removed = ours.member_id
    assert group.coordinator.leave("g", [Leaver(removed)]) == [None]
    assert removed not in group.member_ids
    assert sorted(ours.sync()[1] + other.sync()[1]) == list(ALL)


def test_a_consumer_that_left_does_nothing_more_and_leaves_no_group_behind(group):
    ours = consumer(group)
    ours.leave()
    ours.leave()
    for use in (ours.sync, lambda: ours.commit(1, {("t", 0): 1})):
        with pytest.raises(UnknownMember):
            use()
    assert group.coordinator.list_groups() == []


def test_members_that_died_with_their_process_hold_nobody_up(group):
    dead = consumer(group)
    dead.commit(dead.sync()[0], {("t", 0): 5})
    group.restart()
    ours = consumer(group)
    assert ours.sync()[1] == ALL
    assert {place: found.offset for place, found in ours.committed().items()} == {("t", 0): 5}


def test_while_a_group_cannot_be_stored_consumers_try_again_each_second(group, monkeypatch):
    tries = []

    def full(*_):
        tries.append(1)
        raise StorageError("full")

    with monkeypatch.context() as patch:
        patch.setattr(group.coordinator.log, "write_group", full)
        ours = consumer(group)
        group.wait(3.5)
        assert ours.sync() == (-1, ())
        assert len(tries) == 4
    group.wait(1)
    assert ours.sync()[1] == ALL


def test_a_consumer_that_is_collected_in_the_middle_of_a_turn_leaves_at_its_end(group):
    first, second = consumer(group), consumer(group)
    with group.coordinator.turn():
        second.abandon()
        assert len(group.member_ids) == 2
    assert first.sync()[1] == ALL


def test_what_is_left_to_another_thread_is_not_forgotten(group):
    first, second = consumer(group), consumer(group)
    with group.coordinator.turn():
        thread = threading.Thread(target=second.abandon)
        thread.start()
        thread.join()
    assert first.sync()[1] == ALL


def test_what_comes_in_the_last_moment_of_a_turn_is_not_forgotten_either(group, monkeypatch):
    first, second = consumer(group), consumer(group)

    def last_thing_under_the_lock():
        monkeypatch.undo()
        thread = threading.Thread(target=second.abandon)
        thread.start()
        thread.join()

    monkeypatch.setattr(group.coordinator, "_set_alarm", last_thing_under_the_lock)
    group.coordinator.run_due()
    assert group.coordinator.classic.groups["g"].members.keys() == {first.member_id}


# --- the bytes --------------------------------------------------------------


@pytest.mark.parametrize("version", range(4))
def test_subscriptions_are_read_in_every_version(version):
    owned = (Partitions(topic="t", partitions=(1, 2)),)
    value = Subscription(topics=("t", "ü"), user_data=b"x", owned=owned, generation=7, rack="r")
    found = decode_subscription(encode(value, version))
    assert (found.topics, found.user_data) == (("t", "ü"), b"x")
    assert found.owned == (owned if version >= 1 else ())
    assert found.generation == (7 if version >= 2 else -1)
    assert found.rack == ("r" if version >= 3 else None)


def test_newer_versions_are_read_as_the_newest_known():
    data = encode(Assignment(assigned=(Partitions(topic="t", partitions=(0,)),)), 3)
    assert decode_assignment(b"\x00\x09" + data[2:] + b"and more") == (("t", 0),)


def test_the_bytes_are_those_of_kafkas_clients():
    # org.apache.kafka.clients.consumer.internals.ConsumerProtocol, by its schema.
    assert encode(Subscription(topics=("t",))).hex() == "000100000001000174ffffffff00000000"
    assert encode_assignment([("t", 0), ("t", 2)]).hex() == (
        "000100000001000174000000020000000000000002ffffffff"
    )
    assert decode_assignment(b"") == ()


@pytest.mark.parametrize(
    "data", [b"\x00", b"\xff\xff", b"\x00\x00\x7f\xff\xff\xff", b"\x00\x01\x00\x00\x00\x01\x00"]
)
def test_bytes_that_make_no_sense_are_told_from_none(data):
    with pytest.raises(CorruptBatch):
        decode_assignment(data)
