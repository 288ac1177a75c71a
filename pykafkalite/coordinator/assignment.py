"""Who gets which partition: Kafka's range assignment.

Rule (org.apache.kafka.clients.consumer.RangeAssignor): topic by topic, partitions in
number order over members in id order; when they do not divide evenly the first members get one more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
