"""EPCIS events to claims.

The claim of an event stands under the CBV event hash, with a transformationID or (for shipping and receiving) a despatch
advice as further keys. What an event says of an object stays with the event; of the object itself it claims only the kind
and the master data of `ilmd`. Where our extension gives the event a key, the claim stands under that alone, and the event
says nothing of its objects (`epcis_own`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph import times
from graph.claims import RETRACTED, TIMELESS, Claim, Evidence, canonical_json, relation_fields
from graph.errors import TraceError
from graph.identifiers import Identifier, id_of_uri, keyed_id, lenient, parse, record_id
from loaders import epcis_alike, epcis_own, epcis_sensors
from loaders.epcis_check import problems_of
from loaders.epcis_said import KEY
from loaders.epcis_words import ARRIVALS, DEPARTURES, local_word, step_type
from loaders.event_hash import event_hash, identifier
from loaders.items import Context, Draft, Item, Problem, Refused

_MOST_PAIRS = 100_000
_MOST_TOLD = 100  # problems of one event
_SEVERAL_ORDERS = "events of several therapy orders, which stand in their business transactions alone"
IN_PART = frozenset(("TransactionEvent", "AssociationEvent"))
_CONTAINERS = frozenset(("sscc", "grai", "giai"))
_CONTAINER_URNS = tuple(f"urn:epc:id:{scheme}:" for scheme in sorted(_CONTAINERS))
PERSONS = ("https://id.gs1.org/8017/", "https://id.gs1.org/8018/", "urn:veintrace:person")
"""How URIs of persons begin: GSRN of a provider, of a recipient, and ours."""
STANDARD = frozenset(
    [
        "certificationInfo",
        "persistentDisposition",
        "sensorElementList",
        "type",
        "@context",
        "eventID",
        "eventTime",
        "eventTimeZoneOffset",
        "recordTime",
        "epcList",
        "quantityList",
        "parentID",
        "childEPCs",
        "childQuantityList",
        "inputEPCList",
        "inputQuantityList",
        "outputEPCList",
        "outputQuantityList",
        "action",
        "transformationID",
        "bizStep",
        "disposition",
        "readPoint",
        "bizLocation",
        "bizTransactionList",
        "sourceList",
        "destinationList",
        "ilmd",
        "errorDeclaration",
    ]
)


@dataclass(frozen=True)
class Source:
    """What holds for all of one file; `prefixes` are its namespaces by prefix, `created` is when it was made, if it says so."""

    path: Path
    context: Context
    prefixes: Mapping[str, str]
    steward: str
    created: int | None = None


def prefixes_of(head: Mapping[str, Any]) -> dict[str, str]:
    """Namespaces by prefix from inline contexts; documents named by URL are not fetched."""
    found: dict[str, str] = {}
    contexts = head.get("@context", [])
    for context in contexts if isinstance(contexts, list) else [contexts]:
        if isinstance(context, dict):
            for prefix, namespace in context.items():
                if isinstance(namespace, str):
                    found["" if prefix == "@vocab" else prefix] = namespace
    return found


def item(source: Source, at: str, event: Any, faults: Iterable[Problem] = ()) -> Item | Refused:
    """What one event claims, or why it is refused: for what `problems_of` finds, and for `faults` of its syntax."""
    problems = (*problems_of(event), *faults)[:_MOST_TOLD]
    if problems:
        return Refused(at, problems, event)
    prefixes = {**source.prefixes, **prefixes_of(event)}
    try:
        read = _Event(source, at, event, prefixes)
        return Item(at, read.claims(), read.notes)
    except (TraceError, ValueError) as error:
        return Refused(at, (problem_of(error),), event)


def problem_of(error: Exception) -> Problem:
    """What is wrong with an item that could not be read."""
    if isinstance(error, TraceError):
        told = error.fields
        reason = told.get("reason", error.message)
        return Problem("", str(told.get("value", ""))[:200], error.code, reason, told.get("repair", "mend it"))
    return Problem("", "", "INVALID_VALUE", str(error), "write the value as EPCIS says")


def kind_of(found: Identifier) -> str:
    """The kind of an object that a key names: some schemes name containers alone."""
    holds = found.scheme in _CONTAINERS or found.value.startswith(_CONTAINER_URNS)
    return "Container" if holds else "Material"


class _Event:
    """One event on its way to claims."""

    def __init__(self, source: Source, at: str, event: Mapping[str, Any], prefixes: Mapping[str, str]) -> None:
        self.own, event = epcis_own.taken_from(event, prefixes)
        self.steward = self.own.steward(source.context, source.steward)
        self.source, self.at, self.event, self.prefixes = source, at, event, prefixes
        self.hash, _ = event_hash(event, prefixes, source.context.ignore)
        self.bizstep = local_word(str(event.get("bizStep", "")))
        self.kind = "Handoff" if self.bizstep in DEPARTURES | ARRIVALS else "Step"
        self.time = epcis_alike.event_time(event["eventTime"], event["eventTimeZoneOffset"])
        self.recorded = times.span(times.canonical(event.get("recordTime") or event["eventTime"]))[1]
        self.objects: dict[str, tuple[str, str | None]] = {}
        in_part = event["type"] in IN_PART
        self.notes: tuple[str, ...] = (f"{event['type']} kept in part: as a step on its objects",) if in_part else ()

    def claims(self) -> list[Claim]:
        """The claim about the event, then those about its objects."""
        event = self.event
        draft = self._draft()
        draft.fields["kind"] = self.kind
        self._values(draft)
        self._parties(draft)
        self._objects(draft)
        recorded = self.recorded
        error = event.get("errorDeclaration")
        if isinstance(error, dict):
            draft.fields[RETRACTED] = True
            told = {name: value for name, value in error.items() if name != "declarationTime"}
            draft.value("x:errorDeclaration", epcis_alike.named(told, self.prefixes) or None)
            recorded = times.span(times.canonical(error["declarationTime"]))[1]
        event_id = event.get("eventID")
        evidence = Evidence(self.at, event_id if isinstance(event_id, str) else None, self.hash)
        dated = self.own.recorded()
        recorded = recorded if dated is None else dated
        claim = draft.claim(evidence, recorded)
        claims = self.own.claims(claim) if self.own.told else [claim]
        if KEY in self.own.told:
            return claims
        return [*claims, *self._object_claims(), *self._observations(draft, recorded)]

    def _draft(self) -> Draft:
        """A claim under the event's keys, or under the one that our extension gives it."""
        found, key = self._identifiers(), self.own.record("event")
        if key is None:
            return Draft.of(self.steward, "event", [Identifier("event_hash", self.hash), *found])
        draft = Draft(self.steward, "event", key[0], names={key[0]: key[1]})
        draft.carry(found)
        return draft

    def _identifiers(self) -> list[Identifier]:
        event = self.event
        found = []
        if isinstance(event.get("eventID"), str):
            found.append(Identifier("event_id", event["eventID"].strip()))
        if event["type"] == "TransformationEvent" and event.get("transformationID"):
            found.append(_key("transformation", str(event["transformationID"])))
        if self.kind == "Handoff":
            for transaction in event.get("bizTransactionList") or ():
                if local_word(str(transaction.get("type", ""))) == "desadv":
                    found.append(_key("despatch_advice", str(transaction["bizTransaction"])))
        return found

    def _values(self, draft: Draft) -> None:
        event = self.event
        type_ = step_type(self.bizstep)
        draft.value("type", type_ or event["type"])
        draft.value("x:bizStep", self.bizstep if type_ != self.bizstep else None)
        draft.value("action", event.get("action"))
        draft.value("disposition", local_word(str(event.get("disposition", ""))) or None)
        if self.kind == "Step":
            draft.value("started_at", self.time)
        elif self.bizstep in DEPARTURES:
            draft.value(DEPARTURES[self.bizstep], self.time)
        else:
            draft.value(ARRIVALS[self.bizstep], self.time)
        for name in ("certificationInfo", "persistentDisposition"):
            draft.value(f"x:{name}", event.get(name))
        if event["type"] in IN_PART:
            draft.value("x:eventType", event["type"])
            draft.value("x:parentID", identifier(str(event["parentID"])) if event.get("parentID") else None)
        draft.value("x:ilmd", epcis_alike.named(event.get("ilmd"), self.prefixes) or None)
        draft.value("x:sensorElementList", epcis_alike.sensors(event.get("sensorElementList"), self.prefixes))
        extensions = {name: value for name, value in event.items() if name not in STANDARD}
        for name, value in epcis_alike.named(extensions, self.prefixes).items():
            if value is not None:  # an empty text counts in the hash
                draft.fields[f".x:{name}"] = value
        draft.value("x:bizTransactionList", epcis_alike.typed(event.get("bizTransactionList"), "bizTransaction") or None)
        self._order(draft)

    def _order(self, draft: Draft) -> None:
        """State which therapy order it is for. Where it names several, none is the one."""
        told = self.event.get("bizTransactionList") or ()
        orders = dict(filter(None, (_order_of(each["bizTransaction"], self.prefixes) for each in told)))
        for record, name in orders.items() if len(orders) == 1 else ():
            draft.relate("FOR_EPISODE", record, name)
        self.notes += (_SEVERAL_ORDERS,) if len(orders) > 1 else ()

    def _parties(self, draft: Draft) -> None:
        event = self.event
        read_point, location = (_place(event.get(name)) for name in ("readPoint", "bizLocation"))
        here = location or read_point
        ends = (("FROM", "source", here if self.bizstep in DEPARTURES else None),
                ("TO", "destination", here if self.bizstep in ARRIVALS else None))  # fmt: skip
        for type_, item, place in ends:
            told = epcis_alike.typed(event.get(f"{item}List"), item)
            party = _party(told, item)
            if self.kind == "Handoff" and (party or place):
                draft.refer(type_, "organization", party or place or "", lenient=True)
            if told and not (self.kind == "Handoff" and _only(told, item, place)):
                draft.value(f"x:{item}List", told)
        if here:
            draft.refer("AT", "organization", read_point or here, lenient=True)
        places = epcis_alike.places(event, self.prefixes)
        if "bizLocation" in places or not isinstance(places.get("readPoint", ""), str):
            for name, place in places.items():
                draft.value(f"x:{name}", place)

    # -- objects

    def _objects(self, draft: Draft) -> None:
        event, type_ = self.event, self.event["type"]
        if type_ == "TransformationEvent":
            self._relate(draft, "INPUT_TO", "inputEPCList", "inputQuantityList", incoming=True)
            self._relate(draft, "OUTPUT", "outputEPCList", "outputQuantityList", incoming=False)
        elif type_ == "AggregationEvent":
            if event.get("parentID"):
                self._subject(draft, str(event["parentID"]), "container")
            self._relate(draft, "SUBJECT_OF", "childEPCs", "childQuantityList", role="content")
        elif event.get("action") == "ADD" and type_ == "ObjectEvent" and self.bizstep not in DEPARTURES | ARRIVALS:
            self._relate(draft, "OUTPUT", "epcList", "quantityList", incoming=False)
        else:
            if event.get("parentID"):
                self._subject(draft, str(event["parentID"]), None)
            self._relate(draft, "SUBJECT_OF", "epcList", "quantityList")
            self._relate(draft, "SUBJECT_OF", "childEPCs", "childQuantityList")

    def _subject(self, draft: Draft, text: str, role: str | None) -> None:
        record, name = self._object(text, 0)
        draft.relate("SUBJECT_OF", record, name, incoming=True, role=role)

    def _relate(
        self, draft: Draft, type_: str, epcs: str, quantities: str, *, incoming: bool = True, role: str | None = None
    ) -> None:
        """State a relation to each object of two lists.

        Lists that name one twice are kept, too, for its relation is one: of the sum, where the parts have one unit."""
        told = {"role": role} if role else {}
        related = [self._object(text, 0) for text in self.event.get(epcs) or ()]
        amounts: dict[str, list[_Amount]] = {}
        for index, element in enumerate(self.event.get(quantities) or ()):
            amount = element.get("quantity")
            related.append(self._object(element["epcClass"], index))
            amounts.setdefault(related[-1][0], []).append((None if amount is None else float(amount), element.get("uom")))
        for record, name in dict(related).items():
            quantity, unit = _total(amounts.get(record, []))
            draft.relate(type_, record, name, incoming=incoming, quantity=quantity, unit=unit, **told)
        if len(related) > len(dict(related)):
            for field in (epcs, quantities):
                draft.value(f"x:{field}", epcis_alike.objects(self.event.get(field)) or None)

    def _object(self, text: str, index: int) -> tuple[str, str | None]:
        """`(id, key text)` of an object. A product class without lot or serial names no thing: it is this event's own."""
        cls = "person" if identifier(text).startswith(PERSONS) else "object"
        if unnamed := id_of_uri(text):
            if not unnamed.startswith(f"{cls}-"):
                raise ValueError(f"{text} names no object")
            self.objects.setdefault(unnamed, ("Person" if cls == "person" else "Material", None))
            return unnamed, None
        found = lenient(text, cls=cls, assigner=self.steward)
        if found.is_key:
            record = keyed_id(cls, found.text)
            self.objects.setdefault(record, ("Person" if cls == "person" else kind_of(found), found.text))
            return record, found.text
        record = keyed_id(cls, f"{self.hash} {found.text} {index}")
        self.objects.setdefault(record, (f"Material of {found.text}", None))
        return record, None

    def _object_claims(self) -> Iterator[Claim]:
        """What kind of thing each object is (timeless), and the master data that `ilmd` gives (dated as the event)."""
        ilmd = self.event.get("ilmd") or {}
        made = self.event["type"] == "TransformationEvent" or self.event.get("action") == "ADD"
        outputs = self._ilmd_objects() if ilmd and made else set()
        evidence = Evidence(self.at)
        for record, (kind, name) in self.objects.items():
            kind, _, label = kind.partition(" of ")
            fields: dict[str, Any] = {"kind": kind}
            if label:
                fields[f"is {label}"] = True
            yield Claim(self.steward, record, fields, evidence, TIMELESS, {record: name})
            if record in outputs:
                values = epcis_alike.master_values(epcis_alike.named(ilmd, self.prefixes))
                if values:
                    yield Claim(self.steward, record, values, evidence, self.recorded, {record: name})

    def _observations(self, event: Draft, recorded: int) -> Iterator[Claim]:
        """What sensors reported about the event's objects; where it names none, about its place, else about itself.

        Many readings of many objects are about the event, which names these: all pairs would have no end."""
        readings = list(epcis_sensors.readings(event.fields.get(".x:sensorElementList"), self.time))
        about: dict[str, str | None] = {record: name for record, (_, name) in self.objects.items()}
        if not about or len(about) * len(readings) > _MOST_PAIRS:
            place = event.record if about else event.fields.get("AT", event.record)
            about = {place: event.names[place]}
        for fields in readings:
            record = keyed_id("observation", f"{self.hash}\n{canonical_json(fields).decode()}")
            fields.update(epcis_sensors.canonical(fields))
            if RETRACTED in event.fields:
                fields[RETRACTED] = event.fields[RETRACTED]
            for other in about:
                fields.update(relation_fields("ABOUT", record, other)[1])
            yield Claim(self.steward, record, fields, Evidence(self.at), recorded, {record: None, **about})

    def _ilmd_objects(self) -> set[str]:
        names = (
            ("outputEPCList", "outputQuantityList") if self.event["type"] == "TransformationEvent" else ("epcList", "quantityList")
        )
        epcs = [self._object(text, 0)[0] for text in self.event.get(names[0]) or ()]
        return {*epcs, *(self._object(e["epcClass"], i)[0] for i, e in enumerate(self.event.get(names[1]) or ()))}


