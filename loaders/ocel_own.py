"""What a log that we exported says beyond OCEL: each item has an attribute `veintrace`, a JSON list of what stewards say of it.

Where one steward speaks, the item itself is what he says, and the attribute tells the difference; where several do, the item is
what is shown to others, and the attribute tells what each says. An item with an empty list is there for other tools only.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import orjson

from graph import naming
from graph.claims import Claim, Evidence, Fields, class_of
from graph.identifiers import keyed_id
from graph.model import CLASSES, CONTAINER, CONTENT, MODELS, RELATIONS, refs
from loaders.epcis_own import Own
from loaders.epcis_said import STEWARD, Names, fields_of, record_of

OWN = "veintrace"
"""The attribute that our exports have."""
QUALIFIERS, OBJECTS = "x:ocel:qualifiers", "x:ocel:objects"
"""Where the objects that an event, or an object, names are kept by qualifier."""
TYPE = "x:ocel:type"
"""Where the type of an object or event is kept."""


def change_id(steward: str, record: str, attribute: str, when: str) -> str:
    """The id of what a steward's log says an attribute of an object has been since an instant; ever since where it is empty."""
    return keyed_id("observation", f"attribute of {steward}\n{record}\n{attribute}\n{when}")


class Shown(NamedTuple):
    """An item as others read it: its type, its time (canonical; an object has none), its attributes but for `veintrace` and
    `(qualifier, name)` of what it names."""

    type: str
    time: str | None
    attributes: Mapping[str, Any]
    related: Iterable[tuple[str, str]]


def claims(at: str, name: str, own: Any, shown: Shown, steward: str, forced: bool) -> Iterator[Claim]:
    """The claims of an item: by its id, what its attribute says, and what others read of it.

    `steward` speaks where the item names none, or is `forced`. Raises `ValueError`."""
    words = orjson.loads(own)
    if not isinstance(words, list) or not all(isinstance(word, dict) for word in words):
        raise ValueError(f"{OWN} is a list of what stewards say")
    if not words:
        return
    record, key = record_of(name)
    fields, names = said(record, shown) if len(words) == 1 else ({}, {})
    for word in words:
        told = Own(word)
        speaker = steward if forced or STEWARD not in word else naming.steward(str(word[STEWARD]))
        read = Claim(speaker, record, dict(fields), Evidence(at), told.recorded(), {**names, record: key})
        yield from told.claims(read)


def said(record: str, shown: Shown) -> tuple[Fields, Names]:
    """`(fields, names)` that an item says of a record to who knows our names: an event is a step and an object a material, as in
    any log; attributes are fields of the record, or kept under their names. Raises `ValueError`."""
    cls = class_of(record)
    fields: Fields = {}
    names: Names = {}
    if cls == "event" and shown.time:
        fields = {"kind": "Step", ".type": shown.type, ".started_at": shown.time}
    elif cls == "object":
        fields = {"kind": "Material", f".{TYPE}": shown.type}
    told, names = fields_of({statement(cls, name): value for name, value in shown.attributes.items()}, cls)
    fields |= told
    kept: dict[str, set[str]] = {}
    for qualifier, name in shown.related:
        type_, space, role = qualifier.partition(" ")
        if type_ in RELATIONS and (not space or role in (CONTENT, CONTAINER)):
            told, others = fields_of({type_: {"id": name, **({"role": role} if role else {})}}, cls)
        else:
            other, key = record_of(name)
            kept.setdefault(qualifier, set()).add(key or other)
            if cls != "event" or class_of(other) != "object":
                continue
            told, others = fields_of({"SUBJECT_OF": name}, cls)
        fields |= told
        names |= others
    if kept:
        fields[f".{QUALIFIERS if cls == 'event' else OBJECTS}"] = {each: sorted(texts) for each, texts in kept.items()}
    return fields, names


def statement(cls: str, name: str) -> str:
    """What an attribute is a statement of: a field of a record of this class, or a value that is kept under its name."""
    return name if name in _fields(cls) or name.startswith("x:") else f"x:{name}"


@cache
def _fields(cls: str) -> frozenset[str]:
    return frozenset(name for kind in CLASSES[cls] for name in MODELS[kind].model_fields if name not in refs(kind))


def as_json(told: Any) -> str:
    """JSON of ASCII alone, which every form can hold."""
    return orjson.dumps(told).decode().translate(_Escaped())


class _Escaped(dict[int, str]):
    """What is no printable ASCII, as JSON escapes it."""

    def __missing__(self, point: int) -> str:
        if point < 0x7F:
            return chr(point)
        data = chr(point).encode("utf-16-be")
        return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))
