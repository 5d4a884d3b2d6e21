"""Who has what a recall reached: for each object its custodian by name, its state, and whom to call about it."""

from collections.abc import Collection
from dataclasses import dataclass

from api.render import label
from api.tree import name_of
from graph.record import Record
from graph.view import View
from queries.recall import Recall


@dataclass(frozen=True, order=True)
class Held:
    """One object or person that a recall reached. `call` is the contact of the party that holds or treated it."""

    name: str
    kind: str | None
    holder: str | None
    status: str | None
    call: str | None


def held(view: View, found: Recall) -> list[Held]:
    """A row for each material and person reached, by name. What was given to a person is asked of who gave it."""
    records = found.lineage.records
    treating = _treating(found)
    asked = {record: treating.get(record) or found.custodian.get(record) for record in records}
    named = _named(view, {party for party in (*asked.values(), *found.custodian.values()) if party})
    contacts = _contacts(view, {party for party in asked.values() if party})
    rows = []
    for record in records.values():
        if (record.kind not in ("Material", "Person") and record.id not in found.custodian) or record.kind == "Container":
            continue
        holder = found.custodian.get(record.id)
        status = "treated" if record.id in treating and record.kind == "Person" else found.status.get(record.id)
        call = contacts.get(asked[record.id] or "")
        rows.append(Held(name_of(record), record.kind, label(named[holder]) if holder in named else None, status, call))
    return sorted(rows, key=lambda row: (row.name, row.status or ""))


def _treating(found: Recall) -> dict[str, str]:
    """The party that gave a product to a person, by the id of the person and of the product."""
    records, parties = found.lineage.records, {}
    for relation in found.lineage.relations:
        if relation.type == "OUTPUT" and records[relation.target].kind == "Person":
            step = records[relation.source]
            party = step.get("PERFORMED_BY") or step.get("AT")
            if isinstance(party, str):
                parties[step.id] = party
                parties[relation.target] = party
    for relation in found.lineage.relations:
        if relation.type == "INPUT_TO" and relation.target in parties and found.custodian.get(relation.source) in parties:
            parties[relation.source] = parties[relation.target]
    return parties


def _named(view: View, ids: Collection[str]) -> dict[str, Record]:
    """The records of some ids, by those ids."""
    if not ids:
        return {}
    joins = view.joined(ids)
    found = view.records(joins)
    return {record: found[min(joins[record])] for record in ids}


def _contacts(view: View, ids: Collection[str]) -> dict[str, str]:
    """Whom to call at each organisation: its own contact, else that of the one it is part of."""
    known: dict[str, Record] = {}
    frontier = set(ids)
    while frontier:
        known.update(_named(view, frontier))
        parents = (known[record].get("PART_OF") for record in frontier)
        frontier = {parent for parent in parents if isinstance(parent, str)} - known.keys()
    contacts = {}
    for record in ids:
        above, seen = record, set[str]()
        while above in known and above not in seen:
            seen.add(above)
            contact = known[above].value("contact")
            if isinstance(contact, str):
                contacts[record] = contact
                break
            above = known[above].get("PART_OF")
    return contacts
