"""`pykafkalite serve` as a process: ready, told what to do, stopped, and what keeps it from starting."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

import pykafkalite as pk

ROOT = Path(__file__).parent.parent.parent
API_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff")  # v0, of a client without a name


class Served(NamedTuple):
    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.ready["bootstrap_servers"])

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Its log; the process has ended well."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, log
        return log


Serve = Callable[..., Any]


@pytest.fixture
def serve() -> Serve:
    @contextmanager
    def serve(*arguments: object, files: int | None = None, **environ: str) -> Iterator[Served]:
        command = ["prlimit", f"--nofile={files}:"] if files else []
        command += [sys.executable, "-m", "pykafkalite", "serve", "--json", *map(str, arguments)]
        if "--listen" not in command:
            command += ["--listen", "localhost:0"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            try:
                yield Served(process, json.loads(line))
            finally:
                process.kill()

    return serve


def connect(address: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_leaves_the_clean_marker(serve, tmp_path, number):
    with serve(tmp_path / "data") as served:
        connect(served.address).close()
        assert served.ready["directory"] == str(tmp_path / "data")
        assert not (tmp_path / "data" / ".kafka_cleanshutdown").exists()
        assert "closed clean" in served.stop(number)
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists()


def test_it_says_where_to_connect_and_what_to_try(tmp_path):
    command = [sys.executable, "-m", "pykafkalite", "serve", tmp_path / "data", "--listen", "localhost:0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        process.communicate(timeout=20)
    assert lines[0].startswith(f"{tmp_path}/data is served at localhost:")
    assert [line.split()[0] for line in lines[1:]] == ["kcat", "kcat", "pykafkalite"]


def test_readers_look_in_beside_it(serve, tmp_path, cli):
    with serve(tmp_path / "data") as served:
        assert cli("topic", "list", "--at", tmp_path / "data", "--json").json == []
        served.stop()


def test_ready_takes_a_quarter_of_a_second(serve, tmp_path, monkeypatch):
    """Of processor time, the best of five, so that what else runs here does not count; tools for tests, which kio
    imports where they are installed, are hidden."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['hypothesis'] = None")
    spent = []
    for run in range(5):
        with serve(tmp_path / str(run), PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}") as served:
            spent.append(cpu_seconds(served.process.pid))
    assert min(spent) <= 0.25


def test_idle_it_takes_no_processor_time_and_little_memory(serve, tmp_path):
    with serve(tmp_path / "data") as served, connect(served.address):
        time.sleep(0.3)
        before = cpu_seconds(served.process.pid)
        time.sleep(2)
        assert cpu_seconds(served.process.pid) - before <= 0.01
        assert resident_kib(served.process.pid) <= 60 * 1024


def test_400_idle_clients_cost_30_kib_each_and_no_processor_time(serve):
    """Under a soft limit of 512 descriptors, which a broker raises as a JVM does."""
    with serve("--memory", files=512) as served, contextlib.ExitStack() as clients:
        pid = served.process.pid
        connect(served.address).close()
        before = resident_kib(pid)
        for _ in range(400):
            client = clients.enter_context(connect(served.address))
            client.sendall(API_VERSIONS)
            assert client.recv(4)
        assert (resident_kib(pid) - before) / 400 <= 30
        spent = cpu_seconds(pid)
        time.sleep(1)
        assert cpu_seconds(pid) - spent <= 0.01


def resident_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_port_in_use_is_told_with_exit_code_4(serve, tmp_path, cli):
    with serve(tmp_path / "one") as served:
        result = cli("serve", tmp_path / "two", "--listen", served.address)
        assert result.code == 4
        assert "another program listens on" in result.err
        assert "port 0" in result.err


