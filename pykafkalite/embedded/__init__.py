"""The embedded log: what `open()` gives for a directory, in this process and with nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykafkalite.embedded.log import Log

if TYPE_CHECKING:
    from pykafkalite import api
    from pykafkalite.embedded.batches import Batches
    from pykafkalite.embedded.consumer import Consumer
    from pykafkalite.embedded.group import Group
    from pykafkalite.embedded.scan import Scan
    from pykafkalite.embedded.topic import Topic
    from pykafkalite.embedded.writer import Writer

    def _is_a_target(
        log: Log, topic: Topic, scan: Scan, consumer: Consumer, batches: Batches, group: Group, writer: Writer
    ) -> tuple[api.Log, api.Topic, api.Scan, api.Consumer, api.Batches, api.Group, api.Writer]:
        """A type checker holds each class to what every target offers."""
        return log, topic, scan, consumer, batches, group, writer


__all__ = ["Log"]
