"""The extern blocks of _core/*.pxd say what native/include/pkl/*.h say."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADERS = sorted((ROOT / "native/include/pkl").glob("*.h"))
PXDS = sorted((ROOT / "pykafkalite/_core").glob("*.pxd"))

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|^\s*#[^\n]*(?:\\\n[^\n]*)*$", re.S | re.M)
FUNCTION = re.compile(r"^[ \t]*((?:[\w*]+[ \t\n*]+)+?)(pkl_\w+)\(([^()]*)\)\s*[;{]", re.M)
EXTERN = re.compile(r'^cdef extern from "pkl/(\w+\.h)"[^\n]*:\n((?:[ \t]+[^\n]*\n|\n)*)', re.M)
DECLARED = re.compile(r"^[ \t]+([\w \t*]+?[ \t*])(pkl_\w+)\(([^()]*)\)", re.M)
ENUM = re.compile(r"^[ \t]*(PKL_[A-Z0-9_]+)\s*(?:=[^,}\n]*)?,?", re.M)

# Cython's words for what C has no or another word for.
SAME = {"bint": "bool"}


def parameter_types(parameters: str) -> list[str]:
    """The types alone: names may differ, `const` and the number of stars may not."""
    types = []
    for parameter in re.sub(r"\s+", " ", parameters).split(","):
        words = re.findall(r"\w+|\*", parameter)
        if words and words != ["void"]:
            named = len([w for w in words if w not in ("const", "struct", "*")]) > 1
            words = words[:-1] if named else words
            types.append(" ".join(SAME.get(w, w) for w in words if w != "struct"))
    return types


def result_type(words: str) -> str:
    kept = [w for w in re.findall(r"\w+|\*", words) if w not in ("static", "inline", "extern", "struct")]
    return " ".join(SAME.get(w, w) for w in kept)


def signatures(found: re.Pattern[str], text: str) -> dict[str, tuple[str, list[str]]]:
    return {name: (result_type(words), parameter_types(inner)) for words, name, inner in found.findall(text)}


def functions_of(header: str) -> dict[str, tuple[str, list[str]]]:
    return signatures(FUNCTION, COMMENT.sub("", header))


def differences(pxd: str, headers: dict[str, str]) -> list[str]:
    """What an extern block declares otherwise than its header, or of a header that is not there."""
    wrong = []
    for name, block in EXTERN.findall(pxd):
        header = COMMENT.sub("", headers.get(name, ""))
        truth = functions_of(header)
        for function, signature in signatures(DECLARED, re.sub(r"\\\n", " ", block)).items():
            if truth.get(function) != signature:
                wrong.append(f"{name}: {function} is {truth.get(function)}, declared {signature}")
        constants = re.findall(r"\bPKL_[A-Z0-9_]+\b", re.sub(r"#[^\n]*", "", block))
        wrong += [f"{name}: no {c}" for c in constants if not re.search(rf"\b{c}\b", header)]
    return wrong


TRUTH = {path.name: path.read_text() for path in HEADERS}


@pytest.mark.parametrize("pxd", PXDS, ids=lambda path: path.name)
def test_every_declaration_is_the_headers(pxd):
    assert differences(pxd.read_text(), TRUTH) == []


def test_the_formats_functions_are_all_declared():
    declared = dict(EXTERN.findall((ROOT / "pykafkalite/_core/native.pxd").read_text()))
    for name in ("batch.h", "record.h", "crc32c.h"):
        assert signatures(DECLARED, declared[name]).keys() == functions_of(TRUTH[name]).keys()


def test_every_header_declares_something_this_test_can_read():
    assert {path.name for path in HEADERS if not functions_of(path.read_text())} <= {"status.h"}


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("size_t available, pkl_batch *out", "size_t available"),
        ("pkl_status pkl_batch_parse", "int pkl_batch_parse"),
        ("const uint8_t *data, size_t available", "uint8_t *data, size_t available"),
        ("size_t available", "int64_t available"),
        ("pkl_batch_seal", "pkl_batch_sale"),
        ("PKL_AT_MAGIC", "PKL_AT_MAGICK"),
    ],
)
def test_a_declaration_that_drifts_is_seen(said, instead):
    pxd = (ROOT / "pykafkalite/_core/native.pxd").read_text()
    assert said in pxd
    assert len(differences(pxd.replace(said, instead), TRUTH)) == 1
