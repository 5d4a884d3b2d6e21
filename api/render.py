"""Answers as JSON-ready dictionaries: the same for the command line, GraphQL and exported pages."""

from collections.abc import Iterable
from typing import Any

from api.parties import contacts, named
from graph import times
from graph.identifiers import lenient
from graph.record import Record
from graph.verify import Verification
from graph.view import Entry, View, token
from queries.lineage import Lineage, Relation
from queries.outcomes import Outcomes, outcomes
from queries.recall import Recall

SCHEMA_VERSION = 1


def reasons(view: View) -> list[str]:
    """Why an answer over a whole View may lack something: `LOAD_IN_PROGRESS`, or nothing."""
    return ["LOAD_IN_PROGRESS"] if view.load_in_progress else []


def identifier_json(text: str, cls: str) -> dict[str, Any]:
    """`{scheme, value}` of an identifier text, and its assigner where it is a local one."""
    found = lenient(text, cls=cls)
    told = {"scheme": found.scheme, "value": found.value}
    return {**told, "assigner": found.assigner} if found.assigner else told


def label(record: Record) -> str:
    """The shortest text that tells a person which record it is: name or first identifier, its scheme left out."""
    name = record.value("name")
    if isinstance(name, str):
        return name
    texts = sorted(record.identifiers, key=lambda text: (text.startswith(("ni:", "event_hash")), len(text)))
    if not texts:
        return record.id[:18]
    found = lenient(texts[0], cls=record.id.partition("-")[0])
    return found.value if len(found.value) <= 60 else f"{found.value[:16]}...{found.value[-40:]}"


def record_json(record: Record) -> dict[str, Any]:
    """One record as the viewer sees it, without its evidence."""
    cls = record.id.partition("-")[0]
    span = record.span
    return {
        "id": record.id,
        "ids": list(record.ids),
        "kind": record.kind,
        "label": label(record),
        "identifiers": [identifier_json(text, cls) for text in record.identifiers],
        "steward": record.steward,
        "stewards": sorted(record.words),
        "stub": record.stub,
        "retracted": record.retracted,
        "start": times.iso(span[0]) if span else None,
        "end": times.iso(span[1]) if span else None,
        "values": record.values,
        "ends": {name.lower(): end for name, end in record.ends.items()},
        "disagreements": record.disagreements,
    }


