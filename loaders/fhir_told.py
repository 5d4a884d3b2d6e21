"""One resource of FHIR on its way to claims: the drafts it makes, what of it was left out, and what is wrong with it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from graph import times
from graph.claims import RETRACTED, Claim, Evidence
from graph.errors import InvalidIdentifier, InvalidInstant
from graph.identifiers import Identifier, record_id
from graph.model import MODELS
from loaders.fhir_names import SUBJECTS, Named, Names, Within, is_row, names_one
from loaders.fhir_types import (
    ERROR,
    Concept,
    ConceptOrReference,
    Ident,
    Meta,
    Period,
    Quantity,
    Reference,
    Resource,
    Timing,
    Valued,
)
from loaders.fhir_values import (
    SERIES,
    SHORT,
    bounds,
    code_of,
    codings,
    listed,
    plain,
    said,
    samples_of,
    short,
    unit_of,
    value_fields,
)
from loaders.items import Draft, Problem

LEFT_OUT = "numbers that persons are known by left out: set VEINTRACE_PSEUDONYM_KEY to keep them as keyed hashes"
NO_KEY = "identifiers that can be no key left out: too long, not printable, or with a wrong check character"
_DATE_LIKE = re.compile(r"\d{4}(-\d\d?(-\d\d?([T ][\d:.+-]{1,20}Z?)?)?)?\Z", re.ASCII)
"""A text that was meant for a date, and is no telephone or social security number."""
_LEAP = re.compile(r"(T\d\d:\d\d):60(?!\d)", re.ASCII)
"""A leap second (R5, 2.1.28.0.1, dateTime), which is within its minute here."""


class Told:
    """What one resource tells. One that is contained in an `outer` one has its date, and is in error if that is (R5, 2.3.0.4)."""

    def __init__(
        self,
        names: Names,
        zone: str | None,
        resource: Resource,
        type_: str,
        keys: list[Identifier],
        within: Within,
        at: str,
        outer: "Told | None" = None,
    ) -> None:
        self.names, self.type, self.within = names, type_, within
        self.problems: list[Problem] = []
        self.notes: set[str] = set()
        self._zone, self._resource, self._keys, self._at = zone, resource, keys, at
        self._drafts: list[Draft] = []
        self._parts = Counter[str]()
        self._wrong: bool = resource.status == ERROR or (outer is not None and outer._wrong)
        self._contained = outer is not None
        self._meta: Meta | None = outer._meta if outer else resource.meta

    # -- drafts

    def record(self, kind: str, *idents: Ident | None) -> Draft:
        """The draft of the resource's own record, with what of its identifiers names one thing. Others are not kept.

        It is told under the resource's place and joined to the keys that others share, so that one in error takes back nothing
        of what another resource says of the same thing. One that has no place is told under its most preferred key."""
        cls = MODELS[kind].CLASS
        told = [ident for ident in (*listed(self._resource.identifier), *idents) if ident and names_one(ident, cls, self.type)]
        found = [*self._identified(told, cls)]
        own = [*self._keys, *found] if is_row(self._keys[0]) else self._keys
        draft = Draft.of(self.names.steward, cls, own)
        draft.carry(found)
        return self._begun(draft, kind)

    def part(self, kind: str, part: str) -> Draft:
        """The draft of a record that is told as a part of the resource, such as the collection of a specimen."""
        cls = MODELS[kind].CLASS
        return self._begun(Draft.of(self.names.steward, cls, [self.key(part)]), kind)

    def each(self, kind: str, part: str, code: str | None) -> Draft:
        """The draft of one of several parts, which its code tells from the others, whatever their order."""
        part = f"{part}.{code or ''}"
        self._parts[part] += 1
        return self.part(kind, part if self._parts[part] == 1 else f"{part}.{self._parts[part]}")

    def key(self, part: str) -> Identifier:
        """The key of a part."""
        return Identifier("local", f"{self.within.base}.{part}", self.names.steward)

    def _begun(self, draft: Draft, kind: str) -> Draft:
        draft.fields["kind"] = kind
        if self._wrong:
            draft.fields[RETRACTED] = True
        self._drafts.append(draft)
        return draft

    def take_back(self, gone: bool, *drafts: Draft) -> None:
        """Say that some drafts, or all, are not so; or that they are, whatever was said before."""
        for draft in drafts or self._drafts:
            draft.fields[RETRACTED] = gone or self._wrong

    def modified(self) -> None:
        """Say that an extension that is not read may change what all this means."""
        for draft in self._drafts:
            draft.fields[".x:modified"] = True
        self.notes.add(f"{self.type}: extensions that may change its meaning are not read; x:modified marks what they may change")

    def claims(self) -> list[Claim]:
        """The claims, dated as the resource was last changed; undated where it does not say."""
        stamp = self.moment(self._meta.last_updated, "meta/lastUpdated") if self._meta else None
        if self._contained:
            self.problems = [problem for problem in self.problems if problem.field != "meta/lastUpdated"]
        recorded = times.span(stamp)[1] if stamp else None
        return [draft.claim(Evidence(self._at), recorded) for draft in self._drafts]

    # -- names

    def _identified(self, idents: Iterable[Ident], cls: str) -> Iterator[Identifier]:
        """The keys and labels that identifiers are; those of persons that may not be kept are noted."""
        for ident in idents:
            if not ident.value:
                continue
            try:
                found = self.names.identifier(ident, cls, pseudonym=self.type in SUBJECTS)
            except InvalidIdentifier:
                self.notes.add(NO_KEY)
                continue
            if found is None:
                self.notes.add(LEFT_OUT)
            else:
                yield found

    def identity(self, ident: Ident, cls: str) -> Named | None:
        """The record that an identifier with a system names; None where it names none."""
        key = next(self._identified([ident], cls), None) if ident.system else None
        return Named(cls, record_id(cls, key), key.text) if key and key.is_key else None

    def named(self, reference: Reference | None, default: str, field: str, classes: tuple[str, ...] = ()) -> Named | None:
        """The record that a reference names, if of one of some classes (else of `default`); what names none of these is noted."""
        if reference is None or not (reference.reference or reference.identifier):
            return None
        try:
            named = self.names.refer(reference, default, self.within)
        except InvalidIdentifier:
            named = None
        if named is None or named.cls not in (classes or (default,)):
            place = re.sub(r"/\d+", "", field)
            self.notes.add(f"{self.type}.{place}: references that name no record of its kind left out")
            return None
        return named

    def link(
        self,
        draft: Draft,
        relation: str,
        reference: Reference | None,
        default: str,
        field: str,
        *,
        classes: tuple[str, ...] = (),
        incoming: bool = False,
        **properties: Any,
    ) -> Named | None:
        """Relate a draft to what a reference names, with properties (of which `retracted` says that it is not so); returns that."""
        named = self.named(reference, default, field, classes)
        if named:
            draft.relate(relation, named.record, named.text, incoming=incoming, **properties)
        return named

    def ordered(self, draft: Draft, orders: Iterable[Reference], field: str) -> None:
        """State the therapy order that a draft is of: one at a time, the first that is one."""
        for at, order in enumerate(orders):
            if self.link(draft, "FOR_EPISODE", order, "episode", f"{field}/{at}"):
                return

    def kind(self, reference: Reference) -> str | None:
        """The type of what a reference leads to; None where nobody says."""
        return self.within.kind(reference)

    # -- values

    def moment(self, text: str | None, field: str) -> str | None:
        """The canonical instant of a text; a local time is of the steward's zone."""
        if not text:
            return None
        try:
            return times.canonical(_LEAP.sub(r"\1:59", text) if ":60" in text else text, self._zone)
        except InvalidInstant as error:
            shown = text if field != "birthDate" and _DATE_LIKE.match(text) else ""
            self.problems.append(Problem(field, shown, error.code, error.reason, error.repair))
            return None

    def at(self, draft: Draft, name: str, text: str | None, field: str) -> None:
        """State an instant."""
        draft.value(name, self.moment(text, field))

    def during(
        self,
        draft: Draft,
        names: tuple[str, str],
        field: str,
        moment: str | None,
        period: Period | None,
        timing: Timing | None = None,
    ) -> None:
        """State when something happened, as `field[x]` tells it: from and to, or the one moment as the first of `names`."""
        self.at(draft, names[0], moment, f"{field}DateTime")
        within, where = (period, "Period") if period else (bounds(timing), "Timing/repeat/boundsPeriod")
        if within:
            self.at(draft, names[0], within.start, f"{field}{where}/start")
            self.at(draft, names[1], within.end, f"{field}{where}/end")
        if timing and (events := [event for event in timing.event if event]):
            self.at(draft, names[0], events[0], f"{field}Timing/event")
            if len(events) > 1:
                self.at(draft, names[1], events[-1], f"{field}Timing/event")

    def amount(self, quantity: Quantity | None) -> dict[str, Any]:
        """The `quantity` and `unit` of something; of less than nothing none, which is noted."""
        if quantity is None or quantity.value is None:
            return {}
        if quantity.value < 0:
            self.notes.add(f"amounts of {self.type} left out: they are less than nothing")
            return {}
        return {"quantity": quantity.value, "unit": unit_of(quantity)}

    def valued(self, draft: Draft, value: Valued) -> None:
        """State `value[x]`; what cannot be kept of it is noted."""
        draft.values(value_fields(value))
        if value.value_attachment or value.value_reference:
            self.notes.add(f"values of {self.type} left out: attachments and references are not kept")
        elif value.value_sampled_data and not samples_of(value.value_sampled_data):
            self.notes.add(f"values of {self.type} left out: a series of samples of more than {SERIES:,} characters is not kept")
        elif value.value_string and not short(value.value_string):
            self.notes.add(f"values of {self.type} left out: a text of more than {SHORT} characters is not kept")

    def coded(self, draft: Draft, name: str, concept: Concept | ConceptOrReference | None, *, spoken: bool = False) -> None:
        """State a code (`spoken`: in the words of its system), and all its codings beside."""
        concept = plain(concept)
        draft.value(name, said(concept) if spoken else code_of(concept))
        if concept and concept.text and code_of(concept) is None:
            self.notes.add(f"codes of {self.type} left out: a text of more than {SHORT} characters is not kept")
        draft.value(f"x:{name}", codings(concept))

    def codes(self, draft: Draft, name: str, concept: Concept | ConceptOrReference | None) -> None:
        """State a code that no field of ours is for: its codings, or its text."""
        concept = plain(concept)
        draft.value(f"x:{name}", codings(concept) or said(concept))

    def coded_all(self, draft: Draft, name: str, concepts: Iterable[Concept | ConceptOrReference]) -> None:
        """State codes that no field of ours is for."""
        draft.value(f"x:{name}", [codings(plain(each)) or said(plain(each)) for each in concepts] or None)
