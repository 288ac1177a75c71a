"""Real Kafka for the tests: its jars, its code as an oracle, and whole nodes of it on loopback."""

from __future__ import annotations

import base64
import fcntl
import functools
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
BUILD = HERE.parent.parent / "build" / "interop"
LOGGING = [
    "-Dorg.slf4j.simpleLogger.cacheOutputStream=true",  # The process's own, while a tool's is captured.
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    # "Kafka Server started", and what it says of strays and of the bootstrap file.
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller=info",
]
# A JVM that lives for seconds: C1 alone and one collector thread start it in half the time.
QUICK = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"]

# DumpLogSegments 4.3.1 says this of the first record of every segment after the first, its own Kafka's too.
FIRST_OF_SEGMENT = re.compile(r"Non-consecutive offsets in .*/0*(\d+)\.log\n  -1 is followed by \1\n")


class Unavailable(Exception):
    """What is missing before Kafka can be asked anything."""


class KafkaError(Exception):
    """Kafka's own code refused; the text is Kafka's."""


@functools.cache
def classpath() -> str:
    """Kafka's jars and the oracle, built when the pom or a source has changed since.  Raises Unavailable."""
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            raise Unavailable(f"needs Java 17 and Maven: no `{tool}` on the path")
    sources = [HERE / "pom.xml", *sorted((HERE / "java").rglob("*.java"))]
    digest = hashlib.sha256(b"".join(it.read_bytes() for it in sources)).hexdigest()
    stamp = BUILD / "built-from"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != digest:
            mvn = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "clean", "compile"]
            done = subprocess.run(mvn, capture_output=True, text=True, check=False)
            if done.returncode and "could not resolve" in done.stdout.lower():
                raise Unavailable(f"Maven could not bring Kafka: {done.stdout[-2000:]}")
            if done.returncode:
                raise RuntimeError(f"the oracle does not compile: {done.stdout}{done.stderr}")
            BUILD.mkdir(parents=True, exist_ok=True)
            stamp.write_text(digest)
    return f"{BUILD / 'classes'}:{BUILD / 'jars'}/*"


def java(main: str, *args: str, memory: str = "256m") -> list[str]:
    """The command line that runs `main`."""
    return ["java", f"-Xmx{memory}", *QUICK, *LOGGING, "-cp", classpath(), f"pykafkalite.{main}", *args]


def b64(data: bytes | None) -> str | None:
    """Bytes as the oracle and the golden files have them."""
    return None if data is None else base64.b64encode(data).decode()


def brief(encoded: str | None) -> str | None:
    """A long value of a record as the golden files have it: by its SHA-256."""
    if encoded is None or len(encoded) <= 1400:
        return encoded
    return "sha256:" + hashlib.sha256(base64.b64decode(encoded)).hexdigest()


class Oracle:
    """Kafka's own code in one JVM, asked line by line (see Oracle.java)."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                java("Oracle"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            )

    def ask(self, do: str, **request: Any) -> Any:
        """The answer; KafkaError when Kafka refuses."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
            reply = json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            raise KafkaError(f"the oracle has died: {self.log.read_text()[-4000:]}") from error
        if "error" in reply:
            raise KafkaError(reply["error"])
        return reply["ok"]

    def dump(self, *args: str | Path) -> str:
        """What DumpLogSegments prints; KafkaError for anything that it finds wrong."""
        said: dict[str, str] = self.ask("dump", args=[str(it) for it in args])
        wrong = FIRST_OF_SEGMENT.sub("", said["err"]).splitlines()
        wrong += [it for it in said["out"].splitlines() if "isvalid: false" in it or "invalid bytes" in it]
        if wrong:
            raise KafkaError("\n".join(wrong))
        return said["out"]

    def check(self, partition: Path) -> str:
        """Every check that DumpLogSegments has, over all files of a partition's directory; its deep dump."""
        logs = sorted(partition.glob("*.log"))
        indexes = sorted([*partition.glob("*.index"), *partition.glob("*.timeindex")])
        others = sorted([*partition.glob("*.snapshot"), *partition.glob("*.txnindex")])
        assert logs, f"no segments in {partition}"
        for flag in ("--index-sanity-check", "--verify-index-only"):
            self.dump(flag, "--files", ",".join(map(str, indexes)))
        return self.dump("--deep-iteration", "--files", ",".join(map(str, [*logs, *others])))

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


