"""The types of Kafka's configs: what a value may be, in Python and in Kafka's text.

Each type reads what users give (str, int, float, bool, lists), writes Kafka's
text, and says in words what is allowed.  Text is read as Kafka's ConfigDef
does: surrounding spaces do not matter, case does, except for booleans.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)


class ConfigType(Protocol, Generic[T]):
    """How the values of one config are read, written and described."""

    @property
    def allowed(self) -> str: ...
    def parse(self, value: object) -> T: ...  # ValueError (without a message) when it is not allowed
    def text(self, value: T) -> str: ...


@dataclass(frozen=True)
class Whole:
    """A whole number; `also` is allowed below the range."""

    low: int | None = None
    high: int = LONG_MAX
    also: int | None = None

    @property
    def allowed(self) -> str:
        most = "" if self.high == LONG_MAX else f" to {self.high}"
        least = "any whole number" if self.low is None else f"{self.low}{most or ' or more'}"
        return least if self.also is None else f"{least}, or {self.also}"

    def parse(self, value: object) -> int:
        number = _whole(value)
        low = -self.high - 1 if self.low is None else self.low
        if number != self.also and not low <= number <= self.high:
            raise ValueError
        return number

    def text(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class Ratio:
    """A number from 0 to 1."""

    allowed: str = "a number from 0 to 1"

    def parse(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError
        number = float(value)
        if not 0 <= number <= 1:  # NaN fails too; Kafka lets it pass
            raise ValueError
        return number

    def text(self, value: float) -> str:
        return repr(value)


@dataclass(frozen=True)
class Flag:
    """true or false."""

    allowed: str = "true or false"

    def parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise ValueError
        return {"true": True, "false": False}[value.strip().lower()]

    def text(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(self.words)

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or value.strip() not in self.words:
            raise ValueError
        return value.strip()

    def text(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Words:
    """A list, in text separated by commas; empty is allowed, doubles are dropped, `alone` bears no other."""

    allowed: str
    is_word: Callable[[str], object]
    alone: str | None = None

    def parse(self, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = value.split(",") if value.strip() else []
        if not isinstance(value, (list, tuple)):
            raise ValueError
        words = tuple(dict.fromkeys(word.strip() if isinstance(word, str) else "" for word in value))
        if not all(map(self.is_word, words)) or (self.alone in words and len(words) > 1):
            raise ValueError
        return words

    def text(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


def _whole(value: object) -> int:
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value.strip()) or len(value) > 64:
            raise ValueError
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value) or value != int(value):
            raise ValueError
        return int(value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError
    return int(value.__index__())
