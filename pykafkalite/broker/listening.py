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
    r"(?:(?P<protocol>[A-Za-z0-9_]+)://)?(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]/]*)):(?P<port>\d+)"
)
# Clients that come back all at once after a restart: Kafka's 50 would make the others wait a second and more.
BACKLOG = 1024
REACHABLE_SECONDS = 2.0


class Address(NamedTuple):
    """A host, "" for all of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(config: str, text: str) -> Address:
    """One `HOST:PORT`, with or without Kafka's `PLAINTEXT://`. Raises InvalidConfig."""
    found = _LISTENER.fullmatch(text.strip())
    if not found or int(found["port"]) > 0xFFFF:
        raise InvalidConfig(f"{config} cannot be {text!r}: it takes HOST:PORT, for example localhost:9092")
    if (found["protocol"] or "PLAINTEXT").upper() in ("SSL", "SASL_SSL", "SASL_PLAINTEXT"):
        raise InvalidConfig(
            f"{config} cannot be {text!r}: there is no {found['protocol']} here yet, only PLAINTEXT"
        )
    return Address(found["six"] or found["host"] or "", int(found["port"]))


def parse_addresses(config: str, text: str) -> list[Address]:
    """Several, separated by commas; a controller's, which a combined Kafka node has too, are left out."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    addresses = [
        parse_address(config, part) for part in parts if not part.upper().startswith("CONTROLLER://")
    ]
    if not addresses:
        raise InvalidConfig(f"{config} cannot be {text!r}: it names no address")
    return addresses


def advertised(settings: Settings, bound: Address) -> Address:
    """What clients are told to connect to."""
    if settings.advertised_listeners:
        told = parse_addresses("advertised.listeners", settings.advertised_listeners)[0]
        if told.host in ("", "0.0.0.0", "::"):
            raise InvalidConfig(
                f"advertised.listeners cannot be {settings.advertised_listeners!r}: "
                f"no client can connect to that; name a host"
            )
        return told if told.port else Address(told.host, bound.port)
    if bound.host in ("", "0.0.0.0", "::"):
        return Address(socket.getfqdn(), bound.port)
    return bound


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
