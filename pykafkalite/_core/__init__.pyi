"""The border.  Python may use these names and no other native name.

What is below this line validates its input, cannot crash the interpreter,
raises the exceptions of `pykafkalite.errors`, and owns its memory.  What is
above it decides policy and never sees a pointer.  Everything that may take
longer than a few microseconds releases the GIL.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, final

import pyarrow as pa
from typing_extensions import Buffer

__all__ = [
    "ATTR_CODEC",
    "ATTR_CONTROL",
    "ATTR_DELETE_HORIZON",
    "ATTR_LOG_APPEND_TIME",
    "ATTR_TRANSACTIONAL",
    "BATCH_HEADER",
    "Batch",
    "Block",
    "ColumnReader",
    "Columns",
    "Encoded",
    "Hole",
    "Live",
    "Mapping",
    "Message",
    "Messages",
    "RecordAccumulator",
    "Recovery",
    "Rows",
    "Segment",
    "build_batch",
    "check_records",
    "crc32c",
    "crc32c_kind",
    "murmur2",
    "parse_batch",
    "parse_header",
    "partition_for_key",
    "record_batch_schema",
    "records_of",
    "reseal",
    "stamp",
    "sync_directory",
    "syncfs",
    "walk_batches",
]

_Headers = Sequence[tuple[str, bytes | None]]

BATCH_HEADER: Final[int]  # 61, and the other enum members of batch.h that Python needs
ATTR_CODEC: Final[int]
ATTR_LOG_APPEND_TIME: Final[int]
ATTR_TRANSACTIONAL: Final[int]
ATTR_CONTROL: Final[int]
ATTR_DELETE_HORIZON: Final[int]

def crc32c(data: Buffer, crc: int = 0) -> int:
    """CRC-32C of `data`; `crc` is 0 or the result for the bytes before."""

def crc32c_kind() -> str:
    """The way crc32c takes on this machine: sse4.2, armv8 or table."""

# --- batches ---------------------------------------------------------------

@final
class Batch:
    """A parsed batch header (batch.h): plain numbers, nothing borrowed; made by parse_batch and walk_batches."""

    @property
    def position(self) -> int: ...  # of the batch in the buffer that was walked, bytes
    @property
    def size(self) -> int: ...  # bytes, header included
    @property
    def base_offset(self) -> int: ...
    @property
    def last_offset(self) -> int: ...
    @property
    def base_timestamp(self) -> int: ...
    @property
    def max_timestamp(self) -> int: ...
    @property
    def producer_id(self) -> int: ...
    @property
    def producer_epoch(self) -> int: ...
    @property
    def base_sequence(self) -> int: ...
    @property
    def leader_epoch(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def crc(self) -> int: ...
    @property
    def attributes(self) -> int: ...
    @property
    def codec(self) -> int: ...  # 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd
    @property
    def is_control(self) -> bool: ...
    @property
    def is_transactional(self) -> bool: ...
    @property
    def is_append_time(self) -> bool: ...

def parse_batch(data: Buffer, position: int = 0, *, check_crc: bool = True) -> Batch:
    """The batch at `position`.  Raises CorruptBatch (with .position) for anything
    that is not one whole valid batch, EOFError when nothing is left there, ValueError outside the data."""

def parse_header(data: Buffer, position: int = 0) -> Batch:
    """The header at `position`; the batch's records may lie outside `data`.  Raises as parse_batch does."""

def walk_batches(
    data: Buffer, start: int = 0, end: int | None = None, *, check_crc: bool = True
) -> list[Batch]:
    """All whole batches in data[start:end].  Raises CorruptBatch at the first that is not one."""

def check_records(
    data: Buffer, batch: Batch, records: Buffer | None = None, *, dense: bool = True
) -> tuple[int, int, int, int, int]:
    """Walks the records (`records`: their decompressed bytes, else the batch's own).
    (min_timestamp, max_timestamp, offset of max_timestamp, -1 each without records, records with headers,
    records without a key); CorruptBatch, or InvalidRecord for compressed records.
    `dense`: no gaps, as a producer sends them."""

