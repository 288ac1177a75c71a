"""A broker on a socket: listening, stopping, and a thread of its own for `pk.Broker`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from .broker import Broker as Core
from .connection import Connection
from .router import load_handlers

if TYPE_CHECKING:
    from ..storage.writing import WritingStore
    from .settings import Settings

# How long SIGTERM waits for answers that are being made.
GRACE_SECONDS = 5.0


class Server:
    """Serves a store on one address. Made, run and stopped on one event loop."""

    def __init__(self, store: WritingStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._server: asyncio.Server | None = None
        self.core: Core | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address that clients are told. Port 0: any that is free."""
        load_handlers()
        loop = asyncio.get_running_loop()
        core = self.core = Core(self._store, self._settings, loop)
        self._server = await loop.create_server(lambda: Connection(core), host, port, family=socket.AF_INET)
        core.host, core.port = self._server.sockets[0].getsockname()[:2]
        return core.host, core.port

    async def stop(self) -> None:
        """Take no more connections, let answers under way finish, close."""
        if self._server is None or self.core is None:
            return
        self._server.close()
        deadline = self.core.loop.time() + GRACE_SECONDS
        while any(not connection.is_idle for connection in self.core.connections):
            if self.core.loop.time() > deadline:
                break
            await asyncio.sleep(0.01)
        for connection in list(self.core.connections):
            connection.close()
        await self._server.wait_closed()
        self.core.close()


class Broker:
    """A broker in this process, on a thread of its own, until `close` or the end of the `with` block."""

    def __init__(self, store: WritingStore, settings: Settings, host: str, port: int) -> None:
        self._server = Server(store, settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="pykafkalite-broker", daemon=True)
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._server.start(host, port), self._loop)
        try:
            self.host, self.port = started.result()
        except BaseException:
            self._end()
            raise

    @property
    def bootstrap_servers(self) -> str:
        """What a client's `bootstrap.servers` wants."""
        return f"{self.host}:{self.port}"

    def close(self) -> None:
        """Finish what is under way, close all connections. Closing twice is fine."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result()
            self._end()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        with contextlib.suppress(RuntimeError):
            self._loop.close()
