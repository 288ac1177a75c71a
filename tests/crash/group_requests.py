"""What members of groups ask a broker for, as a raw client sends it."""

from __future__ import annotations

from datetime import timedelta

from kio.schema.errors import ErrorCode
from raw import Raw, entity


def join(client: Raw) -> tuple[str, int]:
    """Become the one member of a group; member id and generation."""
    protocol = entity(11, 5, "JoinGroupRequestProtocol", name="range", metadata=b"")
    fields = {
        "group_id": "h",
        "session_timeout": timedelta(seconds=30),
        "rebalance_timeout": timedelta(seconds=30),
        "group_instance_id": None,
        "protocol_type": "consumer",
        "protocols": (protocol,),
    }
    member_id = client.ask(11, 5, member_id="", **fields).member_id
    joined = client.ask(11, 5, member_id=member_id, **fields)
    assert joined.error_code is ErrorCode.none
    mine = entity(14, 3, "SyncGroupRequestAssignment", member_id=member_id, assignment=b"")
    synced = client.ask(
        14,
        3,
        group_id="h",
        generation_id=joined.generation_id,
        member_id=member_id,
        group_instance_id=None,
        assignments=(mine,),
    )
    assert synced.error_code is ErrorCode.none
    return member_id, joined.generation_id


def commit(client: Raw, offset: int) -> ErrorCode:
    """Of the group `g`, which has no members."""
    place = entity(
        8,
        7,
        "OffsetCommitRequestPartition",
        partition_index=0,
        committed_offset=offset,
        committed_leader_epoch=-1,
        committed_metadata="",
    )
    topics = (entity(8, 7, "OffsetCommitRequestTopic", name="events", partitions=(place,)),)
    answer = client.ask(
        8,
        7,
        group_id="g",
        generation_id_or_member_epoch=-1,
        member_id="",
        group_instance_id=None,
        topics=topics,
    )
    error: ErrorCode = answer.topics[0].partitions[0].error_code
    return error


def committed_offset(client: Raw) -> int:
    topics = (entity(9, 5, "OffsetFetchRequestTopic", name="events", partition_indexes=(0,)),)
    answer = client.ask(9, 5, group_id="g", topics=topics)
    offset: int = answer.topics[0].partitions[0].committed_offset
    return offset
