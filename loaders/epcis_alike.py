"""One form for what an event says, whichever syntax, prefixes and spelling it came in.

Two systems that export one event give it one hash; what is kept of it must be one too, or the later would seem to change it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from graph import times
from graph.errors import TraceError
from loaders.epcis_words import ILMD, local_word
from loaders.event_hash import expanded, identifier, instant, is_plain

_STANDARD = {
    "{urn:epcglobal:cbv:mda}": "cbvmda:",
    "{urn:epcglobal:cbv:mda:}": "cbvmda:",
    "{https://gs1.org/voc/}": "gs1:",
    "{https://ref.gs1.org/cbv/}": "cbv:",
    "{https://ref.gs1.org/epcis/}": "epcis:",
}
"""Namespaces of GS1, which keep their usual prefix."""
MEASURES = frozenset(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"))
"""Fields of a sensor report that are numbers."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_TIMES = frozenset(("time", "startTime", "endTime"))
_WORDS = frozenset(("type", "exception", "component"))


def name(text: str, prefixes: Mapping[str, str]) -> str:
    """An extension's name by its namespace, `{namespace}local`; GS1's own as `cbvmda:local`."""
    full = expanded(text, prefixes)
    namespace, brace, local = full.rpartition("}")
    return _STANDARD.get(namespace + brace, namespace + brace) + local


def local_name(text: str) -> str:
    """What is left of a name without its prefix or namespace."""
    return text.rpartition("}")[2].rpartition(":")[2]


def named(value: Any, prefixes: Mapping[str, str]) -> Any:
    """A value with all names in it by their namespaces."""
    if isinstance(value, list):
        return [named(item, prefixes) for item in value]
    if isinstance(value, dict):
        return gathered((name(key, prefixes), named(inner, prefixes)) for key, inner in value.items() if key != "@context")
    return value


def gathered(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object of these members; what is told several times under one name is a list."""
    told: dict[str, Any] = {}
    for key, value in members:
        add(told, key, value)
    return told


def add(told: dict[str, Any], key: str, value: Any) -> None:
    """Give a member its value; with a further one it is a list."""
    if key not in told:
        told[key] = value
    else:
        before, more = (item if isinstance(item, list) else [item] for item in (told[key], value))
        told[key] = [*before, *more]


def typed(elements: Any, item: str) -> list[dict[str, Any]]:
    """A list of parties or business transactions: words of the standard bare, GS1 keys as Digital Links, in one order."""
    told = [dict(element) for element in elements or ()]
    for element in told:
        if isinstance(element.get("type"), str):
            element["type"] = local_word(element["type"])
        element[item] = identifier(element[item])
    return sorted(told, key=lambda element: (str(element.get("type")), element[item]))


def objects(elements: Any) -> list[Any]:
    """A list of objects or of quantities of them, GS1 keys as Digital Links."""
    return [
        {**element, "epcClass": identifier(element["epcClass"])} if isinstance(element, dict) else identifier(element)
        for element in elements or ()
    ]


def places(event: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, Any]:
    """`readPoint` and `bizLocation` of an event where it has them: the id, or with extensions all that is said of the place."""
    found: dict[str, Any] = {}
    for field in ("readPoint", "bizLocation"):
        place = event.get(field)
        if isinstance(place, dict):
            told = named({key: value for key, value in place.items() if key != "id"}, prefixes)
            found[field] = {**told, "id": identifier(place["id"])} if told else identifier(place["id"])
    return found


def sensors(elements: Any, prefixes: Mapping[str, str]) -> Any:
    """A `sensorElementList` in one form: times in UTC, numbers without zeros that say nothing, GS1 keys as Digital Links."""
    if not isinstance(elements, list):
        return named(elements, prefixes)
    return [
        gathered((name(key, prefixes), _part(key, value, prefixes)) for key, value in element.items() if key not in ("isA", "type"))
        for element in elements
    ]


def _part(key: str, value: Any, prefixes: Mapping[str, str]) -> Any:
    if key == "sensorMetadata" and isinstance(value, dict):
        return gathered(_fields(value, prefixes))
    if key == "sensorReport" and isinstance(value, list):
        return [gathered(_fields(report, prefixes)) if isinstance(report, dict) else report for report in value]
    return named(value, prefixes)


def number(text: str) -> int | float | str:
    """A decimal as JSON would have it; any other text as it is."""
    if not _NUMBER.match(text):
        return text
    value = float(text)
    return _whole(value) if math.isfinite(value) else text


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _fields(told: Mapping[str, Any], prefixes: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key, value in told.items():
        if not is_plain(key) or not isinstance(value, str | float):
            yield name(key, prefixes), named(value, prefixes)
        elif isinstance(value, float):
            yield key, _whole(value)
        elif key in MEASURES:
            yield key, number(value.strip())
        elif key in _TIMES:
            yield key, instant(value)
        else:
            yield key, value.strip() if key in _WORDS else identifier(value)


def event_time(stamp: str, offset: str) -> str:
    """The canonical text of an event's time at the offset of its place, in which its time stamp need not be written."""
    text = times.canonical(stamp)
    sign = -1 if offset[0] == "-" else 1
    zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() == zone.utcoffset(None):
        return text
    try:
        return times.canonical(moment.astimezone(zone).isoformat())
    except OverflowError:
        return text


def master_values(ilmd: Mapping[str, Any]) -> dict[str, Any]:
    """Master data of an instance or lot: fields of ours by their CBV names, the rest kept under its own name."""
    values: dict[str, Any] = {}
    for name, value in ilmd.items():
        if name == "type":
            continue
        field = ILMD.get(local_name(name))
        if field == "expires_at" and isinstance(value, str):
            try:
                values[".expires_at"] = times.canonical(value)
                continue
            except TraceError:
                field = None
        if field and isinstance(value, str):
            values[f".{field}"] = value
        else:
            values[f".x:{name}"] = value
    return values