_StoredRecord = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]

def records_of(data: Buffer, batch: Batch, records: Buffer | None = None) -> list[_StoredRecord]:
    """[(offset, timestamp, key, value, headers)], copied: for stored records (metadata, offsets) and dump;
    not a hot path.  Bytes of a header key that are not UTF-8 become U+FFFD, as in Java."""

def stamp(data: Buffer, base_offset: int, leader_epoch: int, append_time: int | None = None) -> int:
    """Assigns offsets to all batches in `data` (writable) in order; returns the next offset.
    With append_time (ms) also sets log-append time and the CRC anew.  Structure is checked, not the CRC;
    CorruptBatch or ValueError leave all of `data` as it was."""

# key, value, headers, timestamp (ms)
_Row = tuple[Buffer | None, Buffer | None, _Headers | None, int]

def build_batch(
    records: Sequence[_Row],
    *,
    attributes: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
) -> bytearray:
    """One sealed batch at base offset 0: for single appends, stored records, control batches.
    `attributes`: the transactional and control bits.  ValueError without records, InvalidRecord for a timestamp
    below -1, MessageTooLarge past 2 GiB."""

def reseal(batch: Buffer, payload: Buffer, codec: int) -> bytearray:
    """`batch` (one, sealed) with its records replaced by `payload`, which is in `codec`; the CRC anew."""

# --- columns -> batches ----------------------------------------------------

def murmur2(data: Buffer) -> int:
    """Kafka's murmur2 of `data`, as Java's signed int."""

def partition_for_key(key: Buffer, partitions: int) -> int:
    """Java's default partitioner: toPositive(murmur2(key)) % partitions.  ValueError below 1 partition."""

@final
class Columns:
    """Rows to append, borrowed from Arrow memory through the C data interface.

    `source` offers __arrow_c_array__ (a RecordBatch); columns value (required), key, timestamp, headers,
    partition in canonical types: binary or utf8 of 32 or 64-bit offsets or views; timestamp[ms] or int64;
    headers list<struct<key: utf8-like, value: binary-like>>; partition int32.  `topic` and `offset` columns
    (those of a scan) are ignored.  Raises InvalidColumns otherwise; the embedded layer casts what can be
    cast with pyarrow first and tries again.  Threads: any, it does not change.
    """

    def __init__(self, source: Any) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def has_key(self) -> bool: ...
    @property
    def has_timestamp(self) -> bool: ...
    @property
    def has_partition(self) -> bool: ...
    def check(self, max_bytes: int, partitions: int) -> tuple[int, int]:
        """(min, max) of the timestamp column, ms; (-1, -1) when it is absent or all null.  Looks at every row before
        any is written.  MessageTooLarge names the first row whose single-record batch is over max_bytes;
        InvalidRecord the first one with a negative timestamp, a partition outside 0..partitions-1, or a null
        header or header key."""
    def route(self, partitions: int, sticky: int) -> list[tuple[int, Rows]]:
        """Rows per partition, input order kept, empty ones left out: the partition column, else murmur2 of the
        key, else `sticky`; a null partition or key counts as absent.  Only after check()."""

@final
class Rows:
    """Rows of a `Columns` that go to one partition: a range, or a list of row numbers.  Made by route()."""

    @property
    def count(self) -> int: ...
    def encode(self, first: int, now: int, target_bytes: int, *, attributes: int = 0) -> Encoded:
        """One sealed batch (base offset 0, leader epoch 0, no producer) of rows[first:], as many as fit
        target_bytes, at least one.  Rows without a timestamp get `now` (ms)."""

