"""The items of each kind of file in a log directory, as plain dicts: what `dump` prints."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import click

from pykafkalite._core import ATTR_DELETE_HORIZON, Live
from pykafkalite.errors import CorruptBatch, NewerVersion
from pykafkalite.storage import metadata
from pykafkalite.storage.naming import (
    INDEX,
    OFFSETS_TOPIC,
    SNAPSHOT,
    TIME_INDEX,
    TXN_INDEX,
    id_text,
    parse_directory,
)
from pykafkalite.storage.publishing import LIVE_FILE, named_slots
from pykafkalite.storage.reading import Bounds
from pykafkalite.storage.records import decode_group, decode_metadata
from pykafkalite.storage.verify_indexes import OFFSET_ENTRY, TIME_ENTRY, entries
from pykafkalite.storage.walking import Damage, Record, Whole, walk

Item: TypeAlias = dict[str, Any]
Decoder: TypeAlias = Callable[[Record], tuple[object, object]]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MARKERS = {0: "abort", 1: "commit", 2: "leader change", 3: "snapshot header", 4: "snapshot footer"}

# version, producer id, first offset, last offset, last stable offset
ABORTED = struct.Struct(">hqqqq")
# version, crc; then the number of entries
SNAPSHOT_HEAD = struct.Struct(">hIi")
PRODUCER = struct.Struct(">qhiqiqiq")
PRODUCER_FIELDS = (
    "producer_id",
    "producer_epoch",
    "last_sequence",
    "last_offset",
    "offset_delta",
    "timestamp",
    "coordinator_epoch",
    "transaction_first_offset",
)


def items(path: Path, *, records: bool = True) -> Iterator[Item]:
    """What is in the file, kind by its name.  Raises OSError, click.ClickException for a name of no kind."""
    name = path.name.removesuffix(".deleted")
    if name.endswith((".log", ".torn", ".checkpoint", ".swap", ".cleaned")) or name == metadata.FILE:
        return batches(path, records=records)
    readers: dict[str, Callable[[Path], Iterator[Item]]] = {
        INDEX: offset_entries,
        TIME_INDEX: time_entries,
        TXN_INDEX: aborted_transactions,
        SNAPSHOT: producers,
    }
    if name == LIVE_FILE:
        return live_slots(path)
    if Path(name).suffix in readers:
        return readers[Path(name).suffix](path)
    return text_lines(path)


# --- batches -----------------------------------------------------------------


def batches(path: Path, *, records: bool) -> Iterator[Item]:
    decode = decoder(path)
    for found in walk(path):
        if isinstance(found, Damage):
            yield {"kind": "damage", **found._asdict()}
            continue
        item = batch_item(found)
        if records:
            try:
                item["records"] = [record_item(record, found, decode) for record in found.records()]
            except CorruptBatch as error:
                end = found.position + found.batch.size
                yield item
                yield {"kind": "damage", **Damage(found.position, end, str(error), False)._asdict()}
                continue
        yield item


def batch_item(found: Whole) -> Item:
    batch = found.batch
    return {
        "kind": "batch",
        "position": found.position,
        "size": batch.size,
        "base_offset": batch.base_offset,
        "last_offset": batch.last_offset,
        "count": batch.count,
        "base_timestamp": batch.base_timestamp,
        "max_timestamp": batch.max_timestamp,
        "codec": CODECS[batch.codec] if batch.codec < len(CODECS) else str(batch.codec),
        "leader_epoch": batch.leader_epoch,
        "producer_id": batch.producer_id,
        "producer_epoch": batch.producer_epoch,
        "base_sequence": batch.base_sequence,
        "control": batch.is_control,
        "transactional": batch.is_transactional,
        "append_time": batch.is_append_time,
        "horizon": bool(batch.attributes & ATTR_DELETE_HORIZON),
        "crc": batch.crc,
    }


def record_item(record: Record, found: Whole, decode: Decoder) -> Item:
    offset, timestamp, key, value, headers = record
    shown: tuple[object, object] = (marker(key), value) if found.batch.is_control else decode(record)
    return {
        "offset": offset,
        "timestamp": timestamp,
        "key": shown[0],
        "value": shown[1],
        "headers": [{"key": name, "value": content} for name, content in headers],
    }


def decoder(path: Path) -> Decoder:
    """Records that Kafka's own schemas describe are shown by their fields."""
    directory = parse_directory(path.resolve().parent.name)
    topic = directory.topic if directory else ""
    if topic == OFFSETS_TOPIC:
        return lambda record: _fields_of(lambda: decode_group(record[2], record[3]), record)
    if topic == "__cluster_metadata" or path.name == metadata.FILE or path.suffix == ".checkpoint":
        return lambda record: _fields_of(lambda: (None, decode_metadata(record[3])), record)
    return lambda record: (record[2], record[3])