def evidence_json(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Where the claims about a record stand, each place once, in the order they were logged."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in entries:
        claim = entry.claim.claim
        told = {
            "source": entry.source,
            "at": claim.evidence.at,
            "event_id": claim.evidence.event_id,
            "event_hash": claim.evidence.event_hash,
            "steward": claim.steward,
        }
        found.setdefault(tuple(told.values()), told)
    return list(found.values())


def evidence_of(view: View, records: Iterable[Record]) -> dict[str, list[dict[str, Any]]]:
    """The evidence of many records, by record id, in one read."""
    owner = {twin: record.id for record in records for twin in record.ids}
    by_record: dict[str, list[Entry]] = {record: [] for record in owner.values()}
    for entry in view.history(list(owner)):
        by_record[owner[entry.claim.claim.record]].append(entry)
    return {record: evidence_json(entries) for record, entries in by_record.items()}


def parties_of(view: View, records: Iterable[Record]) -> dict[str, Record]:
    """The organisations and episodes that records name at the ends of their relations, by the id they are named by."""
    ends = {end for record in records for end in record.ends.values()}
    return named(view, ends)


def relation_json(relation: Relation) -> dict[str, Any]:
    """One relation of an answer; `CONTAINED_IN` with the interval computed for it."""
    told: dict[str, Any] = {
        "source": relation.source,
        "type": relation.type,
        "target": relation.target,
        "stewards": list(relation.stewards),
    }
    for name in ("role", "quantity", "unit"):
        if (value := getattr(relation, name)) is not None:
            told[name] = value
    if relation.type == "CONTAINED_IN":
        told["from"] = times.iso(relation.start) if relation.start is not None else None
        told["to"] = times.iso(relation.end) if relation.end is not None else None
    return told


def lineage_json(view: View, found: Lineage, recalled: Recall | None = None) -> dict[str, Any]:
    """The answer of `lineage`, with the outcomes attributed to it; with `recalled` that of `recall`, without."""
    came = outcomes(view, found) if recalled is None else Outcomes({}, {})
    evidence = evidence_of(view, [*found.records.values(), *came.records.values()])
    parties = parties_of(view, [*found.records.values(), *came.records.values()])
    call = contacts(view, recalled) if recalled is not None else {}
    records = []
    for record in found.records.values():
        told = record_json(record)
        told["depth"] = found.depth.get(record.id)
        told["after_use"] = record.id in found.after_use
        told["evidence"] = evidence[record.id]
        if recalled is not None:
            told["custodian"] = recalled.custodian.get(record.id)
            told["status"] = recalled.status.get(record.id)
            told["contact"] = call.get(record.id)
        records.append(told)
    hashes = {place["event_hash"] for places in evidence.values() for place in places if place["event_hash"]}
    answer: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "root": found.roots[0] if len(found.roots) == 1 else None,
        "roots": list(found.roots),
        "direction": found.direction,
        "as_of": view.as_of,
        "completeness": {
            "total": found.completeness.total,
            "depth_reached": found.completeness.depth_reached,
            "truncated": found.completeness.truncated,
            "reasons": list(found.completeness.reasons),
        },
        "events": len(hashes),
        "records": records,
        "relations": [relation_json(relation) for relation in found.relations],
        "parties": [record_json(p) for p in sorted({p.id: p for p in parties.values()}.values(), key=lambda p: p.id)],
    }
    if recalled is None:
        answer["outcomes"] = [
            {**record_json(outcome), "about": list(came.about[outcome.id]), "evidence": evidence[outcome.id]}
            for outcome in came.records.values()
        ]
    elif recalled.reached is not None:
        answer["reached"] = dict(recalled.reached.__dict__)
    return answer


def recall_json(view: View, found: Recall) -> dict[str, Any]:
    """The answer of `recall`: as lineage, with what was reached (absent where incomplete), custodians, status and whom to call."""
    return lineage_json(view, found.lineage, found)


def history_json(view: View, record: str, entries: Iterable[Entry]) -> dict[str, Any]:
    """The answer of `history`. A restricted viewer is shown no commit numbers and no times of theirs."""
    claims = []
    for entry in entries:
        claim = entry.claim.claim
        told: dict[str, Any] = {}
        if view.viewer is None:
            told = {"commit": entry.commit.number, "time": times.iso(entry.commit.time)}
        told |= {
            "author": entry.commit.author,
            "steward": claim.steward,
            "source": entry.source,
            "at": claim.evidence.at,
            "event_id": claim.evidence.event_id,
            "recorded_at": times.iso(claim.recorded_at) if claim.recorded_at else None,
            "reason": claim.fields.get(".reason"),
            "record": claim.record,
            "values": claim.fields,
        }
        claims.append(told)
    return {"schema_version": SCHEMA_VERSION, "id": record, "as_of": view.as_of, "claims": claims}


def find_json(view: View, records: Iterable[Record]) -> dict[str, Any]:
    """The answer of `find`."""
    return {"schema_version": SCHEMA_VERSION, "as_of": view.as_of, "matches": [record_json(record) for record in records]}


def verification_json(found: Verification) -> dict[str, Any]:
    """The answer of `verify`."""
    told = {"ok": found.ok, "commits": found.commits, "claims": found.claims, "digest": found.digest, "faults": found.faults}
    return {"schema_version": SCHEMA_VERSION, **told}


def commit_json(view: View) -> list[dict[str, Any]]:
    """The commits a viewer may see; to a restricted one each is a token and a source."""
    if view.viewer is not None:
        return [{"token": token(view.viewer, commit), "source": commit.source} for commit in view.commits()]
    return [
        {
            "number": commit.number,
            "time": times.iso(commit.time),
            "author": commit.author,
            "source": commit.source,
            "source_hash": commit.source_hash,
            "load_id": commit.load_id,
            "claims": commit.claims,
            "digest": commit.digest,
            "hash": commit.hash,
            "previous": commit.previous,
        }
        for commit in view.commits()
    ]
