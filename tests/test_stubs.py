"""What `_core/__init__.pyi` promises is what the extension modules have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
STUBTEST = [
    *(sys.executable, "-m", "mypy.stubtest", "pykafkalite._core", "--concise"),
    *("--mypy-config-file", "pyproject.toml"),
    "--ignore-unused-allowlist",
    "--ignore-disjoint-bases",  # nobody inherits from two of them
]
# What cannot be seen of Cython's classes: the signature of __cinit__, what it writes into every class
# that cannot be pickled, and the buffer protocol, which has a name in Python from 3.12 on only.
UNSEEN = r"pykafkalite\._core\.[A-Za-z]+\.__(init|reduce_cython|setstate_cython|buffer)__"


def test_the_stubs_and_the_extension_modules_agree(tmp_path):
    behind_the_door = [
        rf"pykafkalite\._core\.{path.stem}" for path in (ROOT / "pykafkalite" / "_core").glob("*.pyx")
    ]
    allowed = tmp_path / "allowed"
    allowed.write_text("\n".join([UNSEEN, *behind_the_door]))
    ran = subprocess.run(
        [*STUBTEST, "--allowlist", allowed], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
