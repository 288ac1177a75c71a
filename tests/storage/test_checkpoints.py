from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pykafkalite.errors import DiskFull, NewerVersion, StorageError
from pykafkalite.storage import checkpoints, files
from pykafkalite.storage.checkpoints import (
    CLEAN_SHUTDOWN,
    HIGH_WATERMARKS,
    LEADER_EPOCHS,
    LOG_STARTS,
    META_PROPERTIES,
    PARTITION_METADATA,
    RECOVERY_POINTS,
    EpochStart,
    MetaProperties,
)

TOPIC = UUID("7b1f1c5c-8f0c-4f2b-9d0e-0a0b0c0d0e0f")
META = MetaProperties("MkU3OEVBNTcwNTJENDM2Qg", 1, TOPIC)
SAMPLES = [
    (RECOVERY_POINTS, {("flights", 0): 10, ("a.b", 12): 0}, "0\n2\na.b 12 0\nflights 0 10\n"),
    (LOG_STARTS, {}, "0\n0\n"),
    (HIGH_WATERMARKS, {("t", 2**31 - 1): 2**63 - 1}, "0\n1\nt 2147483647 9223372036854775807\n"),
    (LEADER_EPOCHS, [EpochStart(0, 0), EpochStart(3, 17)], "0\n2\n0 0\n3 17\n"),
    (PARTITION_METADATA, TOPIC, "version: 0\ntopic_id: ex8cXI8MTyudDgoLDA0ODw"),
    (
        META_PROPERTIES,
        META,
        "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\nnode.id=1\n"
        "directory.id=ex8cXI8MTyudDgoLDA0ODw\npykafkalite.format.version=1\n",
    ),
    (CLEAN_SHUTDOWN, -1, '{"version":0,"brokerEpoch":-1}'),
]
every_kind = pytest.mark.parametrize(
    ("kind", "value", "text"), SAMPLES, ids=[kind.name for kind, *_ in SAMPLES]
)


@every_kind
def test_a_checkpoint_is_written_in_kafkas_form_and_read_back(tmp_path, kind, value, text):
    kind.write(tmp_path, value)
    assert (tmp_path / kind.name).read_text() == text
    assert kind.read(tmp_path) == (value, None)
    assert [path.name for path in tmp_path.iterdir()] == [kind.name]


@every_kind
def test_without_a_file_there_is_neither_value_nor_problem(tmp_path, kind, value, text):
    assert kind.read(tmp_path) == (None, None)


@every_kind
def test_a_truncated_checkpoint_is_a_problem_in_words(tmp_path, kind, value, text):
    for size in range(len(text)):
        (tmp_path / kind.name).write_text(text[:size])
        found = kind.read(tmp_path)
        assert found.value is None or found.value != value
        if found.value is None:
            assert kind.name in found.problem


@every_kind
def test_no_flipped_bit_makes_reading_crash(tmp_path, kind, value, text):
    for bit in range(8 * len(text)):
        damaged = bytearray(text.encode())
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / kind.name).write_bytes(damaged)
        try:
            kind.read(tmp_path)
        except NewerVersion:
            assert kind is META_PROPERTIES


