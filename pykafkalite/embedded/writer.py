"""The buffered appender: `append` is the native accumulator's own; sending and reporting are here."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, NamedTuple, Self

from pykafkalite._core import RecordAccumulator
from pykafkalite.embedded.arguments import OfThisProcess
from pykafkalite.embedded.display import plural

if TYPE_CHECKING:
    from types import TracebackType

    from pykafkalite._core import Encoded
    from pykafkalite.embedded.topic import Topic


class FailedRecords(NamedTuple):
    """Records that were not stored: numbers `first` to `last`, from 0, of this writer in `partition`."""

    partition: int
    first: int
    last: int
    error: BaseException

    def __str__(self) -> str:
        count = self.last - self.first + 1
        return (
            f"{plural(count, 'record')} for partition {self.partition} "
            f"(numbers {self.first:,} to {self.last:,} of this writer there): {self.error}"
        )


class Writer(OfThisProcess, RecordAccumulator):
    """Made by `Topic.writer`.  Belongs to one thread.

    `append` may return before the record is stored.  What then fails is kept in `failed`, and
    raised by the next `flush()` or by leaving the block: the first error, with a note that names
    the records.  Batches that follow a failed one are still sent.
    """

    def __init__(self, topic: Topic, *, linger_ms: int, batch_size: int) -> None:
        info = topic._info()
        super().__init__(
            info.partitions,
            self._send,
            batch_size=min(batch_size, info.config.max_batch_bytes),
            max_bytes=info.config.max_batch_bytes,
            linger_ms=linger_ms,
        )
        self.failed: list[FailedRecords] = []
        self._topic = topic
        self._sent = [0] * info.partitions
        self._reported = 0
        self._thread = threading.get_ident()

    def flush(self) -> None:
        """Sends what is buffered; returns once acknowledged.  Raises what failed since the last flush."""
        self._check_thread()
        self.drain_all()
        new = self.failed[self._reported :]
        self._reported = len(self.failed)
        if new:
            error = new[0].error
            for failure in new[:10]:
                error.add_note(f"not stored: {failure}")
            if len(new) > 10:
                error.add_note(f"not stored: ... and {len(new) - 10:,} more batches, all in `writer.failed`")
            raise error

    def close(self) -> None:
        """The same as `flush`: a writer holds nothing else."""
        self.flush()

    def _send(self, partition: int, batch: Encoded) -> None:
        self._check_thread()
        first = self._sent[partition]
        self._sent[partition] += batch.count
        try:
            self._topic._append_encoded(partition, batch)
        except BaseException as error:
            self.failed.append(FailedRecords(partition, first, first + batch.count - 1, error))
            if not isinstance(error, Exception):
                raise

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a writer belongs to the thread that made it: make one in each thread")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "pending", 0):
            warnings.warn(
                f"{plural(self.pending, 'record')} of a writer never sent: use it in a `with` block, or flush()",
                ResourceWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<Writer to {self._topic.name}: {plural(sum(self._sent), 'record')} sent, {self.pending:,} buffered>"
