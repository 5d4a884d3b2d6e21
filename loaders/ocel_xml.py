"""OCEL 2.0 in XML: a `log` with types, objects and events, read as a stream; each object and each event becomes its twin in JSON.

The file is read first for what types declare, as this may stand behind what is of them, then for the rest.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.etree import _Element

from graph.errors import UnreadableSource
from loaders.items import Context, Item, Refused
from loaders.mapping_files import PlacedLog
from loaders.ocel import FIRST, WRITE_ANEW, Kinds, left_out, nowhere, opened
from loaders.ocel_claims import Log
from loaders.ocel_form import LogItem, Part, Types, declared
from loaders.xml_stream import MOST_LINES, Stretch, forget, moments, refuse_doctype

_PARTS: dict[str, Part] = {"objects": "objects", "events": "events"}
_DECLARING = ("object-types", "event-types")
_GIVE = "give a log of OCEL 2.0: event-types, object-types, events and objects"


def read(path: Path, context: Context, placed: PlacedLog | None = None) -> Iterator[Item | Refused]:
    """Items of one file in order. Raises `UnreadableSource` where it is no OCEL XML, or from where it is damaged."""
    types = _types_of(path)
    with Kinds() as kinds:
        log = opened(path, types, context, placed, kinds.of)
        if log.plans.needs_types:
            kinds.learn((each.get("id"), each.get("type")) for place, each, _ in _listed(path) if place == "objects")
        met = set[str]()
        for place, element, number in _listed(path, context.reached, met):
            if place in _PARTS:
                yield _item(log, _PARTS[place], element, number)
        yield from left_out(met.difference(_PARTS, _DECLARING))


def _listed(
    path: Path, reached: Callable[[int], None] = nowhere, met: set[str] | None = None
) -> Iterator[tuple[str, _Element, int]]:
    """Each element that lies in a list of a log: the name of the list, the element, and how manieth it is in lists of this name.

    The names of lists, empty ones too, are added to `met` as they begin."""
    met = set() if met is None else met
    with path.open("rb") as file:
        stretch = Stretch(path, file, reached)
        place, depth, counts = "", 0, dict[str, int]()
        for moment, element in moments(path, stretch):
            if moment == "start":
                depth += 1
                if depth == 1:
                    _is_log(path, element)
                elif depth == 2:
                    place = str(element.tag)
                    met.add(place)
                if depth <= 3:
                    stretch.passed()
                continue
            if depth == 3:
                counts[place] = counts.get(place, 0) + 1
                yield place, element, counts[place]
            if depth <= 3:
                forget(element)
                stretch.passed()
            depth -= 1


def _is_log(path: Path, root: _Element) -> None:
    refuse_doctype(path, root)
    if root.tag != "log":
        named = etree.QName(root)
        of = f" of {named.namespace}" if named.namespace else ""
        raise UnreadableSource(str(path), f"line {root.sourceline}", f"it is {named.localname}{of}, no log of OCEL 2.0", _GIVE)


def _types_of(path: Path) -> Types:
    """What a log declares. Raises `UnreadableSource` for what is no log."""
    found, met = Types(), set[str]()
    for place, element, _ in _listed(path, met=met):
        if place not in _DECLARING:
            if met.issuperset(_DECLARING):
                break
            continue
        told = {"name": element.get("name"), "attributes": [dict(each.attrib) for each in element.iter("attribute")]}
        try:
            (found.events if place == "event-types" else found.objects).update(declared(told))
        except ValueError as error:
            at = f"/log/{place}/{element.tag!s} line {element.sourceline}"
            raise UnreadableSource(str(path), at, str(error), "declare the type as OCEL 2.0 does") from None
    if met.isdisjoint(_DECLARING) and "global" in met:
        raise UnreadableSource(str(path), "/log/global", FIRST, WRITE_ANEW)
    if met.isdisjoint(_DECLARING):
        raise UnreadableSource(str(path), "/log", "it declares no types of events or objects", _GIVE)
    return found


def _item(log: Log, part: Part, element: _Element, number: int) -> Item | Refused:
    line = f" line {element.sourceline}" if element.sourceline and element.sourceline < MOST_LINES else ""
    found = log.item(part, f"/log/{part}/{element.tag!s}[{number}]{line}", _twin(element, part))
    if isinstance(found, Refused):
        text = etree.tostring(element, encoding="unicode", with_tail=False)
        return Refused(found.at, found.problems, LogItem(part, text, log.types))
    return found


def _twin(element: _Element, part: Part) -> Any:
    """An object or event as it is in JSON; what stands in its place otherwise is told by its name alone."""
    if element.tag != part[:-1]:
        return str(element.tag)
    told: dict[str, Any] = {**element.attrib, "attributes": [], "relationships": []}
    for inner in element:
        if inner.tag == "attributes":
            told["attributes"] += [_attribute(each) for each in inner if isinstance(each.tag, str)]
        elif inner.tag == "objects":
            told["relationships"] += [_relationship(each) for each in inner if isinstance(each.tag, str)]
        elif isinstance(inner.tag, str):
            told[inner.tag] = etree.tostring(inner, encoding="unicode", with_tail=False)
    return told


def _attribute(element: _Element) -> dict[str, Any]:
    value: Any = "".join(element.itertext()) if not any(isinstance(each.tag, str) for each in element) else {}
    return {"name": element.get("name"), "value": value, "time": element.get("time")}


def _relationship(element: _Element) -> dict[str, Any]:
    """The specification's text has `qualifier`, its example `relationship`."""
    return {"objectId": element.get("object-id"), "qualifier": element.get("qualifier", element.get("relationship"))}
