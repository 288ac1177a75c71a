"""bootstrap.checkpoint: the metadata as a real Kafka takes it over, in its own snapshot format.

A KRaft broker whose metadata log is empty reads this file and knows the topics,
their ids, partitions and configs (KIP-631 snapshots; org.apache.kafka.metadata.bootstrap).
We only ever write it: what is true here is in `pykafkalite.metadata`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pykafkalite._core import ATTR_CONTROL, build_batch, stamp
from pykafkalite.storage.files import replace_file
from pykafkalite.storage.image import feature_records
from pykafkalite.storage.records import (
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    encode_control,
    encode_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pykafkalite.storage.image import Image
    from pykafkalite.storage.schema import Record

FILE = "bootstrap.checkpoint"
RECORDS_PER_BATCH = 500


def write_bootstrap(directory: Path, image: Image, now: int) -> None:
    """Puts the file into `directory`, durably.  `now` (ms) stamps the records.  Raises StorageError."""
    replace_file(directory / FILE, snapshot(image, now))


def snapshot(image: Image, now: int) -> bytearray:
    """A header (control batch), data batches, a footer (control batch); offsets from 0 without a gap."""
    out = bytearray()
    offset = 0
    for batch in _batches(image, now):
        offset = stamp(batch, offset, 0)
        out += batch
    return out


def _batches(image: Image, now: int) -> Iterator[bytearray]:
    records = _records(image)
    yield build_batch([(*encode_control(SnapshotHeaderRecord()), None, now)], attributes=ATTR_CONTROL)
    while some := list(islice(records, RECORDS_PER_BATCH)):
        yield build_batch([(None, encode_metadata(record), None, now) for record in some])
    yield build_batch([(*encode_control(SnapshotFooterRecord()), None, now)], attributes=ATTR_CONTROL)


def _records(image: Image) -> Iterator[Record]:
    yield from feature_records()
    yield from image.producer_records()
    for topic in list(image.topics.values()):
        yield from image.topic_records(topic)
