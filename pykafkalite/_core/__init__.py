"""The border.  Python may use these names and no other native name.

The contract of each is in __init__.pyi; there is one extension module per topic.
"""

from pykafkalite._core.batches import (
    crc32c,
    crc32c_kind,
)

__all__ = [
    "crc32c",
    "crc32c_kind",
]
