"""The extension modules and nothing else; all metadata is in pyproject.toml.

Switches, by environment:
  PKL_DEBUG=1     bounds checks in Cython, no optimisation, symbols
  PKL_SANITIZE=1  AddressSanitizer and UndefinedBehaviorSanitizer in the C code
"""

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = bool(os.environ.get("PKL_DEBUG"))
SANITIZE = bool(os.environ.get("PKL_SANITIZE"))

CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-fvisibility=hidden"]
CFLAGS += ["-O0", "-g"] if DEBUG else ["-O3"]
LDFLAGS: list[str] = []
HEADERS = sorted(glob("native/include/pkl/*.h") + glob("native/src/*.h"))
if SANITIZE:
    CFLAGS += ["-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LDFLAGS += ["-fsanitize=address,undefined"]

# The core is one static library, linked into each extension: it has no mutable
# state of its own, so that several copies cannot disagree.
NATIVE = (
    "pkl",
    {
        "sources": sorted(glob("native/src/*.c")),
        "obj_deps": {"": HEADERS},
        "include_dirs": ["native/include"],
        "cflags": [*CFLAGS, "-Wall", "-Wextra", "-Wconversion", "-fPIC"],
    },
)

EXTENSIONS = [
    Extension(
        path.removesuffix(".pyx").replace("/", "."),
        [path],
        include_dirs=["native/include"],
        depends=[*HEADERS, *NATIVE[1]["sources"]],
        extra_compile_args=CFLAGS,
        extra_link_args=LDFLAGS,
    )
    for path in sorted(glob("pykafkalite/_core/*.pyx"))
]

DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    "binding": True,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
}

setup(
    libraries=[NATIVE],
    ext_modules=cythonize(EXTENSIONS, compiler_directives=DIRECTIVES, build_dir="build/cython"),
)
