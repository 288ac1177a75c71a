"""What a writer does besides sending: reporting, warning, keeping to its thread."""

import gc
import threading

import pytest

from pykafkalite.embedded.topic import Topic
from pykafkalite.errors import DiskFull


@pytest.fixture
def full(monkeypatch):
    """A disk that is full for as long as the list holds something."""
    state = ["full"]
    send = Topic._append_encoded

    def refuse(self, partition, batch):
        if state:
            raise DiskFull(f"no space left for partition {partition}")
        return send(self, partition, batch)

    monkeypatch.setattr(Topic, "_append_encoded", refuse)
    return state


def test_failed_records_are_numbered_as_they_were_sent_to_their_partition(log, full):
    topic = log.create_topic("two", partitions=2)
    writer = topic.writer(linger_ms=60_000)
    full.clear()
    for _ in range(3):
        writer.append(b"stored", partition=1)
    writer.flush()
    full.append("full")
    for _ in range(4):
        writer.append(b"lost", partition=1)
    writer.append(b"lost", partition=0)
    with pytest.raises(DiskFull) as caught:
        writer.flush()
    first, second = sorted(caught.value.__notes__)
    assert "1 record for partition 0 (numbers 0 to 0" in first
    assert "4 records for partition 1 (numbers 3 to 6" in second
    assert [(it.partition, it.first, it.last) for it in writer.failed] == [(0, 0, 0), (1, 3, 6)]


def test_an_error_is_raised_once_and_the_writer_goes_on_when_there_is_room(topic, full):
    writer = topic.writer(linger_ms=60_000)
    writer.append(b"lost")
    with pytest.raises(DiskFull):
        writer.flush()
    full.clear()
    writer.append(b"stored")
    writer.flush()
    assert [m.value for m in topic.scan().messages()] == [b"stored"]


def test_many_failed_batches_are_counted_not_listed(topic, full):
    writer = topic.writer(linger_ms=60_000, batch_size=100)
    for _ in range(50):
        writer.append(bytes(60))
    with pytest.raises(DiskFull) as caught:
        writer.flush()
    assert len(writer.failed) == 50
    assert len(caught.value.__notes__) == 11
    assert "and 40 more batches" in caught.value.__notes__[-1]


def test_an_error_in_the_block_keeps_the_one_of_its_end_company(topic, full):
    def fails():
        with topic.writer() as writer:
            writer.append(b"lost")
            raise KeyError("of the block")

    with pytest.raises(DiskFull) as caught:
        fails()
    assert isinstance(caught.value.__context__, KeyError)


def test_a_writer_belongs_to_the_thread_that_made_it(topic):
    writer = topic.writer()
    errors = []

    def flush_elsewhere():
        try:
            writer.flush()
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=flush_elsewhere)
    thread.start()
    thread.join()
    assert "belongs to the thread" in errors[0]


def test_records_that_were_never_sent_are_warned_of(topic):
    def forget():
        topic.writer(linger_ms=60_000).append(b"forgotten")
        gc.collect()

    with pytest.warns(ResourceWarning, match="1 record of a writer never sent"):
        forget()


def test_a_lingering_batch_is_sent_by_poll(topic):
    writer = topic.writer(linger_ms=1)
    writer.append(b"v")
    threading.Event().wait(0.01)
    writer.poll()
    assert writer.pending == 0
    assert topic.describe()[0].end_offset == 1
    assert "1 record sent, 0 buffered" in repr(writer)


def test_what_the_accumulator_refuses_is_not_taken(topic):
    with topic.writer() as writer:
        for wrong in ({"value": "text"}, {"value": b"", "headers": [(b"name", b"")]}):
            with pytest.raises(TypeError):
                writer.append(**wrong)
        writer.append(b"right")
    assert [m.value for m in topic.scan().messages()] == [b"right"]
