"""The border.  Python may use these names and no other native name.

The contract of each is in __init__.pyi; there is one extension module per topic.
"""

from pykafkalite._core.accumulator import RecordAccumulator
from pykafkalite._core.batches import (
    ATTR_CODEC,
    ATTR_CONTROL,
    ATTR_DELETE_HORIZON,
    ATTR_LOG_APPEND_TIME,
    ATTR_TRANSACTIONAL,
    BATCH_HEADER,
    Batch,
    build_batch,
    check_records,
    crc32c,
    crc32c_kind,
    parse_batch,
    parse_header,
    records_of,
    reseal,
    stamp,
    walk_batches,
)
from pykafkalite._core.columns import Columns, Encoded, Rows, murmur2, partition_for_key
from pykafkalite._core.files import Mapping, sync_directory, syncfs
from pykafkalite._core.live import Live
from pykafkalite._core.memory import Block
from pykafkalite._core.messages import Message, Messages
from pykafkalite._core.reader import ColumnReader, record_batch_schema
from pykafkalite._core.recovery import Hole, Recovery
from pykafkalite._core.segment import Segment

__all__ = [
    "ATTR_CODEC",
    "ATTR_CONTROL",
    "ATTR_DELETE_HORIZON",
    "ATTR_LOG_APPEND_TIME",
    "ATTR_TRANSACTIONAL",
    "BATCH_HEADER",
    "Batch",
    "Block",
    "ColumnReader",
    "Columns",
    "Encoded",
    "Hole",
    "Live",
    "Mapping",
    "Message",
    "Messages",
    "RecordAccumulator",
    "Recovery",
    "Rows",
    "Segment",
    "build_batch",
    "check_records",
    "crc32c",
    "crc32c_kind",
    "murmur2",
    "parse_batch",
    "parse_header",
    "partition_for_key",
    "record_batch_schema",
    "records_of",
    "reseal",
    "stamp",
    "sync_directory",
    "syncfs",
    "walk_batches",
]
