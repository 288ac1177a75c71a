"""`topic` and `group` on a directory."""

from __future__ import annotations

import pytest

import pykafkalite as pk


@pytest.fixture
def flights(cli):
    """A topic of three partitions with records in the first two, read by group `report`."""
    assert cli("topic", "create", "flights", "-p", 3, "-c", "retention.ms=-1").code == 0

    def fill(path):
        with pk.open(path) as log:
            topic = log.topic("flights")
            for partition in (0, 0, 1):
                topic.append(b"value", partition=partition)
            with log.consumer(["flights"], group="report") as consumer:
                list(consumer.batches(timeout=0))
                consumer.commit()
            topic.append(b"news", partition=1)

    return fill


@pytest.fixture
def log_path(flights, tmp_path):
    flights(tmp_path / "log")
    return tmp_path / "log"


def test_create_makes_the_directory_and_list_shows_the_topic(cli, tmp_path):
    assert cli("topic", "create", "a", "--partitions", "2").code == 0
    assert (tmp_path / "log").is_dir()
    (row,) = cli("topic", "list", "--json").json
    assert (row["topic"], row["partitions"], row["records"]) == ("a", 2, 0)


def test_list_is_a_table_for_people(cli, log_path):
    lines = cli("topic", "list").out.splitlines()
    assert lines[0].split() == ["topic", "partitions", "records", "size"]
    assert lines[1].split()[:3] == ["flights", "3", "4"]


def test_internal_topics_are_listed_when_asked_for(cli, log_path):
    names = [row["topic"] for row in cli("topic", "list", "--internal", "--json").json]
    assert names == ["__consumer_offsets", "flights"]


def test_an_address_before_the_command_counts_and_the_one_after_it_wins(cli, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert cli("--at", one, "topic", "create", "a").code == 0
    assert one.is_dir()
    assert cli("--at", one, "topic", "create", "b", "--at", two).code == 0
    assert cli("--at", two, "--json", "topic", "list").json[0]["topic"] == "b"


def test_describe_tells_offsets_and_what_was_set(cli, log_path):
    described = cli("topic", "describe", "flights", "--json").json
    assert [part["end_offset"] for part in described["partition_details"]] == [2, 2, 0]
    assert described["overrides"].keys() == {"retention.ms"}
    assert "segment.bytes" in described["config"]
    assert "retention.ms" in cli("topic", "describe", "flights").out
    assert "segment.bytes" in cli("topic", "describe", "flights", "--all-configs").out


def test_alter_sets_configs_and_sets_them_back(cli, log_path):
    altered = cli(
        "topic", "alter", "flights", "-c", "compression.type=zstd", "--default", "retention.ms", "--json"
    )
    assert altered.json["overrides"] == {"compression.type": "zstd"}


def test_alter_grows_and_deletes_old_records(cli, log_path):
    altered = cli("topic", "alter", "flights", "-p", 4, "--delete-before", "0=1", "--json").json
    assert altered["partitions"] == 4
    assert altered["partition_details"][0]["start_offset"] == 1


def test_alter_without_a_change_is_a_usage_error(cli, log_path):
    assert cli("topic", "alter", "flights").code == 2


def test_delete_asks_first_and_does_nothing_without_an_answer(cli, log_path):
    refused = cli("topic", "delete", "flights")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert cli("topic", "delete", "flights", "--yes", "--json").json == {"deleted": ["flights"]}
    assert cli("topic", "list", "--json").json == []


@pytest.mark.parametrize(
    ("command", "code", "kind"),
    [
        (["topic", "describe", "fligths"], 3, "UnknownTopic"),
        (["topic", "delete", "fligths", "--yes"], 3, "UnknownTopic"),
        (["topic", "create", "flights"], 4, "TopicExists"),
        (["topic", "create", "a/b"], 2, "InvalidTopic"),
        (["topic", "create", "a", "-c", "retention.hours=1"], 2, "InvalidConfig"),
        (["topic", "create", "a", "-c", "retention.ms"], 2, "UsageError"),
        (["topic", "create", "a", "-p", "0"], 2, "InvalidPartitions"),
        (["topic", "alter", "flights", "-p", "1"], 2, "InvalidPartitions"),
        (["group", "describe", "reprot"], 3, "UnknownGroup"),
        (["nonsense"], 2, "UsageError"),
    ],
)
def test_each_way_to_fail_has_its_code_and_its_name(cli, log_path, command, code, kind):
    failed = cli(*command, "--json")
    assert (failed.code, failed.error["type"], failed.out) == (code, kind, "")
    assert failed.error["exit"] == code
    assert cli(*command).err.startswith("error: ")


def test_a_wrong_name_brings_the_nearest_one(cli, log_path):
    assert "flights" in cli("topic", "describe", "fligths").err
    assert "report" in cli("group", "describe", "reprot").err


def test_if_not_exists_leaves_an_existing_topic_as_it_is(cli, log_path):
    assert cli("topic", "create", "flights", "-p", 9, "--if-not-exists", "--json").json["partitions"] == 3


def test_reading_a_directory_that_is_not_there_does_not_make_it(cli, tmp_path):
    for command in (["topic", "list"], ["group", "list"], ["consume", "a"], ["produce", "a"]):
        failed = cli(*command)
        assert (failed.code, "topic create" in failed.err) == (3, True)
    assert not (tmp_path / "log").exists()


def test_a_log_that_another_process_writes_can_be_listed_and_not_altered(cli, log_path, other_writer):
    with other_writer(log_path) as pid:
        assert cli("topic", "list").code == 0
        refused = cli("topic", "create", "b")
    assert (refused.code, str(pid) in refused.err) == (4, True)


def test_groups_are_listed_with_their_lag(cli, log_path):
    (row,) = cli("group", "list", "--json").json
    assert row == {"group": "report", "state": "Empty", "members": 0, "topics": ["flights"], "lag": 1}
    assert cli("group", "list").out.splitlines()[1].split() == ["report", "Empty", "0", "flights", "1"]


def test_a_group_is_described_by_partition(cli, log_path):
    described = cli("group", "describe", "report", "--json").json
    assert [(at["partition"], at["committed"], at["lag"]) for at in described["offsets"]][:2] == [
        (0, 2, 0),
        (1, 1, 1),
    ]


def test_a_group_that_was_reset_reads_again(cli, log_path):
    assert cli("group", "reset", "report", "--to", "0=1,1=latest").code == 0
    offsets = cli("group", "describe", "report", "--json").json["offsets"]
    assert [at["committed"] for at in offsets][:2] == [1, 2]


def test_a_deleted_group_is_gone(cli, log_path):
    assert cli("group", "delete", "report", "-y").code == 0
    assert cli("group", "list", "--json").json == []
