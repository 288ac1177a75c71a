"""Where a broker's settings come from: a flag counts before the environment, that before a file, that before a default.

A file is a `server.properties` as Kafka reads it, or TOML whose tables make dotted names. In the environment
`PYKAFKALITE_NUM_PARTITIONS` is num.partitions; so is `KAFKA_NUM_PARTITIONS`, as in Kafka's own container images.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidConfig
from .settings import Settings, canonical
from .topic_defaults import TOPIC_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OURS, KAFKAS = "PYKAFKALITE_", "KAFKA_"
# Of the command line as a whole: the directory, which PYKAFKALITE_LOG_DIRS names too, and the format of log lines.
DIRECTORY, NO_CONFIG = "PYKAFKALITE_AT", "PYKAFKALITE_LOG"

_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def load(
    *,
    file: str | Path | None = None,
    sets: Iterable[tuple[str, str]] = (),
    flags: Mapping[str, tuple[str, str]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """All that was said, as Settings that know where each value comes from.

    `flags`: name -> (value, the flag's name), for flags of their own such as --listen. Raises InvalidConfig.
    """
    layers: list[dict[str, tuple[object, str]]] = []
    if file is not None:
        layers.append({name: (value, str(file)) for name, value in read_file(Path(file)).items()})
    layers.append(dict(from_environment(environ or {})))
    layers.append({name: (value, f"--set {name}") for name, value in sets})
    layers.append(dict(flags or {}))
    values: dict[str, tuple[object, str]] = {}
    for layer in layers:
        _lay_over(values, layer)
    return Settings.given(
        {name: value for name, (value, _) in values.items()},
        {name: where for name, (_, where) in values.items()},
    )


def read_file(path: Path) -> dict[str, object]:
    """Names and values of a `.toml` file, or of a properties file. Raises InvalidConfig."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfig(f"cannot read the config file {path}: {error}") from None
    if path.suffix != ".toml":
        return dict(parse_properties(text))
    try:
        return dict(_flat(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(f"{path}: {error}") from None


def parse_properties(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a Java properties file: `=`, `:` or a space between, `\\` escapes and goes on in the next line."""
    for line in _logical_lines(text):
        name, *rest = re.split(r"(?<!\\)[ \t\f]*[=:][ \t\f]*|(?<!\\)[ \t\f]+", line, maxsplit=1)
        yield _unescape(name), _unescape(rest[0] if rest else "").strip()


def from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """`_` stands for a dot, `__` for an underscore, as in Kafka's images.

    Ours must name a config; Kafka's prefix also has variables of other programs (KAFKA_OPTS), which are none.
    """
    from .noted import NOTED

    known = {*Settings.table, *TOPIC_DEFAULTS, *NOTED, "broker.id", "log.dir"}
    for prefix in (KAFKAS, OURS):
        if prefix == OURS and DIRECTORY in environ:
            yield "log.dirs", (environ[DIRECTORY], DIRECTORY)
        for variable in sorted(environ):
            if variable.startswith(prefix) and variable not in (DIRECTORY, NO_CONFIG):
                name = (
                    variable.removeprefix(prefix)
                    .lower()
                    .replace("__", "\0")
                    .replace("_", ".")
                    .replace("\0", "_")
                )
                if prefix == OURS or name in known:
                    yield name, (environ[variable], variable)


def _lay_over(values: dict[str, tuple[object, str]], layer: Mapping[str, tuple[object, str]]) -> None:
    """A layer replaces what is below it, also under a config's other names and in its other units."""
    said = {_subject(name) for name in layer}
    for name in [name for name in values if _subject(name) in said]:
        del values[name]
    values.update(layer)


def _subject(name: str) -> str:
    default = TOPIC_DEFAULTS.get(name)
    return f"topic {default.topic}" if default else canonical(name)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, ",".join(map(str, value)) if isinstance(value, list) else value


def _logical_lines(text: str) -> Iterator[str]:
    held = ""
    for line in text.splitlines():
        line = held + line.lstrip(" \t\f")
        held = ""
        if not line or line[0] in "#!":
            continue
        if (len(line) - len(line.rstrip("\\"))) % 2:
            held = line[:-1]
            continue
        yield line
    if held:
        yield held


def _unescape(text: str) -> str:
    return re.sub(
        r"\\u([0-9a-fA-F]{4})|\\(.)",
        lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2]),
        text,
    )
