"""Where a scan begins and ends, a consumer starts, a group is reset to: words and times to offsets.

offset              itself, if the partition has it
"earliest"          the log start offset
"latest"            the high watermark: after the last record a reader may see
datetime, ISO 8601  the first record with that timestamp or a later one, else "latest";
                    without a zone it is UTC, as in Kafka's own tools
"-10min"            that long ago, as a datetime; units ms, s, m or min, h, d, w
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

from pykafkalite.errors import OffsetOutOfRange, UnknownTopic

if TYPE_CHECKING:
    from pykafkalite.api import Bound, Moment

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_AGO = re.compile(r"-(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)")
_HELP = (
    'an offset, a datetime, "earliest", "latest", "-10min" (ms, s, min, h, d, w) '
    'or an ISO 8601 time such as "2013-07-04T12:00:00Z"'
)


class Bounded(Protocol):
    """What is asked of a partition (storage.partition.Partition has it)."""

    topic: str
    index: int

    @property
    def start_offset(self) -> int: ...
    @property
    def high_watermark(self) -> int: ...
    def offset_for_timestamp(self, timestamp: int) -> tuple[int, int] | None: ...


def to_milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 UTC; without a zone the time is taken as UTC.  Rounds down."""
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return int((at - _EPOCH) // _MILLISECOND)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = datetime(1, 1, 1, microsecond=1_000) - datetime(1, 1, 1)


def parse(moment: Moment, *, now: int | None = None) -> Moment:
    """`moment` as an offset, a datetime, "earliest" or "latest".  ValueError, TypeError say what is accepted.

    `now`: milliseconds, for "-10min"; default the clock's.
    """
    if isinstance(moment, datetime):
        return moment
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if not isinstance(moment, str):
        raise TypeError(f"{moment!r} is no place in a log: give {_HELP}")
    word = moment.strip()
    if word in ("earliest", "latest"):
        return word
    if word.isdecimal():
        return int(word)
    if ago := _AGO.fullmatch(word):
        now = time.time_ns() // 1_000_000 if now is None else now
        since = max(0, now - int(float(ago[1]) * _UNITS[ago[2]]))
        return datetime.fromtimestamp(since / 1_000, UTC)
    try:
        return datetime.fromisoformat(word)
    except ValueError:
        raise ValueError(f"{moment!r} is no place in a log: give {_HELP}") from None


def resolve(partition: Bounded, moment: Moment, *, now: int | None = None) -> int:
    """The offset that `moment` means in `partition` now.  Raises OffsetOutOfRange with what there is."""
    moment = parse(moment, now=now)
    if moment == "earliest":
        return partition.start_offset
    if moment == "latest":
        return partition.high_watermark
    if isinstance(moment, datetime):
        found = partition.offset_for_timestamp(max(0, to_milliseconds(moment)))
        return partition.high_watermark if found is None else min(found[0], partition.high_watermark)
    assert isinstance(moment, int)
    start, end = partition.start_offset, partition.high_watermark
    if not start <= moment <= end:
        raise OffsetOutOfRange(
            f"{partition.topic}-{partition.index} has offsets {start} to {end}, {moment} is not among them; "
            f'use "earliest" or "latest", or give each partition its own: {{partition: offset}}'
        )
    return moment


def resolve_all(
    partitions: Iterable[Bounded], bound: Bound, default: Moment, *, now: int | None = None
) -> dict[int, int]:
    """partition -> offset.  A mapping's partitions get its moments, the others `default`."""
    partitions = list(partitions)
    if not isinstance(bound, Mapping):
        moment = parse(bound, now=now)
        return {partition.index: resolve(partition, moment) for partition in partitions}
    if unknown := bound.keys() - {partition.index for partition in partitions}:
        numbers = ", ".join(str(number) for number in sorted(unknown))
        raise UnknownTopic(f"a bound was given for partition {numbers}, which is not among those read")
    return {
        partition.index: resolve(partition, bound.get(partition.index, default), now=now)
        for partition in partitions
    }
