"""A consumer group as an administrator sees it: how far it has come, and moving it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pykafkalite import api
from pykafkalite.api import GroupOffset, implements
from pykafkalite.embedded import display
from pykafkalite.embedded.arguments import OfThisProcess, several
from pykafkalite.embedded.bounds import resolve_all
from pykafkalite.errors import UnknownTopic

if TYPE_CHECKING:
    from pykafkalite.api import Bound
    from pykafkalite.coordinator.coordinator import Coordinator
    from pykafkalite.embedded.log import Log


@implements(api.Group)
class Group(OfThisProcess):
    """Made by `Log.group` and `Log.groups`.  What it says is true when it is asked."""

    def __init__(self, log: Log, name: str) -> None:
        self.name = name
        self._log = log

    @property
    def _coordinator(self) -> Coordinator:
        self._log.store.check_usable()
        return self._log.coordinator

    @property
    def state(self) -> str:
        return self._coordinator.describe(self.name).state

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(sorted(self._coordinator.assignment(self.name)))

    def describe(self) -> list[GroupOffset]:
        """Each partition that the group has committed in or reads now, but those of deleted topics."""
        committed = self._coordinator.log.committed(self.name)
        readers = {
            place: member
            for member, places in self._coordinator.assignment(self.name).items()
            for place in places
        }
        described = []
        for topic, index in sorted({*committed, *readers}):
            try:
                partition = self._log.store.partition(topic, index)
            except UnknownTopic:
                continue
            start, end = partition.start_offset, partition.high_watermark
            commit = committed.get((topic, index))
            offset = None if commit is None else commit.offset
            lag = None if offset is None else max(0, end - offset)
            described.append(GroupOffset(topic, index, offset, start, end, lag, readers.get((topic, index))))
        return described

    def reset(
        self, to: Bound = "earliest", *, topics: str | Iterable[str] | None = None
    ) -> list[GroupOffset]:
        if topics is None:
            names = sorted({topic for topic, _ in self._coordinator.log.committed(self.name)})
        else:
            names = (
                [topics] if isinstance(topics, str) else sorted(set(several("topics", topics, '["flights"]')))
            )
        offsets = {}
        for name in names:
            partitions = [
                self._log.store.partition(name, i) for i in range(self._log.store.topic(name).partitions)
            ]
            if isinstance(to, Mapping):
                partitions = [partition for partition in partitions if partition.index in to]
            for index, offset in resolve_all(partitions, to, "earliest").items():
                offsets[name, index] = offset
        self._coordinator.reset(self.name, offsets)
        return self.describe()

    def delete(self) -> None:
        self._coordinator.delete_group(self.name)

    def _rows(self) -> tuple[str, list[str], list[list[str]]]:
        described = self.describe()
        rows = [
            [
                f"{row.topic}-{row.partition}",
                "" if row.committed is None else f"{row.committed:,}",
                f"{row.end_offset:,}",
                "" if row.lag is None else f"{row.lag:,}",
                row.member or "",
            ]
            for row in described
        ]
        lag = sum(row.lag or 0 for row in described)
        title = f"Group {self.name}: {self.state}, {display.plural(len(self.members), 'member')}, lag {lag:,}"
        return title, ["partition", "committed", "end", "lag", "member"], rows

    def __repr__(self) -> str:
        return display.as_text(f"Group {self.name}", self._rows)

    def _repr_html_(self) -> str:
        return display.as_html(f"Group {self.name}", self._rows)
