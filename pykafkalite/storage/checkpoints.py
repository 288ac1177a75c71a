"""The small text files beside the logs, in the form that Kafka gives them.

Each is one `Checkpoint`: a name, how its text is written, how it is read.
Writing replaces the file atomically and survives a power cut.  Reading is
strict: a file that is not exactly of its form gives no value but the problem
in words, because what these files hold can be found out anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pykafkalite.errors import NewerVersion
from pykafkalite.storage.files import replace_file, storage_error, sync_directory
from pykafkalite.storage.naming import check_topic_name, id_text, parse_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from uuid import UUID

T = TypeVar("T")

FORMAT_VERSION = 1
"""Of what pykafkalite itself adds to Kafka's formats; a higher one in a directory is refused."""

_LONG = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Found(NamedTuple, Generic[T]):
    """What reading gave.  No value and no problem: there is no such file."""

    value: T | None
    problem: str | None = None


class Checkpoint(Generic[T]):
    """One kind of checkpoint file, for all directories that have one."""

    def __init__(self, name: str, text: Callable[[T], str], parse: Callable[[str], T]) -> None:
        self.name = name
        self.text = text
        self.parse = parse

    def read(self, directory: Path) -> Found[T]:
        """Never raises for what the file holds, except NewerVersion.  Raises StorageError when it cannot be
        read now: what it holds may be good, and must not be replaced by a guess."""
        path = directory / self.name
        try:
            return Found(self.parse(path.read_bytes().decode("utf-8")))
        except FileNotFoundError:
            return Found(None)
        except (IsADirectoryError, ValueError) as error:
            return Found(None, f"{path} is ignored: {error}")
        except OSError as error:
            raise storage_error(error, f"reading {path}") from error

    def write(self, directory: Path, value: T, *, durable: bool = True) -> None:
        """Durable on return, unless told otherwise.  Raises StorageError; the old file is then still there."""
        replace_file(directory / self.name, self.text(value).encode("utf-8"), durable=durable)

    def remove(self, directory: Path) -> None:
        """Durable on return, whether or not there was one.  Raises StorageError."""
        path = directory / self.name
        try:
            path.unlink(missing_ok=True)
            sync_directory(directory)
        except OSError as error:
            raise storage_error(error, f"removing {path}") from error


# --- Kafka's CheckpointFile: "0", the number of lines, the lines -----------------------------------


def _listing(lines: Iterable[str]) -> str:
    body = list(lines)
    return "".join(f"{line}\n" for line in ["0", str(len(body)), *body])


def _lines(text: str) -> list[str]:
    version, count, *lines = [*_whole_lines(text, at_least=2)]
    if version != "0":
        raise ValueError(f"its version is {version[:20]!r}, not 0")
    if _number(count) != len(lines):
        raise ValueError(f"it has {len(lines)} entries, not {count[:20]}")
    return lines


def _whole_lines(text: str, at_least: int) -> list[str]:
    if not text.endswith("\n"):
        raise ValueError("its last line is not whole")
    lines = text[:-1].split("\n")
    if len(lines) < at_least:
        raise ValueError(f"it has {len(lines)} lines only")
    return lines


def _number(text: str, limit: int = 2**63 - 1) -> int:
    if not _LONG.fullmatch(text) or int(text) > limit:
        raise ValueError(f"{text[:40]!r} is not a number from 0 to {limit}")
    return int(text)


Offsets = dict[tuple[str, int], int]
"""(topic, partition) -> offset"""


def _offsets_text(offsets: Offsets) -> str:
    return _listing(f"{topic} {partition} {offset}" for (topic, partition), offset in sorted(offsets.items()))


def _parse_offsets(text: str) -> Offsets:
    offsets: Offsets = {}
    for line in _lines(text):
        topic, partition, offset = _fields(line, 3)
        key = (check_topic_name(topic), _number(partition, 2**31 - 1))
        if key in offsets:
            raise ValueError(f"{topic} {partition} is there twice")
        offsets[key] = _number(offset)
    return offsets


def _fields(line: str, count: int) -> list[str]:
    fields = line.split(" ")
    if len(fields) != count:
        raise ValueError(f"{line[:80]!r} is not {count} fields")
    return fields


