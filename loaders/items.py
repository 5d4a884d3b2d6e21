"""What a format module hands to the pipeline: items with their claims, or refusals that say what to mend."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graph import identifiers
from graph.claims import Claim, Evidence, Fields, relation_fields
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an item: the field, its value, a code, the reason and the repair."""

    field: str
    value: str
    code: str
    reason: str
    repair: str


class Item(NamedTuple):
    """One source item (row, event) that was understood: where it stands and what it claims. `notes` tell what was kept in part."""

    at: str
    claims: list[Claim]
    notes: tuple[str, ...] = ()


class XmlEvent(NamedTuple):
    """The text of an element that was refused, and the head of a document in which it can be loaded again.

    An element of master data is of the `vocabulary` of that type."""

    head: str
    text: str
    vocabulary: str | None = None


class FhirEntry(NamedTuple):
    """A resource of FHIR that was refused, without what may name a person, and its URL in the bundle.

    `line`: it was one of NDJSON."""

    resource: dict[str, Any]
    full_url: str | None
    line: bool


class MasterElement(NamedTuple):
    """An element of master data that was refused, and the type of its vocabulary."""

    type: Any
    element: Any


_TWO_HYPHENS = re.compile(r"-(?=-)")  # which no comment of XML may hold
REFUSED = "veintrace:refused"
"""The member of a document from the quarantine, or of a resource in one, that says what was wrong with what was refused."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One source item that was not: nothing of it is kept but `raw`, its text or JSON value, for the quarantine."""

    at: str
    problems: tuple[Problem, ...]
    raw: Any = None

    def reasons(self) -> dict[str, Any]:
        """Where it was and what is wrong with it, for a document of JSON."""
        problems = [{"field": problem.field, "reason": problem.reason, "repair": problem.repair} for problem in self.problems]
        return {"was_at": self.at, "problems": problems}

    def comment(self, whole: str) -> str:
        """The same for a document of XML; `whole` names what is wrong where that is no field of it."""
        told = f"was at {self.at}" + "".join(f"\n  {each.field or whole}: {each.reason}; {each.repair}" for each in self.problems)
        return f"<!-- {_TWO_HYPHENS.sub('- ', told)} -->"


@dataclass(frozen=True)
class Context:
    """What a format module must know of the load: who speaks where the data does not say (`forced`: even where it does).

    `zone_of` gives the IANA zone of a steward's organisation; `ignore` names event fields that take no part in hashes;
    `secret` keys the hashes of numbers that persons are known by, of which without it none is kept; `fhir_server` is the base
    URL that relative references of FHIR are relative to; `reached` is told now and then how many bytes have been read."""

    steward: str
    forced: bool = False
    zone_of: Callable[[str], str | None] = lambda steward: None
    ignore: frozenset[str] = frozenset()
    secret: bytes | None = field(default=None, repr=False)
    fhir_server: str = ""
    reached: Callable[[int], None] = lambda position: None


LATEST = 2**62
"""Rank of a time zone told without a date of recording: the latest word."""


class Zone(NamedTuple):
    """A word on an organisation's IANA time zone; of several the greatest is used: what it says itself, then the latest."""

    own: bool
    rank: int
    name: str


@dataclass
class Draft:
    """A claim being put together; ids are computed from identifiers, which are remembered as the claim's `names`."""

    steward: str
    cls: str
    record: str
    fields: Fields = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, steward: str, word: str, found: list[Identifier]) -> "Draft":
        """A draft under the most preferred key in `found`; further keys join it, labels are carried."""
        key = identifiers.preferred(found, word)
        if key is None:
            raise InvalidIdentifier(
                ", ".join(i.text for i in found) or "", "no identifier here names one thing", "give a local number or another key"
            )
        draft = cls(steward, word, identifiers.record_id(word, key))
        draft.names[draft.record] = key.text
        draft.carry(found)
        return draft

    def carry(self, found: list[Identifier]) -> None:
        """State identifiers: further keys join the record, labels are carried."""
        for other in found:
            record = identifiers.record_id(self.cls, other) if other.is_key else self.record
            if not other.is_key:
                self.fields[f"is {other.text}"] = True
            elif record != self.record:
                self.fields[f"SAME_AS {record}"] = True
                self.names[record] = other.text

    def value(self, name: str, value: Any) -> None:
        """State a plain value; None and empty text say nothing."""
        if value is not None and value != "":
            self.fields[f".{name}"] = value

    def values(self, told: Mapping[str, Any]) -> None:
        """State plain values by name."""
        for name, value in told.items():
            self.value(name, value)

    def relate(self, type_: str, other: str, text: str | None, *, incoming: bool = False, **properties: Any) -> None:
        """State a relation to another id (`incoming`: from it), whose claims this record owns."""
        source, target = (other, self.record) if incoming else (self.record, other)
        owner, fields = relation_fields(type_, source, target, properties)
        if owner != self.record:
            raise ValueError(f"{type_} is claimed under its other end")
        self.fields.update(fields)
        self.names[other] = text

    def refer(self, type_: str, cls: str, text: str, *, lenient: bool = False) -> str:
        """State a relation to the record that `text` names; returns its id. Raises `InvalidIdentifier`."""
        parse = identifiers.lenient if lenient else identifiers.parse
        other = parse(text, cls=cls, assigner=self.steward)
        if not other.is_key:
            raise InvalidIdentifier(text, f"a {other.scheme} may name several records", "give an identifier of one thing")
        record = identifiers.record_id(cls, other)
        self.relate(type_, record, other.text)
        return record

    def claim(self, evidence: Evidence, recorded_at: int | None) -> Claim:
        """The claim drafted."""
        return Claim(self.steward, self.record, self.fields, evidence, recorded_at, self.names)
