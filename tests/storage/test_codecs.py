import gzip
import os
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pykafkalite.errors import CorruptBatch
from pykafkalite.storage.codecs import (
    GZIP,
    LZ4,
    NAMES,
    NONE,
    SNAPPY,
    ZSTD,
    Compression,
    compress,
    decompress,
    wanted,
)
from pykafkalite.storage.config import TopicConfig

CODECS = [GZIP, SNAPPY, LZ4, ZSTD]
MIB = 1 << 20
every_codec = pytest.mark.parametrize("codec", CODECS, ids=[NAMES[codec] for codec in CODECS])
payloads = st.one_of(
    st.binary(max_size=2000),
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=50), st.integers(0, 8000)),
)


@every_codec
@given(payload=payloads)
@settings(max_examples=40, deadline=None)
def test_what_was_compressed_comes_back(codec, payload):
    assert bytes(decompress(codec, compress(codec, payload), len(payload))) == payload


@every_codec
@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 64 * 1024, 64 * 1024 + 1, 300_000])
def test_blocks_may_end_anywhere(codec, size):
    payload = os.urandom(size // 2) + b"a" * (size - size // 2)
    assert bytes(decompress(codec, compress(codec, payload), size)) == payload


@every_codec
def test_any_buffer_can_be_compressed_and_decompressed(codec):
    for kind in (bytearray, memoryview, pa.py_buffer):
        assert bytes(decompress(codec, kind(compress(codec, kind(b"abc" * 100))), 300)) == b"abc" * 100


@every_codec
def test_a_truncated_payload_is_corrupt(codec):
    whole = compress(codec, os.urandom(100) + b"abc" * 100)
    complete = [0, 16] if codec == SNAPPY else []  # the frame of snappy has no end: an empty one is whole
    for size in range(len(whole)):
        if size not in complete:
            with pytest.raises(CorruptBatch):
                decompress(codec, whole[:size], MIB)


@every_codec
def test_garbage_behind_a_payload_is_corrupt(codec):
    with pytest.raises(CorruptBatch):
        decompress(codec, compress(codec, b"abc" * 100) + b"\x01\x02\x03", MIB)


@every_codec
@given(payload=st.binary(max_size=200))
@settings(max_examples=100)
def test_any_bytes_are_records_or_corrupt(codec, payload):
    try:
        assert memoryview(decompress(codec, payload, 1000)).nbytes <= 1000
    except CorruptBatch:
        return


@every_codec
def test_no_flipped_bit_makes_more_than_allowed(codec):
    whole = compress(codec, b"abcdefgh" * 20 + os.urandom(20))
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert memoryview(decompress(codec, damaged, 1000)).nbytes <= 1000
        except CorruptBatch:
            continue


@every_codec
def test_one_byte_more_than_allowed_is_refused(codec):
    small = compress(codec, b"x" * 100_000)
    assert memoryview(decompress(codec, small, 100_000)).nbytes == 100_000
    with pytest.raises(CorruptBatch, match="more than the 99999 bytes"):
        decompress(codec, small, 99_999)


BOMB_DISPOSAL = """
import sys, tracemalloc
import pyarrow as pa
from pykafkalite.errors import CorruptBatch
from pykafkalite.storage.codecs import decompress
bomb = sys.stdin.buffer.read()
tracemalloc.start()
try:
    decompress(int(sys.argv[1]), bomb, 1 << 20)
except CorruptBatch:
    print(max(pa.default_memory_pool().max_memory(), tracemalloc.get_traced_memory()[1]))
"""


@every_codec
def test_a_bomb_is_refused_within_the_bound(codec):
    bomb = compress(codec, bytes(64 * MIB))
    child = [
        sys.executable,
        "-c",
        BOMB_DISPOSAL,
        str(codec),
    ]  # a fresh process: its memory pool counts only this
    peak = int(subprocess.run(child, input=bomb, check=True, capture_output=True).stdout)
    assert MIB // 2 < peak < 3 * MIB


def test_a_size_that_snappy_only_claims_allocates_nothing():
    claim = b"\xff\xff\xff\x7f" + b"\0" * 10
    for payload in (claim, compress(SNAPPY, b"") + len(claim).to_bytes(4, "big") + claim):
        with pytest.raises(CorruptBatch, match="cannot become"):
            decompress(SNAPPY, payload, 1 << 31)


@pytest.mark.parametrize("codec", [NONE, 5, 7, -1])
def test_a_codec_that_does_not_exist_is_refused(codec):
    with pytest.raises(CorruptBatch):
        decompress(codec, b"", 10)
    with pytest.raises(ValueError, match="codec"):
        compress(codec, b"")


# --- what others write and expect


def test_snappy_is_framed_as_java_expects():
    small = compress(SNAPPY, b"a" * 40_000)
    assert small[:16] == bytes.fromhex("82 534e41505059 00 00000001 00000001")
    first = int.from_bytes(small[16:20], "big")
    assert pa.Codec("snappy").decompress(small[20 : 20 + first], 32 * 1024).to_pybytes() == b"a" * 32 * 1024


def test_raw_snappy_as_librdkafka_writes_it_is_read():
    assert bytes(decompress(SNAPPY, pa.Codec("snappy").compress(b"abc" * 100), 300)) == b"abc" * 100


def test_snappy_streams_that_follow_each_other_are_read():
    assert bytes(decompress(SNAPPY, compress(SNAPPY, b"ab") + compress(SNAPPY, b"cd"), 10)) == b"abcd"


def test_lz4_blocks_are_independent():
    block = os.urandom(64 * 1024)
    small = compress(LZ4, block + block)
    assert small[:7] == bytes.fromhex("04224d18604082")
    assert len(small) > 2 * 64 * 1024  # linked blocks would say "the same again"
    assert small[7:11] == (0x80010000).to_bytes(4, "little")
    assert small[-4:] == bytes(4)


def test_lz4_frames_with_linked_blocks_are_read():
    payload = os.urandom(1000) * 300
    assert bytes(decompress(LZ4, pa.Codec("lz4").compress(payload), len(payload))) == payload


def test_gzip_of_the_standard_library_is_read_and_reads_ours():
    assert bytes(decompress(GZIP, gzip.compress(b"abc" * 100), 300)) == b"abc" * 100
    assert gzip.decompress(compress(GZIP, b"abc" * 100)) == b"abc" * 100


@pytest.mark.parametrize(
    ("codec", "levels"),
    [(GZIP, [-1, *range(1, 10)]), (LZ4, range(1, 18)), (ZSTD, [-131072, -5, 0, 1, 3, 22])],
)
def test_every_level_of_kafka_is_taken(codec, levels):
    payload = b"".join(b"%d," % number for number in range(3000))
    for level in levels:
        assert bytes(decompress(codec, compress(codec, payload, level), len(payload))) == payload


def test_a_higher_level_makes_it_smaller():
    payload = b"".join(b"%d," % (number * 7919 % 10007) for number in range(30_000))
    for codec, low, high in ((GZIP, 1, 9), (LZ4, 9, 12), (ZSTD, 1, 19)):
        assert len(compress(codec, payload, high)) < len(compress(codec, payload, low))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, None),
        ({"compression.type": "uncompressed"}, Compression(NONE, None)),
        ({"compression.type": "gzip"}, Compression(GZIP, -1)),
        ({"compression.type": "snappy"}, Compression(SNAPPY, None)),
        ({"compression.type": "lz4", "compression.lz4.level": 12}, Compression(LZ4, 12)),
        ({"compression.type": "zstd", "compression.zstd.level": 1}, Compression(ZSTD, 1)),
    ],
)
def test_a_topic_says_how_it_is_compressed(overrides, expected):
    assert wanted(TopicConfig(overrides)) == expected


def test_storage_is_imported_without_pyarrow():
    code = (
        "import sys, pykafkalite.storage.codecs, pykafkalite.storage.metadata; "
        "assert 'pyarrow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
