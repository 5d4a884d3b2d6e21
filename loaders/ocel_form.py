"""What all three forms of an object-centric event log (OCEL 2.0) share: declared types, and values read by them.

XML holds texts, SQLite columns of few types, JSON whatever was written there; so a value is read by the type that its event or
object type declares for it (section 5 of the specification: string, time, integer, float, boolean), and the same log says the
same in each form. Items of every form have the shape of the JSON: `id`, `type`, `time`, `attributes`, `relationships`.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, NamedTuple

from graph import times
from graph.errors import InvalidInstant
from loaders import csv_cells
from loaders.csv_cells import Unfit

Part = Literal["objects", "events"]
"""The two lists of a log."""
PARTS: tuple[Part, Part] = ("objects", "events")
LONGEST_NAME = 1_000
"""Characters that the name of a type, an attribute or a qualifier may have."""
LONGEST_ID = 4_000
"""Characters that an id may have: our exports put a class before identifiers of 1,000."""
MOST_INTEGER = 2**53 - 1
"""What all readers of JSON take (RFC 8259, section 6)."""
EPOCH = "1970-01-01T00:00:00Z"
"""The time of a value that an object has had ever since (OCEL 2.0, section 5: the UNIX timestamp 0)."""
_WORDS = {
    "string": "string text varchar char",
    "time": "time date datetime timestamp",
    "integer": "integer int bigint smallint",
    "float": "float double real number numeric decimal",
    "boolean": "boolean bool",
}
_TYPES = {word: name for name, words in _WORDS.items() for word in words.split()}
_EVER = re.compile(r"0|1970-01-01[T ]00:00(:00(\.0+)?)?", re.ASCII)
_PRECISE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_INTEGER = re.compile(r"[+-]?\d{1,20}(\.0*)?", re.ASCII)
_LEAST, _MOST = -(2**63), 2**63 - 1
_NOTHING = frozenset(("", "null", "nan", "none"))
"""What writers put where there is no value, in any case; in a string it is a text."""


@dataclass
class Types:
    """What each event type and object type declares: the type of each attribute by its name."""

    events: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, part: Part) -> dict[str, dict[str, str]]:
        """Those of events, or of objects."""
        return self.events if part == "events" else self.objects

    def as_json(self) -> dict[str, Any]:
        """The members of a document that declare them."""
        return {"objectTypes": list(_declarations(self.objects)), "eventTypes": list(_declarations(self.events))}


class LogItem(NamedTuple):
    """An event or object that was refused, as JSON or as the text of an element of XML, and what the log's types declare."""

    part: Part
    told: Any
    types: Types


def _declarations(types: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    for name, attributes in types.items():
        yield {"name": name, "attributes": [{"name": each, "type": type_} for each, type_ in attributes.items()]}


def declared(told: Any) -> dict[str, dict[str, str]]:
    """What a list of types declares. Raises `ValueError` for what is no such list."""
    found: dict[str, dict[str, str]] = {}
    for each in told if isinstance(told, list) else [told]:
        if not isinstance(each, dict):
            raise ValueError("a type is an object with a name and attributes")
        attributes = found.setdefault(_name(each.get("name"), "a type"), {})
        for attribute in each.get("attributes") or []:
            if not isinstance(attribute, dict):
                raise ValueError("an attribute of a type is an object with a name and a type")
            attributes[_name(attribute.get("name"), "an attribute")] = type_named(str(attribute.get("type")))
    return found


def _name(told: Any, what: str) -> str:
    if not isinstance(told, str) or not told or len(told) > LONGEST_NAME:
        raise ValueError(f"the name of {what} is no text of 1 to {LONGEST_NAME:,} characters, but {str(told)[:60]!r}")
    return told


def type_named(word: str) -> str:
    """The type of an attribute that a word means. Raises `ValueError` for a word that means none."""
    known = _TYPES.get(word.lower().partition("(")[0].strip())
    if known is None:
        raise ValueError(f"{word[:60]!r} is no type of an attribute; write one of {', '.join(_WORDS)}")
    return known


# -- values


def _string(value: Any, zone: str | None) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _unfit("text")


def _time(value: Any, zone: str | None) -> Any:
    if isinstance(value, str):
        return csv_cells.instant(value.strip(), zone)
    raise _unfit("time (ISO 8601)")


def _integer(value: Any, zone: str | None) -> Any:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value.strip().partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _MOST:
        return value
    raise _unfit("integer of at most 64 bits")


def _float(value: Any, zone: str | None) -> Any:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _unfit("number") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise _unfit("number") from None
        if math.isfinite(number):
            return number
    raise _unfit("finite number")


def _boolean(value: Any, zone: str | None) -> Any:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if isinstance(value, int | str) and word in ("0", "1", "true", "false"):
        return word in ("1", "true")
    raise _unfit("boolean")


def _unfit(wanted: str) -> Unfit:
    return Unfit("INVALID_VALUE", f"it is no {wanted}, as its type declares", "correct it, or the type that is declared")


_READ: dict[str, Callable[[Any, str | None], Any]] = {
    "string": _string,
    "time": _time,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
}


def value_of(value: Any, type_: str, zone: str | None) -> Any:
    """A value as its declared type has it: text, canonical instant, whole number, number, truth; None where it says nothing.

    Local times are in `zone` (IANA). Raises `Unfit` for what the type cannot be."""
    if value is None:
        return None
    if type_ != "string" and isinstance(value, str) and value.strip().lower() in _NOTHING:
        return None
    return _READ[type_](value, zone)


def undeclared(value: Any) -> Any:
    """A value of an attribute that its type does not declare, as it is. Raises `Unfit` for what is no single value."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return _integer(value, None)
    if isinstance(value, float):
        return _float(value, None)
    raise Unfit("INVALID_VALUE", "it is no single value", "write a text, a number, true or false")


def as_text(value: Any) -> str:
    """A value as the cell of a table would hold it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_ever(told: Any) -> bool:
    """Whether a time as it is told is that of what an object has had ever since, whatever the zone of other times.

    The standard's examples write it as `0`, too."""
    return told == EPOCH or _EVER.fullmatch(str(told).strip()) is not None


def rfc3339(time: str) -> str:
    """A canonical instant as RFC 3339 has it: with seconds; of a day, month or year the beginning."""
    if len(time) <= 10:
        return times.iso(times.span(time)[0])[:19] + "Z"
    return time if _PRECISE.match(time) else f"{time[:16]}:00{time[16:]}"


def fitted(kind: str, value: Any, declared: str) -> Any:
    """A value of one type as one of the type that is declared; None where it cannot be that."""
    if kind == declared:
        return value
    if kind == "float" and declared == "integer" and value.is_integer() and abs(value) <= MOST_INTEGER:
        return int(value)
    if kind == "string" and declared == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "string" and declared == "time" and len(value) > 10:
        try:
            return rfc3339(times.canonical(value))
        except InvalidInstant:
            return None
    return None


# -- XML


def declarations(types: Types) -> str:
    """The elements of XML that declare the types of a log."""
    told = ""
    for single, declared in (("object", types.objects), ("event", types.events)):
        told += f"<{single}-types>\n"
        for name, attributes in declared.items():
            inner = "".join(f'<attribute name="{quoted(each)}" type="{type_}"/>' for each, type_ in attributes.items())
            told += f'<{single}-type name="{quoted(name)}"><attributes>{inner}</attributes></{single}-type>\n'
        told += f"</{single}-types>\n"
    return told


def quoted(text: str) -> str:
    """A text as an attribute of XML holds it, with the spaces that a reader would make alike."""
    return escape(text).replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
