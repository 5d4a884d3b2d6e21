"""Recall: from any records, everything made of them or touched by them, who has it now and in what state.

Custodian and status are computed from the standing events in order of event time; they are claims of nobody.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from graph import times
from graph.claims import class_of
from graph.errors import UsageError
from graph.record import Record
from graph.view import RECORD_LIMIT, View
from queries.containment import EVER, Window
from queries.lineage import Lineage, lineage


@dataclass(frozen=True)
class Reached:
    """How many records of each sort a recall reached, the roots included."""

    materials: int
    doses: int
    persons: int


@dataclass
class Recall:
    """A recall. `custodian` (id of an organisation or, after an infusion, of the person) and `status` by record id.

    `reached` is None where the answer is not whole: a recall never shows a part as if it were all."""

    lineage: Lineage
    custodian: dict[str, str | None] = field(default_factory=dict)
    status: dict[str, str | None] = field(default_factory=dict)
    reached: Reached | None = None


def recall(view: View, roots: Collection[str], *, period: Window = EVER, limit: int = RECORD_LIMIT) -> Recall:
    """Everything down of `roots` (lots, donors, steps, handoffs, containers) with present custodian and status.

    `period` bounds what root containers held. See `queries.lineage.lineage` for the definition of down."""
    found = lineage(view, roots, "down", limit=limit, period=period)
    answer = Recall(found)
    facts = _facts(view, found)
    for record in view.deadline.watch(found.records.values()):
        if class_of(record.id) == "object" and (record.kind is not None or record.id in facts.events):
            trail = sorted((facts.records[event] for event in facts.events.get(record.id, ())), key=_when)
            answer.custodian[record.id] = _custodian(record, trail, facts)
            answer.status[record.id] = _status(record, trail, facts)
    if found.completeness.whole:
        answer.reached = _count(found)
    return answer


def _count(found: Lineage) -> Reached:
    kinds = [record.kind for record in found.records.values()]
    doses = sum(r.kind == "Material" and r.value("type") == "dose" for r in found.records.values())
    return Reached(kinds.count("Material"), doses, kinds.count("Person"))


def _when(event: Record) -> tuple[int, int, str]:
    """Events in order of when they ended; without a time first, for they say nothing of the present."""
    span = event.span
    return (span[1], span[0], event.id) if span else (-(2**62), -(2**62), event.id)


@dataclass
class _Facts:
    """Look-ups over a lineage and what made its objects: records by id, events by object, uses as (object, step), outputs as
    (object, step), persons treated by step."""

    records: Mapping[str, Record]
    events: Mapping[str, set[str]]
    uses: set[tuple[str, str]]
    made: set[tuple[str, str]]
    treated: dict[str, str]


def _facts(view: View, found: Lineage) -> _Facts:
    makings, makers = _makings(view, found)
    facts = _Facts(found.records | makers, defaultdict(set), set(), makings, {})
    for record, step in makings:
        facts.events[record].add(step)
    for event, objects in found.acted_on.items():
        for record in objects:
            facts.events[record].add(event)
    for relation in found.relations:
        if relation.type == "OUTPUT":
            facts.made.add((relation.target, relation.source))
            facts.events[relation.target].add(relation.source)
            if found.records[relation.target].kind == "Person":
                facts.treated[relation.source] = relation.target
        elif relation.type in ("INPUT_TO", "SUBJECT_OF"):
            facts.events[relation.source].add(relation.target)
            if relation.type == "INPUT_TO":
                facts.uses.add((relation.source, relation.target))
    return facts


def _makings(view: View, found: Lineage) -> tuple[set[tuple[str, str]], dict[str, Record]]:
    """All steps that made what was walked, as (object, step), and the records of those that are none of the answer's.

    What made a root is not down of it, yet tells who has it and in what state until something else happens to it."""
    names = {twin: record.id for record in found.records.values() for twin in record.ids}
    objects = {twin for twin, record in names.items() if class_of(record) == "object" and record in found.depth}
    outputs = view.neighbours(objects, "up", ("OUTPUT",))
    others = {edge.source for edge in outputs} - names.keys()
    joins, makers = view.fetch(others) if others else ({}, {})
    names |= {twin: min(group) for twin, group in joins.items()}
    return {(names[edge.target], names[edge.source]) for edge in outputs}, makers


def _custodian(record: Record, trail: list[Record], facts: _Facts) -> str | None:
    """Who holds the object after the last event that tells: the taker once accepted, the carrier once picked up, ...

    A step that is only planned moved nothing yet."""
    for event in reversed(trail):
        if event.kind != "Handoff" and event.value("status") == "planned":
            continue
        patient = _infused_into(record, event, facts)
        holder = patient or (_holder(event) if event.kind == "Handoff" else event.get("PERFORMED_BY") or event.get("AT"))
        if isinstance(holder, str):
            return holder
    return None


def _holder(handoff: Record) -> str | None:
    """The party in custody as far as a handoff has gone (chain of custody)."""
    if handoff.value("accepted_at"):
        order = ("TO", "CARRIED_BY", "FROM")
    elif handoff.value("refused_at") or handoff.value("picked_up_at") or handoff.value("delivered_at"):
        order = ("CARRIED_BY", "FROM", "TO")
    else:
        order = ("FROM", "CARRIED_BY", "TO")
    return next((end for end in map(handoff.get, order) if end), None)


INTO_PERSON = frozenset(("infusion", "transplantation", "administration", "administering"))
AFTER = {
    "discard": "discarded",
    "destroying": "destroyed",
    "decommissioning": "decommissioned",
    "infusion": "infused",
    "cryopreservation": "cryopreserved",
    "thaw": "thawed",
    "collection": "collected",
    "release": "released",
}


def _infused_into(record: Record, event: Record, facts: _Facts) -> str | None:
    """The person a step gave the object to, if it did."""
    given = event.value("type") in INTO_PERSON and (record.id, event.id) in facts.uses
    return facts.treated.get(event.id) if given else None


def _status(record: Record, trail: list[Record], facts: _Facts) -> str | None:
    """The state the last telling event left the object in; what it is stated to be where no event tells."""
    for event in reversed(trail):
        told = _status_after(record, event, facts)
        if told is not None:
            return told
    stated = record.value("status")
    return stated if isinstance(stated, str) else None


def _status_after(record: Record, event: Record, facts: _Facts) -> str | None:
    if event.kind == "Handoff":
        if event.value("refused_at"):
            return "refused"
        return event.value("disposition") or ("accepted" if event.value("accepted_at") else "in_transit")
    if event.value("status") in ("planned", "aborted"):
        return None
    if event.value("status") == "failed" and (record.id, event.id) in facts.made:
        return "failed"
    disposition = event.value("disposition")
    if isinstance(disposition, str):
        return disposition
    type_ = event.value("type")
    if (record.id, event.id) in facts.uses:
        return "infused" if type_ in INTO_PERSON else "used"
    return AFTER.get(type_) if isinstance(type_, str) else None


def period(start: str | None, end: str | None) -> Window:
    """The window between two instants (ISO 8601 with offset, or dates), either of them open; the end is included.

    Raises `InvalidInstant` for other texts, `UsageError` where it ends before it begins."""
    first = times.span(times.canonical(start))[0] if start else EVER.start
    last = times.span(times.canonical(end))[1] + 1 if end else EVER.end
    if last <= first:
        raise UsageError(f"the period ends ({end}) before it begins ({start}); give an end that is later", since=start, until=end)
    return Window(first, last)
