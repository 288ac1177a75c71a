"""Addresses: which to listen on, which to tell clients, and what can be wrong with either."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from ..errors import AddressInUse, Error, InvalidConfig

if TYPE_CHECKING:
    from .settings import Settings

_LISTENER = re.compile(
    r"(?:(?P<name>[A-Za-z0-9_.-]+)://)?(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]/]*)):(?P<port>\d+)"
)
# Clients that come back all at once after a restart: Kafka's 50 would make the others wait a second and more.
BACKLOG = 1024
REACHABLE_SECONDS = 2.0

EVERYWHERE = ("", "0.0.0.0", "::")
PLAINTEXT = "PLAINTEXT"


class Address(NamedTuple):
    """A host, "" for all of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Listener(NamedTuple):
    """One that is to be opened: Kafka's name for it, where it listens, and what its clients are told."""

    name: str
    address: Address
    advertised: Address | None

    def told(self, port: int) -> Address:
        """The address that clients are told, once the port listened on is known."""
        found = self.advertised or Address(self.address.host, 0)
        host = socket.getfqdn() if found.host in EVERYWHERE else found.host
        return Address(host, found.port or port)


def listeners_of(settings: Settings) -> list[Listener]:
    """What is to be opened, checked as far as it can be before. Raises InvalidConfig."""
    named = _parse_all("listeners", settings.listeners, settings)
    told = dict(_parse_all("advertised.listeners", settings.advertised_listeners, settings))
    if not named:
        raise InvalidConfig(f"listeners cannot be {settings.listeners!r}: it names no address")
    for address in told.values():
        if address.host in EVERYWHERE:
            raise InvalidConfig(
                f"advertised.listeners cannot be {settings.advertised_listeners!r}: "
                f"no client can connect to that; name a host"
            )
    if len(named) == len(told) == 1:  # whatever they are called
        return [Listener(*named[0], next(iter(told.values())))]
    return [Listener(name, address, told.get(name)) for name, address in named]


def parse_address(config: str, text: str) -> Address:
    """`HOST:PORT`. Raises InvalidConfig."""
    return _parse(config, text)[1]


def check_allowed(settings: Settings, address: Address) -> None:
    """Raises InvalidConfig for an address that others may reach, unless that was asked for in so many words."""
    if settings.allow_unauthenticated or _is_loopback(address.host):
        return
    raise InvalidConfig(
        f"{address} can be reached from other machines, and there is no authentication: anyone there could read "
        f"and write. Listen on localhost, or say --set allow.unauthenticated=true"
    )


def bind(address: Address) -> list[socket.socket]:
    """Sockets that listen: on every address of the name, so that `localhost` is both loopbacks, with one port.

    Raises AddressInUse, InvalidConfig.
    """
    try:
        found = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise InvalidConfig(f"cannot listen on {address}: {error.strerror}") from None
    hosts = list(dict.fromkeys((family, where[0]) for family, _, _, _, where in found))
    if address.host == "localhost":  # whatever the hosts file says
        hosts = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    hosts.sort(key=lambda one: one[0] != socket.AF_INET)
    sockets: list[socket.socket] = []
    port = address.port
    try:
        for family, host in hosts:
            try:
                sockets.append(_bind_one(family, str(host), port))
            except OSError as error:
                if sockets and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # a machine without IPv6
                raise _explained(error, Address(str(host), port)) from None
            port = sockets[0].getsockname()[1]
    except BaseException:
        for one in sockets:
            one.close()
        raise
    return sockets


async def is_reachable(address: Address) -> bool:
    """Whether somebody answers there, seen from this machine."""
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        async with asyncio.timeout(REACHABLE_SECONDS):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.close()
            return True
    return False


def _bind_one(family: int, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _explained(error: OSError, address: Address) -> Error:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(
            f"another program listens on {address} already (a Kafka, or another pykafkalite?): "
            f"stop it, or choose another port (port 0: any that is free)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidConfig(f"cannot listen on {address}: this machine does not have that address")
    return InvalidConfig(f"cannot listen on {address}: {os.strerror(error.errno or 0)}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        try:
            found = {info[4][0] for info in socket.getaddrinfo(host or "0.0.0.0", None)}
        except socket.gaierror:
            return False
        return all(ipaddress.ip_address(one).is_loopback for one in found)


def _parse(config: str, text: str) -> tuple[str, Address]:
    """`HOST:PORT`, with or without Kafka's `NAME://`."""
    found = _LISTENER.fullmatch(text.strip())
    if not found or int(found["port"]) > 0xFFFF:
        raise InvalidConfig(f"{config} cannot be {text!r}: it takes HOST:PORT, for example localhost:9092")
    return (found["name"] or PLAINTEXT).upper(), Address(
        found["six"] or found["host"] or "", int(found["port"])
    )


def _parse_all(config: str, text: str, settings: Settings) -> list[tuple[str, Address]]:
    """Several, separated by commas; a controller's, which a combined Kafka node has too, are left out."""
    controllers = {name.strip().upper() for name in settings.controller_listener_names.split(",")}
    pairs = (pair.partition(":") for pair in settings.listener_security_protocol_map.upper().split(","))
    protocols = {name.strip(): protocol.strip() for name, _, protocol in pairs}
    found = [_parse(config, part) for part in text.split(",") if part.strip()]
    for name, _ in found:
        if name not in controllers and protocols.get(name, PLAINTEXT) != PLAINTEXT:
            raise InvalidConfig(
                f"{config} cannot be {text!r}: {name} is {protocols[name]}, and there is only PLAINTEXT here yet"
            )
    return [one for one in found if one[0] not in controllers]
