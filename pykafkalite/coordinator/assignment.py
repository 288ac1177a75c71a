"""Who gets which partition: Kafka's assignors, for when a consumer of this process leads its group.

range (org.apache.kafka.clients.consumer.RangeAssignor): topic by topic, partitions in number order over
members in id order; when they do not divide evenly the first members get one more.
roundrobin (RoundRobinAssignor): all partitions in order, one to each member in turn that reads the topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TopicPartitions = tuple[tuple[str, int], ...]


def range_assignment(
    subscriptions: Mapping[str, frozenset[str]], partitions: Mapping[str, int]
) -> dict[str, TopicPartitions]:
    """member -> its (topic, partition) pairs, sorted.  Topics not in `partitions` are passed over."""
    assigned: dict[str, list[tuple[str, int]]] = {member: [] for member in subscriptions}
    for topic in sorted(partitions):
        members = sorted(member for member, topics in subscriptions.items() if topic in topics)
        if not members:
            continue
        each, extra = divmod(partitions[topic], len(members))
        first = 0
        for place, member in enumerate(members):
            after = first + each + (place < extra)
            assigned[member] += [(topic, number) for number in range(first, after)]
            first = after
    return {member: tuple(pairs) for member, pairs in assigned.items()}


def round_robin_assignment(
    subscriptions: Mapping[str, frozenset[str]], partitions: Mapping[str, int]
) -> dict[str, TopicPartitions]:
    """As `range_assignment`."""
    assigned: dict[str, list[tuple[str, int]]] = {member: [] for member in subscriptions}
    turn = sorted(subscriptions)
    for topic in sorted(partitions):
        if not any(topic in topics for topics in subscriptions.values()):
            continue
        for number in range(partitions[topic]):
            place = next(place for place, member in enumerate(turn) if topic in subscriptions[member])
            assigned[turn[place]].append((topic, number))
            turn = turn[place + 1 :] + turn[: place + 1]
    return {member: tuple(pairs) for member, pairs in assigned.items()}


ASSIGNORS: Mapping[
    str, Callable[[Mapping[str, frozenset[str]], Mapping[str, int]], dict[str, TopicPartitions]]
] = {
    "range": range_assignment,
    "roundrobin": round_robin_assignment,
}
"""By the name of the protocol, the preferred one first."""
