"""What members and administrators ask of the coordinator, and what it answers.

The names are those of Kafka's messages; times are milliseconds. An answer's `error` is a class of
errors.py, None when there is none: `code_of` is its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pykafkalite.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Failure = type[Error] | None
Protocols = tuple[tuple[str, bytes], ...]
"""(name, metadata) pairs, the one that the member likes best first."""
Place = tuple[str, int]
"""(topic, partition)"""


def code_of(error: Failure) -> int:
    """Kafka's error code."""
    return 0 if error is None else error.code


class JoinRequest(NamedTuple):
    """JoinGroup. `needs_member_id`: from v4 on, a dynamic member is told its id first (KIP-394).

    `may_skip_assignment`: v9, a leader that comes back need not deal again (KIP-814). `on_rebalance`:
    of a member in this process, which sends no heartbeats and cannot vanish: called when it has to join again.
    """

    group: str
    member_id: str = ""
    instance_id: str | None = None
    protocol_type: str = "consumer"
    protocols: Protocols = ()
    session_timeout: int = 45_000
    rebalance_timeout: int = 300_000
    client_id: str = ""
    client_host: str = ""
    needs_member_id: bool = False
    may_skip_assignment: bool = False
    on_rebalance: Callable[[], None] | None = None


class JoinedMember(NamedTuple):
    """One member as its leader sees it."""

    member_id: str
    instance_id: str | None
    metadata: bytes


class JoinResult(NamedTuple):
    """The answer to JoinGroup; `members` is for the leader."""

    error: Failure = None
    member_id: str = ""
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    skip_assignment: bool = False
    members: tuple[JoinedMember, ...] = ()


class SyncRequest(NamedTuple):
    """SyncGroup; `assignments` (member id -> bytes) is the leader's."""

    group: str
    generation: int
    member_id: str
    instance_id: str | None = None
    protocol_type: str | None = None
    protocol: str | None = None
    assignments: Mapping[str, bytes] = {}


class SyncResult(NamedTuple):
    """The answer to SyncGroup."""

    error: Failure = None
    assignment: bytes = b""
    protocol_type: str | None = None
    protocol: str | None = None


class Leaver(NamedTuple):
    """Who leaves: a member id, an instance id, or both."""

    member_id: str = ""
    instance_id: str | None = None


class NewCommit(NamedTuple):
    """An offset to commit; `metadata` is the client's own."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


class CommitRequest(NamedTuple):
    """OffsetCommit. Generation -1 and no member: a "simple" consumer, which joins no group.

    `knows_missing_groups`: v9 on, a client that understands GROUP_ID_NOT_FOUND. `retention`: v2-4, how
    long to keep the offsets, -1 for as long as the coordinator does.
    """

    group: str
    offsets: Mapping[Place, NewCommit]
    generation: int = -1
    member_id: str = ""
    instance_id: str | None = None
    retention: int = -1
    knows_missing_groups: bool = False


class CommitResult(NamedTuple):
    """The answer to OffsetCommit: `error` for all, else those of single partitions in `failed`."""

    error: Failure = None
    failed: Mapping[Place, type[Error]] = {}


class DescribedMember(NamedTuple):
    """One member, as an administrator sees it; `metadata` is empty unless the group is stable."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


class DescribedGroup(NamedTuple):
    """The answer to DescribeGroups; a group that is not there is Dead, with UnknownGroup."""

    error: Failure
    group: str
    state: str
    protocol_type: str = ""
    protocol: str = ""
    members: tuple[DescribedMember, ...] = ()


class ListedGroup(NamedTuple):
    """One line of ListGroups."""

    group: str
    protocol_type: str
    state: str
    kind: str = "classic"
