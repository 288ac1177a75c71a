"""The border.  Python may use these names and no other native name.

The contract of each is in __init__.pyi; there is one extension module per topic.
"""

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
    records_of,
    seal_compressed,
    stamp,
    walk_batches,
)
from pykafkalite._core.segment import Mapping, Segment

__all__ = [
    "ATTR_CODEC",
    "ATTR_CONTROL",
    "ATTR_DELETE_HORIZON",
    "ATTR_LOG_APPEND_TIME",
    "ATTR_TRANSACTIONAL",
    "BATCH_HEADER",
    "Batch",
    "Mapping",
    "Segment",
    "build_batch",
    "check_records",
    "crc32c",
    "crc32c_kind",
    "parse_batch",
    "records_of",
    "seal_compressed",
    "stamp",
    "walk_batches",
]
