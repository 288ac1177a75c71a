"""Which handler answers which request. Its table is at once the dispatch and the ApiVersions answer."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .broker import Broker
    from .wire import Request

Answer = Any
"""A kio response; None where the request wants none (acks=0)."""

Handler = Callable[["Broker", "Request"], Answer | Awaitable[Answer]]


class Route(NamedTuple):
    """One API: the versions served, those advertised, and what answers it."""

    first: int
    last: int
    advertised_first: int
    handler: Handler


ROUTES: dict[int, Route] = {}


def handles(
    api_key: int, versions: tuple[int, int], *, advertised_from: int | None = None
) -> Callable[[Handler], Handler]:
    """Registers the handler of an API; a second one for the same API is refused."""

    def register(handler: Handler) -> Handler:
        if api_key in ROUTES:
            raise ValueError(f"API {api_key} has a handler already: {ROUTES[api_key].handler.__module__}")
        first, last = versions
        ROUTES[api_key] = Route(first, last, first if advertised_from is None else advertised_from, handler)
        return handler

    return register


def is_served(api_key: int, version: int) -> bool:
    """Whether a request of that API and version has a handler."""
    route = ROUTES.get(api_key)
    return route is not None and route.first <= version <= route.last


def load_handlers() -> None:
    """Import every file of `handlers/`: each registers its API."""
    from . import handlers

    for module in pkgutil.iter_modules(handlers.__path__):
        importlib.import_module(f"{handlers.__name__}.{module.name}")
