"""Kafka's message encoding, for records whose fields are declared in a table (records.py).

A class decorated with `record` is a keyword-only dataclass whose fields say how
they are written: `name: str = string()`.  From `since` to `until` are the
versions that have the field; in others it keeps its default.  Flexible versions
(KIP-482) have compact lengths and end with tagged fields, which are skipped.

Reading never goes past the bytes given and allocates no more than they justify:
anything else than one whole record is a CorruptBatch.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, dataclass_transform
from uuid import UUID

from pykafkalite.errors import CorruptBatch, InvalidRecord, NewerVersion


class Cursor:
    """Reads forward in `data`, never past its end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)

    @property
    def left(self) -> int:
        return self.end - self.at

    def take(self, count: int) -> bytes:
        start, stop = self.at, self.at + count
        if count < 0 or stop > self.end:
            raise CorruptBatch(f"a record claims {count} bytes where {self.left} are left", position=start)
        self.at = stop
        return self.data[start:stop]

    def uvarint(self) -> int:
        """At most 32 bits in at most five bytes."""
        at = self.at
        if at < self.end and self.data[at] < 0x80:  # nearly always
            self.at = at + 1
            return self.data[at]
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 32:
                    break
                return value
        raise CorruptBatch("a varint in a record is longer than 32 bits", position=self.at)

    def skip_tags(self) -> None:
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())

    def finish(self) -> None:
        if self.left:
            raise CorruptBatch(f"{self.left} bytes follow a record", position=self.at)


def write_uvarint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


class Form(NamedTuple):
    """How one field is written in one version."""

    flexible: bool
    nullable: bool
    version: int


class Kind(Protocol):
    """How one type of field is written and read."""

    def write(self, out: bytearray, value: Any, form: Form) -> None: ...
    def read(self, cursor: Cursor, form: Form) -> Any: ...


class Number:
    def __init__(self, form: str) -> None:
        self.struct = struct.Struct(form)

    def write(self, out: bytearray, value: int, form: Form) -> None:
        out += self.struct.pack(value)

    def read(self, cursor: Cursor, form: Form) -> int:
        value: int = self.struct.unpack(cursor.take(self.struct.size))[0]
        return value


class Length:
    """The length before a string, bytes or an array; None for null."""

    def __init__(self, form: str) -> None:
        self.plain = Number(form)

    def write(self, out: bytearray, length: int | None, form: Form) -> None:
        if length is None and not form.nullable:
            raise InvalidRecord("a field of a stored record cannot be null")
        if form.flexible:
            write_uvarint(out, 0 if length is None else length + 1)
        else:
            self.plain.write(out, -1 if length is None else length, form)

    def read(self, cursor: Cursor, form: Form) -> int | None:
        length = cursor.uvarint() - 1 if form.flexible else self.plain.read(cursor, form)
        if length == -1 and form.nullable:
            return None
        if not 0 <= length <= cursor.left:  # no element of an array is shorter than a byte
            raise CorruptBatch(f"a record claims {length} elements where {cursor.left} bytes are left")
        return length


class Blob:
    def __init__(self, length: str) -> None:
        self.length = Length(length)

    def write(self, out: bytearray, value: bytes | None, form: Form) -> None:
        self.length.write(out, None if value is None else len(value), form)
        out += value or b""

    def read(self, cursor: Cursor, form: Form) -> bytes | None:
        length = self.length.read(cursor, form)
        return None if length is None else cursor.take(length)


class Text(Blob):
    def write(self, out: bytearray, value: Any, form: Form) -> None:
        super().write(out, None if value is None else value.encode("utf-8"), form)

    def read(self, cursor: Cursor, form: Form) -> Any:
        value = super().read(cursor, form)
        try:
            return None if value is None else value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptBatch(
                f"a string in a record is not UTF-8: {error.reason}", position=cursor.at
            ) from None


class Id:
    def write(self, out: bytearray, value: UUID, form: Form) -> None:
        out += value.bytes

    def read(self, cursor: Cursor, form: Form) -> UUID:
        return UUID(bytes=cursor.take(16))


class Array:
    def __init__(self, of: Kind) -> None:
        self.of = of
        self.length = Length(">i")

    def write(self, out: bytearray, value: tuple[Any, ...] | None, form: Form) -> None:
        self.length.write(out, None if value is None else len(value), form)
        for element in value or ():
            self.of.write(out, element, form)

    def read(self, cursor: Cursor, form: Form) -> tuple[Any, ...] | None:
        length = self.length.read(cursor, form)
        return None if length is None else tuple([self.of.read(cursor, form) for _ in range(length)])


