"""One client: its requests one after another, its answers in their order.

As in Kafka the next request is looked at only once the last one is answered, and read from the socket only
while what waits is small: a client that floods, or that stops reading, costs bounded memory.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, cast

from . import wire
from .frames import FrameError, Frames
from .router import ROUTES, is_served
from .tolerance import InvalidRequest

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .broker import Broker
    from .listening import Address

logger = logging.getLogger(__name__)

# Requests that came while one was being answered: more than this is left in the socket.
MAX_PENDING = 1 << 20
# One client's requests are answered for so long before it is the others' turn.
TURN_SECONDS = 0.005
# What a client that has gone left behind is worked on for so long.
ENDED_SECONDS = 10.0
# sendmsg takes at most IOV_MAX (1,024) parts.
MAX_PARTS = 512


class Connection(asyncio.BufferedProtocol):
    """Sockets go through a duplicate descriptor for sending: 3.11's transport.write copies what does not fit."""

    def __init__(self, broker: Broker, told: Address) -> None:
        """`told`: the address that clients of this listener are told to connect to."""
        self._broker = broker
        self._told = told
        self._frames = Frames(broker.settings.socket_request_max_bytes)
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._unsent: list[memoryview] = []
        self._answering: asyncio.Task[None] | None = None
        self._next_turn: asyncio.Handle | None = None
        self._is_writing = False
        self._paused = False
        self._is_finishing = False
        self._has_ended = False
        self.peer = "?"
        self._host = ""

    # --- asyncio's side --------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        self.peer, self._host = str(peer), f"/{peer[0]}" if peer else ""
        descriptor = transport.get_extra_info("socket").fileno()
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.setblocking(False)
        self._broker.connections.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._frames.room()

    def buffer_updated(self, nbytes: int) -> None:
        self._frames.received(nbytes)
        self._go_on()

    def eof_received(self) -> bool:
        """Requests that came before the end are carried out, as in Kafka: a producer with acks=0 sends and closes."""
        self._has_ended = self._frames.pending > 0
        if self._has_ended:
            self._broker.loop.call_later(ENDED_SECONDS, self.close)
            self._go_on()
        return self._has_ended

    def connection_lost(self, error: Exception | None) -> None:
        self._broker.connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()
        if self._next_turn is not None:
            self._next_turn.cancel()
        self._stop_writing()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._unsent.clear()

    def close(self) -> None:
        """Close at once; what is unsent is dropped."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """Take no more requests; close once the answer under way is sent."""
        self._is_finishing = True
        if self.is_idle:
            self.close()

    @property
    def is_idle(self) -> bool:
        """Whether no answer is being made or sent."""
        return self._answering is None and self._next_turn is None and not self._unsent

    # --- requests in, answers out ----------------------------------------------

    def _go_on(self) -> None:
        """Answer what is there, until something has to be waited for, or others are to have their turn."""
        if self._is_finishing:
            self.finish()
            return
        loop = self._broker.loop
        until = loop.time() + TURN_SECONDS
        try:
            while self.is_idle and not self._is_closing and (frame := self._frames.take()) is not None:
                self._answer(frame)
                if self._frames.pending and loop.time() >= until:
                    self._next_turn = loop.call_soon(self._take_turn)
        except FrameError as error:
            self._give_up(str(error))
        if self._has_ended and self.is_idle:
            self.close()
        self._hold_back()

    def _take_turn(self) -> None:
        self._next_turn = None
        self._go_on()

    @property
    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _answer(self, frame: memoryview) -> None:
        try:
            request = wire.parse(frame, is_served, self._told, self._host)
        except wire.UnsupportedVersion as unsupported:
            self._answer_unsupported(unsupported)
            return
        except InvalidRequest as error:
            self._give_up(str(error))
            return
        self._broker.requests[request.api_key] += 1
        try:
            answer = ROUTES[request.api_key].handler(self._broker, request)
        except Exception:
            self._fail(request)
            return
        if inspect.isawaitable(answer):
            self._answering = asyncio.ensure_future(self._answer_later(request, answer))
        elif answer is not None:
            self._send(wire.encode(request, answer))

    async def _answer_later(self, request: wire.Request, awaitable: Any) -> None:
        try:
            answer = await awaitable
        except Exception:
            self._answering = None
            self._fail(request)
            return
        self._answering = None
        if answer is not None:
            self._send(wire.encode(request, answer))
        self._go_on()

    def _answer_unsupported(self, unsupported: wire.UnsupportedVersion) -> None:
        """KIP-511: ApiVersions of a version we do not know is answered in version 0, with what we serve."""
        if unsupported.api_key != wire.API_VERSIONS:
            self._give_up(str(unsupported))
            return
        from .handlers.api_versions import unsupported_version

        request = wire.Request(wire.API_VERSIONS, 0, unsupported.correlation_id, None, None, self._told)
        self._send(wire.encode(request, unsupported_version(request)))

    def _fail(self, request: wire.Request) -> None:
        logger.exception("answering API %d v%d for %s failed", request.api_key, request.version, self.peer)
        self.close()

    def _give_up(self, reason: str) -> None:
        logger.warning("closing the connection of %s: %s", self.peer, reason)
        self.close()

    def _hold_back(self) -> None:
        """Read from the socket only while what is pending is small."""
        wanted = not self.is_idle and self._frames.pending > MAX_PENDING
        if self._transport is None or wanted == self._paused or self._has_ended or self._is_closing:
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # --- sending ---------------------------------------------------------------

    def _send(self, parts: list[Buffer]) -> None:
        self._unsent += [memoryview(part) for part in parts]
        self._flush()

    def _flush(self) -> None:
        while self._unsent and self._socket is not None:
            try:
                sent = self._socket.sendmsg(self._unsent[:MAX_PARTS])
            except (BlockingIOError, InterruptedError):
                self._start_writing()
                return
            except OSError:
                self.close()
                return
            self._forget(sent)
        self._stop_writing()

    def _forget(self, sent: int) -> None:
        done = 0
        for part in self._unsent:
            if sent < part.nbytes:
                self._unsent[done] = part[sent:]
                break
            sent -= part.nbytes
            done += 1
        del self._unsent[:done]

    def _start_writing(self) -> None:
        if not self._is_writing and self._socket is not None:
            self._is_writing = True
            self._broker.loop.add_writer(self._socket.fileno(), self._write_on)

    def _stop_writing(self) -> None:
        if self._is_writing and self._socket is not None:
            self._is_writing = False
            self._broker.loop.remove_writer(self._socket.fileno())

    def _write_on(self) -> None:
        self._flush()
        if not self._unsent:
            self._go_on()
