"""The sdist builds, and its wheel works where there is no compiler, on every CPython of this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
SMOKE = Path(__file__).with_name("smoke.py")
ABOUT = (
    "import json, sys, sysconfig; print(json.dumps([sys.implementation.name, sys.version_info[:2],"
    " bool(sysconfig.get_config_var('Py_GIL_DISABLED')), sys.executable]))"
)


def interpreters() -> dict[str, str]:
    """Version -> executable, of what PATH and pyenv offer."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for candidate in candidates():
        ran = subprocess.run([candidate, "-c", ABOUT], capture_output=True, text=True, check=False)
        if ran.returncode == 0:  # else a pyenv shim of a version that is not selected
            name, version, no_gil, executable = json.loads(ran.stdout)
            if name == "cpython" and version >= [3, 11] and not no_gil:
                found.setdefault(f"{version[0]}.{version[1]}", executable)
    return dict(sorted(found.items()))


def candidates() -> list[str]:
    on_path = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    pyenv = shutil.which("pyenv")
    versions: list[Path] = []
    if pyenv is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout.strip()
        versions = sorted(Path(root, "versions").glob("*/bin/python3"))
    return [path for path in on_path if path] + [str(path) for path in versions]


def run(*command: object, **settings: object) -> str:
    ran = subprocess.run([str(word) for word in command], capture_output=True, text=True, **settings)  # type: ignore[call-overload]
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return str(ran.stdout)


def environment_of(interpreter: str, directory: Path) -> Path:
    run(interpreter, "-m", "venv", directory)
    return directory / "bin" / "python"


def pip(python: Path, *arguments: object, **settings: object) -> None:
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "-q", *arguments, **settings)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", directory, ROOT)
    (found,) = directory.glob("*.tar.gz")
    return found


def test_the_sdist_holds_the_sources_and_nothing_built(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"native/include/pkl/batch.h", "pykafkalite/_core/batches.pyx", "LICENSE", "Makefile"} <= names
    assert not [name for name in names if name.endswith((".so", ".o", ".a", ".pyc"))]


def without_a_compiler(directory: Path) -> dict[str, str]:
    """An environment whose PATH holds one python and nothing else."""
    return {"PATH": str(directory), "HOME": str(directory), **pip_settings()}


def pip_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", interpreters())
def test_a_repaired_wheel_works_in_a_clean_environment(sdist, tmp_path, version):
    interpreter = interpreters()[version]
    builder = environment_of(interpreter, tmp_path / "builder")
    pip(builder, "setuptools>=77", "setuptools-scm>=8", "Cython>=3.1", "wheel")
    wheels = tmp_path / "built"
    run(builder, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, sdist)

    repaired = tmp_path / "repaired"
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    run(sys.executable, "-m", "auditwheel", "repair", "-w", repaired, *wheels.glob("*.whl"), env=tools)
    (wheel,) = repaired.glob("*.whl")
    assert "manylinux" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".pyx", ".pxd", ".c"))]

    clean = environment_of(interpreter, tmp_path / "clean")
    settings = {"env": without_a_compiler(clean.parent), "cwd": tmp_path}
    pip(clean, "--only-binary", ":all:", wheel, **settings)
    assert f"smoke test passed on {version}" in run(clean, SMOKE, **settings)
