"""The command as a process: start-up, pipes, Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import pyarrow as pa

import pykafkalite as pk

COMMAND = [sys.executable, "-m", "pykafkalite"]


def start(*arguments, **settings):
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=pipe, stderr=pipe, **settings)


def test_help_answers_without_loading_arrow_or_rich():
    script = (
        "import sys; from pykafkalite.cli.app import run; code = run(['--help']);"
        " heavy = {'pyarrow', 'rich', 'numpy'} & set(sys.modules); sys.exit(f'{heavy}' if heavy else code)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Exit codes" in ran.stdout


def test_ctrl_c_ends_follow_with_what_was_shown_and_code_130(tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("t").append(b"one")
        process = start("consume", "t", "--follow", "-o", "raw", "--at", tmp_path / "log")
        assert process.stdout.readline() == b"one\n"
        log.topic("t").append(b"two")
        assert process.stdout.readline() == b"two\n"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert b"Traceback" not in err
        assert time.monotonic() - began < 10


def test_a_pipe_is_read_as_it_comes(tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("t")
    process = start("produce", "t", "--at", tmp_path / "log", stdin=subprocess.PIPE)
    process.stdin.write(b"first\n")
    process.stdin.flush()
    with pk.open(tmp_path / "log", mode="r") as log:
        found = next(log.topic("t").scan(follow=True).messages())
    assert found.value == b"first"
    process.communicate(b"second\n", timeout=10)
    assert process.returncode == 0


def test_ctrl_c_while_a_pipe_is_silent_keeps_what_came(tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("t")
    process = start("produce", "t", "--at", tmp_path / "log", stdin=subprocess.PIPE)
    process.stdin.write(b"first\n")
    process.stdin.flush()
    with pk.open(tmp_path / "log", mode="r") as log:
        assert next(log.topic("t").scan(follow=True).messages()).value == b"first"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
    with pk.open(tmp_path / "log") as log:
        assert log.topic("t").scan().to_arrow().num_rows == 1


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("t").append_batch(pa.table({"value": [b"x" * 100] * 50_000}))
    process = start("consume", "t", "-o", "raw", "--at", tmp_path / "log")
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=10) == 128 + signal.SIGPIPE
    assert err == b""


def test_bench_prints_a_rate_for_each_workload(cli):
    rows = cli("bench", "--records", 2000, "--json").json
    assert [row["workload"] for row in rows] == [
        "append_batch",
        "writer.append",
        "append",
        "scan",
        "scan.messages",
    ]
    assert all(row["records"] and row["records_per_second"] > 0 for row in rows)


def test_a_bar_is_shown_on_a_terminal_and_nowhere_else(tmp_path):
    with pk.open(tmp_path / "log") as log:
        log.create_topic("t")
    (tmp_path / "lines.txt").write_bytes(b"line\n" * 200_000)
    command = [*COMMAND, "produce", "t", str(tmp_path / "lines.txt"), "--at", str(tmp_path / "log")]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    assert process.wait(timeout=10) == 0
    assert b"produce t" in seen
    piped = subprocess.run(command, capture_output=True, check=True)
    assert b"produce t" not in piped.stderr
