"""A broker as a program: it serves until a signal, and ends as a person or a supervisor expects.

The first SIGTERM or SIGINT lets answers under way finish, and the log is closed clean; a second one ends at once,
which the next start recovers from.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
from typing import TYPE_CHECKING

from ..embedded import Log
from .listening import Address, is_reachable, parse_address
from .loops import new_event_loop
from .server import Server
from .serving import writable_store
from .supervisor import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Settings

logger = logging.getLogger(__name__)

# What a shell says of a program that SIGKILL ended.
KILLED = 137
MAX_FILES = 1 << 20


class Service:
    """One run of `pykafkalite serve`."""

    def __init__(self, directory: str, settings: Settings) -> None:
        """`directory`: what `open` takes. Raises what it raises."""
        _raise_file_limit()
        self.settings = settings
        self.log = Log.open(directory, durability=settings.durability)
        self._asked_to_stop = asyncio.Event()

    def run(self, ready: Callable[[Address], None]) -> None:
        """Serve; `ready(address that clients are told)` once they can connect. Raises AddressInUse, InvalidConfig."""
        loop = new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._serve(ready))
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            self.log.close()
        logger.info("stopped; the log is closed clean")

    async def _serve(self, ready: Callable[[Address], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
        server = Server(writable_store(self.log, self.settings), self.settings)
        told = await server.start()
        try:
            async with contextlib.AsyncExitStack() as started:
                await self._start_metrics(server, started)
                for note in self.settings.notes:
                    logger.info("%s", note)
                ready(told)
                notify("READY=1")
                check = loop.create_task(self._warn_if_unreachable(told))
                await self._asked_to_stop.wait()
                check.cancel()
        finally:
            await server.stop()

    async def _start_metrics(self, server: Server, started: contextlib.AsyncExitStack) -> None:
        if not self.settings.metrics_listen:
            return
        from .metrics import start

        assert server.core is not None
        address = parse_address("metrics.listen", self.settings.metrics_listen)
        metrics = await start(server.core, self.settings, address)
        started.callback(metrics.close)

    def _stop(self, name: str) -> None:
        if self._asked_to_stop.is_set():
            logger.warning("%s again: ending at once; the next start recovers", name)
            os._exit(KILLED)
        logger.info("%s: finishing what is under way", name)
        notify("STOPPING=1")
        self._asked_to_stop.set()

    async def _warn_if_unreachable(self, told: Address) -> None:
        """Clients connect to what Metadata tells them; an address that leads nowhere looks like a broken broker."""
        if not await is_reachable(told):
            logger.warning(
                "clients are told to connect to %s, which does not answer from here: "
                "set advertised.listeners to an address at which they reach this broker",
                told,
            )


def _raise_file_limit() -> None:
    """As a JVM does: each connection is two descriptors, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
