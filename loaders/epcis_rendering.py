"""An event as EPCIS 2.0 can say it, from what one steward says of a step or handoff; the way back is `epcis_event`.

What EPCIS has no field for is left out here; `epcis_writer` says it in our extension.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from graph import identifiers, times
from graph.claims import RETRACTED, Edge, Fields, edges_of
from graph.errors import TraceError
from graph.model import CONTAINER, CONTENT
from loaders.epcis_check import BIZSTEPS, DISPOSITIONS
from loaders.epcis_event import IN_PART, PERSONS, STANDARD
from loaders.epcis_said import uri_of
from loaders.epcis_spaces import Spaces
from loaders.epcis_words import ARRIVALS, DEPARTURES, own_word

_RAW = ("bizTransactionList", "sourceList", "destinationList", "ilmd", "sensorElementList", "persistentDisposition",
        "certificationInfo")  # fmt: skip
"""Fields of an event that are kept as they came."""
_MOMENTS = {"shipping": "released_at", "arriving": "delivered_at", "receiving": "accepted_at"}
"""The business step that tells of a time of a handoff."""
_TAKES_OUT = frozenset(("unpacking", "unloading", "removing", "disassembling"))
_UNIT = re.compile(r"[A-Z0-9]{2,3}\Z")  # UN/ECE Rec 20, as the schema of EPCIS has it
_MOST_CLASSES = 200
_LISTS = {
    "TransformationEvent": ("inputEPCList", "inputQuantityList"),
    "AggregationEvent": ("childEPCs", "childQuantityList"),
    "AssociationEvent": ("childEPCs", "childQuantityList"),
}


class Word(NamedTuple):
    """What one steward says under one id; `rank` is when it was recorded (UTC microseconds), but for the fields in `ranks`."""

    steward: str
    record: str
    fields: Fields
    rank: int
    ranks: Mapping[str, int] = {}


Labels = Callable[[str, str], str | None]
"""The label that a steward gives to an object that no key names."""


def is_lot(key: str) -> bool:
    """Whether a key names a lot, of which there may be many pieces."""
    return key.startswith("lot:") or (key.startswith("https://id.gs1.org/01/") and "/10/" in key)


def event_of(word: Word, names: Mapping[str, str | None], labels: Labels, spaces: Spaces, whole: bool) -> dict[str, Any] | None:
    """The event; None for what has no time or cannot be one. `whole` tries to say all of it in EPCIS's own fields."""
    return _Rendering(word, names, labels, spaces, whole).event()


