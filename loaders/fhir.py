"""The reader of FHIR R4 and R5 in JSON: bundles, NDJSON (bulk export), single resources and lists of them.

Each resource of a type that is read is one item; of other types it is counted in a note. What names a person (names, addresses,
telecoms, narratives, photos, notes, record numbers) goes no further than the file.
"""

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from graph import times
from graph.claims import canonical_json
from graph.errors import InvalidIdentifier, InvalidInstant, TraceError, UnreadableSource
from graph.identifiers import Identifier
from loaders import fhir_event_resources as e
from loaders import fhir_events, fhir_findings, fhir_handoffs, fhir_materials, fhir_parties
from loaders import fhir_resources as r
from loaders.fhir_masking import Masking, is_number
from loaders.fhir_names import CLASS_OF, ROW, Entries, Names, Within, alone, id_of, is_row, names_itself, server_of
from loaders.fhir_told import Told
from loaders.fhir_types import Resource
from loaders.items import Context, FhirEntry, Item, Problem, Refused
from loaders.json_forms import LINES
from loaders.json_stream import MOST_BYTES, around, items, whole

_LISTS = ("", "entry")
_WHOLE = 4 * 2**20
"""Bytes of a document that is read at one go."""
_MOST_TOLD = 5
_LOOKED_AT = 100
"""Lines among which one of NDJSON is whole."""
_DEEPEST = 50
"""Bundles in each other."""
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}\Z", re.ASCII)
_Tell = Callable[[Told, Any], None]

READ: dict[str, tuple[type[Resource], _Tell]] = {
    "AdverseEvent": (e.AdverseEvent, fhir_findings.adverse_event),
    "BiologicallyDerivedProduct": (r.BiologicallyDerivedProduct, fhir_materials.biologically_derived_product),
    "BiologicallyDerivedProductDispense": (e.BiologicallyDerivedProductDispense, fhir_handoffs.dispense),
    "Condition": (e.Condition, fhir_findings.condition),
    "Consent": (r.Consent, fhir_parties.consent),
    "Device": (r.Device, fhir_materials.device),
    "DiagnosticReport": (e.DiagnosticReport, fhir_events.diagnostic_report),
    "Group": (r.Group, fhir_parties.group),
    "Location": (r.Location, fhir_parties.location),
    "Medication": (r.Medication, fhir_materials.medication),
    "MedicationAdministration": (e.MedicationAdministration, fhir_events.medication_administration),
    "NutritionIntake": (e.NutritionIntake, fhir_findings.nutrition_intake),
    "Observation": (e.Observation, fhir_findings.observation),
    "Organization": (r.Organization, fhir_parties.organization),
    "Patient": (r.Patient, fhir_parties.patient),
    "Procedure": (e.Procedure, fhir_events.procedure),
    "Provenance": (e.Provenance, fhir_events.provenance),
    "ResearchSubject": (r.ResearchSubject, fhir_parties.research_subject),
    "ServiceRequest": (r.ServiceRequest, fhir_parties.service_request),
    "Specimen": (r.Specimen, fhir_materials.specimen),
    "SupplyDelivery": (e.SupplyDelivery, fhir_handoffs.supply_delivery),
    "Task": (e.Task, fhir_events.task),
    "Transport": (e.Transport, fhir_handoffs.transport),
}
"""Every type of resource that is read: its model, and how it is told."""


