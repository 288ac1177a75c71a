"""Log lines on stderr: for a person, or a JSON object each for a program."""

from __future__ import annotations

import json
import logging
import time
import warnings
from datetime import UTC, datetime

import click

COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


class ForPeople(logging.Formatter):
    """`12:00:01 message`; what is worse than information says so."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} "
        if record.levelno > logging.INFO:
            line += click.style(record.levelname.lower(), fg=COLOURS.get(record.levelno), bold=True) + ": "
        line += record.getMessage()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class AsJson(logging.Formatter):
    """`{"time", "level", "logger", "message", "exception"?}`, the time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        click.echo(self.format(record), err=True)


def log_to_stderr(*, as_json: bool) -> None:
    """From now on, whatever the package and asyncio log, and warnings."""
    handler = _Stderr()
    handler.setFormatter(AsJson() if as_json else ForPeople())
    for name in ("pykafkalite", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if name == "pykafkalite" else logging.WARNING)
    warnings.formatwarning = lambda message, *_, **__: str(message)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").handlers = [handler]