@every_kind
@given(garbage=st.binary(max_size=64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_garbage_is_a_problem_in_words(tmp_path, kind, value, text, garbage):
    (tmp_path / kind.name).write_bytes(garbage)
    found = kind.read(tmp_path)
    assert found.problem or found.value is not None


@every_kind
def test_a_directory_in_its_place_is_a_problem_in_words(tmp_path, kind, value, text):
    (tmp_path / kind.name).mkdir()
    assert "directory" in kind.read(tmp_path).problem


@every_kind
def test_a_removed_checkpoint_is_gone_and_removing_it_again_is_fine(tmp_path, kind, value, text):
    kind.write(tmp_path, value)
    kind.remove(tmp_path)
    kind.remove(tmp_path)
    assert kind.read(tmp_path) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "1\n0\n",
        "0\n1\n",
        "0\n2\nt 0 1\n",
        "0\n1\nt 0 1",
        "0\n1\nt 0\n",
        "0\n1\nt  0 1\n",
        "0\n1\nt 0 -1\n",
        "0\n1\nt 0 01\n",
        "0\n1\n../t 0 1\n",
        "0\n1\nt 2147483648 1\n",
        "0\n1\nt 0 9223372036854775808\n",
        "0\n2\nt 0 1\nt 0 1\n",
        "0\n99999999999\nt 0 1\n",
        "0\r\n0\r\n",
    ],
)
def test_offsets_of_another_form_are_not_believed(tmp_path, text):
    (tmp_path / RECOVERY_POINTS.name).write_bytes(text.encode())
    assert RECOVERY_POINTS.read(tmp_path).value is None
    assert RECOVERY_POINTS.read(tmp_path).problem


@pytest.mark.parametrize("lines", ["0 0\n0 5\n", "1 0\n0 5\n", "0 5\n1 5\n", "0 5\n1 4\n", "-1 0\n0 1\n"])
def test_epochs_that_do_not_rise_are_not_believed(tmp_path, lines):
    (tmp_path / LEADER_EPOCHS.name).write_text("0\n2\n" + lines)
    assert LEADER_EPOCHS.read(tmp_path).value is None


def test_a_topic_id_of_zero_is_not_believed(tmp_path):
    (tmp_path / PARTITION_METADATA.name).write_text("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n")
    assert "zero" in PARTITION_METADATA.read(tmp_path).problem


def test_meta_properties_of_a_real_kafka_are_read(tmp_path):
    (tmp_path / "meta.properties").write_text(
        "#\n#Wed Jun 17 14:30:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\n"
        "directory.id=ex8cXI8MTyudDgoLDA0ODw\nnode.id=1\nversion=1\n"
    )
    expected = MetaProperties("MkU3OEVBNTcwNTJENDM2Qg", 1, TOPIC, format_version=None)
    assert META_PROPERTIES.read(tmp_path) == (expected, None)


def test_a_directory_of_a_newer_format_says_so(tmp_path):
    newer = MetaProperties("c", 0, None, checkpoints.FORMAT_VERSION + 1)
    META_PROPERTIES.write(tmp_path, newer)
    with pytest.raises(NewerVersion, match="install a newer"):
        META_PROPERTIES.read(tmp_path)


@given(
    st.dictionaries(
        st.tuples(st.from_regex(r"[a-z]{1,20}", fullmatch=True), st.integers(0, 2**31 - 1)),
        st.integers(0, 2**63 - 1),
    )
)
def test_all_offsets_come_back(offsets):
    assert RECOVERY_POINTS.parse(RECOVERY_POINTS.text(offsets)) == offsets


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    RECOVERY_POINTS.write(tmp_path, {("t", 0): 1})

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "pwrite", no_room)
    with pytest.raises(DiskFull):
        RECOVERY_POINTS.write(tmp_path, {("t", 0): 2})
    assert RECOVERY_POINTS.read(tmp_path).value == {("t", 0): 1}
    assert [path.name for path in tmp_path.iterdir()] == [RECOVERY_POINTS.name]


def test_a_failed_sync_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    RECOVERY_POINTS.write(tmp_path, {("t", 0): 1})

    def broken(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.os, "fsync", broken)
    with pytest.raises(StorageError, match="Input/output"):
        RECOVERY_POINTS.write(tmp_path, {("t", 0): 2})
    assert RECOVERY_POINTS.read(tmp_path).value == {("t", 0): 1}


def test_short_writes_are_finished(tmp_path, monkeypatch):
    pwrite = files.os.pwrite
    monkeypatch.setattr(files.os, "pwrite", lambda fd, data, position: pwrite(fd, data[:3], position))
    RECOVERY_POINTS.write(tmp_path, {("t", 0): 123456})
    assert RECOVERY_POINTS.read(tmp_path).value == {("t", 0): 123456}
