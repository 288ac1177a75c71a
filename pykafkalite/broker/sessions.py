"""Fetch sessions (KIP-227): what a client that fetches incrementally has asked for before, and was told.

session id  epoch   means
0           -1      no session, a whole answer
0           0       begin a session, a whole answer
n           0       end session n, begin another
n           -1      end session n, a whole answer without one
n           e       the next request of session n: what changed is answered
"""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

FINAL_EPOCH, FIRST_EPOCH = -1, 0
LAST_EPOCH = 2**31 - 1


class Wanted(NamedTuple):
    """One partition of a fetch. `topic` is a name, or an id as a UUID."""

    topic: object
    partition: int
    fetch_offset: int
    max_bytes: int
    last_fetched_epoch: int
    current_leader_epoch: int


Key = tuple[object, int]


@dataclass(slots=True)
class Session:
    """One client's partitions, in its order, and what it last heard of each."""

    id: int
    epoch: int = 1
    wanted: OrderedDict[Key, Wanted] = field(default_factory=OrderedDict)
    told: dict[Key, tuple[int, int, int]] = field(default_factory=dict)

    def update(self, wanted: list[Wanted], forgotten: list[Key]) -> None:
        """What a request adds, changes and removes."""
        for key in forgotten:
            self.wanted.pop(key, None)
            self.told.pop(key, None)
        for item in wanted:
            self.wanted[item.topic, item.partition] = item

    def advance(self) -> None:
        """The next request has the next epoch; after the last comes 1 again."""
        self.epoch = 1 if self.epoch == LAST_EPOCH else self.epoch + 1


class Sessions:
    """The sessions of one broker; the longest unused gives way to a new one."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._sessions: OrderedDict[int, Session] = OrderedDict()

    def begin(self) -> Session | None:
        """A new session; None when there are none to be had."""
        if self._slots <= 0:
            return None
        while len(self._sessions) >= self._slots:
            self._sessions.popitem(last=False)
        session_id = random.randint(1, 2**31 - 1)
        while session_id in self._sessions:
            session_id = random.randint(1, 2**31 - 1)
        session = self._sessions[session_id] = Session(session_id)
        return session

    def get(self, session_id: int) -> Session | None:
        """A session that is still there."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._sessions.move_to_end(session_id)
        return session

    def end(self, session_id: int) -> None:
        """Forget a session."""
        self._sessions.pop(session_id, None)

    def __len__(self) -> int:
        return len(self._sessions)
