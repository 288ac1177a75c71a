from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykafkalite.errors import InvalidTopic
from pykafkalite.storage import naming

topic_names = st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True).filter(
    lambda name: name not in (".", "..")
)


@given(topic_names)
def test_a_name_of_kafkas_letters_is_taken_as_it_is(name):
    assert naming.check_topic_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/x", "a/b", "a b", "a\0", "a\n", "é", "x" * 250, None, 7, b"x"]
)
def test_a_name_that_kafka_does_not_allow_is_refused(name):
    with pytest.raises(InvalidTopic):
        naming.check_topic_name(name)


def test_dot_and_underscore_collide():
    assert naming.collision_key("a.b") == naming.collision_key("a_b") != naming.collision_key("a-b")


def test_the_nearest_name_is_suggested_only_when_it_is_near():
    assert naming.nearest("flihgts", ["orders", "flights"]) == "flights"
    assert naming.nearest("zzz", ["orders", "flights"]) is None
    assert naming.hint("flihgts", ["flights"]) == "; did you mean 'flights'?"
    assert naming.hint("zzz", ["flights"]) == ""


@given(topic_names, st.integers(0, 9999))
def test_a_partition_directory_says_topic_and_partition(topic, partition):
    assert naming.parse_directory(naming.partition_directory(topic, partition)) == (topic, partition, "")


@given(topic_names, st.integers(0, 9999), st.sampled_from([naming.DELETE, naming.STRAY, naming.FUTURE]))
def test_a_renamed_directory_still_says_them_and_fits_a_file_name(topic, partition, suffix):
    name = naming.renamed_directory(topic, partition, suffix)
    parsed = naming.parse_directory(name)
    assert len(name) <= 255
    assert topic.startswith(parsed.topic)
    assert parsed[1:] == (partition, suffix)


def test_two_renamed_directories_of_one_partition_have_two_names():
    assert naming.renamed_directory("t", 0, naming.DELETE) != naming.renamed_directory("t", 0, naming.DELETE)


@pytest.mark.parametrize(
    "name",
    ["", "t", "t-", "-0", "t-00", "t--1x", "t-1.log", "t-9999999999", "t-2147483648", "é-0", "..-0", "a/b-0"],
)
def test_other_names_are_not_partition_directories(name):
    assert naming.parse_directory(name) is None


def test_a_directory_name_longer_than_the_file_system_takes_is_refused():
    with pytest.raises(InvalidTopic, match="shorten"):
        naming.partition_directory("x" * 249, 100_000)


@given(
    st.integers(0, 2**63 - 1), st.sampled_from([naming.LOG, naming.INDEX, naming.TIME_INDEX, naming.SNAPSHOT])
)
def test_a_segment_file_says_its_base_offset(offset, suffix):
    assert naming.parse_segment_file(naming.segment_file(offset, suffix)) == (offset, suffix)


@pytest.mark.parametrize(
    "name",
    [
        "0.log",
        "00000000000000000042",
        "99999999999999999999.log",
        "x.log",
        "00000000000000000042.log.deleted",
    ],
)
def test_other_names_are_not_segment_files(name):
    assert naming.parse_segment_file(name) is None


@given(st.uuids())
def test_an_id_is_written_as_kafka_writes_it(value):
    assert naming.parse_id(naming.id_text(value)) == value
    assert len(naming.id_text(value)) == 22


def test_ids_agree_with_kafkas_own_text():
    assert naming.id_text(UUID(int=1)) == "AAAAAAAAAAAAAAAAAAAAAQ"


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 23, "A" * 21 + "=", "A" * 21 + "\n"])
def test_a_text_that_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        naming.parse_id(text)


def test_a_new_id_never_begins_with_a_dash():
    assert not any(naming.id_text(naming.random_id()).startswith("-") for _ in range(2000))
