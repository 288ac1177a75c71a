"""A consumer's records as RecordBatches, for `for` and for `async for`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pykafkalite.embedded.arguments import OfThisProcess
from pykafkalite.embedded.cursor import check_columns, check_values, finisher, schema_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    import pyarrow as pa

    from pykafkalite.api import Values
    from pykafkalite.embedded.consumer import Consumer, Fetched


class Batches(OfThisProcess):
    """What `Consumer.batches` gives.  Reads when it is asked for the next one, never ahead."""

    def __init__(
        self, consumer: Consumer, columns: Sequence[str] | None, values: Values, timeout: float | None
    ) -> None:
        columns = check_columns(columns)
        self._consumer = consumer
        self._columns = columns
        self._timeout = timeout
        self.schema = schema_of(columns, check_values(values))
        self._finish = finisher(columns, values)
        self._relabel = (
            _one_dictionary(consumer.topics) if "topic" in columns and len(consumer.topics) > 1 else None
        )
        self._fetched = consumer._fetch(columns, self._finish, timeout)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        while True:
            batch = self._deliver(next(self._fetched))
            if batch is not None:
                return batch

    def __aiter__(self) -> AsyncIterator[pa.RecordBatch]:
        from pykafkalite.embedded.asynchronous import PAUSE, Awaited

        fetched = self._consumer._fetch_or_pause(self._columns, self._finish, self._timeout, PAUSE)
        return Awaited(fetched, self._deliver)

    def _deliver(self, fetched: Fetched[pa.RecordBatch]) -> pa.RecordBatch | None:
        if not self._consumer._yielded(fetched):
            return None
        return fetched.rows if self._relabel is None else self._relabel(fetched.place.topic, fetched.rows)


def _one_dictionary(topics: Sequence[str]) -> Callable[[str, pa.RecordBatch], pa.RecordBatch]:
    """Gives every batch one dictionary with all topics, so that one IPC file can hold them."""
    import pyarrow as pa

    dictionary = pa.array(topics, pa.string())

    def relabel(topic: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        numbers = pa.repeat(pa.scalar(topics.index(topic), pa.int32()), batch.num_rows)
        column = pa.DictionaryArray.from_arrays(numbers, dictionary)
        at = batch.schema.get_field_index("topic")
        return batch.set_column(at, batch.schema.field(at), column)

    return relabel
