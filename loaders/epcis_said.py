"""What a claim says, as statements by name that can stand in a document: our extension of EPCIS.

The name of a field is its own (`ended_at`, `x:colour`), that of a relation its type, `is` an identifier and `kind` the kind.
Records are named by class and identifier (`object/lot:L-1@MAKER`); one that no key names, by its id. Reading checks every value
by the model, so that a document can say no more than a file of the bundle can.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from pydantic import TypeAdapter, ValidationError

from graph import identifiers, times
from graph.claims import RETRACTED, Fields, canonical_json
from graph.errors import TraceError
from graph.model import CLASSES, CONTAINER, CONTENT, MODELS, RELATIONS, Amount, Text, refs

NAMESPACE = "urn:veintrace:epcis:1#"
"""The namespace of our extension."""
PREFIX = "veintrace"
KEY, STEWARD, RECORDED, IMPLIED, LATER = "key", "steward", "recorded", "implied", "later"
"""Under what key, who says so, when it was recorded; what only EPCIS implies; what was recorded later than the rest."""
REPEATED = frozenset(("is", IMPLIED, LATER, *(name for name, relation in RELATIONS.items() if not relation.single)))
"""What may be said several times of one record."""
RESERVED = frozenset((KEY, STEWARD, RECORDED, IMPLIED, LATER))


def spelt(name: str) -> str:
    """The name of a statement as a part of a URI; `name_spelt` reads it back."""
    return quote(name, safe=":/#")


def name_spelt(text: str) -> str:
    """The name of a statement that is spelt so."""
    return unquote(text)


Names = dict[str, str | None]
Statements = dict[str, Any]

_STATED = "stated"  # false where a property is told of a relation that itself is not
_TEXT: TypeAdapter[Any] = TypeAdapter(Text)
_PROPERTIES: dict[str, TypeAdapter[Any]] = {"quantity": TypeAdapter(Amount), "unit": _TEXT, RETRACTED: TypeAdapter(bool)}


# -- units: the parts of a claim that are told, or left out, as one


def units(fields: Mapping[str, Any]) -> dict[str, Fields]:
    """The fields of a claim by what they are about: a relation with its properties is one, every other field by itself."""
    found: dict[str, Fields] = {}
    for path, value in fields.items():
        found.setdefault(_unit(path), {})[path] = value
    return found


def _unit(path: str) -> str:
    if not "A" <= path[0] <= "Z":
        return path
    type_, space, rest = path.partition(" ")
    return f"{type_} {rest.partition(' ')[0]}" if space else path


def differences(wanted: Mapping[str, Any], read: Mapping[str, Any]) -> tuple[Fields, list[str]]:
    """`(fields to be said, units to be taken away)` that make of what was `read` what is `wanted`."""
    before, after = units(read), units(wanted)
    said = {
        path: value
        for unit, told in after.items()
        if unit not in before or canonical_json(told) != canonical_json(before[unit])
        for path, value in told.items()
    }
    return said, [unit for unit in before if unit not in after]


def corrected(read: Mapping[str, Any], said: Mapping[str, Any], implied: Collection[str]) -> Fields:
    """What is meant, of what was read and its `differences` to that."""
    replaced = {*units(said), *implied}
    return {path: value for path, value in read.items() if _unit(path) not in replaced} | dict(said)


# -- names of records


def name_of(record: str, names: Mapping[str, str | None]) -> str:
    """The name of a record: its class and identifier where this leads back to it, else its id."""
    cls, text = record.partition("-")[0], names.get(record)
    return f"{cls}/{text}" if text is not None and _leads_back(record, cls, text) else record


@lru_cache(maxsize=65_536)
def _leads_back(record: str, cls: str, text: str) -> bool:
    try:
        return identifiers.record_id(cls, identifiers.lenient(text, cls=cls)) == record
    except TraceError:
        return False


def uri_of(record: str, names: Mapping[str, str | None]) -> str:
    """A URI of a record: that of its identifier where this leads back to it, else that of its id."""
    cls, text = record.partition("-")[0], names.get(record)
    if text is not None:
        uri = identifiers.uri_of(cls, text)
        if _leads_back(record, cls, uri):
            return uri
    return identifiers.uri_of_id(record)


def record_of(text: Any, classes: Collection[str] = tuple(CLASSES)) -> tuple[str, str | None]:
    """`(id, key)` of the record of one of some classes that a name or URI of it names. Raises `ValueError`."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} names no record")
    unnamed = identifiers.id_of_uri(text) or identifiers.id_of_uri(identifiers.uri_of_id(text))
    cls, slash, bare = (unnamed or text).partition("-" if unnamed else "/")
    if not slash or cls not in classes:
        raise ValueError(f"{text[:200]!r} names no record of class {' or '.join(classes)}; write {next(iter(classes))}/IDENTIFIER")
    if unnamed:
        return unnamed, None
    found = identifiers.lenient(bare, cls=cls)
    if not found.is_key:
        raise ValueError(f"several records may carry {found.text}; give an identifier of one thing")
    return identifiers.record_id(cls, found), found.text


# -- to statements


def statements(fields: Mapping[str, Any], names: Mapping[str, str | None]) -> Statements:
    """What `fields` say, by name; what may be said of several is a list."""
    told: Statements = {}
    for unit, parts in units(fields).items():
        type_, _, other = unit.partition(" ")
        if unit[0] == ".":
            told[unit[1:]] = parts[unit]
        elif type_ == "is":
            told.setdefault("is", []).append(unit[3:])
        elif type_ in RELATIONS and other:
            told.setdefault(type_, []).append(_relation(unit, other, parts, names))
        elif type_ in RELATIONS:
            told[type_] = name_of(parts[unit], names)
        else:
            told[unit] = parts[unit]
    return told