class _Rendering:
    """One word on its way to an event."""

    def __init__(self, word: Word, names: Mapping[str, str | None], labels: Labels, spaces: Spaces, whole: bool) -> None:
        self._word, self._names, self._labels, self._spaces, self._whole = word, names, labels, spaces, whole
        self._fields = word.fields
        self._key = names.get(word.record) or ""
        standing = {path: value for path, value in word.fields.items() if path != RETRACTED}
        edges = edges_of(word.record, word.steward, standing)
        self._edges = {type_: sorted(e for e in edges if e.type == type_) for type_ in ("INPUT_TO", "OUTPUT", "SUBJECT_OF")}
        self._joined = [names.get(e.target) or "" for e in edges if e.type == "SAME_AS"]
        self._type = self._event_type()

    def event(self) -> dict[str, Any] | None:
        found = self._moment()
        if found is None:
            return None
        moment, bizstep = found
        event: dict[str, Any] = {"type": self._type, **_stamp(moment)}
        self._dates(event)
        self._labels_of_event(event)
        if bizstep and bizstep != self._type:
            own = self._fields.get(".x:bizStep")
            event["bizStep"] = self._term(own if isinstance(own, str) else bizstep, BIZSTEPS, "BizStep")
        if told := self._fields.get(".disposition"):
            event["disposition"] = self._term(told, DISPOSITIONS, "Disp")
        self._objects(event)
        self._places(event)
        self._extensions(event)
        self._parties(event, bizstep)
        self._transactions(event)
        return event

    # -- what kind of event, and when

    def _event_type(self) -> str:
        told = self._fields.get(".x:eventType")
        if isinstance(told, str) and told in IN_PART:
            return told
        if self._edges["INPUT_TO"] or self._transformation() or (self._type_is("TransformationEvent")):
            return "TransformationEvent"
        if not self._edges["OUTPUT"] and any(edge.role for edge in self._edges["SUBJECT_OF"]):
            return "AggregationEvent"
        return "ObjectEvent"

    def _type_is(self, name: str) -> bool:
        return bool(self._fields.get(".type") == name)

    def _transformation(self) -> str | None:
        return next((text.partition(":")[2] for text in self._joined if text.startswith("transformation:")), None)

    def _moment(self) -> tuple[str, str | None] | None:
        """When it was, and the business step."""
        fields, type_ = self._fields, self._fields.get(".type")
        if fields.get("kind") != "Handoff":
            return (fields[".started_at"], type_) if ".started_at" in fields else None
        known = {**DEPARTURES, **ARRIVALS}
        own = {type_: known[type_]} if isinstance(type_, str) and type_ in known else {}
        for bizstep, field in {**own, **_MOMENTS}.items():
            if f".{field}" in fields:
                return fields[f".{field}"], bizstep
        return None

    def _dates(self, event: dict[str, Any]) -> None:
        word = self._word
        if self._fields.get(RETRACTED) is True:
            declared = times.iso(word.ranks.get(RETRACTED, word.rank))
            told = self._fields.get(".x:errorDeclaration")
            event["errorDeclaration"] = {
                "declarationTime": declared,
                **(self._spaces.names(told) if isinstance(told, dict) else {}),
            }
        elif times.span(times.canonical(event["eventTime"]))[1] != word.rank:
            event["recordTime"] = times.iso(word.rank)

    def _labels_of_event(self, event: dict[str, Any]) -> None:
        labels = sorted(path[len("is event_id:") :] for path in self._fields if path.startswith("is event_id:"))
        if labels and (self._whole or ":" in labels[0]):
            event["eventID"] = labels[0]

    def _term(self, word: str, known: frozenset[str], kind: str) -> str:
        if word in known:
            return word
        if self._whole:
            return word if ":" in word else f"https://ref.gs1.org/cbv/{kind}-{word}"
        return word if ":" in word and " " not in word else own_word(word)

    # -- objects

    def _objects(self, event: dict[str, Any]) -> None:
        type_, action = self._type, self._fields.get(".action")
        if type_ == "TransformationEvent":
            self._put(event, self._edges["INPUT_TO"], "inputEPCList", "inputQuantityList")
            self._put(event, self._edges["OUTPUT"], "outputEPCList", "outputQuantityList")
            transformation = self._transformation()
            if transformation or not (self._edges["INPUT_TO"] and self._edges["OUTPUT"]):
                event["transformationID"] = transformation or uri_of(self._word.record, self._names)
            return
        lists = _LISTS.get(type_, ("epcList", "quantityList"))
        subjects = self._edges["SUBJECT_OF"]
        if type_ == "AggregationEvent":
            parents = [edge for edge in subjects if edge.role == CONTAINER]
            if parents:
                event["parentID"] = self._uri(parents[0].source)
            subjects = [edge for edge in subjects if edge.role == CONTENT]
            event["action"] = action or ("DELETE" if self._fields.get(".type") in _TAKES_OUT else "ADD")
        elif type_ in IN_PART:
            subjects = self._below(event, subjects)
            event["action"] = action or "OBSERVE"
        else:
            made = self._edges["OUTPUT"]
            event["action"] = "ADD" if made else "OBSERVE" if action == "ADD" and not self._handoff() else action or "OBSERVE"
            subjects = made or subjects
        self._put(event, subjects, *lists)

    def _handoff(self) -> bool:
        return self._fields.get("kind") == "Handoff"

    def _below(self, event: dict[str, Any], subjects: list[Edge]) -> list[Edge]:
        """The objects of an event but for its parent, which is put where it belongs."""
        text = self._fields.get(".x:parentID")
        if not isinstance(text, str):
            return subjects
        event["parentID"] = text
        try:
            parent = identifiers.record_id("object", identifiers.lenient(text, cls="object"))
        except TraceError:
            return subjects
        return [edge for edge in subjects if edge.source != parent]

    def _put(self, event: dict[str, Any], edges: list[Edge], epcs: str, quantities: str) -> None:
        kept = {name: self._fields[f".x:{name}"] for name in (epcs, quantities) if f".x:{name}" in self._fields}
        if self._whole and kept and not _twice(kept.get(epcs)):
            event.update(kept)
            return
        classes = self._classes(edges)
        elements: dict[int, dict[str, Any]] = {}
        waiting, uris = [], []
        for edge in edges:
            other = edge.target if edge.type == "OUTPUT" else edge.source
            if other in classes and _fits(edge.unit):
                at, label = classes[other]
                elements[at] = self._element(label, edge)
            elif self._as_quantity(other, edge):
                waiting.append(self._element(self._uri(other), edge))
            else:
                uris.append(self._uri(other))
        free = (at for at in range(len(edges)) if at not in elements)
        elements.update(zip(free, waiting, strict=False))
        if uris:
            event[epcs] = uris
        if elements:
            event[quantities] = [elements[at] for at in sorted(elements)]

    def _as_quantity(self, record: str, edge: Edge) -> bool:
        if not _fits(edge.unit):
            return False
        if self._whole and (edge.quantity is not None or edge.unit):
            return True
        lot = is_lot(self._names.get(record) or "")
        return record.startswith("object-") and (lot or (edge.quantity is not None and not self._whole))

    def _element(self, uri: str, edge: Edge) -> dict[str, Any]:
        told: dict[str, Any] = {"epcClass": uri}
        if edge.quantity is not None:
            told["quantity"] = edge.quantity
        if edge.unit is not None:
            told["uom"] = edge.unit
        return told

    def _classes(self, edges: list[Edge]) -> dict[str, tuple[int, str]]:
        """Objects known by their product class alone: the place in the list that their ids were computed from, and the class."""
        ends = [edge.target if edge.type == "OUTPUT" else edge.source for edge in edges]
        told = {end: self._labels(self._word.steward, end) for end in ends if self._names.get(end) is None} if self._whole else {}
        if not told or len(edges) > _MOST_CLASSES:
            return {}
        labels = {label for label in told.values() if label}
        places = {
            identifiers.keyed_id(cls, f"{self._key} {label} {at}"): (at, label)
            for label in labels
            for at in range(len(edges))
            for cls in ("object", "person")
        }
        return {end: places[end] for end in told if end in places}

    def _uri(self, record: str) -> str:
        """A URI by which the reader knows an object or person, and which of the two it is."""
        uri = uri_of(record, self._names)
        is_person = record.startswith("person-")
        if uri.startswith(PERSONS) is is_person:
            return uri
        text = self._names.get(record)
        return identifiers.own_uri(record.partition("-")[0], text) if text else identifiers.uri_of_id(record)

    # -- places, parties and all else

    def _places(self, event: dict[str, Any]) -> None:
        fields = self._fields
        for name in ("readPoint", "bizLocation"):
            if (place := fields.get(f".x:{name}")) is not None:
                event[name] = self._spaces.names(place) if isinstance(place, dict) else {"id": place}
        if "AT" in fields and "readPoint" not in event and "bizLocation" not in event:
            event["readPoint"] = {"id": uri_of(fields["AT"], self._names)}

    def _parties(self, event: dict[str, Any], bizstep: str | None) -> None:
        if not self._handoff():
            return
        fields = self._fields
        for end, item, moves in (("FROM", "source", DEPARTURES), ("TO", "destination", ARRIVALS)):
            implied = self._whole and bizstep in moves and self._here() == fields.get(end)
            if end in fields and f"{item}List" not in event and not implied:
                event[f"{item}List"] = [{"type": "possessing_party", item: uri_of(fields[end], self._names)}]

    def _transactions(self, event: dict[str, Any]) -> None:
        """The despatch advice of a handoff, and the therapy order, where no business transactions are told as they came."""
        advice = next((text for text in (self._key, *self._joined) if text.startswith("despatch_advice:")), None)
        told = [{"type": "desadv", "bizTransaction": identifiers.own_uri("event", advice)}] if advice and self._handoff() else []
        if (order := self._fields.get("FOR_EPISODE")) is not None:
            text = self._names.get(order)
            told.append({"bizTransaction": identifiers.own_uri("episode", text) if text else identifiers.uri_of_id(order)})
        if told and "bizTransactionList" not in event:
            event["bizTransactionList"] = told

    def _here(self) -> str | None:
        """The place that says who gives or takes where no party does: the location, else the read point."""
        place = self._fields.get(".x:bizLocation")
        text = place.get("id") if isinstance(place, dict) else place
        if not isinstance(text, str):
            return self._fields.get("AT")
        try:
            return identifiers.record_id("organization", identifiers.lenient(text, cls="organization"))
        except TraceError:
            return None

    def _extensions(self, event: dict[str, Any]) -> None:
        for path, value in self._fields.items():
            if not path.startswith(".x:"):
                continue
            name = path[3:]
            if name == "ilmd" and not _makes(event):
                continue
            if name in _RAW:
                event[name] = self._spaces.names(value)
            elif name not in STANDARD and name not in ("eventType", "parentID") and (self._whole or ":" in name):
                event[self._spaces.name(name)] = self._spaces.names(value)


def _makes(event: Mapping[str, Any]) -> bool:
    """Whether an event makes something, of which alone the schema has master data."""
    return event["type"] == "TransformationEvent" or (event["type"], event["action"]) == ("ObjectEvent", "ADD")


def _fits(unit: str | None) -> bool:
    return unit is None or bool(_UNIT.match(unit))


def _twice(texts: Any) -> bool:
    """Whether a list holds one text twice, which the schema of EPCIS in JSON forbids."""
    return isinstance(texts, list) and len({str(text) for text in texts}) < len(texts)


def _stamp(moment: str) -> dict[str, str]:
    """`eventTime` and `eventTimeZoneOffset` of an instant; of a day, month or year its first moment."""
    text = moment if len(moment) > 10 else times.iso(times.span(moment)[0])
    when = datetime.fromisoformat(text)
    offset = when.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if abs(minutes) > 14 * 60:
        when, minutes = when.astimezone(UTC), 0
    sign = "-" if minutes < 0 else "+"
    told = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return {"eventTime": when.isoformat().replace("+00:00", "Z"), "eventTimeZoneOffset": told}
