"""The CBV 2.0 event hash: a name for an EPCIS event computed from its content, whatever syntax it came in.

Source: GS1 Core Business Vocabulary 2.0 section 8.9 and the algorithm description of its reference implementation
(canonical property order, GS1 Digital Links for EPCs, UTC times in milliseconds, lists sorted, extensions in braces).
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

from graph.identifiers import canonical_uri

_CBV = "https://ref.gs1.org/cbv/"
_VOC = "https://gs1.org/voc/"
_URN = re.compile(r"urn:epcglobal:cbv:(bizstep|disp|btt|sdt|er):(.+)\Z")
_WORDS = {"bizstep": "BizStep-", "disp": "Disp-", "btt": "BTT-", "sdt": "SDT-", "er": "ER-"}
_STAMP = re.compile(r"(.{19})(?:\.(\d+))?(Z|z|[+-]\d\d:?\d\d)\Z")
_PREFIXES = {"gs1": _VOC, "epcis": "https://ref.gs1.org/epcis/", "cbv": _CBV, "cbvmda": "urn:epcglobal:cbv:mda",
             "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "xsd": "http://www.w3.org/2001/XMLSchema#"}  # fmt: skip
_IGNORED = frozenset(("@context", "eventID", "recordTime", "errorDeclaration", "isA", "rdfs:comment", "eventType"))
_METADATA = ("time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")
_REPORT = (
    "type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time", "microorganism",
    "chemicalSubstance", "value", "component", "stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue",
    "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom", "coordinateReferenceSystem",
)  # fmt: skip
_NOTHING: tuple[Any, ...] = (None, [], {}, "")
_DEEPEST = 100  # real events stay under 10; a hostile one must not exhaust the stack
_NUMERIC = frozenset("0123456789+-.")
_UNTOLD = frozenset(("isA", "@context"))
_TIMES = frozenset(("time", "startTime", "endTime"))
_VOCABULARY = frozenset(("type", "exception", "component"))


def event_hash(event: Mapping[str, Any], context: Mapping[str, str], ignore: Collection[str] = ()) -> tuple[str, str]:
    """`(hash, prehash)` of a JSON-LD event: the RFC 6920 URI and the text it was computed from.

    `context` maps prefixes to namespaces; an empty prefix names the default one. Fields in `ignore` (as written) are
    left out, as are eventID, recordTime and errorDeclaration. Raises ValueError for a value that has no place."""
    text = prehash(event, context, ignore)
    return f"ni:///sha-256;{hashlib.sha256(text.encode()).hexdigest()}?ver=CBV2.0", text


def prehash(event: Mapping[str, Any], context: Mapping[str, str], ignore: Collection[str] = ()) -> str:
    """The canonical text of an event that is hashed."""
    parts = [f"eventType={event.get('type')}"]
    for name, part in _PARTS:
        value = event.get(name)
        if value not in _NOTHING and name not in ignore:
            parts.append(part(name, value, context))
    last = [part(name, event[name], context) for name, part in _LAST if name not in ignore and event.get(name) not in _NOTHING]
    if "sensorElementList" not in ignore:
        last += _extensions(_strays(event.get("sensorElementList"), context), context)
    skip = _IGNORED | _NAMES | set(ignore)
    last += _extensions({name: value for name, value in event.items() if name not in skip}, context)
    return "".join([*parts, *sorted(last)])


# -- values


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(repr(value))
    if isinstance(value, str):
        return _number(value.strip())
    raise ValueError(f"{value!r} is no plain value")


def _number(text: str) -> str:
    """What reads as a number as published hashes have it: a binary fraction, no zeros that say nothing; other text as it is.

    So XML, where all is text, and JSON come to the same."""
    if text[:1] not in _NUMERIC:
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


@lru_cache(maxsize=65_536)
def identifier(value: str) -> str:
    """A GS1 key in canonical form, other URIs as they are, CURIEs as they are."""
    text = value.strip()
    return canonical_uri(text) if text.startswith(("urn:epc:", "http://", "https://")) else text


def instant(value: str) -> str:
    """A time stamp in UTC with milliseconds, rounded half up on the fourth decimal place."""
    match = _STAMP.match(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is no time stamp with offset")
    body, fraction, offset = match.groups()
    digits = (fraction or "").ljust(4, "0")
    millis = int(digits[:3]) + (digits[3] >= "5")
    try:
        moment = datetime.fromisoformat(body + (offset if offset not in "zZ" else "+00:00")).astimezone(UTC)
        moment += timedelta(milliseconds=millis)
    except OverflowError:
        raise ValueError(f"{value!r} is outside the years 1 to 9999") from None
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def word(kind: str, value: str) -> str:
    """A standard vocabulary word as Web URI: bare words of `kind` (BizStep-, Disp-, BTT-, SDT-), URNs and CURIEs."""
    text = value.strip()
    if match := _URN.match(text):
        return f"{_CBV}{_WORDS[match[1]]}{match[2]}"
    if text.startswith("cbv:"):
        return _CBV + text[4:]
    if text.startswith("gs1:"):
        return _VOC + text[4:]
    return text if ":" in text else f"{_CBV}{kind}{text}"


# -- standard properties


class _Part(Protocol):
    def __call__(self, name: str, value: Any, context: Mapping[str, str], /) -> str: ...


def _as_plain(name: str, value: Any, _: Mapping[str, str]) -> str:
    return "".join(sorted(f"{name}={identifier(_plain(item))}" for item in _list(value)))


def _as_time(name: str, value: Any, _: Mapping[str, str]) -> str:
    return f"{name}={instant(_plain(value))}"


def _as_epcs(name: str, value: Any, _: Mapping[str, str]) -> str:
    return name + "".join(sorted(f"epc={identifier(_plain(epc))}" for epc in _list(value)))


def _as_quantities(name: str, value: Any, _: Mapping[str, str]) -> str:
    elements = []
    for element in _list(value):
        told = _dict(element)
        parts = [f"epcClass={identifier(_plain(told.get('epcClass', '')))}"]
        parts += [f"{field}={_plain(told[field])}" for field in ("quantity", "uom") if told.get(field) is not None]
        elements.append("quantityElement" + "".join(parts))
    return name + "".join(sorted(elements))


def _as_word(kind: str) -> _Part:
    return lambda name, value, _: f"{name}={word(kind, _plain(value))}"


def _as_dispositions(name: str, value: Any, _: Mapping[str, str]) -> str:
    told = _dict(value)
    parts = []
    for field in ("set", "unset"):
        parts += sorted(f"{field}={word('Disp-', _plain(value))}" for value in _list(told.get(field) or []))
    return name + "".join(parts)


def _as_place(name: str, value: Any, context: Mapping[str, str]) -> str:
    told = _dict(value)
    extensions = {field: v for field, v in told.items() if field not in ("id", "@context")}
    return f"{name}id={identifier(_plain(told.get('id', '')))}" + "".join(_extensions(extensions, context))


def _as_typed(item: str, kind: str) -> _Part:
    def part(name: str, value: Any, _: Mapping[str, str]) -> str:
        found = []
        for element in _list(value):
            told = _dict(element)
            type_ = f"type={word(kind, _plain(told['type']))}" if told.get("type") is not None else ""
            found.append(f"{type_}{item}={identifier(_plain(told.get(item, '')))}")
        return name + "".join(sorted(found))

    return part


def _as_sensors(name: str, value: Any, context: Mapping[str, str]) -> str:
    elements = []
    for element in _list(value):
        told = _dict(element)
        parts = []
        if told.get("sensorMetadata"):
            parts.append("sensorMetadata" + _sensor_fields(_dict(told["sensorMetadata"]), _METADATA, context))
        reports = (_sensor_fields(_dict(report), _REPORT, context) for report in _list(told.get("sensorReport") or []))
        parts += sorted("sensorReport" + report for report in reports)
        rest = {field: v for field, v in told.items() if field not in ("sensorMetadata", "sensorReport", "isA", "@context", "type")}
        elements.append("sensorElement" + "".join(parts) + "".join(_extensions(rest, context)))
    return name + "".join(sorted(elements))


def _sensor_fields(told: Mapping[str, Any], order: tuple[str, ...], context: Mapping[str, str]) -> str:
    parts = []
    for field in order:
        if told.get(field) is None:
            continue
        value = _plain(told[field])
        if field in _TIMES:
            value = instant(value)
        elif field in _VOCABULARY:
            value = word("", value) if ":" in value else _VOC + value
        elif not isinstance(told[field], bool | int | float):
            value = identifier(value)
        parts.append(f"{field}={value}")
    known = (*order, *_UNTOLD)
    rest = {field: value for field, value in told.items() if field not in known and not _is_stray(field, order, context)}
    return "".join(parts) + "".join(_extensions(rest, context))


def _is_stray(field: str, order: tuple[str, ...], context: Mapping[str, str]) -> bool:
    """Whether a field of a sensor stands where it has no place: neither in the standard nor of another namespace."""
    return field not in order and is_plain(field) and expanded(field, context) == field


def _strays(value: Any, context: Mapping[str, str]) -> dict[str, Any]:
    """The stray fields of all sensors, in the places where they stand."""
    elements = []
    for element in _list(value or []):
        told = _dict(element)
        found: dict[str, list[dict[str, Any]]] = {}
        for name, order in (("sensorMetadata", _METADATA), ("sensorReport", _REPORT)):
            for fields in map(_dict, _list(told.get(name) or [])):
                strays = {field: v for field, v in fields.items() if _is_stray(field, order, context) and field not in _UNTOLD}
                if strays:
                    found.setdefault(name, []).append(strays)
        if found:
            elements.append(found)
    return {"sensorElementList": {"sensorElement": elements}} if elements else {}


def _as_ilmd(name: str, value: Any, context: Mapping[str, str]) -> str:
    told = {field: v for field, v in _dict(value).items() if field != "@context"}
    return name + "".join(_extensions(told, context))


# -- extensions


def _extensions(fields: Mapping[str, Any], context: Mapping[str, str], depth: int = 0) -> list[str]:
    """Extension elements, sorted: `{namespace}name=value`, children of nested ones sorted behind their name."""
    if depth > _DEEPEST:
        raise ValueError(f"extensions are nested more than {_DEEPEST} levels deep")
    return sorted(text for name, value in fields.items() for text in _extension(name, value, context, depth + 1))


def _extension(name: str, value: Any, context: Mapping[str, str], depth: int) -> Iterable[str]:
    if value is None:
        return
    if isinstance(value, list):
        if depth > _DEEPEST:
            raise ValueError(f"lists are nested more than {_DEEPEST} levels deep")
        for item in value:
            yield from _extension(name, item, context, depth + 1)
    elif isinstance(value, Mapping):
        children = {field: v for field, v in value.items() if field != "@context"}
        yield expanded(name, context) + "".join(_extensions(children, context, depth))
    else:
        yield f"{expanded(name, context)}={identifier(_plain(value))}"


def is_plain(name: str) -> bool:
    """Whether a name is of no namespace of its own: neither `prefix:name` nor `{namespace}name`."""
    return ":" not in name and not name.startswith("{")


def expanded(name: str, context: Mapping[str, str]) -> str:
    """An extension's name as `{namespace}local`, where its prefix is known."""
    prefix, colon, local = name.partition(":")
    namespace = context.get(prefix) or _PREFIXES.get(prefix) if colon else context.get("")
    if namespace is None:
        return name
    return f"{{{namespace}}}{local if colon else name}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dict(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no object")
    return value


