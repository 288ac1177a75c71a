"""Produce (0), v3-13; advertised from 0, or older librdkafka silently stops compressing (KAFKA-18659).

Appends one batch for each partition named.

v3   record batches of magic 2, transactional id
v8   per-record errors
v9   flexible
v10  the current leader, where it is another (KIP-951); never here
v13  topic ids instead of names
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ...errors import Error
from ..codes import code_of
from ..router import handles

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ...storage.partition import Appended, WritablePartition
    from ..broker import Broker
    from ..wire import Request

ACKS = (-1, 0, 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one partition's batch: where it went, or why not."""

    index: int
    partition: WritablePartition | None
    appended: Appended | None
    error: ErrorCode = ErrorCode.none
    message: str | None = None


@handles(0, versions=(3, 13), advertised_from=0)
def produce(broker: Broker, request: Request) -> Any | Awaitable[Any]:
    body = request.body
    written = [
        (topic, [_write(broker, body.acks, topic, item) for item in topic.partition_data])
        for topic in body.topic_data
    ]
    waiting = [
        outcome
        for _, outcomes in written
        for outcome in outcomes
        if outcome.partition and outcome.appended and not outcome.partition.is_settled(outcome.appended)
    ]
    if waiting:
        return _settle(broker, request, written, waiting)
    return _answer(request, written)


def _write(broker: Broker, acks: int, topic: Any, item: Any) -> Outcome:
    if acks not in ACKS:
        return Outcome(item.index, None, None, ErrorCode.invalid_required_acks)
    found = broker.topic(getattr(topic, "name", None), getattr(topic, "topic_id", None))
    partition = None if found is None else broker.partition(found, item.index)
    if partition is None:
        unknown_id = found is None and not hasattr(topic, "name")
        error = ErrorCode.unknown_topic_id if unknown_id else ErrorCode.unknown_topic_or_partition
        return Outcome(item.index, None, None, error)
    if broker.is_internal(partition.topic):
        return Outcome(item.index, None, None, ErrorCode.invalid_topic_exception)
    try:
        appended = partition.write_client_batch(item.records)
    except Error as error_met:
        return Outcome(item.index, partition, None, code_of(error_met), str(error_met))
    return Outcome(item.index, partition, appended)


def _settle(broker: Broker, request: Request, written: Any, waiting: list[Outcome]) -> Awaitable[Any]:
    failed: dict[WritablePartition, Error] = {}

    def settle_all() -> None:
        for outcome in waiting:
            assert outcome.partition is not None
            assert outcome.appended is not None
            try:
                outcome.partition.settle(outcome.appended)
            except Error as error:
                failed[outcome.partition] = error

    # Begun here, not in the coroutine: that never runs where the client has gone by then.
    return _settled(request, written, failed, broker.on_disk(settle_all))


async def _settled(
    request: Request, written: Any, failed: dict[WritablePartition, Error], done: Awaitable[None]
) -> Any:
    await done
    if failed:
        written = [(topic, [_failed(outcome, failed) for outcome in outcomes]) for topic, outcomes in written]
    return _answer(request, written)


def _failed(outcome: Outcome, failed: dict[WritablePartition, Error]) -> Outcome:
    error = None if outcome.partition is None else failed.get(outcome.partition)
    if error is None:
        return outcome
    return replace(outcome, appended=None, error=code_of(error), message=str(error))


def _answer(request: Request, written: list[tuple[Any, list[Outcome]]]) -> Any:
    if request.body.acks == 0:
        return None
    return request.response(
        responses=tuple(
            request.entity(
                "TopicProduceResponse",
                name=getattr(topic, "name", None),
                topic_id=getattr(topic, "topic_id", None),
                partition_responses=tuple(_of_partition(request, outcome) for outcome in outcomes),
            )
            for topic, outcomes in written
        ),
        throttle_time=timedelta(0),
    )


def _of_partition(request: Request, outcome: Outcome) -> Any:
    appended, partition = outcome.appended, outcome.partition
    return request.entity(
        "PartitionProduceResponse",
        index=outcome.index,
        error_code=outcome.error,
        base_offset=appended.base_offset if appended else -1,
        log_append_time=_moment(appended.timestamp) if appended and appended.timestamp >= 0 else None,
        log_start_offset=partition.start_offset if appended and partition else -1,
        record_errors=(),
        error_message=outcome.message,
    )


def _moment(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp / 1000, UTC)
