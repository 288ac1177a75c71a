"""The embedded log: what `open()` gives for a directory, in this process and with nothing in between."""

from pykafkalite.embedded.log import Log

__all__ = ["Log"]
