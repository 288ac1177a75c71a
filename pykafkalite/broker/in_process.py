"""`pk.Broker`: a broker in this process, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Self

from ..embedded import Log
from .loops import new_event_loop
from .server import Server
from .serving import writable_store
from .settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from types import TracebackType

    from .listening import Address


class Broker:
    """Serves a log to every Kafka client, until `close` or the end of the `with` block.

        with pk.Broker("data") as broker:
            producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
            broker.log.topic("flights").scan().to_arrow()

    What is written on one side is there at once on the other. Safe from any thread; of no use in a forked child.
    """

    def __init__(
        self,
        log: Log | str | os.PathLike[str],
        listen: str = "127.0.0.1:0",
        *,
        config: Mapping[str, object] | None = None,
    ) -> None:
        """`log`: one that is open for writing, or what `open` takes: a directory or ":memory:", closed at the end.

        `listen`: HOST:PORT, port 0 for any that is free. `config`: a broker's, with Kafka's names.
        Raises AddressInUse, InvalidConfig, ReadOnly, and what `open` raises.
        """
        settings = Settings.given({"listeners": listen, **(config or {})})
        self._owns_log = not isinstance(log, Log)
        self.log = log if isinstance(log, Log) else Log.open(log, durability=settings.durability)
        """The log that is served."""
        self._thread: threading.Thread | None = None
        try:
            self._server = Server(writable_store(self.log, settings), settings)
            self._start()
        except BaseException:
            self._let_go()
            raise

    @property
    def bootstrap_servers(self) -> str:
        """What a client's `bootstrap.servers` wants."""
        return str(self._address)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._thread is None

    def close(self) -> None:
        """Answer what is under way, close all connections. Closing twice is fine."""
        if self._thread is not None:
            try:
                asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result()
            finally:
                self._let_go()

    def _start(self) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name="pykafkalite-broker", daemon=True)
        self._thread.start()
        self._address: Address = asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _let_go(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
            self._loop.close()
        if self._owns_log:
            self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return f"<Broker {self.log.address} closed>"
        count = len(self.log.topics())
        return f"<Broker {self.log.address} at {self.bootstrap_servers}, {count} topic{'s' * (count != 1)}>"
