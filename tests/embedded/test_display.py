"""Numbers and tables a person can read."""

import pytest

from pykafkalite.embedded.display import html_table, human_size, human_time, plural, text_table, time_range

NOON = 1_372_939_200_000


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_999, "10.0 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (41_234_567, "41.2 MB"),
        (3 * 10**18, "3000 PB"),
    ],
)
def test_sizes_have_three_digits_and_a_unit(size, text):
    assert human_size(size) == text


def test_times_are_utc_and_a_missing_one_is_empty():
    assert human_time(NOON) == "2013-07-04 12:00:00"
    assert human_time(-1) == human_time(None) == ""
    assert human_time(2**62) == f"{2**62} ms"


def test_a_range_within_a_day_shows_times_and_a_longer_one_days():
    assert time_range(NOON, NOON + 60_000) == "2013-07-04 12:00:00 .. 12:01:00"
    assert time_range(NOON, NOON + 86_400_000) == "2013-07-04 .. 2013-07-05"
    assert time_range(NOON, NOON) == "2013-07-04 12:00:00"
    assert time_range(None, None) == ""


def test_nouns_agree_with_their_number():
    assert [plural(n, "record") for n in (0, 1, 1234)] == ["0 records", "1 record", "1,234 records"]


def test_numbers_stand_right_and_names_left():
    table = text_table("<Log>", ["topic", "records"], [["a", "5"], ["bcd", "1,000"]])
    assert table == "<Log>\n  topic  records\n  a            5\n  bcd      1,000"


def test_a_long_table_says_how_much_it_left_out():
    assert text_table("t", ["n"], [[str(n)] for n in range(25)]).endswith("... and 5 more")


def test_names_are_escaped_in_html():
    assert "<script>" not in html_table("<script>", ["<script>"], [["<script>"]])
    assert html_table("t", ["n"], []).count("<table") == 0