RECOVERY_POINTS = Checkpoint("recovery-point-offset-checkpoint", _offsets_text, _parse_offsets)
LOG_STARTS = Checkpoint("log-start-offset-checkpoint", _offsets_text, _parse_offsets)
HIGH_WATERMARKS = Checkpoint("replication-offset-checkpoint", _offsets_text, _parse_offsets)


# --- of one partition ------------------------------------------------------------------------------


class EpochStart(NamedTuple):
    """From `offset` on, batches were appended under leader epoch `epoch`."""

    epoch: int
    offset: int


def _parse_epochs(text: str) -> list[EpochStart]:
    epochs: list[EpochStart] = []
    for line in _lines(text):
        epoch, offset = _fields(line, 2)
        start = EpochStart(_number(epoch, 2**31 - 1), _number(offset))
        if epochs and not (start.epoch > epochs[-1].epoch and start.offset > epochs[-1].offset):
            raise ValueError(f"epoch {start.epoch} at offset {start.offset} does not follow {epochs[-1]}")
        epochs.append(start)
    return epochs


_PARTITION_METADATA = re.compile(r"version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?", re.ASCII)


def _parse_partition_metadata(text: str) -> UUID:
    found = _PARTITION_METADATA.fullmatch(text)
    if not found:
        raise ValueError("it is not a version: 0 and a topic_id: line")
    topic = parse_id(found[1])
    if not topic.int:
        raise ValueError("its topic id is zero")
    return topic


LEADER_EPOCHS: Checkpoint[list[EpochStart]] = Checkpoint(
    "leader-epoch-checkpoint",
    lambda epochs: _listing(f"{epoch} {offset}" for epoch, offset in epochs),
    _parse_epochs,
)
PARTITION_METADATA: Checkpoint[UUID] = Checkpoint(
    "partition.metadata", lambda topic: f"version: 0\ntopic_id: {id_text(topic)}", _parse_partition_metadata
)


# --- of the directory ------------------------------------------------------------------------------


@dataclass(frozen=True)
class MetaProperties:
    """Who a log directory is.  `format_version` is None for a directory that pykafkalite did not make."""

    cluster_id: str
    node_id: int
    directory_id: UUID | None
    format_version: int | None = FORMAT_VERSION


def _properties_text(meta: MetaProperties) -> str:
    lines = ["version=1", f"cluster.id={meta.cluster_id}", f"node.id={meta.node_id}"]
    if meta.directory_id is not None:
        lines.append(f"directory.id={id_text(meta.directory_id)}")
    if meta.format_version is not None:
        lines.append(f"pykafkalite.format.version={meta.format_version}")
    return "".join(f"{line}\n" for line in lines)


def _parse_properties(text: str) -> MetaProperties:
    lines = [line.strip() for line in _whole_lines(text.replace("\r\n", "\n"), at_least=3)]
    pairs = [line.partition("=") for line in lines if line and line[0] not in "#!"]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    version = found.get("pykafkalite.format.version")
    if version is not None and _number(version) > FORMAT_VERSION:
        raise NewerVersion(
            f"this directory is of format version {version} and this pykafkalite knows {FORMAT_VERSION}: "
            "install a newer pykafkalite"
        )
    if found.get("version") != "1" or not found.get("cluster.id"):
        raise ValueError("it is not a version=1 file with a cluster.id")
    directory = found.get("directory.id")
    return MetaProperties(
        cluster_id=found["cluster.id"],
        node_id=_number(found.get("node.id", ""), 2**31 - 1),
        directory_id=parse_id(directory) if directory else None,
        format_version=None if version is None else int(version),
    )


_SHUTDOWN = re.compile(r'\{"version":0,"brokerEpoch":(-?[0-9]{1,19})\}', re.ASCII)


def _parse_shutdown(text: str) -> int:
    found = _SHUTDOWN.fullmatch(text)
    if not found:
        raise ValueError("it is not version 0 with a brokerEpoch")
    return int(found[1])


META_PROPERTIES = Checkpoint("meta.properties", _properties_text, _parse_properties)

CLEAN_SHUTDOWN: Checkpoint[int] = Checkpoint(
    ".kafka_cleanshutdown", lambda epoch: f'{{"version":0,"brokerEpoch":{epoch}}}', _parse_shutdown
)
"""There only between a clean close and the next open; its value is the broker epoch, -1 for none."""
