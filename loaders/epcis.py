"""EPCIS events to claims, and the reader of EPCIS 2.0 in JSON-LD: documents, query documents, bare events, arrays of events.

Each event is one item. Its claim stands under the CBV event hash, with a transformationID or (for shipping and
receiving) a despatch advice as further keys. What an event says of an object stays with the event; of the object itself
it claims only the kind and the master data of `ilmd`. Contexts are read for prefixes and never fetched.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from graph import naming, times
from graph.claims import RETRACTED, TIMELESS, Claim, Evidence, canonical_json, relation_fields
from graph.errors import TraceError, UnreadableSource
from graph.identifiers import Identifier, keyed_id, lenient
from loaders import epcis_alike, epcis_sensors
from loaders.epcis_check import EVENTS, problems_of
from loaders.epcis_words import ARRIVALS, DEPARTURES, ILMD, local_word
from loaders.event_hash import event_hash, identifier
from loaders.items import Context, Draft, Item, Problem, Refused

MOST_BYTES = 256 * 2**20
_MOST_PAIRS = 100_000
_MOST_TOLD = 100  # problems of one event
_IN_PART = frozenset(("TransactionEvent", "AssociationEvent"))
_CONTAINERS = frozenset(("sscc", "grai", "giai"))
_CONTAINER_URNS = tuple(f"urn:epc:id:{scheme}:" for scheme in sorted(_CONTAINERS))
_PERSONS = ("https://id.gs1.org/8017/", "https://id.gs1.org/8018/")  # GSRN of a provider, of a recipient
_STANDARD = frozenset(
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
    """What holds for all events of one file; `prefixes` are its namespaces by prefix."""

    path: Path
    context: Context
    prefixes: Mapping[str, str]
    steward: str


def read(path: Path, context: Context) -> Iterator[Item | Refused]:
    """Items of one file in order. Raises `UnreadableSource` where the file as a whole is no EPCIS JSON."""
    document = _parsed(path)
    events, pointer, header = _events(path, document)
    prefixes = _prefixes(header)
    steward = context.steward if context.forced else _sender(header) or context.steward
    source = Source(path, context, prefixes, steward)
    for index, event in enumerate(events):
        at = f"{pointer}/{index}" if index >= 0 and pointer is not None else ""
        yield item(source, at, event)


def _parsed(path: Path) -> Any:
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableSource(str(path), "", f"an EPCIS file may have {MOST_BYTES:,} bytes", "split it into several documents")
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise UnreadableSource(str(path), place, f"it is not JSON: {error.msg}", "mend the file at this place") from None


def _events(path: Path, document: Any) -> tuple[list[Any], str | None, Mapping[str, Any]]:
    """`(events, JSON pointer of their list or None for a bare event, the object that heads them)`."""
    if isinstance(document, list):
        return document, "", {}
    if not isinstance(document, dict):
        raise UnreadableSource(str(path), "", "it is neither an object nor an array", "give an EPCIS document or events")
    if document.get("type") in EVENTS:
        return [document], None, document
    body = document.get("epcisBody")
    if not isinstance(body, dict):
        what = "an EPCIS query, not events" if "query" in document or "queryType" in document else "no EPCIS document"
        raise UnreadableSource(str(path), "", f"it is {what}", "give an EPCISDocument, EPCISQueryDocument or event")
    if "@context" not in document:
        raise UnreadableSource(str(path), "/@context", "the document has no @context", "add the EPCIS context it was written with")
    if isinstance(body.get("eventList"), list):
        return body["eventList"], "/epcisBody/eventList", document
    results = body.get("queryResults")
    if isinstance(results, dict) and isinstance(results.get("resultsBody"), dict):
        events = results["resultsBody"].get("eventList")
        if isinstance(events, list):
            return events, "/epcisBody/queryResults/resultsBody/eventList", document
    if isinstance(body.get("event"), dict):
        return [body["event"]], "/epcisBody/event", document
    raise UnreadableSource(str(path), "/epcisBody", "it has no list of events", "put the events under epcisBody/eventList")


def _prefixes(head: Mapping[str, Any]) -> dict[str, str]:
    """Namespaces by prefix from inline contexts; documents named by URL are not fetched."""
    found: dict[str, str] = {}
    contexts = head.get("@context", [])
    for context in contexts if isinstance(contexts, list) else [contexts]:
        if isinstance(context, dict):
            for prefix, namespace in context.items():
                if isinstance(namespace, str):
                    found["" if prefix == "@vocab" else prefix] = namespace
    return found


def _sender(head: Mapping[str, Any]) -> str | None:
    """The steward a document names itself: the sender in its header."""
    header = head.get("sender") or head.get("sbdh:sender")
    inner = head.get("epcisHeader")
    if header is None and isinstance(inner, dict):
        header = inner.get("sender") or inner.get("sbdh:sender")
    return sender(header.get("identifier") if isinstance(header, dict) else header)


def sender(text: Any) -> str | None:
    """The steward that a document's sender is; None where it names no organisation."""
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return naming.steward(text)
    except TraceError:
        return None