def test_a_directory_in_use_is_told_with_exit_code_4(serve, tmp_path, cli):
    with serve(tmp_path / "one") as served:
        result = cli("serve", tmp_path / "one", "--listen", "localhost:0")
        assert result.code == 4
        assert str(served.process.pid) in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "num.partitons=1"], "did you mean 'num.partitions'?"),
        (["--set", "num.partitions=many"], "it takes 1 to"),
        (["--set", "num.partitions"], "is not of the form NAME=VALUE"),
        (["--listen", "0.0.0.0:0"], "--set allow.unauthenticated=true"),
        (["--listen", "localhost"], "it takes HOST:PORT"),
        (["--listen", "192.0.2.1:0", "--set", "allow.unauthenticated=true"], "does not have that address"),
        (["--config", "missing.properties"], "cannot read the config file missing.properties"),
        (["--memory", "data"], "not both"),
        (["kafka://elsewhere:9092"], "is no address here"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_keeps_it_from_starting_is_told_in_words(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = cli("serve", *arguments)
    assert result.code == 2
    assert message in result.err


def test_in_memory_nothing_is_left(serve):
    with serve("--memory") as served:
        assert Path(served.ready["directory"]).is_dir()
        served.stop()
    assert not Path(served.ready["directory"]).exists()


def test_told_by_the_environment_and_a_file(serve, tmp_path):
    (tmp_path / "server.properties").write_text(f"log.dirs={tmp_path}/from-file\nnum.io.threads=8\n")
    with serve("--config", tmp_path / "server.properties", KAFKA_DURABILITY="fsync") as served:
        assert served.ready["directory"] == f"{tmp_path}/from-file"
        log = served.stop()
    assert "num.io.threads is accepted and has no effect" in log


def test_an_address_that_nobody_answers_at_is_warned_of(serve, tmp_path):
    told = "--set=advertised.listeners=localhost:1"
    with serve(tmp_path, told) as served:
        assert served.address == "localhost:1"
        assert "localhost:1" in served.process.stderr.readline()


def test_log_lines_are_json_on_request(serve, tmp_path):
    with serve(tmp_path, "--log", "json") as served:
        lines = [json.loads(line) for line in served.stop().splitlines()]
    assert lines[-1]["message"] == "stopped; the log is closed clean"
    assert {"time", "level", "logger", "message"} <= lines[-1].keys()


@pytest.mark.parametrize(("signals", "code"), [(1, 0), (2, 137)], ids=["once", "twice"])
def test_a_client_that_reads_no_answers_is_waited_for_a_while_unless_the_signal_comes_again(
    serve, signals, code
):
    with serve("--memory") as served, connect(served.address) as client:
        client.settimeout(0.3)
        asked, at, still = memoryview(API_VERSIONS * 1000), 0, 0
        while still < 5:  # until all buffers between are full, and stay so: the kernel's grow for a while
            try:
                at = (at + client.send(asked[at:])) % len(asked)
                still = 0
            except TimeoutError:
                still += 1
        begun = time.monotonic()
        for _ in range(signals):
            served.process.send_signal(signal.SIGTERM)
            assert "SIGTERM" in served.process.stderr.readline()
        assert served.process.wait(timeout=20) == code
        assert (time.monotonic() - begun < 3) == (signals == 2)


def test_a_warning_is_a_line_of_the_log(serve, tmp_path):
    with serve(tmp_path, "--log", "json") as served:
        producer = Producer({"bootstrap.servers": served.address})
        producer.produce("old", b"of 1970", timestamp=1)
        assert producer.flush(10) == 0
        lines = [json.loads(line) for line in served.stop().splitlines()]
    (told,) = [line for line in lines if line["level"] == "warning"]
    assert told["message"].startswith("records of 'old' are older than its retention.ms")


def test_a_supervisor_is_told_when_it_is_ready_and_when_it_stops(serve, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(10)
        with serve(tmp_path / "data", NOTIFY_SOCKET=str(tmp_path / "notify")) as served:
            assert supervisor.recv(100) == b"READY=1"
            served.stop()
        assert supervisor.recv(100) == b"STOPPING=1"


def test_config_show_says_who_said_what_and_what_differs_from_kafka(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PYKAFKALITE_NUM_PARTITIONS", "3")
    found = cli("config", "show", "--set", "log.retention.hours=1", "--json").json["configs"]
    rows = {row["config"]: row for row in found}
    assert rows["num.partitions"]["source"] == "PYKAFKALITE_NUM_PARTITIONS"
    assert rows["num.partitions"]["kafka"] == "1"
    assert (rows["log.retention.hours"]["value"], rows["log.retention.hours"]["kafka"]) == ("1", "168")
    assert rows["group.initial.rebalance.delay.ms"]["differs"]
    assert not rows["fetch.max.bytes"]["differs"]


def test_config_show_is_a_table_for_people(cli):
    result = cli("config", "show", "--changed", "--set", "num.partitions=2", "--set", "process.roles=broker")
    assert ["num.partitions", "2", "--set", "num.partitions", "1"] in [
        line.split() for line in result.out.splitlines()
    ]
    assert "fetch.max.bytes" not in result.out
    assert "note: process.roles is accepted and has no effect" in result.err


# --- /metrics and /healthz ------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_metrics_and_health_are_served_on_request(serve, tmp_path):
    with pk.open(tmp_path) as log:
        log.create_topic("events").append(b"one")
    port = free_port()
    with serve(tmp_path, "--set", f"metrics.listen=127.0.0.1:{port}") as served, connect(served.address):
        base = f"http://127.0.0.1:{port}"
        assert urllib.request.urlopen(f"{base}/healthz", timeout=10).read() == b"ok\n"
        text = urllib.request.urlopen(f"{base}/metrics", timeout=10).read().decode()
        assert "pykafkalite_connections 1.0" in text
        assert 'pykafkalite_high_watermark{partition="0",topic="events"} 1.0' in text
        assert "process_resident_memory_bytes" in text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/other", timeout=10)
        served.stop()


def test_requests_are_counted_by_api(serve, tmp_path):
    port = free_port()
    with serve(tmp_path, "--set", f"metrics.listen=127.0.0.1:{port}") as served:
        with connect(served.address) as client:
            client.sendall(API_VERSIONS)
            assert client.recv(4)
            text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        assert 'pykafkalite_requests_total{api="ApiVersions"} 1.0' in text


def test_a_client_of_metrics_that_says_nothing_holds_up_nobody(serve, tmp_path):
    port = free_port()
    with serve(tmp_path, "--set", f"metrics.listen=127.0.0.1:{port}") as served, connect(f"127.0.0.1:{port}"):
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).read() == b"ok\n"
        served.stop()
