"""The coordinator's configs: Kafka's names with underscores, Kafka's defaults (GroupCoordinatorConfig)."""

from __future__ import annotations

from typing import NamedTuple


class GroupSettings(NamedTuple):
    """Times are milliseconds, except `offsets_retention_minutes`."""

    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_max_size: int = (1 << 31) - 1
    # Kafka's default is 3,000: time for the members of a large deployment to come. Here nobody waits.
    group_initial_rebalance_delay_ms: int = 0
    offset_metadata_max_bytes: int = 4_096
    offsets_retention_minutes: int = 7 * 24 * 60
    offsets_retention_check_interval_ms: int = 600_000