def item(source: Source, at: str, event: Any, faults: Iterable[Problem] = ()) -> Item | Refused:
    """What one event claims, or why it is refused: for what `problems_of` finds, and for `faults` of its syntax."""
    problems = (*problems_of(event), *faults)[:_MOST_TOLD]
    if problems:
        return Refused(at, problems, event)
    prefixes = {**source.prefixes, **_prefixes(event)}
    try:
        claims = _Event(source, at, event, prefixes).claims()
    except TraceError as error:
        told = error.fields
        reason = told.get("reason", error.message)
        return Refused(at, (Problem("", str(told.get("value", "")), error.code, reason, told.get("repair", "mend it")),), event)
    except ValueError as error:
        return Refused(at, (Problem("", "", "INVALID_VALUE", str(error), "write the value as EPCIS says"),), event)
    note = (f"{event['type']} kept in part: as a step on its objects",) if event["type"] in _IN_PART else ()
    return Item(at, claims, note)


class _Event:
    """One event on its way to claims."""

    def __init__(self, source: Source, at: str, event: Mapping[str, Any], prefixes: Mapping[str, str]) -> None:
        self.source, self.at, self.event, self.prefixes = source, at, event, prefixes
        self.hash, _ = event_hash(event, prefixes, source.context.ignore)
        self.bizstep = local_word(str(event.get("bizStep", "")))
        self.kind = "Handoff" if self.bizstep in DEPARTURES | ARRIVALS else "Step"
        self.time = epcis_alike.event_time(event["eventTime"], event["eventTimeZoneOffset"])
        self.recorded = times.span(times.canonical(event.get("recordTime") or event["eventTime"]))[1]
        self.objects: dict[str, tuple[str, str | None]] = {}

    def claims(self) -> list[Claim]:
        """The claim about the event, then those about its objects."""
        event = self.event
        draft = Draft.of(self.source.steward, "event", self._identifiers())
        draft.fields["kind"] = self.kind
        self._values(draft)
        self._parties(draft)
        self._objects(draft)
        recorded = self.recorded
        error = event.get("errorDeclaration")
        if isinstance(error, dict):
            draft.fields[RETRACTED] = True
            recorded = times.span(times.canonical(error["declarationTime"]))[1]
        event_id = event.get("eventID")
        evidence = Evidence(self.at, event_id if isinstance(event_id, str) else None, self.hash)
        return [draft.claim(evidence, recorded), *self._object_claims(), *self._observations(draft, recorded)]

    def _identifiers(self) -> list[Identifier]:
        event = self.event
        found = [Identifier("event_hash", self.hash)]
        if isinstance(event.get("eventID"), str):
            found.append(Identifier("event_id", event["eventID"].strip()))
        if event["type"] == "TransformationEvent" and event.get("transformationID"):
            found.append(Identifier("transformation", identifier(str(event["transformationID"]))))
        if self.kind == "Handoff":
            for transaction in event.get("bizTransactionList") or ():
                if local_word(str(transaction.get("type", ""))) == "desadv":
                    found.append(Identifier("despatch_advice", identifier(str(transaction["bizTransaction"]))))
        return found

    def _values(self, draft: Draft) -> None:
        event = self.event
        draft.value("type", self.bizstep or event["type"])
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
        draft.value("x:sensorElementList", epcis_alike.sensors(event.get("sensorElementList"), self.prefixes))
        extensions = {name: value for name, value in event.items() if name not in _STANDARD}
        for name, value in epcis_alike.named(extensions, self.prefixes).items():
            draft.value(f"x:{name}", value)
        transactions = event.get("bizTransactionList")
        if transactions:
            types = ({"type": local_word(str(told["type"]))} if "type" in told else {} for told in transactions)
            draft.value("x:bizTransactionList", [{**told, **type_} for told, type_ in zip(transactions, types, strict=True)])

    def _parties(self, draft: Draft) -> None:
        event = self.event
        read_point, location = (_place(event.get(name)) for name in ("readPoint", "bizLocation"))
        giver = _party(event.get("sourceList"), "source")
        taker = _party(event.get("destinationList"), "destination")
        if self.kind == "Handoff":
            here = location or read_point
            giver = giver or (here if self.bizstep in DEPARTURES else None)
            taker = taker or (here if self.bizstep in ARRIVALS else None)
            for type_, text in (("FROM", giver), ("TO", taker)):
                if text:
                    draft.refer(type_, "organization", text, lenient=True)
        if read_point or location:
            draft.refer("AT", "organization", read_point or location or "", lenient=True)
            if location and read_point and location != read_point:
                draft.value("x:bizLocation", location)

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
        told = {"role": role} if role else {}
        for text in self.event.get(epcs) or ():
            record, name = self._object(text, 0)
            draft.relate(type_, record, name, incoming=incoming, **told)
        for index, element in enumerate(self.event.get(quantities) or ()):
            record, name = self._object(element["epcClass"], index)
            amount = element.get("quantity")
            quantity = None if amount is None else float(amount)
            draft.relate(type_, record, name, incoming=incoming, quantity=quantity, unit=element.get("uom"), **told)

    def _object(self, text: str, index: int) -> tuple[str, str | None]:
        """`(id, key text)` of an object. A product class without lot or serial names no thing: it is this event's own."""
        cls = "person" if identifier(text).startswith(_PERSONS) else "object"
        found = lenient(text, cls=cls, assigner=self.source.steward)
        if found.is_key:
            record = keyed_id(cls, found.text)
            holds = found.scheme in _CONTAINERS or found.value.startswith(_CONTAINER_URNS)
            kind = "Person" if cls == "person" else "Container" if holds else "Material"
            self.objects.setdefault(record, (kind, found.text))
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
            yield Claim(self.source.steward, record, fields, evidence, TIMELESS, {record: name})
            if record in outputs:
                values = _ilmd_values(epcis_alike.named(ilmd, self.prefixes))
                if values:
                    yield Claim(self.source.steward, record, values, evidence, self.recorded, {record: name})

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
            if RETRACTED in event.fields:
                fields[RETRACTED] = event.fields[RETRACTED]
            for other in about:
                fields.update(relation_fields("ABOUT", record, other)[1])
            yield Claim(self.source.steward, record, fields, Evidence(self.at), recorded, {record: None, **about})

    def _ilmd_objects(self) -> set[str]:
        names = (
            ("outputEPCList", "outputQuantityList") if self.event["type"] == "TransformationEvent" else ("epcList", "quantityList")
        )
        epcs = [self._object(text, 0)[0] for text in self.event.get(names[0]) or ()]
        return {*epcs, *(self._object(e["epcClass"], i)[0] for i, e in enumerate(self.event.get(names[1]) or ()))}


def _place(value: Any) -> str | None:
    text = value.get("id") if isinstance(value, dict) else value
    return text if isinstance(text, str) and text.strip() else None


_PARTY_ORDER = ("possessing_party", "owning_party", "location")


def _party(elements: Any, item: str) -> str | None:
    """Who gives or takes: the possessing party, else the owning one, else the location."""
    told = {local_word(str(e.get("type", ""))): e.get(item) for e in elements or () if isinstance(e, dict)}
    return next((str(told[type_]) for type_ in _PARTY_ORDER if told.get(type_)), None)


def _ilmd_values(ilmd: Mapping[str, Any]) -> dict[str, Any]:
    """Master data of an instance or lot: fields of ours by their CBV names, the rest kept under its own name."""
    values: dict[str, Any] = {}
    for name, value in ilmd.items():
        if name == "type":
            continue
        field = ILMD.get(epcis_alike.local_name(name))
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
