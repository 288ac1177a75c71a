"""Members as a client sees them: each verb sends one request; what was answered lies in the member."""

from __future__ import annotations

from pykafkalite.coordinator.coordinator import Coordinator
from pykafkalite.coordinator.requests import (
    CommitRequest,
    CommitResult,
    JoinRequest,
    JoinResult,
    Leaver,
    NewCommit,
    SyncRequest,
    SyncResult,
)
from pykafkalite.coordinator.settings import GroupSettings
from pykafkalite.errors import MemberIdRequired
from pykafkalite.storage.store import Store

SESSION, REBALANCE = 10_000, 60_000


class Group:
    """One group of a coordinator whose clock tests turn."""

    def __init__(self, store: Store, **settings: int) -> None:
        self.settings = GroupSettings(**settings)
        self.store = store
        self.coordinator = Coordinator(store, self.settings)
        self.clock = store.clock

    def restart(self) -> None:
        """A coordinator that knows what is stored and nothing else."""
        self.coordinator.unload()
        self.coordinator = Coordinator(self.store, self.settings)

    def member(self, name: str = "m", **request: object) -> Member:
        return Member(self, name, request)

    def members(self, *names: str, **request: object) -> list[Member]:
        """Stable members; the first one leads."""
        members = [self.member(name, **request) for name in names]
        for member in members:
            member.join()
        while any(member.joined is None for member in members):
            for member in members:
                if member.joined is not None:
                    member.join()
        for member in reversed(members):
            member.sync()
        return members

    def wait(self, seconds: float) -> None:
        """Lets time pass; timers run when they are due, not all at the end."""
        for _ in range(int(seconds * 10)):
            self.clock.advance(0.1)
            self.coordinator.run_due()

    @property
    def state(self) -> str:
        return self.coordinator.describe("g").state

    @property
    def member_ids(self) -> set[str]:
        return {member.member_id for member in self.coordinator.describe("g").members}


class Member:
    """A client of group "g"."""

    def __init__(self, group: Group, name: str, request: dict[str, object]) -> None:
        self.group = group
        self.name = name
        self.id = ""
        self.generation = -1
        self.instance_id = request.get("instance_id")
        self.request = {"protocols": (("range", b""),), "session_timeout": SESSION} | request
        self.answers: list[JoinResult | SyncResult] = []
        self.joined: JoinResult | None = None
        self.synced: SyncResult | None = None

    def join(self, **changes: object) -> JoinResult | None:
        """Joins (again); the answer, if it has come."""
        self.request |= changes
        self.joined = None
        request = {"client_id": self.name, "client_host": "/127.0.0.1", "rebalance_timeout": REBALANCE}
        self.group.coordinator.join(JoinRequest("g", self.id, **request | self.request), self._joined)
        if self.joined is not None and self.joined.error is MemberIdRequired:
            return self.join()
        return self.joined

    def ask_for_id(self) -> str:
        """The id that it is given to join with, and then does not."""
        self.group.coordinator.join(
            JoinRequest("g", needs_member_id=True, client_id=self.name, **self.request), self.answers.append
        )
        self.id = self.answers[-1].member_id
        return self.id

    def _joined(self, result: JoinResult) -> None:
        self.joined = result
        if result.error in (None, MemberIdRequired):
            self.id, self.generation = result.member_id, result.generation
        self.answers.append(result)

    @property
    def leads(self) -> bool:
        return self.joined is not None and self.joined.leader == self.id

    def sync(self, assignments: dict[str, bytes] | None = None, **changes: object) -> SyncResult | None:
        """A leader gives each member its own name, unless told otherwise."""
        self.synced = None
        if assignments is None:
            members = self.joined.members if self.leads else ()
            assignments = {member.member_id: b"for " + member.member_id.encode() for member in members}
        request = {"generation": self.generation, "instance_id": self.instance_id, "assignments": assignments}
        self.group.coordinator.sync(SyncRequest("g", member_id=self.id, **request | changes), self._synced)
        return self.synced

    def _synced(self, result: SyncResult) -> None:
        self.synced = result
        self.answers.append(result)

    def beat(self, generation: int | None = None):
        generation = self.generation if generation is None else generation
        return self.group.coordinator.heartbeat("g", self.id, generation, self.instance_id)

    def leave(self):
        (result,) = self.group.coordinator.leave("g", [Leaver(self.id, self.instance_id)])
        return result

    def commit(self, offset: int, generation: int | None = None) -> CommitResult:
        generation = self.generation if generation is None else generation
        return commit(
            self.group, offset, generation=generation, member_id=self.id, instance_id=self.instance_id
        )


def commit(group: Group, offset: int, place=("t", 0), metadata="", **request: object) -> CommitResult:
    """One offset, by default of a consumer that joins no group."""
    answers: list[CommitResult] = []
    offsets = {place: NewCommit(offset, metadata=metadata)}
    group.coordinator.commit(CommitRequest("g", offsets, **request), answers.append)
    return answers[0]


def committed(group: Group) -> dict:
    return {place: found.offset for place, found in group.coordinator.committed("g").items()}
