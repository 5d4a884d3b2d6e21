"""A document of EPCIS 2.0 in JSON-LD, from what stewards say of records; loading it makes the same of it again.

What EPCIS has a field for stands there, an event as an event, any other record as an element of master data. Each is read back
by our own reader, and what that does not tell, or tells and nobody said, is told in our extension (`epcis_said`): so what the
extension holds is exactly what EPCIS cannot say. An event that needs none comes out with the event hash it came with.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from graph import times
from graph.claims import RETRACTED, Claim, Fields
from graph.standing import same_json
from loaders import epcis_event, epcis_master
from loaders.epcis_rendering import Labels, Word, event_of, is_lot
from loaders.epcis_said import (
    IMPLIED,
    KEY,
    LATER,
    NAMESPACE,
    PREFIX,
    RECORDED,
    REPEATED,
    STEWARD,
    differences,
    implied_names,
    name_of,
    spelt,
    statements,
    uri_of,
)
from loaders.epcis_spaces import Spaces
from loaders.items import Context, Item

CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
_VTYPE = "urn:epcglobal:epcis:vtype:"
_MDA = "urn:epcglobal:cbv:mda#"
_ATTRIBUTES = {
    "organization": {".name": f"{_MDA}name", ".country": f"{_MDA}countryCode"},
    "object": {".name": f"{_MDA}descriptionShort", ".expires_at": f"{_MDA}itemExpirationDate"},
}
"""The attributes of the standard that are fields of ours, by class and path."""


class Writer:
    """One document. `names` gives the key texts of ids; `sender` is who says what names no steward.

    Add events first: what they say of their objects need not be said again."""

    def __init__(self, names: Mapping[str, str | None], labels: Labels, sender: str | None = None) -> None:
        self._names, self._labels, self._sender = names, labels, sender
        self._spaces = Spaces()
        self._events: list[orjson.Fragment] = []
        self._vocabularies: dict[str, list[orjson.Fragment]] = {}
        self._implied: dict[tuple[str, str], list[tuple[Fields, int]]] = {}
        self._newest = 0

    @property
    def counts(self) -> tuple[int, int]:
        """How many events, and how many elements of master data."""
        return len(self._events), sum(map(len, self._vocabularies.values()))

    def add(self, words: Iterable[Word]) -> None:
        """Write down what is said, events first."""
        ordered = sorted(words, key=lambda word: not word.record.startswith("event-"))
        for word in ordered:
            self._newest = max(self._newest, word.rank, *word.ranks.values())
            if not (word.record.startswith("event-") and self._event(word)):
                self._element(word)

    def document(self) -> bytes:
        """The document, an event a line.

        Its date is that of the newest of what it holds, so that the same content is the same bytes."""
        told = [{"type": type_, "vocabularyElementList": elements} for type_, elements in sorted(self._vocabularies.items())]
        return orjson.dumps(
            {
                "@context": [CONTEXT, self._spaces.prefixes],
                "type": "EPCISDocument",
                "schemaVersion": "2.0",
                "creationDate": times.iso(self._newest),
                **({"sender": self._sender} if self._sender else {}),
                **({"epcisHeader": {"epcisMasterData": {"vocabularyList": told}}} if told else {}),
                "epcisBody": {"eventList": self._events},
            },
            option=orjson.OPT_INDENT_2,
        )

    # -- events

    def _event(self, word: Word) -> bool:
        """Write an event; false where it cannot be one."""
        if (self._names.get(word.record) or "").startswith("ni:") and any(
            self._whole_event(word, s) for s in self._spaces.spellings()
        ):
            return True
        event = event_of(word, self._names, self._labels, self._spaces, whole=False)
        if event is None:
            return False
        own: dict[str, Any] = {KEY: name_of(word.record, self._names), **self._speaker(word)}
        first, later = by_rank(word)
        read = self._read(word, {**event, **_prefixed(own)})
        if read is None:
            return False
        claim = read.claims[0]
        if claim.recorded_at != first:
            own[RECORDED] = times.iso(first)
        said, implied = differences(word.fields, claim.fields)
        self._events.append(_line({**event, **_prefixed({**own, **self._own(said, implied, later)})}))
        return True

    def _whole_event(self, word: Word, spaces: Spaces) -> bool:
        """Write an event that EPCIS can say by itself, under its own hash."""
        event = event_of(word, self._names, self._labels, spaces, whole=True)
        read = self._read(word, event) if event else None
        if event is None or read is None or not _same(word, read.claims[0]):
            return False
        self._events.append(_line({**event, **_prefixed(self._speaker(word))}))
        for claim in read.claims[1:]:
            said = self._implied.setdefault((claim.steward, claim.record), [])
            said.append((claim.fields, claim.recorded_at or 0))
        return True

    def _read(self, word: Word, event: dict[str, Any]) -> Item | None:
        found = epcis_event.item(self._source(word), "", event)
        return found if isinstance(found, Item) else None

    def _source(self, word: Word) -> epcis_event.Source:
        return epcis_event.Source(Path(), Context(word.steward), self._spaces.prefixes, word.steward)

    def _speaker(self, word: Word) -> dict[str, Any]:
        return {} if word.steward == self._sender else {STEWARD: word.steward}

    def _own(self, said: Fields, implied: list[str], later: Mapping[int, Fields]) -> dict[str, Any]:
        told = statements(said, self._names)
        if implied:
            told[IMPLIED] = implied_names(implied, self._names)
        if later:
            told[LATER] = [{RECORDED: times.iso(rank), **statements(fields, self._names)} for rank, fields in sorted(later.items())]
        return told

    # -- master data

    def _element(self, word: Word) -> None:
        """Write what no event says of a record, as an element of master data."""
        if (rest := self._untold(word)) is None:
            return
        cls = word.record.partition("-")[0]
        type_ = _vocabulary(cls, rest.fields, self._names.get(word.record) or "")
        first, later = by_rank(rest)
        element = {"id": uri_of(word.record, self._names), "attributes": _standard(cls, rest.fields)}
        own: dict[str, Any] = {RECORDED: times.iso(first), **self._speaker(word)}
        read = self._read_element(word, type_, element)
        if read is None:
            element["attributes"], read = [], {}
            read = self._read_element(word, type_, element) or {}
        said, implied = differences(rest.fields, read)
        element["attributes"] = [*element["attributes"], *_attributes({**own, **self._own(said, implied, later)})]
        self._vocabularies.setdefault(type_, []).append(_line(element))

    def _read_element(self, word: Word, type_: str, element: dict[str, Any]) -> Fields | None:
        marked = {**element, "attributes": [*element["attributes"], *_attributes({RECORDED: times.iso(0)})]}
        found = epcis_master.item(self._source(word), "", type_, marked)
        return found.claims[0].fields if isinstance(found, Item) else None

    def _untold(self, word: Word) -> Word | None:
        """What events do not say already of a record; None where they say it all."""
        implied = self._implied.get((word.steward, word.record))
        if implied is None:
            return word
        fields = {
            path: value
            for path, value in word.fields.items()
            if not any(
                path in told and same_json(told[path], value) and rank >= word.ranks.get(path, word.rank) for told, rank in implied
            )
        }
        return word._replace(fields=fields) if fields else None


def _line(told: dict[str, Any]) -> orjson.Fragment:
    """One event or element as it will be written: its text takes a tenth of the memory."""
    return orjson.Fragment(orjson.dumps(told))


def by_rank(word: Word) -> tuple[int, dict[int, Fields]]:
    """`(the first date of recording, what was recorded later by date)`."""
    ranks = {path: word.ranks.get(path, word.rank) for path in word.fields}
    first = min(ranks.values(), default=word.rank)
    later: dict[int, Fields] = {}
    for path, value in word.fields.items():
        if ranks[path] > first:
            later.setdefault(ranks[path], {})[path] = value
    return first, later


def _same(word: Word, claim: Claim) -> bool:
    first, later = by_rank(word)
    alike = claim.record == word.record and claim.recorded_at == first and not later
    return alike and same_json(claim.fields, word.fields)


def _prefixed(own: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{PREFIX}:{spelt(name)}": value for name, value in own.items()}


def _vocabulary(cls: str, fields: Mapping[str, Any], key: str) -> str:
    """The type of the vocabulary that a record belongs to: one of the standard where there is one."""
    if cls == "organization":
        return f"{_VTYPE}Location" if fields.get(".type") in ("department", "site") else f"{_VTYPE}Party"
    if cls == "object":
        return f"{_VTYPE}EPCClass" if is_lot(key) else f"{_VTYPE}EPCInstance"
    return f"{epcis_master.OWN_TYPE}{cls}"


def _standard(cls: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The attributes of the standard that say fields of a record."""
    if fields.get(RETRACTED):
        return []
    known = _ATTRIBUTES.get(cls, {})
    told = [(known[path], value) for path, value in fields.items() if path in known]
    told += [
        (f"{_MDA}{path[10:]}", value) for path, value in fields.items() if known and path.startswith(".x:cbvmda:") and path[10:]
    ]
    return [{"id": name, "attribute": value} for name, value in told if isinstance(value, str)]


def _attributes(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Statements of ours as attributes: a text or number as it is, anything else as the `value` of an object."""
    found = []
    for name, value in own.items():
        for part in value if name in REPEATED and isinstance(value, list) else [value]:
            plain = isinstance(part, str | int | float) and not isinstance(part, bool)
            found.append({"id": f"{NAMESPACE}{spelt(name)}", "attribute": part if plain else {"value": part}})
    return found
