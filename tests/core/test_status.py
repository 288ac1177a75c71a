"""Every status of native/ has its exception."""

import re
from pathlib import Path

from pykafkalite import errors
from pykafkalite._core.status import RAISES

HEADER = Path(__file__).parents[2] / "native/include/pkl/status.h"
STATUSES = {name: int(number) for name, number in re.findall(r"(PKL_\w+) = (\d+)", HEADER.read_text())}


def test_every_status_but_ok_has_an_exception():
    # PKL_SYSTEM is errno's: StorageError, or DiskFull when the disk is.
    assert RAISES.keys() == set(STATUSES.values()) - {STATUSES["PKL_OK"], STATUSES["PKL_SYSTEM"]}


def test_what_is_wrong_with_a_batch_is_one_exception():
    damage = ("PKL_TRUNCATED", "PKL_CORRUPT", "PKL_BAD_CRC", "PKL_BAD_MAGIC")
    assert {RAISES[STATUSES[name]][0] for name in damage} == {errors.CorruptBatch}


def test_every_exception_says_what_happened():
    assert all(words for _, words in RAISES.values())