_PARTS: tuple[tuple[str, _Part], ...] = (
    ("eventTime", _as_time),
    ("eventTimeZoneOffset", _as_plain),
    ("certificationInfo", _as_plain),
    ("parentID", _as_plain),
    ("epcList", _as_epcs),
    ("inputEPCList", _as_epcs),
    ("childEPCs", _as_epcs),
    ("quantityList", _as_quantities),
    ("childQuantityList", _as_quantities),
    ("inputQuantityList", _as_quantities),
    ("outputEPCList", _as_epcs),
    ("outputQuantityList", _as_quantities),
    ("action", _as_plain),
    ("transformationID", _as_plain),
    ("bizStep", _as_word("BizStep-")),
    ("disposition", _as_word("Disp-")),
    ("persistentDisposition", _as_dispositions),
    ("readPoint", _as_place),
    ("bizLocation", _as_place),
    ("sensorElementList", _as_sensors),
)
_LAST: tuple[tuple[str, _Part], ...] = (
    ("bizTransactionList", _as_typed("bizTransaction", "BTT-")),
    ("destinationList", _as_typed("destination", "SDT-")),
    ("sourceList", _as_typed("source", "SDT-")),
    ("ilmd", _as_ilmd),
)
"""Published hashes are of texts in which these are sorted among the extensions."""
_NAMES = frozenset(name for name, _ in (*_PARTS, *_LAST)) | {"type"}
