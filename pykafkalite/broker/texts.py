"""A config's type that takes any text."""

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
