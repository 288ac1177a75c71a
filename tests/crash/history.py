"""What a process said it did, and whether a store agrees.

The rules: what was acknowledged is there, once, at its offset, whole; what was tried and not
acknowledged is there as a whole or not at all; nothing else is there; offsets have no gap.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow  # noqa: F401  (the first import takes long: not in the middle of a test)
from victim import value_of

from pykafkalite import _core
from pykafkalite.coordinator.group_log import GroupLog
from pykafkalite.storage.naming import OFFSETS_TOPIC
from pykafkalite.storage.store import Store

Place = tuple[str, int]


@dataclass
class Deed:
    """One thing that was tried."""

    verb: str
    what: list[Any]
    done: bool = False
    result: int | None = None
    error: str | None = None


@dataclass
class History:
    """Everything that a process said, in order; a later process may go on with it."""

    deeds: list[Deed] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    crashed: str | None = None
    exit: int | None = None
    pid: int = 0
    _open: dict[int, Deed] = field(default_factory=dict)

    def hear(self, text: str) -> None:
        if text.startswith("hit "):
            self.hits.append(text[4:].strip())
        elif text.startswith("call "):
            self.calls.append(text[5:].strip())
        else:
            self._hear(json.loads(text))

    def _hear(self, line: dict[str, Any]) -> None:
        if "try" in line:
            deed = self._open[line["try"]] = Deed(line["verb"], line["what"])
            self.deeds.append(deed)
        elif "done" in line:
            deed = self._open.pop(line["done"])
            deed.done, deed.result = True, line["result"]
        elif "failed" in line:
            self._open.pop(line["failed"]).error = line["error"]
        elif "crashed" in line:
            self.crashed = line["crashed"]
        elif "pid" in line:
            self.pid = line["pid"]
        else:
            self.exit = line["exit"]
            self._open.clear()

    def of(self, verb: str) -> list[Deed]:
        return [deed for deed in self.deeds if deed.verb == verb]

    @property
    def acknowledged(self) -> int:
        """How many appends were."""
        return sum(deed.done for deed in self.of("append"))

    @property
    def next_serial(self) -> int:
        return 1 + max((serial for deed in self.of("append") for serial in deed.what[2]), default=-1)

    def problems(self, store: Store) -> list[str]:
        """Where the store breaks a rule, in words; [] when it agrees."""
        found = self._topic_problems(store)
        for name, topic in store.topics().items():
            if name != OFFSETS_TOPIC:
                for index in range(topic.partitions):
                    found += self._partition_problems(store, (name, index))
        return found + self._commit_problems(store)

    # --- topics ------------------------------------------------------------------

    def _topic_problems(self, store: Store) -> list[str]:
        topics = store.topics()
        created = {deed.what[0]: deed for deed in self.of("create")}
        deleted = {deed.what[0]: deed for deed in self.of("delete")}
        found = [f"topic {name} was never created" for name in topics.keys() - created - {OFFSETS_TOPIC}]
        for name, deed in created.items():
            if deed.done and name not in topics and name not in deleted:
                found.append(f"topic {name} is gone")
            if name in topics and name in deleted and deleted[name].done:
                found.append(f"topic {name} is there again")
        for deed in self.of("grow"):
            name, count = deed.what
            if deed.done and name in topics and topics[name].partitions != count:
                found += [f"{name} has not the partitions that were added"]
        for deed in self.of("alter"):
            name, config, value = deed.what
            if deed.done and name in topics and str(topics[name].config.overrides.get(config)) != value:
                found.append(f"{name} has not the {config} that it was given")
        return found

    def _commit_problems(self, store: Store) -> list[str]:
        found = []
        tried: dict[tuple[str, str], list[Deed]] = defaultdict(list)
        for deed in self.of("commit"):
            tried[deed.what[0], deed.what[1]].append(deed)
        offsets = GroupLog(store)
        for (group, topic), deeds in tried.items():
            done = [at for at, deed in enumerate(deeds) if deed.done]
            possible = {deed.what[2] for deed in deeds[done[-1] if done else 0 :]}
            commit = offsets.committed(group).get((topic, 0))
            if (commit.offset if commit else None) not in (possible if done else {None, *possible}):
                found.append(f"group {group} is at {commit} of {topic}, not at one of {sorted(possible)}")
        return found

    # --- records -----------------------------------------------------------------

    def _partition_problems(self, store: Store, place: Place) -> list[str]:
        partition = store.partition(*place)
        start = partition.start_offset
        records = read_all(store, place)
        appends = [deed for deed in self.of("append") if tuple(deed.what[:2]) == place]
        found = self._start_problems(place, start, appends)
        offsets = [offset for offset, _ in records]
        if offsets != list(range(start, partition.high_watermark)):
            found.append(f"{place}: offsets {offsets[:3]}...{offsets[-3:]} are not all from {start} on")
        serial_of = {value_of(serial): serial for deed in appends for serial in deed.what[2]}
        where: dict[int, list[int]] = defaultdict(list)
        for offset, value in records:
            if value in serial_of:
                where[serial_of[value]].append(offset)
            else:
                found.append(f"{place}: offset {offset} holds {value!r}, which nobody wrote")
        for deed in appends:
            found += _batch_problems(place, deed, where, start)
        return found

    def _start_problems(self, place: Place, start: int, appends: list[Deed]) -> list[str]:
        deletions = [deed for deed in self.of("delete records") if deed.what[0] == place[0]]
        least = max((deed.what[1] for deed in deletions if deed.done), default=0)
        most = max((deed.what[1] for deed in deletions), default=0)
        if any(place[0] in deed.what for deed in self.of("retention")):
            most = max([most, *(deed.result + 1 for deed in appends if deed.result is not None)])
        return [] if least <= start <= most else [f"{place} starts at {start}, not from {least} to {most}"]


def _batch_problems(place: Place, deed: Deed, where: dict[int, list[int]], start: int) -> list[str]:
    """Of one batch: a batch is there as it was acknowledged, or whole, or not at all."""
    serials = deed.what[2]
    places = [where.get(serial, []) for serial in serials]
    if any(len(offsets) > 1 for offsets in places):
        return [f"{place}: the batch of {serials[0]} is there twice: {places}"]
    offsets = [found[0] if found else None for found in places]
    if deed.done:
        assert deed.result is not None
        expected = [at if at >= start else None for at in range(deed.result, deed.result + len(serials))]
        return [] if offsets == expected else [f"{place}: acknowledged {expected}, found {offsets}"]
    there = [offset for offset in offsets if offset is not None]
    whole = there == offsets or (there and there[0] == start and offsets[-len(there) :] == there)
    if there and not (whole and there == list(range(there[0], there[0] + len(there)))):
        return [f"{place}: half of a batch is there: {offsets}"]
    return []


def read_all(store: Store, place: Place) -> list[tuple[int, bytes | None]]:
    """[(offset, value)] of a partition."""
    partition = store.partition(*place)
    reader = _core.ColumnReader(*place, ["offset", "value"])
    at, end = partition.start_offset, partition.high_watermark
    found: list[tuple[int, bytes | None]] = []
    while at < end:
        at = partition.fill(reader, at, end)
        batch = reader.finish()
        found += zip(batch["offset"].to_pylist(), batch["value"].to_pylist(), strict=True)
    return found
