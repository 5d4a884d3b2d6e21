"""What a log that we exported says beyond OCEL: each item has an attribute `veintrace`, a JSON list of what stewards say of it.

Where one steward speaks, the item itself is what he says, and the attribute tells the difference; where several do, the item is
what is shown to others, and the attribute tells what each says. An item with an empty list is there for other tools only.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from graph import naming
from graph.claims import Claim, Evidence, Fields
from graph.model import CONTAINER, CONTENT, RELATIONS
from loaders.epcis_own import Own
from loaders.epcis_said import STEWARD, Names, fields_of, record_of

OWN = "veintrace"
"""The attribute that our exports have."""
QUALIFIERS, OBJECTS = "x:ocel:qualifiers", "x:ocel:objects"
"""Where the objects that an event, or an object, names are kept by qualifier."""


def claims(
    at: str, name: str, own: Any, shown: Mapping[str, Any], related: Iterable[tuple[str, str]], steward: str, forced: bool
) -> Iterator[Claim]:
    """The claims of an item: its id, what its attribute says, its other attributes, `(qualifier, object)` of its relationships.

    `steward` speaks where the item names none, or is `forced`. Raises `ValueError`."""
    words = orjson.loads(own)
    if not isinstance(words, list) or not all(isinstance(word, dict) for word in words):
        raise ValueError(f"{OWN} is a list of what stewards say")
    if not words:
        return
    record, key = record_of(name)
    fields, names = said(record, shown, related) if len(words) == 1 else ({}, {})
    for word in words:
        told = Own(word)
        speaker = steward if forced or STEWARD not in word else naming.steward(str(word[STEWARD]))
        read = Claim(speaker, record, dict(fields), Evidence(at), told.recorded(), {**names, record: key})
        yield from told.claims(read)


def said(record: str, shown: Mapping[str, Any], related: Iterable[tuple[str, str]]) -> tuple[Fields, Names]:
    """`(fields, names)` that the attributes and relationships of an item say, but for `veintrace`. Raises `ValueError`."""
    cls = record.partition("-")[0]
    fields, names = fields_of(shown, cls)
    kept: dict[str, set[str]] = {}
    for qualifier, name in related:
        type_, space, role = qualifier.partition(" ")
        if type_ in RELATIONS and (not space or role in (CONTENT, CONTAINER)):
            told, others = fields_of({type_: {"id": name, **({"role": role} if role else {})}}, cls)
        else:
            other, key = record_of(name)
            kept.setdefault(qualifier, set()).add(key or other)
            if cls != "event" or not other.startswith("object-"):
                continue
            told, others = fields_of({"SUBJECT_OF": name}, cls)
        fields |= told
        names |= others
    if kept:
        fields[f".{QUALIFIERS if cls == 'event' else OBJECTS}"] = {each: sorted(texts) for each, texts in kept.items()}
    return fields, names
