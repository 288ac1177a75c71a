"""DescribeCluster (60), v0-2: this broker, which is its own controller."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request

BROKERS, CONTROLLERS = 1, 2


@handles(60, versions=(0, 2))
def describe_cluster(broker: Broker, request: Request) -> Any:
    if getattr(request.body, "endpoint_type", BROKERS) != BROKERS:
        return request.response(
            throttle_time=timedelta(0),
            error_code=ErrorCode.mismatched_endpoint_type,
            error_message="this is a broker's endpoint",
            cluster_id="",
            brokers=(),
        )
    node = broker.settings.node_id
    return request.response(
        throttle_time=timedelta(0),
        error_code=ErrorCode.none,
        endpoint_type=BROKERS,
        cluster_id=broker.store.cluster_id,
        controller_id=node,
        brokers=(
            request.entity(
                "DescribeClusterBroker",
                broker_id=node,
                host=request.told.host,
                port=request.told.port,
                rack=None,
                is_fenced=False,
            ),
        ),
    )
