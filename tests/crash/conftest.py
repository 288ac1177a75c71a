import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nursery import Nursery

sys.path.append(
    str(Path(__file__).parents[1] / "broker")
)  # for raw.py, a client that sends what no client would


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.crash)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes system calls fail."""
    compiler = shutil.which("cc") or shutil.which("gcc") or pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("shim") / "faults.so"
    source = Path(__file__).with_name("shim.c")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [compiler, "-std=gnu11", "-O1", *warnings, "-shared", "-fPIC", "-o", library, source, "-ldl"],
        check=True,
    )
    return library


@pytest.fixture(scope="session")
def nursery(shim: Path) -> Iterator[Nursery]:
    """Where processes come from that are going to die."""
    nursery = Nursery(shim)
    yield nursery
    nursery.close()


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is such a place: a process that dies leaves the same there, and nobody waits for a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path_factory.mktemp("crash")
        return
    made = Path(tempfile.mkdtemp(prefix="pykafkalite-crash-", dir=memory))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the store that a test ruins."""
    return tmp_path / "store"