def read(path: Path, context: Context) -> Iterator[Item | Refused]:
    """Items of one file in order. Raises `UnreadableSource` where the file as a whole is no FHIR."""
    reader = _Reader(context)
    if _is_lines(path):
        yield from reader.lines(path)
        return
    if path.stat().st_size <= _WHOLE:
        yield from reader.document(whole(path), path)
        return
    third = path.stat().st_size // 3
    head = around(path, _LISTS, lambda at: context.reached(at // 3))
    listed = isinstance(head, list)
    if not listed and not (isinstance(head, dict) and head.get("resourceType") == "Bundle"):
        yield from reader.document(head, path)
        return
    if not listed:
        reader.learn(items(path, "entry", lambda at: context.reached(third + at // 3)))
    for index, each in enumerate(items(path, "" if listed else "entry", lambda at: context.reached(2 * third + at // 3))):
        yield from reader.resource(each, None, f"/{index}", 0) if listed else reader.entry(each, f"/entry/{index}", 0)


def _is_lines(path: Path) -> bool:
    """Whether a file is NDJSON: its first line is an object by itself, or one of the next a resource, where that is no document.

    Of a file that is not named so it must be the second: the bundle around the others of a damaged document says whose they are."""
    named = path.suffix.lower() in LINES
    with path.open("rb") as file:
        lines = filter(None, (line.removeprefix(BOM_UTF8).strip() for line in iter(lambda: file.readline(MOST_BYTES), b"")))
        first = next(lines, b"")
        if isinstance(_line(first), dict):
            return named or next(lines, None) is not None
        if first == b"[" or (first == b"{" and not named):
            return False
        if not any(_is_resource(_line(line)) for line in islice(lines, _LOOKED_AT if named else 1)):
            return False
    return not _begins_whole(path)


def _begins_whole(path: Path) -> bool:
    """Whether a file is one document of JSON, as far as the lines of its beginning tell."""
    with path.open("rb") as file:
        head = file.read(_WHOLE).removeprefix(BOM_UTF8)
        cut = bool(file.read(1))
    try:
        orjson.loads(head[: head.rfind(b"\n")] if cut else head)
    except orjson.JSONDecodeError as error:
        return cut and error.pos >= len(error.doc.rstrip())
    return not cut


def _is_resource(told: Any) -> bool:
    return isinstance(told, dict) and "resourceType" in told


def _line(line: bytes) -> Any:
    """What a line is by itself; None where that is no JSON."""
    try:
        return orjson.loads(line.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        return None


class _Found(NamedTuple):
    """A resource that was found: itself, its type, its URL in a bundle, and where it stands."""

    raw: dict[str, Any]
    type: str
    full_url: str | None
    at: str


class _Reader:
    """Reads the resources of one file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._names = Names(context.steward, context.secret, context.fhir_server)
        self._zone = context.zone_of(context.steward)
        self._masking = Masking(self._names, {type_: model for type_, (model, _) in READ.items()})
        self._line = False
        self._entries = Entries({}, {})

    def learn(self, entries: Iterable[Any]) -> None:
        """Learn what a bundle says of its entries; what was known of another is known no more."""
        self._entries = Entries({}, {})
        for entry in entries:
            self._entries.add(entry)

    # -- finding

    def lines(self, path: Path) -> Iterator[Item | Refused]:
        """The resources of NDJSON. A line that is no JSON is refused, and not kept: it may name a person."""
        self._line = True
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_BYTES + 1):
                number += 1
                at = f"line {number}"
                if len(line) > MOST_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(MOST_BYTES)
                    yield _unread(at, f"one line may have {MOST_BYTES:,} bytes")
                    continue
                if not number % 1000:
                    self._context.reached(file.tell())
                if not (text := line.removeprefix(BOM_UTF8).strip()):
                    continue
                try:
                    told = orjson.loads(text)
                except orjson.JSONDecodeError as error:
                    yield _unread(at, f"the line is not JSON: {error.msg}, column {error.colno}")
                    continue
                yield from self.resource(told, None, at, 0)

    def document(self, told: Any, path: Path) -> Iterator[Item | Refused]:
        """The resources of a document."""
        if isinstance(told, list):
            for index, each in enumerate(told):
                yield from self.resource(each, None, f"/{index}", 0)
            return
        if not isinstance(told, dict) or not isinstance(told.get("resourceType"), str):
            raise UnreadableSource(str(path), "/resourceType", "it is no resource of FHIR", "give a Bundle, NDJSON or a resource")
        yield from self.resource(told, None, "", 0)

    def resource(self, told: Any, full_url: str | None, at: str, depth: int) -> Iterator[Item | Refused]:
        """The item of a resource, or those of a bundle."""
        type_ = told.get("resourceType") if isinstance(told, dict) else None
        if not isinstance(type_, str) or not _TYPE.match(type_):
            yield Refused(at, (Problem("resourceType", "", "MISSING", "it says of no type what it is", "give a resource of FHIR"),))
        elif type_ == "Bundle":
            yield from self._bundle(told, at, depth)
        elif type_ not in READ:
            yield Item(at, [], (f"{type_} left out: nothing of it is kept",))
        else:
            yield self._item(_Found(told, type_, full_url, at))

    def _bundle(self, bundle: dict[str, Any], at: str, depth: int) -> Iterator[Item | Refused]:
        entries = bundle.get("entry", [])
        if not isinstance(entries, list) or depth > _DEEPEST:
            reason = f"bundles may lie {_DEEPEST} deep in each other" if depth > _DEEPEST else "the entries of a bundle are a list"
            yield Refused(at, (Problem("entry", "", "INVALID_VALUE", reason, "write the bundle as FHIR says"),))
            return
        outer = self._entries
        self.learn(entries)
        for index, entry in enumerate(entries):
            place = f"/entry/{index}"
            yield from self.entry(entry, f"{at} {place}" if at.startswith("line ") and "/" not in at else f"{at}{place}", depth)
        self._entries = outer

    def entry(self, entry: Any, at: str, depth: int) -> Iterator[Item | Refused]:
        """The items of an entry of a bundle; one without a resource asks or answers, and tells nothing."""
        if not isinstance(entry, dict):
            yield Refused(at, (Problem("", "", "INVALID_VALUE", "an entry is an object", "write the bundle as FHIR says"),))
        elif entry.get("resource") is None:
            request = entry.get("request")
            deletes = isinstance(request, dict) and request.get("method") == "DELETE"
            note = "deletions left out: retract what was said in error" if deletes else "entries without a resource left out"
            yield Item(at, [], (note,))
        else:
            url = entry.get("fullUrl")
            yield from self.resource(_dated(entry), url if isinstance(url, str) else None, f"{at}/resource", depth + 1)

    # -- telling

    def _item(self, found: _Found) -> Item | Refused:
        if self._is_number(found):
            reason = "its id is one of the numbers that the person is known by (21 CFR 1271.290)"
            repair = "set VEINTRACE_PSEUDONYM_KEY, so that such ids are kept as keyed hashes, or give it another id"
            return self._refused(found, [Problem("id", "", "RECORD_NUMBER", reason, repair)])
        problems: list[Problem] = []
        told: list[Told] = []
        places: list[str] = []
        notes: set[str] = set()
        for raw, type_, keys, within, place in self._surrounded(found, problems):
            model, tell = READ[type_]
            try:
                resource = model.model_validate(raw)
                each = Told(self._names, self._zone, resource, type_, keys, within, found.at, told[0] if told else None)
                tell(each, resource)
                if _is_modified(raw):
                    each.modified()
            except ValidationError as error:
                problems += _invalid(error, raw, place)
            except TraceError as error:
                problems.append(Problem(place, "", error.code, str(error.fields.get("reason", "it cannot be read")), "mend it"))
            else:
                told.append(each)
                places.append(place)
        claims = [claim for each in told for claim in each.claims()]
        for each, place in zip(told, places, strict=True):
            problems += [replace(problem, field="/".join(filter(None, (place, problem.field)))) for problem in each.problems]
            notes |= each.notes
        if problems:
            return self._refused(found, problems)
        if not claims:
            notes.add(f"{found.type} left out: it names nobody and nothing")
        return Item(found.at, claims, (*sorted(notes), *_unread_inner(found.raw)))

    def _refused(self, found: _Found, problems: list[Problem]) -> Refused:
        hidden = found.full_url is None or (self._names.secret is None and is_number(found.raw))
        url = None if hidden else self._names.masked(found.full_url or "", None)
        server = server_of(found.full_url, found.type, found.raw.get("id"))
        kept = self._masking.masked(found.raw, server, self._entries)
        return Refused(found.at, tuple(dict.fromkeys(problems))[:_MOST_TOLD], FhirEntry(kept, url, self._line))

    def _is_number(self, found: _Found) -> bool:
        """Whether the id of a patient, or of one contained, is one of its numbers, and would be kept."""
        if self._names.secret is not None:
            return False
        inner = found.raw.get("contained")
        resources = (found.raw, *(inner if isinstance(inner, list) else ()))
        return any(is_number(each) for each in resources if isinstance(each, dict))

    def _surrounded(
        self, found: _Found, problems: list[Problem]
    ) -> Iterator[tuple[dict[str, Any], str, list[Identifier], Within, str]]:
        """The resource, then those it contains: each with its type, its keys, what surrounds it and where it stands."""
        server = server_of(found.full_url, found.type, found.raw.get("id"))
        keys = self._keys(found, server, problems)
        base = keys[0].value
        contained = found.raw.get("contained") or []
        inner = [each for each in contained if isinstance(each, dict)] if isinstance(contained, list) else []
        types = {each["id"]: each["resourceType"] for each in inner
                 if isinstance(each.get("id"), str) and isinstance(each.get("resourceType"), str)}  # fmt: skip
        if self._is_nameless(found, keys):
            return
        yield found.raw, found.type, keys, Within(self._names.steward, server, base, base, found.type, types, self._entries), ""
        for at, each in enumerate(inner):
            type_, id_ = each.get("resourceType"), each.get("id")
            if not (isinstance(type_, str) and type_ in READ and isinstance(id_, str) and _ID.match(id_)):
                continue
            within = Within(self._names.steward, server, base, base, found.type, types, self._entries)
            key = Identifier("local", self._names.inner(id_, CLASS_OF.get(type_), within), self._names.steward)
            within = replace(within, base=key.value)
            yield each, type_, [key], within, f"contained/{at}"

    def _is_nameless(self, found: _Found, keys: list[Identifier]) -> bool:
        """Whether a patient has no id, URL or number that is kept: of two such nobody could say whether they are one."""
        if found.type != "Patient" or not is_row(keys[0]):
            return False
        told = self._masking.masked(found.raw, None, self._entries).get("identifier")
        return not any(each.get("value") for each in (told if isinstance(told, list) else [told]) if isinstance(each, dict))

    def _keys(self, found: _Found, server: str | None, problems: list[Problem]) -> list[Identifier]:
        """The keys that a resource's place and URN give it; without these one that is computed from what it says."""
        keys = []
        id_, url, cls = found.raw.get("id"), found.full_url, CLASS_OF.get(found.type)
        if id_ is None and url and server:
            id_ = id_of(url)
        if id_ is not None:
            if isinstance(id_, str) and _ID.match(id_):
                if not alone(url, id_):
                    keys.append(self._names.place(found.type, id_, server))
            else:
                problems.append(Problem("id", "", "INVALID_VALUE", "an id has 1 to 64 letters, digits, `-` and `.`", "mend the id"))
        if url and cls and names_itself(url):
            try:
                key = self._names.url(url, cls)
                keys += [key] if key else []
            except InvalidIdentifier as error:
                problems.append(Problem("fullUrl", "", error.code, "it is no URL that can name a resource", "mend the URL"))
        if not keys:
            digest = hashlib.sha256(canonical_json(self._masking.masked(found.raw, server, self._entries))).hexdigest()[:32]
            keys.append(Identifier("local", f"{found.type}/{ROW}{digest}", self._names.steward))
        return keys


def _dated(entry: dict[str, Any]) -> Any:
    """The resource of an entry. Where it does not say when it was last changed, its server may, beside it."""
    told, answer = entry["resource"], entry.get("response")
    changed = answer.get("lastModified") if isinstance(answer, dict) else None
    meta = told.get("meta", {}) if isinstance(told, dict) else None
    if not isinstance(changed, str) or not isinstance(meta, dict) or "lastUpdated" in meta:
        return told
    try:
        times.canonical(changed)
    except InvalidInstant:
        return told
    return {**told, "meta": {**meta, "lastUpdated": changed}}


def _is_modified(raw: dict[str, Any]) -> bool:
    """Whether what nobody here can read may give a resource another meaning (R5, 2.1.5.0.2; Resource.implicitRules)."""
    told = (value for name, value in raw.items() if name != "contained")
    parts = [part for value in told for part in (value if isinstance(value, list) else (value,)) if isinstance(part, dict)]
    return bool(raw.get("implicitRules")) or any(part.get("modifierExtension") for part in (raw, *parts))


def _unread_inner(raw: dict[str, Any]) -> Iterator[str]:
    """A note for each contained resource of a type that is not read."""
    inner = raw.get("contained")
    for each in inner if isinstance(inner, list) else ():
        type_ = each.get("resourceType") if isinstance(each, dict) else None
        if isinstance(type_, str) and _TYPE.match(type_) and type_ not in READ:
            yield f"contained {type_} left out"


def _unread(at: str, reason: str) -> Refused:
    return Refused(at, (Problem("", "", UnreadableSource.code, reason, "mend the line in the file; it is not kept"),))


def _invalid(error: ValidationError, raw: Any, place: str) -> list[Problem]:
    """What is wrong with the members of a resource, each told once; their values may name a person and are not shown."""
    problems: dict[str, Problem] = {}
    for told in error.errors(include_url=False, include_context=False, include_input=False):
        field = "/".join(filter(None, (place, *_pointer(raw, told["loc"]))))
        reason = "it is no such value: " + told["msg"][:1].lower() + told["msg"][1:]
        problems.setdefault(field, Problem(field, "", "INVALID_VALUE", reason, "write the member as FHIR says"))
    return list(problems.values())


def _pointer(raw: Any, loc: tuple[int | str, ...]) -> Iterator[str]:
    """The members on the way to what is wrong; the names of alternatives among them are no members."""
    for part in loc:
        if isinstance(raw, dict) and part in raw:
            raw = raw[part]
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[int(part)]
        else:
            continue
        yield str(part)
