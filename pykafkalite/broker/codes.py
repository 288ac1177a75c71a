"""Our exceptions as Kafka's error codes: the number is in the exception, the enum is kio's."""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from ..errors import Error


def code_of(error: Exception) -> ErrorCode:
    """What a client is told of `error`."""
    return ErrorCode(error.code) if isinstance(error, Error) else ErrorCode.unknown_server_error
