"""Arguments that are not what they have to be: said at once, with what they should have been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from pykafkalite.api import TopicPartition


def whole(what: str, value: Any, *, least: int | None = None) -> int:
    """`value` as an int, of at least `least`.  Raises TypeError (for floats and bools too), ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} is a whole number, not {value!r:.40}")
    number = int(value.__index__())
    if least is not None and number < least:
        raise ValueError(f"{what} is a whole number from {least}, not {number}")
    return number


def topic_partition(value: Any) -> TopicPartition:
    """(topic, partition).  Raises TypeError."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or len(value) != 2:
        raise TypeError(f'a partition is TopicPartition("flights", 0), not {value!r:.40}')
    if not isinstance(value[0], str):
        raise TypeError(f"a topic is given by its name, not {value[0]!r:.40}")
    return TopicPartition(value[0], whole("partition", value[1]))


def seconds(what: str, value: Any) -> float | None:
    """`value`, a number of seconds that is not negative, or None.  Raises TypeError, ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} is seconds, or None for no end, not {value!r:.40}")
    if not value >= 0:  # NaN neither
        raise ValueError(f"{what} is seconds from 0, or None for no end, not {value!r}")
    return float(min(value, 1e9))


def several(what: str, values: Any, example: str) -> tuple[Any, ...]:
    """The items of an iterable that is no text.  Raises TypeError."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{what} is a list such as {example}, not {values!r:.40}")
    return tuple(values)


class OfThisProcess:
    """What stands on an open log: it is of no use in another process, so it cannot be pickled or copied."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied: it belongs to a log that is open in this process; "
            'open the log again where it is needed, pykafkalite.open(path, mode="r")'
        )