@final
class Encoded:
    """A sealed, writable batch in pooled memory; exports the buffer protocol (exactly its bytes)."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def min_timestamp(self) -> int: ...
    @property
    def max_timestamp(self) -> int: ...
    @property
    def max_timestamp_offset_delta(self) -> int:
        """Offset delta of the first record that has max_timestamp."""
    @property
    def base_sequence(self) -> int: ...
    @property
    def producer_id(self) -> int: ...

# --- one at a time, fast ---------------------------------------------------

class RecordAccumulator:
    """What `Writer` inherits its `append` from: encodes each record straight into its partition's batch.

    `drain(partition, batch)` is called, on the appending thread: when the next record does not fit into
    `batch_size` bytes (a larger record has a batch of its own), or when `linger_ms` after its first record an
    append or poll() sees it.  Records without key and partition stick to one partition until its batch is
    drained, then go to the next; `sticky` is the first, anywhere by default.  Threads: one owner.
    """

    def __init__(
        self,
        partitions: int,
        drain: Callable[[int, Encoded], object],
        *,
        batch_size: int,
        max_bytes: int,
        linger_ms: int = 5,
        clock_ms: Callable[[], int] | None = None,
        sticky: int | None = None,
    ) -> None: ...
    def append(
        self,
        value: Buffer | None,
        key: Buffer | None = None,
        headers: _Headers | None = None,
        timestamp: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Adds one record; timestamp in ms, the clock's by default.  MessageTooLarge (over max_bytes),
        InvalidRecord (negative timestamp, no such partition), TypeError: it was not taken, all others were.
        What `drain` raises comes through: the batch it was given is gone from here, and if it was drained to
        make room, this record was not taken."""
    def poll(self) -> None:
        """Drains the batches that have lingered."""
    def drain_all(self) -> None:
        """Drains everything.  What `drain` raises stops it; later batches stay pending."""
    @property
    def partitions(self) -> int: ...
    @property
    def pending(self) -> int:
        """Records not drained yet."""

# --- batches -> columns ----------------------------------------------------

@final
class Block:
    """Owned, pooled memory for a decompressed payload or a span that was read: exports the buffer protocol, writable;
    filled once, and not changed any more after it was lent to a ColumnReader."""

    def __init__(self, size: int) -> None: ...
    @property
    def size(self) -> int: ...  # bytes
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __len__(self) -> int: ...

class ColumnReader:
    """Turns stored batches of one partition into Arrow columns: topic, partition, offset, timestamp, key, value,
    headers, of which only those asked for are made, in the order given.

    Zero copy: key, value and header-value views of more than 12 bytes point into `owner`, which the RecordBatch keeps
    alive.  Control batches are stepped over.  A timestamp of -1 (none) stays -1.  Header keys that are not UTF-8 get
    U+FFFD.  Reusable: `finish` and `messages` hand over the columns and begin anew.  Threads: one at a time.
    """

    FULL: Final[int]
    """max_rows or max_bytes; go on at .position from .next_offset (which may lie inside the batch there)."""
    END: Final[int]
    """All of owner[start:end] was taken."""
    UNTIL: Final[int]
    """until_offset is reached."""
    COMPRESSED: Final[int]
    """The batch at .position, whose CRC is right, needs `add_decompressed`."""
    CORRUPT: Final[int]
    """No valid batch lies at .position; .problem says why.  Rows before it are there."""
    TRUNCATED: Final[int]
    """owner[start:end] ends inside the batch at .position."""

    def __init__(
        self,
        topic: str,
        partition: int,
        columns: Sequence[str],
        *,
        max_rows: int = 65536,
        max_bytes: int = 16 << 20,
    ) -> None: ...
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> int:
        """Decoded since the last finish() or messages()."""
    @property
    def position(self) -> int:
        """Where `add` stopped, relative to the owner's first byte."""
    @property
    def next_offset(self) -> int:
        """The offset after the last one consumed, gaps and control batches included; never before first_offset."""
    @property
    def problem(self) -> str:
        """In words, after CORRUPT."""
    def add(self, owner: Buffer, start: int, end: int, first_offset: int, until_offset: int) -> int:
        """Decodes batches in owner[start:end] whose records lie in [first_offset, until_offset), checking each CRC,
        until one of the states above, which it returns."""
    def add_decompressed(
        self, owner: Buffer, position: int, records: Buffer, first_offset: int, until_offset: int
    ) -> int:
        """The batch at owner[position] with its records decompressed in `records`, which the views then borrow.
        END: taken, .position is behind it; or FULL, UNTIL, CORRUPT as above."""
    def finish(self) -> pa.RecordBatch: ...
    def messages(self) -> Messages:
        """Needs the columns offset and timestamp; key, value and headers not asked for are None or empty."""

@final
class Messages(Iterator[Message]):
    """The messages of one partition that a ColumnReader had read, each made when it is asked for."""

    @property
    def next_offset(self) -> int:
        """The offset after the message given last; before the first, that one's own; -1 of nothing."""
    def stop(self) -> None:
        """Gives no further message, and lets go of the log."""
    def __next__(self) -> Message: ...
    def __length_hint__(self) -> int: ...

@final
class Message:
    """One record.  It owns its bytes and keeps no log alive."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """ms since 1970; -1: none."""
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> list[tuple[str, bytes | None]]: ...
    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: _Headers = (),
    ) -> None: ...

def record_batch_schema(columns: Sequence[str]) -> pa.Schema:
    """The schema of these columns of a scan, in the order given.  Imports pyarrow."""

# --- files -----------------------------------------------------------------

@final
class Mapping:
    """Read-only mapping of a file at a fixed capacity; gives only what was published.  It lives as long as
    a view of it."""

    capacity: int
    address: int
    def slice(self, start: int, end: int) -> memoryview: ...

@final
class Segment:
    """One .log with its .index and .timeindex.  Threads: one appender (the caller locks), any number of readers."""

    @staticmethod
    def create(
        directory: str,
        base_offset: int,
        *,
        segment_bytes: int,
        index_bytes: int,
        index_interval: int,
        preallocate: bool = False,
    ) -> Segment:
        """The .log must not exist.  StorageError, DiskFull, and then none of the three files."""
    @staticmethod
    def open(
        directory: str,
        base_offset: int,
        *,
        segment_bytes: int,
        index_bytes: int,
        index_interval: int,
        end: int,
        writable: bool,
        mapped: bool = True,
    ) -> Segment:
        """`end`: bytes of the .log known to be whole batches (the published end); nothing behind it is looked at.
        mapped=False reads by pread (files that another kind of writer may be shortening) and keeps one descriptor;
        a mapped segment that is not writable keeps none.  CorruptBatch when the file is shorter than `end`."""
    path: str  # of the .log
    base_offset: int
    mapping: Mapping | None
    # What the batches come to; found by the indexes on first use:
    end: int  # position after the last appended batch
    next_offset: int
    max_timestamp: int  # largest so far, -1 none
    max_timestamp_offset: int  # last offset of the first batch that has it, -1 none
    rolling_timestamp: int  # max timestamp of the first batch (segment.ms counts from it); -1 none
    def append(self, batches: Buffer) -> int:
        """Writes whole stamped batches at `end`, index upkeep per batch; returns the position.  Everything
        the indexes need is read from the headers.  ValueError: not whole batches in increasing offsets from
        next_offset on.  BufferError: no room. StorageError (DiskFull): `end` is as it was, the next append
        overwrites."""
    def fits(self, size: int, last_offset: int) -> bool:
        """False when Kafka would roll: size, index full, or relative offset over int32."""
    def lookup(self, offset: int) -> int:
        """Position of the batch that holds `offset`, or of the first one after it; `end` when there is
        none.  Believes an index entry only when the batch there confirms it.  Where a bad batch may have
        held the offset: the bad batch's position."""
    def next_valid(self, position: int) -> tuple[int, int] | None:
        """(position, base offset) of the first whole valid batch behind the bad one at `position`."""
    def lookup_timestamp(self, timestamp: int, start: int = 0) -> tuple[int, int] | None:
        """(position, base offset) of the first batch from position `start` on with a record of that
        timestamp (ms) or later."""
    def advance(self, end: int) -> None:
        """A reader learns of a new published end."""
    def span(self, start: int, max_bytes: int, until: int) -> tuple[Buffer, int, int]:
        """(owner, start, end) in owner's coordinates of whole batches from file position `start`, at least
        one batch, not past `until`.  The owner covers the span only: a view into the mapping, or bytes."""
    def recover(self, start: int = 0) -> Recovery:
        """Walks the whole file from `start` (a batch boundary), checking every CRC.  A writable segment
        then ends after the last valid batch, holes or not, with index files made anew; nothing is cut (see
        truncate).  One opened for reading is only checked.  Ctrl-C works, and leaves the segment as its
        files say."""
    def release(self, start: int, end: int) -> None:
        """The bytes [start, end) leave this process's resident memory; views of them stay good.  `start`: on a page."""
    def sync(self) -> None:
        """fdatasync of the .log; OSError."""
    def flush_indexes(self, sync: bool = False) -> None: ...
    def seal(self) -> None:
        """Roll or clean close: last time index entry, indexes written, preallocated tail cut."""
    def truncate(self, end: int) -> None:
        """Only for a tail that was never published: others may have the rest mapped."""
    def close(self) -> None:
        """Closes descriptors; the map lives as long as its views."""

class Hole(NamedTuple):
    """Bad bytes with a valid batch after them: they stay, reads raise CorruptBatch."""

    position: int
    valid_after: int  # position of the next valid batch
    next_offset: int  # its base offset
    problem: str

class Recovery(NamedTuple):
    """What walking a segment found: every number is about whole valid batches."""

    end: int  # after the last valid batch, also behind holes
    next_offset: int
    batches: int  # from `start` on
    file_size: int  # over `end`: the rest is a tail, torn or never written
    holes: list[Hole]
    epochs: list[tuple[int, int]]  # (leader epoch, start offset), each where it first appears
    problem: str  # with the tail; "" without one
    zeros: bool  # the tail is nothing but zeros: preallocated, or lost before it was written
    @property
    def bad_position(self) -> int:
        """Of the first bad bytes; -1 none."""
    @property
    def valid_after(self) -> int:
        """-1: nothing valid after the first bad bytes (a torn tail), or none bad."""

def sync_directory(path: str) -> None:
    """Makes names in a directory durable: files that were created, renamed or removed there.  StorageError."""

def syncfs(path: str) -> None:
    """Syncs the whole file system that holds `path`: far cheaper than a thousand files one by one.  StorageError."""

@final
class Live:
    """pykafkalite.live: what the writer publishes, mapped shared; readers map it read-only.
    Threads: one publisher for each slot at a time, any number of readers and waiters."""
    @staticmethod
    def create(path: str, slots: int) -> Live:
        """A new file of empty slots, under the name of an old one if need be, whose readers are told that it moved."""
    @staticmethod
    def open(path: str, *, writable: bool = False) -> Live:
        """NewerVersion; StorageError when it is missing or no live file."""
    path: str
    slots: int
    sequence: int  # the store's word: moves with everything that becomes visible, wraps at 32 bits
    pid: int  # of the writer, or of the last one
    closed_cleanly: bool
    moved: bool  # another file is there under the name: open that
    def take_over(self) -> None:
        """A new writer goes on with the file: its pid, no flags."""
    def mark_closed(self) -> None: ...
    def mark_moved(self) -> None: ...
    def publish(
        self,
        slot: int,
        start: int,
        high_watermark: int,
        stable: int,
        base_offset: int,
        position: int,
        generation: int,
    ) -> None:
        """Visible to all processes at once; moves the sequence and wakes those that wait."""
    def read(self, slot: int) -> tuple[int, int, int, int, int, int]:
        """As published, all of one moment.  StorageError (EAGAIN) when the writer died in the middle of a publish."""
    def name(self, slot: int, topic_id: bytes, partition: int) -> None:
        """Whose state the slot holds; wakes nobody."""
    def named(self, slot: int) -> tuple[bytes, int]:
        """(zeros, 0) for a slot without a name."""
    def bump(self) -> None:
        """For changes without a slot: moves the sequence and wakes those that wait."""
    def wait(self, seen: int, timeout: float) -> int:
        """Sleeps until sequence != seen or timeout (s, may be inf); returns the sequence.  Signals are seen."""
    def close(self) -> None: ...
