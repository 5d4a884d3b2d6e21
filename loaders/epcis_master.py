"""Master data of EPCIS documents: elements of vocabularies about places, parties and products, to claims.

Sources: EPCIS 2.0 sections 7.1 and 9.4, CBV 2.0 section 9. A place or party is an Organization, part of the one that lists it
among its children; a lot or item is a Material. A product class names no one thing: its master data stands in a record of its
own that carries the class as a label. Attributes that are no fields of ours are kept under their own names.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graph import times
from graph.claims import Claim, Evidence
from graph.errors import TraceError
from graph.identifiers import id_of_uri, keyed_id, lenient
from graph.model import CLASSES
from loaders import epcis_alike
from loaders.epcis_event import Source, kind_of, problem_of
from loaders.epcis_own import Own
from loaders.epcis_said import NAMESPACE, RECORDED, REPEATED, name_spelt, record_of
from loaders.items import Draft, Item, MasterElement, Problem, Refused

OWN_TYPE = "urn:veintrace:epcis:vtype:"
"""Begins the type of a vocabulary of ours; the class of its records follows."""
_PLACES = frozenset(("location", "businesslocation", "bizlocation", "readpoint", "party", "tradingparty", "sourcedest", "site"))
_THINGS = frozenset(("epcclass", "epcinstance"))
_KNOWN = "a vocabulary of EPCClass, EPCInstance, BusinessLocation, ReadPoint, Location, SourceDest or Party"
_CBV = ("urn:epcglobal:cbv:mda#", "urn:epcglobal:cbv:mda:", "https://ref.gs1.org/cbv/mda#")
_PER_CLASS = "product classes kept as records of their own"


def items(source: Source, pointer: str, vocabularies: Any) -> Iterator[Item | Refused]:
    """What each element of a `vocabularyList` claims, or why it is refused; `pointer` tells where the list stands."""
    if not isinstance(vocabularies, list):
        yield _refused(pointer, "vocabularyList", vocabularies, "NOT_A_LIST", "it is no list", "write a list of vocabularies")
        return
    for at, vocabulary in enumerate(vocabularies):
        here = f"{pointer}/{at}"
        told = vocabulary if isinstance(vocabulary, dict) else {}
        elements = told.get("vocabularyElementList", [])
        if told is not vocabulary or not isinstance(elements, list):
            yield _refused(here, "vocabularyElementList", vocabulary, "NOT_A_LIST", "it is no list", "write a list of elements")
            continue
        for index, element in enumerate(elements):
            yield item(source, f"{here}/vocabularyElementList/{index}", told.get("type"), element)


def item(source: Source, at: str, type_: Any, element: Any) -> Item | Refused:
    """What one element of a vocabulary of some type claims."""
    if problem := _problem(type_, element):
        return Refused(at, (problem,), MasterElement(type_, element))
    try:
        return _Element(source, at, str(type_), element).item()
    except (TraceError, ValueError) as error:
        return Refused(at, (problem_of(error),), MasterElement(type_, element))


def _refused(at: str, field: str, value: Any, code: str, reason: str, repair: str) -> Refused:
    return Refused(at, (Problem(field, str(value)[:200], code, reason, repair),))


def _problem(type_: Any, element: Any) -> Problem | None:
    """What is wrong with the form of an element."""
    if not isinstance(element, dict) or not isinstance(element.get("id"), str) or not element["id"].strip():
        return Problem("id", str(element)[:200], "MISSING", "an element of a vocabulary is an object with an id", "add its id")
    if _class_of(str(type_)) is None:
        return Problem("type", str(type_)[:200], "UNKNOWN_VOCABULARY", "no record is known of this type", f"give {_KNOWN}")
    for field in ("attributes", "children"):
        told = element.get(field, [])
        if not isinstance(told, list):
            return Problem(field, str(told)[:200], "NOT_A_LIST", "it is no list", f"write a list of {field}")
    for at, attribute in enumerate(element.get("attributes", [])):
        if not isinstance(attribute, dict) or not isinstance(attribute.get("id"), str):
            return Problem(
                f"attributes/{at}", str(attribute)[:200], "MISSING", "an attribute is an object with an id", "add its id"
            )
    return None


def _class_of(type_: str) -> str | None:
    if type_.startswith(OWN_TYPE):
        word = type_[len(OWN_TYPE) :]
        return word if word in CLASSES else None
    word = epcis_alike.local_name(type_).lower()
    return "organization" if word in _PLACES else "object" if word in _THINGS else None


class _Element:
    """One element on its way to claims."""

    def __init__(self, source: Source, at: str, type_: str, element: Mapping[str, Any]) -> None:
        self._source, self._at, self._element = source, at, element
        self._class = _class_of(type_) or ""
        own, told = _attributes(element, source.prefixes)
        self._own, self._told = Own(own), told
        self._steward = self._own.steward(source.context, source.steward)
        self._recorded = source.created if RECORDED not in own else self._own.recorded()

    def item(self) -> Item:
        draft = self._draft()
        self._values(draft)
        own = self._own.told
        claim = draft.claim(Evidence(self._at), self._recorded)
        claims = self._own.claims(claim) if own else [claim]
        notes = (_PER_CLASS,) if any(path.startswith("is ") for path in draft.fields) and not own else ()
        return Item(self._at, [*claims, *self._parts(draft)], notes)

    def _draft(self) -> Draft:
        text = self._element["id"].strip()
        if unnamed := id_of_uri(text):
            record, _ = record_of(unnamed, (self._class,))
            return Draft(self._steward, self._class, record, _kind(self._class, "Material"), {record: None})
        found = lenient(text, cls=self._class, assigner=self._steward)
        if found.is_key:
            draft = Draft.of(self._steward, self._class, [found])
            draft.fields.update(_kind(self._class, kind_of(found)))
            return draft
        record = keyed_id(self._class, f"class of {self._steward}\n{found.text}")
        return Draft(
            self._steward, self._class, record, {f"is {found.text}": True} | _kind(self._class, "Material"), {record: None}
        )

    def _values(self, draft: Draft) -> None:
        children = self._element.get("children")
        if self._class != "organization":
            draft.fields.update(epcis_alike.master_values(self._told))
            draft.value("x:children", children or None)
            return
        for name, value in self._told.items():
            if name == "cbvmda:name" and isinstance(value, str):
                draft.value("name", value)
            elif name == "cbvmda:countryCode" and isinstance(value, str):
                draft.value("country", value)
            else:
                draft.value(f"x:{name}", value)

    def _parts(self, draft: Draft) -> Iterator[Claim]:
        """The parts of a place, each of which is claimed to be one."""
        for text in (self._element.get("children") or ()) if self._class == "organization" else ():
            found = lenient(str(text), cls=self._class, assigner=self._steward)
            if not found.is_key:
                raise ValueError(f"{found.text} names no place; give the GLN or URI of one")
            part = Draft.of(self._steward, self._class, [found])
            part.relate("PART_OF", draft.record, draft.names[draft.record])
            yield part.claim(Evidence(self._at), self._recorded)


def _kind(cls: str, of_object: str) -> dict[str, Any]:
    """The kind of a place or party, or of an object; that of any other record is told in our extension."""
    return {"kind": "Organization"} if cls == "organization" else {"kind": of_object} if cls == "object" else {}


def _attributes(element: Mapping[str, Any], prefixes: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What our extension says, and the other attributes by name; one that is told several times is a list."""
    own: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for attribute in element.get("attributes") or ():
        name, value = attribute["id"].strip(), attribute.get("attribute")
        if name.startswith(NAMESPACE):
            value = value["value"] if isinstance(value, dict) and value.keys() == {"value"} else value
            if (word := name_spelt(name[len(NAMESPACE) :])) in REPEATED:
                own.setdefault(word, []).append(value)
            else:
                own[word] = value
        else:
            epcis_alike.add(told, _name(name, prefixes), _value(value, prefixes))
    return own, {name: value for name, value in told.items() if value not in (None, "")}


def _name(text: str, prefixes: Mapping[str, str]) -> str:
    for namespace in _CBV:
        if text.startswith(namespace):
            return f"cbvmda:{text[len(namespace) :]}"
    return epcis_alike.name(text, prefixes) if not text.startswith(("urn:", "http://", "https://")) else text


def _value(value: Any, prefixes: Mapping[str, str]) -> Any:
    """A value as XML and JSON tell it alike: a text, or an object of texts by name."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else epcis_alike.named(value, prefixes)


def created(text: Any) -> int | None:
    """When a document says that it was made: the date of recording of its master data."""
    try:
        return times.span(times.canonical(text))[1] if isinstance(text, str) else None
    except TraceError:
        return None
