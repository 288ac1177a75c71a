"""A broker on its sockets: listening, and stopping once what is under way is answered."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from .broker import Broker as Core
from .connection import Connection
from .listening import BACKLOG, Address, bind, check_allowed, listeners_of
from .router import load_handlers

if TYPE_CHECKING:
    from ..storage.writing import WritingStore
    from .settings import Settings

# How long SIGTERM waits for answers that are being made.
GRACE_SECONDS = 5.0


class Server:
    """Serves a store on its listeners. Made, run and stopped on one event loop."""

    def __init__(self, store: WritingStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._servers: list[asyncio.Server] = []
        self.core: Core | None = None
        self.addresses: list[Address] = []
        """What clients are told, by listener."""

    async def start(self) -> Address:
        """Listen; the address that clients of the first listener are told. Raises AddressInUse, InvalidConfig."""
        load_handlers()
        listeners = listeners_of(self._settings)
        for listener in listeners:
            check_allowed(self._settings, listener.address)
        with contextlib.ExitStack() as undo:
            opened = []
            for listener in listeners:
                sockets = bind(listener.address)
                opened.append((listener, sockets))
                for one in sockets:
                    undo.callback(one.close)
            loop = asyncio.get_running_loop()
            core = self.core = Core(self._store, self._settings, loop)
            undo.callback(core.close)
            for listener, sockets in opened:
                told = listener.told(sockets[0].getsockname()[1])
                self.addresses.append(told)
                connect = partial(Connection, core, told)
                for one in sockets:
                    self._servers.append(await loop.create_server(connect, sock=one, backlog=BACKLOG))
            undo.pop_all()
        return self.addresses[0]

    async def stop(self) -> None:
        """Take no more connections, let answers under way finish, close."""
        if self.core is None:
            return
        for server in self._servers:
            server.close()
        self.core.waiting.stop()
        for connection in list(self.core.connections):
            connection.finish()
        await self.core.on_disk(self.core.coordinator.release_clients)  # no answer may wait for a group
        deadline = self.core.loop.time() + GRACE_SECONDS
        while self.core.connections and self.core.loop.time() < deadline:
            await asyncio.sleep(0.005)
        for connection in list(self.core.connections):
            connection.close()
        for server in self._servers:
            await server.wait_closed()
        self.core.close()
