"""Names: what Kafka allows for a topic, and what it calls directories, files and ids.

The rules are those of org.apache.kafka.common.internals.Topic, LocalLog,
LogFileUtils and Uuid, so that a real Kafka finds the names it expects.
"""

from __future__ import annotations

import difflib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from pykafkalite.errors import InvalidTopic

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TOPIC_NAME = 249
MAX_FILE_NAME = 255
"""Of a directory entry, bytes: Linux's NAME_MAX, and the limit that Kafka shortens renamed directories to."""

OFFSETS_TOPIC = "__consumer_offsets"
TRANSACTIONS_TOPIC = "__transaction_state"
INTERNAL_TOPICS = frozenset({OFFSETS_TOPIC, TRANSACTIONS_TOPIC, "__share_group_state"})

DELETE, STRAY, FUTURE = "-delete", "-stray", "-future"
LOG, INDEX, TIME_INDEX, TXN_INDEX, SNAPSHOT = ".log", ".index", ".timeindex", ".txnindex", ".snapshot"

_LEGAL = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)
_DIRECTORY = re.compile(r"(?P<topic>[a-zA-Z0-9._-]+)-(?P<partition>0|[1-9][0-9]{0,9})", re.ASCII)
_RENAMED = re.compile(r"(?P<name>.+)\.[0-9a-f]{32}(?P<suffix>-delete|-stray|-future)", re.ASCII)
_SEGMENT_FILE = re.compile(r"(?P<offset>[0-9]{20})(?P<suffix>\.[a-z]+)", re.ASCII)


def check_topic_name(name: object) -> str:
    """`name`, when Kafka allows it for a topic.  Raises InvalidTopic."""
    if not isinstance(name, str):
        raise InvalidTopic(f"a topic name is a str, not {type(name).__name__}")
    if not name:
        raise InvalidTopic("a topic name must not be empty")
    if name in (".", ".."):
        raise InvalidTopic(f"{name!r} cannot be a topic name")
    if len(name) > MAX_TOPIC_NAME:
        raise InvalidTopic(f"a topic name has at most {MAX_TOPIC_NAME} characters, not {len(name)}")
    if not _LEGAL.fullmatch(name):
        raise InvalidTopic(
            f"{name!r} cannot be a topic name: only ASCII letters, digits, '.', '_' and '-' can"
        )
    return name


def collision_key(name: str) -> str:
    """Two topics with one key cannot live together: Kafka's metric names do not tell '.' from '_'."""
    return name.replace(".", "_")


def nearest(name: object, candidates: Iterable[str]) -> str | None:
    """The candidate that looks most like `name`, None when none does."""
    found = difflib.get_close_matches(str(name), candidates, n=1, cutoff=0.6)
    return found[0] if found else None


def hint(name: object, candidates: Iterable[str]) -> str:
    """The end of an error message: '; did you mean ...?', or nothing."""
    found = nearest(name, candidates)
    return f"; did you mean {found!r}?" if found else ""


def known_topics(name: object, topics: Iterable[str]) -> str:
    """The end of the message that there is no topic `name`: the nearest one, else some, else how to make one."""
    visible = sorted(topic for topic in topics if topic not in INTERNAL_TOPICS)
    if found := nearest(name, visible):
        return f"; did you mean {found!r}?"
    if not visible:
        return "; there are none yet: create_topic() makes one"
    more = f" and {len(visible) - 5} more" if len(visible) > 5 else ""
    return f"; there are {', '.join(visible[:5])}{more}: create_topic() makes another"


class DirectoryName(NamedTuple):
    """What the name of a partition's directory says; `suffix` is "", DELETE, STRAY or FUTURE."""

    topic: str
    partition: int
    suffix: str = ""


def partition_directory(topic: str, partition: int) -> str:
    """`flights-3`.  Raises InvalidTopic when the two together are longer than a file name can be."""
    name = f"{topic}-{partition}"
    if len(name) > MAX_FILE_NAME:
        raise InvalidTopic(f"{len(name)} characters are too many for a directory: shorten {name[:40]!r}...")
    return name


def parse_directory(name: str) -> DirectoryName | None:
    """The reverse, for renamed directories too (their topic may be shortened); None for any other name."""
    renamed = _RENAMED.fullmatch(name)
    found = _DIRECTORY.fullmatch(renamed["name"] if renamed else name)
    if not found or found["topic"] in (".", "..") or len(found["topic"]) > MAX_TOPIC_NAME:
        return None
    partition = int(found["partition"])
    if partition > 0x7FFFFFFF:
        return None
    return DirectoryName(found["topic"], partition, renamed["suffix"] if renamed else "")


def renamed_directory(topic: str, partition: int, suffix: str) -> str:
    """`flights-3.<32 hex>-delete`: a new name each time; a long topic is shortened to fit a file name."""
    tail = f"-{partition}.{uuid4().hex}{suffix}"
    return topic[: MAX_FILE_NAME - len(tail)] + tail


def segment_file(base_offset: int, suffix: str = LOG) -> str:
    """`00000000000000000042.log`"""
    return f"{base_offset:020d}{suffix}"


def parse_segment_file(name: str) -> tuple[int, str] | None:
    """(base offset, suffix) of a segment's file; None for any other name."""
    found = _SEGMENT_FILE.fullmatch(name)
    if not found or int(found["offset"]) > 0x7FFFFFFFFFFFFFFF:
        return None
    return int(found["offset"]), found["suffix"]


def random_id() -> UUID:
    """A new id for a topic, directory or cluster.  As in Kafka its text never starts with a dash."""
    while True:
        new = uuid4()
        if not id_text(new).startswith("-"):
            return new


def id_text(value: UUID) -> str:
    """Kafka's way of writing a UUID: 22 characters of base64url."""
    return urlsafe_b64encode(value.bytes).rstrip(b"=").decode("ascii")


def parse_id(text: str) -> UUID:
    """The reverse.  Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{22}", text, re.ASCII):
        raise ValueError(f"{text[:40]!r} is not an id of 22 base64url characters")
    return UUID(bytes=urlsafe_b64decode(text + "=="))
