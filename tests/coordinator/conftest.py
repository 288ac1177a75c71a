"""A group of a store in memory, whose clock stands still."""

import pytest
from group_verbs import Group

from pykafkalite.storage.clock import ManualClock
from pykafkalite.storage.store import Store


@pytest.fixture
def memory():
    with Store.open(":memory:", clock=ManualClock()) as opened:
        yield opened


@pytest.fixture
def group(memory):
    return Group(memory)
