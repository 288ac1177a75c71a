"""Types of configs that take text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """Any text, without the spaces around it."""

    allowed: str = "text"

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        return value.strip()

    def text(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class OneDirectory(Text):
    """Kafka takes several, separated by commas."""

    allowed: str = "one directory"

    def parse(self, value: object) -> str:
        text = super().parse(value)
        if not text or "," in text:
            raise ValueError
        return text
