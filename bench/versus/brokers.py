"""The two brokers: programs of their own on loopback, started as their users start them."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

INTEROP = Path(__file__).parents[2] / "tests" / "interop"
sys.path.insert(0, str(INTEROP))

from real_kafka import LOGGING, Kafka, Oracle, classpath, free_ports  # noqa: E402

# What Kafka's bin/kafka-run-class.sh gives every JVM, and bin/kafka-server-start.sh the broker's.
JVM = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]
JVM += ["-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"]
HEAP = ["-Xmx1G", "-Xms1G"]
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class Contender(Protocol):
    """A broker under test."""

    name: str
    server: str

    @property
    def pid(self) -> int: ...
    def start(self) -> float:
        """Seconds from its start until it answers a request."""

    def stop(self) -> None: ...


class RealKafka(Kafka):
    """Kafka with the heap, collector and compilers of its own scripts, not those of our tests."""

    name = "kafka"

    def command(self, config: Path) -> list[str]:
        return ["java", *HEAP, *JVM, *LOGGING, "-cp", classpath(), "pykafkalite.Node", str(config)]


class TheirBroker:
    """Kafka as a Contender."""

    name = "kafka"

    def __init__(self, oracle: Oracle, home: Path) -> None:
        self._kafka = RealKafka(oracle, home / "data", home)
        self._kafka.format()

    @property
    def server(self) -> str:
        return self._kafka.server

    @property
    def pid(self) -> int:
        assert self._kafka.process
        return self._kafka.process.pid

    def start(self) -> float:
        began = time.perf_counter()
        self._kafka.launch()
        return until_it_answers(self.server, began)

    def stop(self) -> None:
        self._kafka.stop()


class OurBroker:
    """`pykafkalite serve` as a Contender."""

    name = "pykafkalite"

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self.server = ""

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> float:
        self.server = f"127.0.0.1:{free_ports(1)[0]}"
        began = time.perf_counter()
        with (self._home / "serve.log").open("wb") as log:
            command = [sys.executable, "-m", "pykafkalite", "serve", str(self._home / "data")]
            self._process = subprocess.Popen([*command, "--listen", self.server], stdout=log, stderr=log)
        return until_it_answers(self.server, began)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


def connect(server: str) -> socket.socket:
    """A connection over which one ApiVersions request was answered. Raises OSError."""
    host, port = server.split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(API_VERSIONS)
    if not connection.recv(1 << 16):
        raise ConnectionResetError(server)
    return connection


def until_it_answers(server: str, began: float, timeout: float = 120.0) -> float:
    """Seconds since `began` at the first answer."""
    while True:
        try:
            connect(server).close()
            return time.perf_counter() - began
        except OSError:
            if time.perf_counter() - began > timeout:
                raise
            time.sleep(0.002)


def resident(pid: int) -> int:
    """Bytes of memory of a process, what it has mapped of the log included."""
    lines = dict(it.split(":", 1) for it in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]) << 10


def processor_time(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
