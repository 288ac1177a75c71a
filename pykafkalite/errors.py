"""Every error pykafkalite raises on purpose, and the Kafka error code each one is.

Rule 1: a caller can catch the class here, the builtin it also is, or `Error`.
Rule 2: the message says what happened and what to do next.
Rule 3: `code` is the number of org.apache.kafka.common.protocol.Errors; -1 is
        UNKNOWN_SERVER_ERROR, for what Kafka has no word for.
"""

from __future__ import annotations


class Error(Exception):
    """The base of all errors that pykafkalite raises on purpose."""

    code: int = -1
    retriable: bool = False


class OffsetOutOfRange(Error, LookupError):
    """An offset before the log start or after the log end."""

    code = 1


class CorruptBatch(Error):
    """Bytes that cannot be a valid record batch, or whose CRC does not match.

    `path`, `position` (bytes) and `next_offset` (the next offset that can be
    read, or None) say where, when the bytes lie in a log.
    """

    code = 2

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        position: int | None = None,
        next_offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.position = position
        self.next_offset = next_offset


class UnknownTopic(Error, LookupError):
    """A topic or partition that does not exist."""

    code = 3
    retriable = True


class MessageTooLarge(Error, ValueError):
    """A record or batch over `max.message.bytes`."""

    code = 10


class OffsetMetadataTooLarge(Error, ValueError):
    """Metadata of a commit over `offset.metadata.max.bytes`."""

    code = 12


class CoordinatorNotAvailable(Error):
    """A group that was deleted, or could not be stored, while it was asked."""

    code = 15
    retriable = True


class NotCoordinator(Error):
    """A group that cannot be stored here now."""

    code = 16
    retriable = True


class InvalidTopic(Error, ValueError):
    """A name that Kafka does not allow for a topic."""

    code = 17


class IllegalGeneration(Error):
    """A commit from a consumer whose assignment is no longer the current one."""

    code = 22


class InconsistentGroupProtocol(Error):
    """A member that has no protocol in common with its group."""

    code = 23


class InvalidGroup(Error, ValueError):
    """A group id that is empty or not a string."""

    code = 24


class UnknownMember(Error):
    """A consumer that has left its group, or that the group never knew."""

    code = 25


class InvalidSessionTimeout(Error, ValueError):
    """A session timeout outside `group.min.session.timeout.ms` and `group.max.session.timeout.ms`."""

    code = 26


class RebalanceInProgress(Error):
    """A group that is dealing out its partitions anew: what was assigned may be another's in a moment."""

    code = 27


class InvalidTimestamp(Error, ValueError):
    """A timestamp outside `message.timestamp.before.max.ms` or `...after.max.ms`."""

    code = 32


class NewerVersion(Error):
    """A store written in a format that this version of pykafkalite cannot read."""

    code = 35


class TopicExists(Error, ValueError):
    """A topic of that name, or one whose name collides with it, exists already."""

    code = 36


class InvalidPartitions(Error, ValueError):
    """A partition count that is not positive, or lower than before."""

    code = 37


class InvalidConfig(Error, ValueError):
    """An unknown config, or a value that its definition does not allow."""

    code = 40


class OutOfOrderSequence(Error):
    """An idempotent producer's batch that does not follow the one before."""

    code = 45


class InvalidProducerEpoch(Error):
    """A producer epoch older than the one the partition has seen."""

    code = 47


class InvalidTransactionState(Error):
    """A write that the state of its producer's transaction does not allow."""

    code = 48


class CoordinatorFenced(Error):
    """A transaction marker from a coordinator that another one has replaced."""

    code = 52


class StorageError(Error, OSError):
    """The disk refused: nothing was acknowledged, what was written before stands."""

    code = 56
    retriable = True


class DiskFull(StorageError):
    """No space left on the device; appends go on once there is room."""


class NonEmptyGroup(Error):
    """A group that still has members."""

    code = 68


class UnknownGroup(Error, LookupError):
    """A group that has neither members nor committed offsets."""

    code = 69


class MemberIdRequired(Error):
    """A first join, answered with the member id to join again with (KIP-394)."""

    code = 79


class GroupMaxSizeReached(Error):
    """A group that has `group.max.size` members."""

    code = 81


class FencedInstanceId(Error):
    """A static member whose instance id another member has taken over (KIP-345)."""

    code = 82


class GroupSubscribedToTopic(Error):
    """Offsets of a topic that a member of the group reads."""

    code = 86


class InvalidRecord(Error, ValueError):
    """Records or columns that break a rule of the topic or of the format."""

    code = 87


class InvalidColumns(Error, TypeError):
    """Arrow columns of a name or type that `append_batch` does not take."""

    code = 87


class UnstableOffsetCommit(Error):
    """An offset that an open transaction is about to replace."""

    code = 88
    retriable = True


class ProducerFenced(Error):
    """A transactional producer that a newer instance with its transactional id has replaced."""

    code = 90


class StoreLocked(Error):
    """Another process holds the directory open for writing."""

    pid: int | None = None


class AddressInUse(Error, OSError):
    """Another program listens on the address that a broker was to listen on."""


class ReadOnly(Error, PermissionError):
    """A write through a log that was opened with mode="r"."""


class NotAStore(Error, FileNotFoundError):
    """A directory that holds no log, opened for reading."""


class Closed(Error, ValueError):
    """Use after close."""


class Forked(Error):
    """Use in a forked child of a log that the parent opened."""
