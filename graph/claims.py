"""Claims: one steward's statement about one record, as a flat set of fields.

Everything a claim can say is a field of one record, named by a path, so that one rule (the value of the highest rank
stands) serves values, relations and retractions alike:

    kind                          the kind of record
    .NAME                         a value, e.g. `.expires_at`
    is TEXT                       an identifier it carries (true)
    PERFORMED_BY                  a relation that holds one end at a time: the id of that end
    INPUT_TO ID                   any other relation, by type and other end (true)
    INPUT_TO ID quantity          a property of that relation
    INPUT_TO ID retracted         that relation is taken back (true) or restored (false)
    retracted                     all that the steward says under this id is taken back
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from graph.model import RELATIONS

Fields = dict[str, Any]

TIMELESS = 0
"""The date of recording of a statement that has none by nature, such as what kind of thing an SSCC names."""

RETRACTED = "retracted"


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Evidence(NamedTuple):
    """Where in its source a claim stands: `line N`, JSON pointer or XPath; for EPCIS the eventID and event hash.

    `source` is the place of its file among those of its commit (`Commit.sources`)."""

    at: str
    event_id: str | None = None
    event_hash: str | None = None
    source: int = 0

    def of(self, source: int) -> "Evidence":
        """The same in another file of its commit."""
        return Evidence(self.at, self.event_id, self.event_hash, source)


@dataclass(slots=True)
class Claim:
    """What `steward` says of `record`: fields by path, and the identifiers behind every id it uses (`names`).

    `recorded_at` is UTC microseconds, or None where the source gives no date: its rank is then the time of the load."""

    steward: str
    record: str
    fields: Fields
    evidence: Evidence
    recorded_at: int | None = None
    names: dict[str, str | None] = field(default_factory=dict)
    _body: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _text: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _said: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def body(self) -> bytes:
        """Canonical JSON of what is claimed: steward, record, date of recording, fields and names; no evidence.

        It is kept, so ask only when all is said."""
        if self._body is None:
            told = canonical_json([self.steward, self.record, self.recorded_at])
            self._body = b"%b,%b,%b]" % (told[:-1], self.text(), canonical_json(self.names))
        return self._body

    def text(self) -> bytes:
        """Canonical JSON of the fields, a part of `body`; kept likewise."""
        if self._text is None:
            self._text = canonical_json(self.fields)
        return self._text

    def said(self) -> bytes:
        """16 bytes that identify it within its record: equal exactly for those that say the same; kept likewise."""
        if self._said is None:
            self._said = hashlib.sha256(self.body()).digest()[:16]
        return self._said


def from_body(body: bytes, evidence: Evidence) -> Claim:
    """The claim whose `body()` this is."""
    return _from_doc(orjson.loads(body), evidence, body, None, None)


def from_bodies(
    evidence: Iterable[Evidence], bodies: Collection[bytes], texts: Iterable[bytes], said: Iterable[bytes]
) -> Iterator[Claim]:
    """The claims whose `body()`, `text()` and `said()` these are, read at one go."""
    return map(_from_doc, orjson.loads(b"[%b]" % b",".join(bodies)), evidence, bodies, texts, said)


def _from_doc(doc: list[Any], evidence: Evidence, body: bytes, text: bytes | None, said: bytes | None) -> Claim:
    steward, record, recorded_at, fields, names = doc
    claim = Claim(steward, record, fields, evidence, recorded_at, names)
    claim._body, claim._text, claim._said = body, text, said
    return claim


class Edge(NamedTuple):
    """A standing relation as one steward states it, with the properties it may have (`Relation.fields`)."""

    type: str
    source: str
    target: str
    steward: str
    role: str | None = None
    quantity: float | None = None
    unit: str | None = None


def class_of(record: str) -> str:
    """The class word of an id."""
    return record[: record.index("-")]


def of_class(cls: str, records: Iterable[str]) -> set[str]:
    """Those of some ids that are of a class."""
    prefix = f"{cls}-"
    return {record for record in records if record.startswith(prefix)}


def relation_path(type_: str, source: str, target: str) -> tuple[str, str]:
    """`(owner id, path)` under which a relation is claimed."""
    relation = RELATIONS[type_]
    if relation.single:
        return source, type_
    return (source, f"{type_} {target}") if relation.owner == "source" else (target, f"{type_} {source}")


def relation_fields(type_: str, source: str, target: str, properties: Mapping[str, Any] | None = None) -> tuple[str, Fields]:
    """`(owner id, fields)` that state one relation with its properties."""
    owner, path = relation_path(type_, source, target)
    if RELATIONS[type_].single:
        return owner, {path: target}
    fields: Fields = {path: True}
    for name, value in (properties or {}).items():
        if value is not None:
            fields[f"{path} {name}"] = value
    return owner, fields


_OWNED_BY_SOURCE = {name: relation.owner == "source" for name, relation in RELATIONS.items()}
_PLAIN = {name for name, relation in RELATIONS.items() if not relation.fields}


def edges_of(record: str, steward: str, fields: Mapping[str, Any], about: Iterable[str] | None = None) -> list[Edge]:
    """The relations that stand in one steward's fields of a record; none where it is retracted.

    With `about`, some of the paths of `fields`, only those relations."""
    found: list[Edge] = []
    if fields.get(RETRACTED):
        return found
    for path in fields if about is None else about:
        if not "A" <= path[0] <= "Z":
            continue
        type_, _, other = path.partition(" ")
        if not other:
            found.append(Edge(type_, record, fields[path], steward))
            continue
        if " " in other or (type_ == "SAME_AS" and class_of(other) != class_of(record)) or fields.get(path + " retracted"):
            continue
        source, target = (record, other) if _OWNED_BY_SOURCE[type_] else (other, record)
        if type_ in _PLAIN:
            found.append(Edge(type_, source, target, steward))
        else:
            role, quantity, unit = fields.get(path + " role"), fields.get(path + " quantity"), fields.get(path + " unit")
            found.append(Edge(type_, source, target, steward, role, quantity, unit))
    return found


def labels_of(fields: Mapping[str, Any], about: Iterable[str] | None = None) -> Iterator[str]:
    """The identifier texts that one steward's fields (`about`: only these paths of them) give a record; none if it is retracted."""
    if not fields.get(RETRACTED):
        for path in fields if about is None else about:
            if path[:3] == "is ":
                yield path[3:]


def chain_hash(parts: Iterable[bytes]) -> str:
    """SHA-256 (hex) over length-prefixed parts, so that no two lists of parts share a hash."""
    return hashlib.sha256(b"".join([piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)])).hexdigest()