class Kafka:
    """One combined KRaft node on loopback over the log directory `data`."""

    def __init__(self, oracle: Oracle, data: Path, home: Path, **config: str | int) -> None:
        """`home`: where its config and its own log go.  `config`: Kafka's names, `_` for `.`."""
        self.oracle, self.data, self.home = oracle, data, home
        home.mkdir(parents=True, exist_ok=True)
        self.config = {it.replace("_", "."): value for it, value in config.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.server = ""

    @property
    def log(self) -> str:
        """What it said since its last start."""
        return (self.home / "kafka.log").read_text()

    def _write_config(self) -> Path:
        broker, controller = free_ports(2)
        self.server = f"127.0.0.1:{broker}"
        meta = self.data / "meta.properties"
        node = re.search(
            r"^node\.id=(\d+)$", meta.read_text() if meta.exists() else "node.id=0", re.MULTILINE
        )
        assert node, f"no node.id in {meta}"
        config = {
            "process.roles": "broker,controller",
            "node.id": node[1],
            "listeners": f"PLAINTEXT://{self.server},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"{node[1]}@127.0.0.1:{controller}",
            "log.dirs": self.data,
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 8 << 20,  # Of a heap of 256 MiB.
            **self.config,
        }
        path = self.home / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in config.items()))
        return path

    def format(self) -> None:
        """Prepares an empty log directory as an administrator would."""
        cluster_id = "AAAAAAAAAAAAAAAAAAAAAQ"
        self.oracle.ask("format", args=["format", "-c", str(self._write_config()), "-t", cluster_id])

    def command(self, config: Path) -> list[str]:
        """The command line of a node."""
        return java("Node", str(config))

    def launch(self) -> None:
        """Starts the process and does not wait for it to serve."""
        config = self._write_config()
        with (self.home / "kafka.log").open("wb") as log:
            self.process = subprocess.Popen(
                self.command(config), stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def start(self, timeout: float = 60.0) -> Kafka:
        """Returns when it serves clients; KafkaError with its last words when it ends instead."""
        self.launch()
        deadline = time.monotonic() + timeout
        while "Kafka Server started" not in self.log:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaError(f"Kafka did not start:\n{self._complaints()}")
            time.sleep(0.02)
        return self

    def _complaints(self) -> str:
        lines = [it for it in self.log.splitlines() if "ERROR" in it or "FATAL" in it or "Exception:" in it]
        return "\n".join(dict.fromkeys(lines)) or self.log[-4000:]

    def stop(self) -> None:
        """The orderly way: SIGTERM, as a service manager does."""
        if self.process:
            self.process.terminate()
            self._reap()

    def kill(self) -> None:
        """SIGKILL."""
        if self.process:
            self.process.kill()
            self._reap()

    def _reap(self) -> None:
        assert self.process
        assert self.process.stdin
        self.process.wait(60)
        self.process.stdin.close()
        self.ask("forget")
        self.process = None

    def __enter__(self) -> Kafka:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, do: str, **request: Any) -> Any:
        """The oracle's clients, on this node."""
        return self.oracle.ask(do, server=self.server, **request)

    def create(self, **topics: Any) -> None:
        """name={"partitions": n, "config": {}}; returns once their directories are there."""
        self.ask("create", topics=topics)
        last = [
            self.data / f"{it}-{topics[it].get('partitions', 1) - 1}" / "partition.metadata" for it in topics
        ]
        deadline = time.monotonic() + 10
        while not all(it.exists() for it in last):
            assert time.monotonic() < deadline, f"Kafka made no {last}"
            time.sleep(0.01)

    def partitions(self) -> list[tuple[str, int]]:
        """Of the users' topics."""
        topics = self.ask("topics")
        return [(t, p) for t in topics if not t.startswith("__") for p in range(topics[t]["partitions"])]

    def records(self, *topics: str, isolation: str = "read_uncommitted") -> list[dict[str, Any]]:
        """All records as Kafka's own consumer gives them, by partition and offset."""
        wanted = [it for it in self.partitions() if not topics or it[0] in topics]
        records = self.ask("consume", partitions=wanted, config={"isolation.level": isolation})
        return sorted(records, key=lambda it: (it["topic"], it["partition"], it["offset"]))


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports
