"""How logs, topics and scans look in a terminal and in a notebook: one small table, twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from pykafkalite.errors import Error

if TYPE_CHECKING:
    from collections.abc import Callable

_EXTREME = 253_402_300_800_000  # the year 10000: past what datetime can show
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def human_size(size: int) -> str:
    """1234567 -> "1.23 MB": three digits, powers of 1000."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{size} B"
    return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f} {_UNITS[unit]}"


def plural(count: int, noun: str) -> str:
    """2, "record" -> "2 records"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def human_time(timestamp: int | None) -> str:
    """Milliseconds since 1970 to "2013-07-04 12:00:00"; "" for none."""
    if timestamp is None or timestamp < 0:
        return ""
    if timestamp >= _EXTREME:
        return f"{timestamp} ms"
    return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def time_range(first: int | None, last: int | None) -> str:
    """ "2013-01-01 .. 2013-12-31": times of day only where the days are the same."""
    begin, end = human_time(first), human_time(last)
    if not begin or begin == end:
        return begin
    if begin[:10] == end[:10]:
        return f"{begin} .. {end[11:]}"
    return f"{begin[:10]} .. {end[:10]}"


def text_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], limit: int = 20) -> str:
    """A title, then the rows in columns; at most `limit` of them."""
    if not rows:
        return title
    shown = [list(header), *map(list, rows[:limit])]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    numeric = [_numeric(column[1:]) for column in zip(*shown, strict=True)]
    lines = [title]
    for row in shown:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        lines.append(("  " + "  ".join(cells)).rstrip())
    if len(rows) > limit:
        lines.append(f"  ... and {len(rows) - limit:,} more")
    return "\n".join(lines)


def html_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], limit: int = 50) -> str:
    """The same for a notebook.  All text is escaped."""
    numeric = [_numeric(column) for column in zip(*rows[:limit], strict=True)] or [False] * len(header)
    align = ['style="text-align:right"' if right else 'style="text-align:left"' for right in numeric]

    def line(cells: Sequence[str], tag: str) -> str:
        inside = (f"<{tag} {how}>{escape(cell)}</{tag}>" for cell, how in zip(cells, align, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    body = "".join(line(row, "td") for row in rows[:limit])
    more = f"<p>... and {len(rows) - limit:,} more</p>" if len(rows) > limit else ""
    table = f"<table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<div><p><strong>{escape(title)}</strong></p>{table}{more}</div>"


Look = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, header, rows."""


def as_text(name: str, look: Callable[[], Look]) -> str:
    """A repr, which never raises: of what is closed, deleted or another process's it says that."""
    try:
        title, header, rows = look()
    except Error as error:
        return f"<{name}: {error}>"
    return text_table(f"<{title}>", header, rows)


def as_html(name: str, look: Callable[[], Look]) -> str:
    """The same for a notebook."""
    try:
        return html_table(*look())
    except Error as error:
        return html_table(f"{name}: {error}", [], [])


def _numeric(cells: Sequence[str]) -> bool:
    return all(not cell or (cell[0].isdigit() and ".." not in cell) for cell in cells)
