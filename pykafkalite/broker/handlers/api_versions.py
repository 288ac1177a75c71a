"""ApiVersions (18), v0-4.

Which APIs and versions are served: the first question of most clients.

v3  flexible; the answer's header stays v0 so that any client can read it
v4  features of minimum version 0 may be told (KIP-1022)
Unknown versions are answered in v0 with the whole list (KIP-511).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode

from ..router import ROUTES, handles

if TYPE_CHECKING:
    from ..broker import Broker
    from ..wire import Request


@handles(18, versions=(0, 4))
def api_versions(broker: Broker, request: Request) -> Any:
    return _answer(request, ErrorCode.none)


def unsupported_version(request: Request) -> Any:
    """The answer to a version that is not served, for a request of version 0."""
    return _answer(request, ErrorCode.unsupported_version)


def _answer(request: Request, error: ErrorCode) -> Any:
    return request.response(
        error_code=error,
        api_keys=tuple(
            request.entity(
                "ApiVersion", api_key=key, min_version=route.advertised_first, max_version=route.last
            )
            for key, route in sorted(ROUTES.items())
        ),
        throttle_time=timedelta(0),
        finalized_features_epoch=-1,
    )