def _fields_of(decode: Callable[[], tuple[object, object] | None], record: Record) -> tuple[object, object]:
    """The decoded key and value; a kind unknown here is shown as its bytes."""
    try:
        decoded = decode()
    except (NewerVersion, CorruptBatch):
        decoded = None
    key, value = decoded or record[2:4]
    return _fields(key), _fields(value)


def _fields(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__, **dataclasses.asdict(value)}
    return value


def marker(key: bytes | None) -> str:
    """A control record's key: int16 version, int16 type."""
    kind = int.from_bytes((key or b"")[2:4], "big")
    return MARKERS.get(kind, f"control {kind}")


# --- the other files ---------------------------------------------------------


def offset_entries(path: Path) -> Iterator[Item]:
    base = _base_offset(path)
    for entry in entries(path, OFFSET_ENTRY):
        yield {"kind": "index", "offset": base + entry.key, "position": entry.target}


def time_entries(path: Path) -> Iterator[Item]:
    base = _base_offset(path)
    for entry in entries(path, TIME_ENTRY):
        yield {"kind": "timeindex", "timestamp": entry.key, "offset": base + entry.target}


def aborted_transactions(path: Path) -> Iterator[Item]:
    data = path.read_bytes()
    whole = data[: len(data) - len(data) % ABORTED.size]
    for _, producer, first, last, stable in ABORTED.iter_unpack(whole):
        fields = {"producer_id": producer, "first_offset": first, "last_offset": last}
        yield {"kind": "aborted", **fields, "last_stable_offset": stable}


def producers(path: Path) -> Iterator[Item]:
    data = path.read_bytes()
    if len(data) < SNAPSHOT_HEAD.size:
        raise click.ClickException(f"{path} is not a producer snapshot: {len(data)} bytes")
    _, _, count = SNAPSHOT_HEAD.unpack_from(data)
    whole = data[SNAPSHOT_HEAD.size :][: count * PRODUCER.size]
    if len(whole) != count * PRODUCER.size:
        raise click.ClickException(f"{path} is not a producer snapshot: it ends within its {count} entries")
    for entry in PRODUCER.iter_unpack(whole):
        yield {"kind": "producer", **dict(zip(PRODUCER_FIELDS, entry, strict=True))}


def live_slots(path: Path) -> Iterator[Item]:
    """What the writer publishes of each partition."""
    live = Live.open(str(path))
    yield {"kind": "live", "pid": live.pid, "sequence": live.sequence, "closed_cleanly": live.closed_cleanly}
    for (topic_id, partition), slot in sorted(named_slots(live).items(), key=lambda item: item[1]):
        bounds = Bounds(*live.read(slot))._asdict()
        yield {"kind": "slot", "topic_id": id_text(topic_id), "partition": partition, **bounds}


def text_lines(path: Path) -> Iterator[Item]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(
            f"{path} is of no kind that dump knows: .log .index .timeindex .txnindex .snapshot, checkpoints"
        ) from None
    for number, line in enumerate(text.splitlines(), 1):
        yield {"kind": "line", "line": number, "text": line}


def _base_offset(path: Path) -> int:
    digits = path.name.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0
