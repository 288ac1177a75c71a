"""The C core through cffi: declarations read out of the very headers, the very library linked."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cffi
import pytest

NATIVE = Path(__file__).parents[2] / "native"
TOPICS = ("status", "crc32c", "cursor", "batch", "record")


def declarations(header: str) -> str:
    """What cffi understands of a header: no comments, no preprocessor, no bodies."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    # A body ends at the first brace in the first column, or on its own line.
    return re.sub(r"^static inline ([^{;]*?)\s*\{(?:[^\n]*\}$|.*?^\})", r"\1;", text, flags=re.M | re.S)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The extension module with `ffi` and `lib`."""
    build = tmp_path_factory.mktemp("cffi")
    subprocess.run(["make", "-s", "-C", str(NATIVE), "lib", f"OUT={build}"], check=True)
    builder = cffi.FFI()
    for topic in TOPICS:
        builder.cdef(declarations((NATIVE / f"include/pkl/{topic}.h").read_text()))
    builder.set_source(
        "_pkl",
        "\n".join(f'#include "pkl/{topic}.h"' for topic in TOPICS),
        include_dirs=[str(NATIVE / "include")],
        extra_objects=[str(build / "libpkl.a")],
    )
    builder.compile(tmpdir=str(build))
    sys.path.insert(0, str(build))
    try:
        return importlib.import_module("_pkl")
    finally:
        sys.path.remove(str(build))


@pytest.fixture(scope="session")
def ffi(compiled: Any) -> Any:
    return compiled.ffi


@pytest.fixture(scope="session")
def lib(compiled: Any) -> Any:
    return compiled.lib
