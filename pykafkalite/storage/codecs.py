"""Compression of a batch's records, byte-compatible with Kafka's Java clients.

    1 gzip     RFC 1952
    2 snappy   raw snappy, or Xerial's framing, which Java writes and expects:
               "\\x82SNAPPY\\0", int32 version, int32 oldest reader, then chunks
               of [int32 length][raw snappy]
    3 lz4      an LZ4 frame; Java reads only independent blocks, which pyarrow's
               own frames are not, so that frames are put together here
    4 zstd     RFC 8878

The work is pyarrow's.  Output is counted while it is made: what would become
larger than allowed is refused before it exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pykafkalite.errors import CorruptBatch

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from pykafkalite.storage.config import TopicConfig

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
NAMES = {NONE: "uncompressed", GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}
"""The codec in a batch's attributes -> its name as a `compression.type`."""

_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER = _XERIAL + (1).to_bytes(4, "big") * 2
_SNAPPY_CHUNK = 32 * 1024
_SNAPPY_RATIO = 32  # a copy of 64 bytes takes three, so that nothing valid grows more than this

_LZ4_HEADER = bytes.fromhex("04224d18 60 40 82")  # version 1, independent blocks; of 64 KB; their checksum
_LZ4_BLOCK = 64 * 1024
_LZ4_STORED = 0x80000000
_LZ4_DEFAULT_LEVEL, _LZ4_HIGHEST_LEVEL = 9, 12
_GZIP_DEFAULT_LEVEL = 6

_FIRST_GUESS = 4
"""Times the compressed size: what is read first; most batches are whole then, without a copy."""


class Compression(NamedTuple):
    """What a topic asks for; `level` is None where the codec has none."""

    codec: int
    level: int | None


def wanted(config: TopicConfig) -> Compression | None:
    """None: batches stay as the producer made them."""
    match config.compression_type:
        case "uncompressed":
            return Compression(NONE, None)
        case "gzip":
            return Compression(GZIP, config.compression_gzip_level)
        case "snappy":
            return Compression(SNAPPY, None)
        case "lz4":
            return Compression(LZ4, config.compression_lz4_level)
        case "zstd":
            return Compression(ZSTD, config.compression_zstd_level)
    return None


def compress(codec: int, payload: Buffer, level: int | None = None) -> bytes:
    """`payload` compressed; `level` as in Kafka's topic configs, None for their default."""
    match codec:
        case 1:
            return _compress("gzip", payload, _GZIP_DEFAULT_LEVEL if level in (None, -1) else level)
        case 2:
            return _compress_snappy(payload)
        case 3:
            return _compress_lz4(payload, _LZ4_DEFAULT_LEVEL if level is None else level)
        case 4:
            return _compress("zstd", payload, 3 if level is None else level)
    raise ValueError(f"there is no codec {codec}")


def decompress(codec: int, payload: Buffer, max_bytes: int) -> Buffer:
    """The records of a compressed batch, in memory of their own.

    Raises CorruptBatch for what is no whole compressed payload, and for what
    has more than `max_bytes` in it.
    """
    match codec:
        case 1 | 3 | 4:
            return _read_stream(NAMES[codec], payload, max_bytes)
        case 2:
            return _decompress_snappy(memoryview(payload).cast("B"), max_bytes)
    raise CorruptBatch(f"a batch is compressed with codec {codec}, which does not exist")


def _codec(name: str, level: int | None = None) -> Any:
    import pyarrow

    return pyarrow.Codec(name) if level is None else pyarrow.Codec(name, compression_level=level)


def _compress(name: str, payload: Buffer, level: int | None) -> bytes:
    compressed: bytes = _codec(name, level).compress(payload, asbytes=True)
    return compressed


def _compress_lz4(payload: Buffer, level: int) -> bytes:
    """Java takes its fast compressor at Kafka's default level, the slow one at any other; so do we."""
    codec = _codec("lz4_raw", 1 if level == _LZ4_DEFAULT_LEVEL else max(3, min(level, _LZ4_HIGHEST_LEVEL)))
    left = memoryview(payload).cast("B")
    parts = [_LZ4_HEADER]
    while left:
        block, left = left[:_LZ4_BLOCK], left[_LZ4_BLOCK:]
        small = codec.compress(block, asbytes=True)
        if len(small) < len(block):
            parts += (len(small).to_bytes(4, "little"), small)
        else:
            parts += ((len(block) | _LZ4_STORED).to_bytes(4, "little"), bytes(block))
    parts.append(bytes(4))
    return b"".join(parts)


def _compress_snappy(payload: Buffer) -> bytes:
    codec = _codec("snappy")
    left = memoryview(payload).cast("B")
    parts = [_XERIAL_HEADER]
    while left:
        chunk, left = left[:_SNAPPY_CHUNK], left[_SNAPPY_CHUNK:]
        small = codec.compress(chunk, asbytes=True)
        parts += (len(small).to_bytes(4, "big"), small)
    return b"".join(parts)


def _read_stream(name: str, payload: Buffer, max_bytes: int) -> Buffer:
    import pyarrow

    size = memoryview(payload).nbytes
    if not size:
        raise CorruptBatch(f"a batch has nothing where its {name} records should be")
    parts: list[Any] = []
    total = 0
    ask = max(_FIRST_GUESS * size, 4096)
    try:
        stream = pyarrow.CompressedInputStream(pyarrow.BufferReader(payload), name)
        while True:
            ask = min(ask, max_bytes + 1 - total)
            part = stream.read_buffer(ask)
            parts.append(part)
            total += part.size
            if total > max_bytes:
                raise _too_large(name, max_bytes)
            if part.size < ask:
                break
            ask *= 2
    except (OSError, ValueError) as error:
        raise CorruptBatch(f"the {name} records of a batch cannot be decompressed: {error}") from None
    whole: Buffer = parts[0] if len(parts) == 1 else b"".join(parts)
    return whole


def _decompress_snappy(payload: memoryview, max_bytes: int) -> Buffer:
    if payload[:8] != _XERIAL:
        return _raw_snappy(payload, max_bytes)
    out = bytearray()
    at = 0
    while at < len(payload):
        if payload[at : at + 8] == _XERIAL:  # streams may follow each other
            at += len(_XERIAL_HEADER)
            if at > len(payload):
                raise CorruptBatch("the snappy records of a batch end inside a header")
            continue
        size = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        if not 0 < size <= len(payload) - at:
            raise CorruptBatch(f"a snappy chunk claims {size} bytes where {len(payload) - at} are left")
        out += memoryview(_raw_snappy(payload[at : at + size], max_bytes, before=len(out)))
        at += size
    return out


def _raw_snappy(chunk: memoryview, max_bytes: int, before: int = 0) -> Buffer:
    """It says its size in front, which is not believed before it is plausible."""
    size = shift = 0
    for byte in chunk[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise CorruptBatch("the snappy records of a batch do not begin with their size")
    if size > _SNAPPY_RATIO * len(chunk):
        raise CorruptBatch(f"{len(chunk)} bytes of snappy cannot become {size}")
    if before + size > max_bytes:
        raise _too_large("snappy", max_bytes)
    try:
        out: Buffer = _codec("snappy").decompress(chunk, decompressed_size=size)
    except (OSError, ValueError) as error:
        raise CorruptBatch(f"the snappy records of a batch cannot be decompressed: {error}") from None
    return out


def _too_large(name: str, max_bytes: int) -> CorruptBatch:
    return CorruptBatch(f"the {name} records of a batch become more than the {max_bytes} bytes allowed")