def _relation(unit: str, other: str, parts: Fields, names: Mapping[str, str | None]) -> Any:
    properties = {path[len(unit) + 1 :]: value for path, value in parts.items() if path != unit}
    if unit not in parts:
        properties[_STATED] = False
    name = name_of(other, names)
    return {"id": name, **properties} if properties else name


def implied_names(implied: Collection[str], names: Mapping[str, str | None]) -> list[str]:
    """The units that are taken away, as texts."""
    told = []
    for unit in implied:
        type_, _, other = unit.partition(" ")
        told.append(f"{type_} {name_of(other, names)}" if type_ in RELATIONS and other else unit.lstrip("."))
    return sorted(told)


# -- from statements


def fields_of(told: Mapping[str, Any], cls: str) -> tuple[Fields, Names]:
    """`(fields, names)` that statements about a record of class `cls` say. Raises `ValueError` for what a claim cannot say."""
    fields: Fields = {}
    names: Names = {}
    for name, value in told.items():
        for part in value if name in REPEATED and isinstance(value, list) else [value]:
            fields.update(_said(name, part, cls, names))
    return fields, names


def _said(name: str, value: Any, cls: str, names: Names) -> Fields:
    if name == "kind":
        if value not in CLASSES[cls]:
            raise ValueError(f"{value!r} is no kind of class {cls}; one of {', '.join(CLASSES[cls])}")
        return {"kind": value}
    if name == RETRACTED:
        return {RETRACTED: _valid(_PROPERTIES[RETRACTED], name, value)}
    if name == "is":
        return {f"is {_label(_valid(_TEXT, name, value), cls)}": True}
    if name in RELATIONS:
        return _related(name, value, cls, names)
    if name.startswith("x:") and value is not None:
        return {f".{name}": value}
    return {f".{name}": _value(name, value, cls)}


def _label(text: str, cls: str) -> str:
    scheme = identifiers.SCHEMES.get(text.partition(":")[0])
    if scheme and not scheme.key and cls in scheme.classes:
        return text
    return identifiers.lenient(text, cls=cls).text


def _related(type_: str, value: Any, cls: str, names: Names) -> Fields:
    relation = RELATIONS[type_]
    own, others = (relation.source, relation.target) if relation.owner == "source" else (relation.target, relation.source)
    if cls not in own:
        raise ValueError(f"a record of class {cls} does not state {type_}")
    told = value if isinstance(value, dict) else {"id": value}
    other, names[other] = record_of(told.get("id"), others)
    if relation.single:
        return {type_: other}
    path = f"{type_} {other}"
    fields: Fields = {} if told.get(_STATED) is False else {path: True}
    for name, part in told.items():
        if name in (*relation.fields, RETRACTED):
            fields[f"{path} {name}"] = _property(name, part)
        elif name not in ("id", _STATED):
            raise ValueError(f"{type_} has no {name[:100]!r}; it may have {', '.join((*relation.fields, RETRACTED))}")
    return fields


def _property(name: str, value: Any) -> Any:
    if name == "role":
        if value not in (CONTENT, CONTAINER):
            raise ValueError(f"{value!r} is no role; write {CONTENT} or {CONTAINER}")
        return value
    return _valid(_PROPERTIES[name], name, value)


def _value(name: str, value: Any, cls: str) -> Any:
    rules = list(_rules(cls, name))
    if not rules:
        raise ValueError(f"a record of class {cls} has no {name[:100]!r}; see `veintrace template` for what it has")
    if any(name in MODELS[kind].INSTANTS for kind in CLASSES[cls]):
        return times.canonical(_valid(_TEXT, name, value))
    for last, rule in enumerate(rules, 1 - len(rules)):
        try:
            return _valid(rule, name, value)
        except ValueError:
            if last == 0:
                raise
    raise AssertionError("there is a last rule")


@lru_cache(maxsize=1024)
def _rules(cls: str, name: str) -> tuple[TypeAdapter[Any], ...]:
    """The rules of a field, one for each kind of a class that has it."""
    return tuple(_adapters(cls, name))


def _adapters(cls: str, name: str) -> Iterator[TypeAdapter[Any]]:
    for kind in CLASSES[cls]:
        if name in MODELS[kind].model_fields and name not in refs(kind):
            yield TypeAdapter(MODELS[kind].model_fields[name].rebuild_annotation())


def _valid(rule: TypeAdapter[Any], name: str, value: Any) -> Any:
    try:
        found = rule.validate_python(value, strict=True)
    except ValidationError as error:
        raise ValueError(f"{name}: {error.errors(include_url=False)[0]['msg']}") from None
    if found is None:
        raise ValueError(f"{name} is empty; leave it out")
    return found


def implied_units(told: Any) -> list[str]:
    """The units that texts of `implied_names` name. Raises `ValueError`."""
    if not isinstance(told, list) or not all(isinstance(text, str) and text for text in told):
        raise ValueError(f"{IMPLIED} is a list of texts, not {str(told)[:100]}")
    found = []
    for text in told:
        type_, _, other = text.partition(" ")
        if type_ in RELATIONS and other:
            found.append(f"{type_} {record_of(other)[0]}")
        else:
            found.append(text if type_ in ("is", *RELATIONS, "kind", RETRACTED) else f".{text}")
    return found
