"""Instants: UTC microseconds, the offset they were told with, and a precision.

The canonical text of an instant (ISO 8601) carries all three: `2024-05` is a month, `2024-05-01T10:00+02:00` a
minute told at +02:00, `2024-05-01T08:00:00.25Z` has fractions of a second (microseconds at most; further digits
are cut, as no clock in the field has them). Records store this text; arithmetic uses microseconds.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from graph.errors import InvalidInstant

_SHAPE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?(Z|z|[+-]\d\d:?\d\d)?)?)?)?\Z", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REPAIR = "write ISO 8601 with an offset, such as 2024-05-01T10:00:00+02:00 (or a day, month or year)"
_ZONE = "or tell the zone, as that of the organisation or in a mapping"

ZoneOf = Callable[[], str | None]


def canonical(text: str, zone: str | None = None) -> str:
    """The canonical text of `text`, an ISO 8601 date or time.

    A local time without offset is placed by `zone` (an IANA name). Raises `InvalidInstant` for what is no time, for
    a local time without zone, and for one that does not exist or exists twice there (with both readings)."""
    shape = _SHAPE.match(text.strip())
    if shape is None:
        raise InvalidInstant(text, "it is not ISO 8601", _REPAIR)
    year, month, day, hour, minute, second, fraction, offset = shape.groups()
    try:
        if hour is None:
            datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
            return "-".join(part for part in (year, month, day) if part is not None)
        micros = int((fraction or "0")[:6].ljust(6, "0"))
        if second == "60":
            raise ValueError("a leap second has no place on this clock")
        if hour == "24":
            raise ValueError("hour must be in 0..23")
        naive = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros)  # noqa: DTZ001
    except ValueError as error:
        raise InvalidInstant(text, str(error), _REPAIR) from None
    suffix = _offset_text(text, offset) if offset else _placed(text, naive, zone)
    body = f"{year}-{month}-{day}T{hour}:{minute}"
    if second is not None:
        body += f":{second}"
        if micros:
            body += "." + f"{micros:06d}".rstrip("0")
    return body + suffix


def _offset_text(text: str, offset: str) -> str:
    if offset in "Zz":
        return "Z"
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 14 or minutes > 59:
        raise InvalidInstant(text, f"the offset {offset} is out of range", _REPAIR)
    return "Z" if hours == minutes == 0 else f"{offset[0]}{hours:02d}:{minutes:02d}"


def _placed(text: str, naive: datetime, zone: str | None) -> str:
    if zone is None:
        raise InvalidInstant(text, "it has no offset and the organisation has no time zone", f"{_REPAIR}; {_ZONE}")
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInstant(text, f"the time zone {zone!r} is unknown", "use an IANA name such as Europe/Berlin") from None
    early, late = (naive.replace(tzinfo=info, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if early != late:
        readings = " or ".join(naive.replace(tzinfo=timezone(o)).isoformat() for o in (early, late))
        said = "exists twice" if early > late else "does not exist"
        raise InvalidInstant(text, f"this local time {said} in {zone}: {readings}", "write the offset that was meant")
    minutes = int(early.total_seconds() // 60)
    if minutes == 0:
        return "Z"
    return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@lru_cache(maxsize=16_384)
def span(text: str) -> tuple[int, int]:
    """First and last microsecond (UTC, since 1970) that a canonical instant can mean: equal but for days, months, years."""
    if len(text) > 10:
        point = micros(datetime.fromisoformat(text))
        return point, point
    parts = [int(part) for part in text.split("-")]
    year, month, day = [*parts, 1, 1][:3]
    start = datetime(year, month, day, tzinfo=UTC)
    if len(parts) == 3:
        end = start + timedelta(days=1) if start < datetime(9999, 12, 31, tzinfo=UTC) else None
    elif len(parts) == 2:
        end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) if (year, month) < (9999, 12) else None
    else:
        end = datetime(year + 1, 1, 1, tzinfo=UTC) if year < 9999 else None
    last = micros(end) - 1 if end else micros(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    return micros(start), last


def micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware datetime, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def now() -> int:
    """This moment in UTC microseconds."""
    return micros(datetime.now(UTC))


def iso(point: int) -> str:
    """UTC microseconds as canonical text in Z, always with six decimals (commit times)."""
    return (_EPOCH + timedelta(microseconds=point)).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