class Struct:
    """A record inside a record."""

    def __init__(self, of: type[Record]) -> None:
        self.of = of

    def write(self, out: bytearray, value: Record, form: Form) -> None:
        for name, kind, inner in self.of.plans[form.version]:
            kind.write(out, getattr(value, name), inner)
        if form.flexible:
            out.append(0)

    def read(self, cursor: Cursor, form: Form) -> Record:
        values = {name: kind.read(cursor, inner) for name, kind, inner in self.of.plans[form.version]}
        if form.flexible:
            cursor.skip_tags()
        return self.of(**values)


class Spec(NamedTuple):
    """What a field's declaration says; versions inclusive, None for all or never."""

    kind: Kind
    since: int
    until: int | None
    nullable: int | None


_REQUIRED: Any = dataclasses.MISSING


def _field(kind: Kind) -> Any:
    def declare(
        *, default: Any = _REQUIRED, since: int = 0, until: int | None = None, nullable: int | None = None
    ) -> Any:
        return dataclasses.field(default=default, metadata={"spec": Spec(kind, since, until, nullable)})

    return declare


int8, int16, int32, int64 = (_field(Number(form)) for form in (">b", ">h", ">i", ">q"))
string, blob, uuid = _field(Text(">h")), _field(Blob(">i")), _field(Id())


def array(of: type[Record] | Kind, *, default: Any = _REQUIRED, since: int = 0) -> Any:
    return _field(Array(Struct(of) if isinstance(of, type) else of))(default=default, since=since)


INT32 = Number(">i")
TEXT = Text(">h")


Plan = list[tuple[str, Kind, Form]]


class Record:
    """The base of all declared records."""

    __slots__ = ()

    key: ClassVar[int]
    """Kafka's number of this type of record."""
    stored: ClassVar[int]
    """The version that is written."""
    newest: ClassVar[int]
    """The newest version that is read."""
    flexible: ClassVar[int | None]
    """The first flexible version."""
    plans: ClassVar[list[Plan]]
    """Version -> its fields, in the order in which they are written."""


R = TypeVar("R", bound=Record)


@dataclass_transform(
    kw_only_default=True, field_specifiers=(int8, int16, int32, int64, string, blob, uuid, array)
)
def record(*, key: int = -1, newest: int = 0, stored: int = 0, flexible: int | None = 0) -> Any:
    """Makes a class of declared fields a record."""

    def make(cls: type[R]) -> type[R]:
        made = dataclasses.dataclass(kw_only=True, slots=True)(cls)
        made.key, made.newest, made.stored, made.flexible = key, newest, stored, flexible
        made.plans = [_plan(made, version) for version in range(newest + 1)]
        return made

    return make


def _plan(cls: type[Record], version: int) -> Plan:
    form = _form(cls, version)
    specs = [(field.name, field.metadata["spec"]) for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    return [
        (name, spec.kind, form._replace(nullable=spec.nullable is not None and version >= spec.nullable))
        for name, spec in specs
        if spec.since <= version and (spec.until is None or version <= spec.until)
    ]


def _form(cls: type[Record], version: int) -> Form:
    return Form(cls.flexible is not None and version >= cls.flexible, False, version)


def write_body(out: bytearray, value: Record, version: int) -> None:
    """Appends the fields of `value`.  Raises InvalidRecord for what they cannot hold."""
    try:
        Struct(type(value)).write(out, value, _form(type(value), version))
    except struct.error as error:
        raise InvalidRecord(f"{type(value).__name__} cannot hold this: {error}") from None


def read_body(cursor: Cursor, cls: type[R], version: int) -> R:
    """The record that is all the rest of `cursor`.  Raises CorruptBatch, or NewerVersion."""
    if version > cls.newest:
        raise NewerVersion(f"a {cls.__name__} of version {version} is here, and up to {cls.newest} is known")
    value = read_known(cursor, cls, version)
    cursor.finish()
    return value


def read_known(cursor: Cursor, cls: type[R], version: int) -> R:
    """What is known of a record that newer versions only add to: the rest stays unread.  Raises CorruptBatch."""
    if version < 0:
        raise CorruptBatch(f"a {cls.__name__} cannot have version {version}")
    value: Any = Struct(cls).read(cursor, _form(cls, min(version, cls.newest)))
    checked: R = value
    return checked
