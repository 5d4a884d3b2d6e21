"""What an answer names besides its records: the records behind some ids, and whom to call about what a recall reached."""

from collections.abc import Collection

from graph.record import Record
from graph.view import View
from queries.organizations import line
from queries.recall import Recall


def named(view: View, ids: Collection[str]) -> dict[str, Record]:
    """The records of some ids, by those ids."""
    if not ids:
        return {}
    joins, found = view.fetch(ids)
    return {record: found[min(joins[record])] for record in ids}


def contacts(view: View, found: Recall) -> dict[str, str]:
    """Whom to call about each record that a recall reached, by its id, where that is known.

    It is the contact of its present custodian; about a person, and what was given to one, of the party that gave it."""
    treating = treated_by(found)
    asked = {record: treating.get(record) or found.custodian.get(record) for record in found.lineage.records}
    told = called(view, {party for party in asked.values() if party})
    return {record: told[party] for record, party in asked.items() if party in told}


def treated_by(found: Recall) -> dict[str, str]:
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


def called(view: View, ids: Collection[str]) -> dict[str, str]:
    """Whom to call at each organisation among ids: its own contact, else that of the one it is part of."""
    known: dict[str, Record] = {}
    frontier = set(ids)
    while frontier:
        known.update(named(view, frontier))
        parents = (known[record].get("PART_OF") for record in frontier)
        frontier = {parent for parent in parents if isinstance(parent, str)} - known.keys()
    above = {record: parent for record, found in known.items() if isinstance(parent := found.get("PART_OF"), str)}
    contacts = {}
    for record in ids:
        told = (known[each].value("contact") for each in line(record, above))
        if (contact := next((each for each in told if isinstance(each, str)), None)) is not None:
            contacts[record] = contact
    return contacts