_Amount = tuple[float | None, str | None]


def _total(amounts: list[_Amount]) -> _Amount:
    """Quantity and unit of all amounts together; nothing where they cannot be added up."""
    if len(amounts) == 1:
        return amounts[0]
    quantities = [quantity for quantity, _ in amounts if quantity is not None]
    alike = len({unit for _, unit in amounts}) == 1 and len(quantities) == len(amounts)
    return (sum(quantities), amounts[0][1]) if alike else (None, None)


def _place(value: Any) -> str | None:
    text = value.get("id") if isinstance(value, dict) else value
    return text if isinstance(text, str) and text.strip() else None


def _key(scheme: str, text: str) -> Identifier:
    """The key of a scheme that a URI gives an event; ours tells its own."""
    return parse(text, cls="event") if text.startswith("urn:veintrace:") else Identifier(scheme, identifier(text))


def _order_of(text: str, prefixes: Mapping[str, str]) -> tuple[str, str | None] | None:
    """`(id, key)` of the therapy order that a business transaction is: a chain of identity, or what our own URI names."""
    told = text.strip()
    if (unnamed := id_of_uri(told)) and unnamed.startswith("episode-"):
        return unnamed, None
    scheme = told.partition(":")[0]
    if told.startswith("urn:veintrace:episode:") or (scheme.lower() == "coi" and scheme not in prefixes):
        found = parse(told, cls="episode")
        return record_id("episode", found), found.text
    return None


def _only(told: list[dict[str, Any]], item: str, place: str | None) -> bool:
    """Whether a list of parties says no more than who gives or takes, and it is not the place that says so already."""
    return told == [{"type": "possessing_party", item: told[0].get(item)}] and told[0][item] != (place and identifier(place))


_PARTY_ORDER = ("possessing_party", "owning_party", "location")


def _party(elements: Any, item: str) -> str | None:
    """Who gives or takes: the possessing party, else the owning one, else the location."""
    told = {local_word(str(e.get("type", ""))): e.get(item) for e in elements or () if isinstance(e, dict)}
    return next((str(told[type_]) for type_ in _PARTY_ORDER if told.get(type_)), None)
