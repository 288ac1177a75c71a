"""A broker on its sockets: listening, and stopping once what is under way is answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .broker import Broker as Core
from .connection import Connection
from .listening import BACKLOG, Address, advertised, bind, check_allowed, parse_addresses
from .router import load_handlers

if TYPE_CHECKING:
    import socket

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
        """Listened on."""

    async def start(self) -> Address:
        """Listen; the address that clients are told. Raises AddressInUse, InvalidConfig."""
        load_handlers()
        asked = parse_addresses("listeners", self._settings.listeners)
        sockets: list[socket.socket] = []
        for address in asked:
            check_allowed(self._settings, address)
        for address in asked:
            try:
                bound = bind(address)
            except BaseException:
                for one in sockets:
                    one.close()
                raise
            sockets += bound
            self.addresses.append(Address(address.host, bound[0].getsockname()[1]))
        loop = asyncio.get_running_loop()
        core = self.core = Core(self._store, self._settings, loop)
        core.host, core.port = told = advertised(self._settings, self.addresses[0])
        for one in sockets:
            self._servers.append(
                await loop.create_server(lambda: Connection(core), sock=one, backlog=BACKLOG)
            )
        return told

    async def stop(self) -> None:
        """Take no more connections, let answers under way finish, close."""
        if self.core is None:
            return
        for server in self._servers:
            server.close()
        self.core.waiting.stop()
        for connection in list(self.core.connections):
            connection.finish()
        deadline = self.core.loop.time() + GRACE_SECONDS
        while self.core.connections and self.core.loop.time() < deadline:
            await asyncio.sleep(0.005)
        for connection in list(self.core.connections):
            connection.close()
        for server in self._servers:
            await server.wait_closed()
        self.core.close()
