"""`/metrics` for Prometheus and `/healthz` for supervisors, on an address of their own.

HTTP as far as these two need it: one GET per connection, answered and closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from ..errors import Error, InvalidConfig
from .listening import bind, check_allowed
from .router import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .broker import Broker
    from .listening import Address
    from .settings import Settings

logger = logging.getLogger(__name__)

# Of a request line with its headers; a client that is slower than the timeout is not waited for.
MAX_REQUEST = 16 << 10
TIMEOUT_SECONDS = 5.0

TEXT = "text/plain; charset=utf-8"


async def start(broker: Broker, settings: Settings, address: Address) -> asyncio.Server:
    """Listen; the caller closes the server. Raises AddressInUse, InvalidConfig."""
    check_allowed(settings, address)
    pages = {"/metrics": _metrics_of(broker), "/healthz": lambda: _health_of(broker)}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(_respond(pages, request))
                await writer.drain()
        writer.close()

    sockets = bind(address)
    server = await asyncio.start_server(answer, sock=sockets[0], limit=MAX_REQUEST)
    for more in sockets[1:]:
        more.close()
    host, port = sockets[0].getsockname()[:2]
    logger.info("http://%s:%d/metrics and /healthz", host, port)
    return server


def _respond(pages: dict[str, Callable[[], tuple[int, str, bytes]]], request: bytes) -> bytes:
    method, _, rest = request.partition(b" ")
    path = rest.split(b" ", 1)[0].split(b"?", 1)[0].decode("ascii", "replace")
    page = pages.get(path)
    if method not in (b"GET", b"HEAD"):
        status, kind, body = 405, TEXT, b"only GET and HEAD\n"
    elif page is None:
        status, kind, body = 404, TEXT, b"there are /metrics and /healthz\n"
    else:
        status, kind, body = page()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == b"HEAD" else body)


_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _health_of(broker: Broker) -> tuple[int, str, bytes]:
    try:
        broker.store.check_usable()
    except Error as error:
        return 503, TEXT, f"{error}\n".encode()
    return 200, TEXT, b"ok\n"


def _metrics_of(broker: Broker) -> Callable[[], tuple[int, str, bytes]]:
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_LATEST
    except ImportError:
        raise InvalidConfig(
            "metrics.listen needs prometheus-client: pip install 'pykafkalite[metrics]'"
        ) from None
    registry = CollectorRegistry()
    registry.register(_Collector(broker))
    ProcessCollector(registry=registry)
    return lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry))


class _Collector:
    """Reads what the broker knows when it is asked; nothing is kept for it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        from kio.index import load_request_schema
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        broker = self._broker
        yield GaugeMetricFamily("pykafkalite_connections", "Open connections.", value=len(broker.connections))
        requests = CounterMetricFamily("pykafkalite_requests", "Requests by API.", labels=["api"])
        for api_key, count in sorted(broker.requests.items()):
            schema = load_request_schema(api_key, ROUTES[api_key].last)
            requests.add_metric([schema.__name__.removesuffix("Request")], count)
        yield requests
        names = ["topic", "partition"]
        starts = GaugeMetricFamily("pykafkalite_log_start_offset", "The first offset kept.", labels=names)
        ends = GaugeMetricFamily("pykafkalite_high_watermark", "Consumers see what is below.", labels=names)
        for topic in broker.store.topics().values():
            for index in range(topic.partitions):
                if bounds := broker.store.slots.bounds((topic.id, index)):
                    starts.add_metric([topic.name, str(index)], bounds.start)
                    ends.add_metric([topic.name, str(index)], bounds.high_watermark)
        yield starts
        yield ends
