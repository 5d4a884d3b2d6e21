"""Instants keep their offset and precision, and local times without a single meaning are refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import times
from graph.errors import InvalidInstant

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2024", "2024"),
        ("2024-05", "2024-05"),
        ("2024-02-29", "2024-02-29"),
        ("2024-05-01T10:00+02:00", "2024-05-01T10:00+02:00"),
        ("2024-05-01 10:00:00 +0200", "2024-05-01T10:00:00+02:00"),
        ("2024-05-01T10:00:00z", "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:00-00:00", "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:00.250Z", "2024-05-01T10:00:00.25Z"),
        ("2024-05-01T10:00:00,1234567Z", "2024-05-01T10:00:00.123456Z"),
        ("  2024-05-01T10:00:00.000Z ", "2024-05-01T10:00:00Z"),
    ],
)
def test_an_instant_has_one_text_with_its_offset_and_precision(text: str, canonical: str) -> None:
    assert times.canonical(text) == canonical
    assert times.canonical(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "24-05-01", "2024-13", "2023-02-29", "2024-05-01T24:00Z", "2024-05-01T10:00:60Z", "2024-05-01T10:00+15:00"],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInstant):
        times.canonical(text)


def test_a_local_time_takes_the_zone_of_the_organisation() -> None:
    assert times.canonical("2024-07-01T10:00", "Europe/Berlin") == "2024-07-01T10:00+02:00"
    assert times.canonical("2024-01-01T10:00", "America/St_Johns") == "2024-01-01T10:00-03:30"
    assert times.canonical("2024-01-01T10:00", "Europe/London") == "2024-01-01T10:00Z"


def test_a_day_needs_no_zone_and_takes_none() -> None:
    assert times.canonical("2024-07-01", "Europe/Berlin") == "2024-07-01"


@pytest.mark.parametrize(
    ("text", "said"), [("2024-03-31T02:30", "does not exist"), ("2024-10-27T02:30", "exists twice"), ("2024-03-31T02:00", "not")]
)
def test_a_local_time_that_is_no_single_instant_is_refused_with_both_readings(text: str, said: str) -> None:
    with pytest.raises(InvalidInstant, match=said) as refused:
        times.canonical(text, "Europe/Berlin")
    assert "+01:00" in str(refused.value)
    assert "+02:00" in str(refused.value)


def test_a_local_time_without_a_zone_or_with_an_unknown_one_is_refused() -> None:
    with pytest.raises(InvalidInstant, match="no time zone"):
        times.canonical("2024-05-01T10:00")
    with pytest.raises(InvalidInstant, match="unknown"):
        times.canonical("2024-05-01T10:00", "Mars/Base")


@pytest.mark.parametrize(
    ("text", "days"), [("2024", 366), ("2023", 365), ("2024-02", 29), ("2024-12", 31), ("2024-02-29", 1), ("9999-12-31", 1)]
)
def test_a_day_month_or_year_can_mean_any_of_its_microseconds(text: str, days: int) -> None:
    first, last = times.span(text)
    assert last - first == days * DAY - 1


def test_one_moment_told_with_two_offsets_is_one_point() -> None:
    assert times.span("2024-05-01T10:00+02:00") == times.span("2024-05-01T08:00:00Z")
    first, last = times.span("2024-05-01T08:00:00.25Z")
    assert first == last
    assert first - times.span("2024-05-01T08:00Z")[0] == 250_000


MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9999, 12, 1))  # noqa: DTZ001


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_every_moment_is_read_to_the_microsecond_whatever_its_offset(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    point = times.micros(local.astimezone(UTC))
    assert times.span(times.canonical(local.isoformat())) == (point, point)
    assert times.span(times.iso(point)) == (point, point)
