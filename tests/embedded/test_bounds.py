"""Words and times become offsets."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pykafkalite.embedded.bounds import resolve, resolve_all, to_milliseconds
from pykafkalite.errors import OffsetOutOfRange, UnknownTopic

NOW = 1_000_000_000_000


class Hourly:
    """Offsets 10 to 20, one record an hour, the last one an hour before NOW."""

    topic = "hours"
    start_offset = 10
    high_watermark = 20

    def __init__(self, index=0):
        self.index = index

    def offset_for_timestamp(self, timestamp):
        for offset in range(10, 20):
            at = NOW - (20 - offset) * 3_600_000
            if at >= timestamp:
                return offset, at
        return None


@pytest.mark.parametrize(
    ("moment", "offset"),
    [
        (10, 10),
        (20, 20),
        ("15", 15),
        ("earliest", 10),
        ("latest", 20),
        ("-3h", 17),
        ("-180min", 17),
        ("-180 m", 17),
        ("-2.5h", 18),
        ("-10800s", 17),
        ("-1ms", 20),
        ("-4w", 10),
        (datetime.fromtimestamp(NOW / 1000 - 7200, UTC), 18),
        (datetime(1969, 7, 20, tzinfo=UTC), 10),
        ("2001-09-09T01:46:40Z", 20),
        ("2001-09-09", 19),
        (date(2001, 9, 9), 19),
    ],
)
def test_a_moment_becomes_an_offset(moment, offset):
    assert resolve(Hourly(), moment, now=NOW) == offset


@pytest.mark.parametrize("moment", [9, 21, -1])
def test_an_offset_outside_the_log_is_refused_with_the_range_there_is(moment):
    with pytest.raises(OffsetOutOfRange, match=r"hours-0 has offsets 10 to 20, -?\d+ is not among them"):
        resolve(Hourly(), moment)


@pytest.mark.parametrize("word", ["", "soon", "-10parsecs", "-10", "10min", "1.5", "2013-13-01"])
def test_any_other_word_is_refused_with_those_there_are(word):
    with pytest.raises(ValueError, match='"earliest", "latest", "-10min"'):
        resolve(Hourly(), word)


@pytest.mark.parametrize("thing", [None, 1.5, True, b"earliest"])
def test_any_other_type_is_refused(thing):
    with pytest.raises(TypeError, match="is no place in a log"):
        resolve(Hourly(), thing)


def test_a_time_without_a_zone_is_utc_and_any_zone_is_respected():
    naive = datetime(2013, 7, 4, 12)
    assert to_milliseconds(naive) == to_milliseconds(naive.replace(tzinfo=UTC)) == 1_372_939_200_000
    assert to_milliseconds(naive.replace(tzinfo=timezone(timedelta(hours=2)))) == 1_372_932_000_000


def test_milliseconds_are_exact_and_rounded_down():
    assert to_milliseconds(datetime(2262, 4, 11, 23, 47, 16, 854_999, tzinfo=UTC)) == 9_223_372_036_854
    assert to_milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)) == -1


def test_a_mapping_gives_each_partition_its_own_place_and_the_others_the_default():
    partitions = [Hourly(0), Hourly(1), Hourly(2)]
    bound = {1: 12, 2: "-3h"}
    assert resolve_all(partitions, bound, "earliest", now=NOW) == {0: 10, 1: 12, 2: 17}


def test_a_mapping_that_names_another_partition_is_refused():
    with pytest.raises(UnknownTopic, match="partition 7"):
        resolve_all([Hourly(0)], {7: 12}, "earliest")
