"""Who has what a recall reached: for each object its custodian by name, its state, and whom to call about it."""

from dataclasses import dataclass

from api.parties import contacts, named, treated_by
from api.render import label
from api.tree import name_of
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
    treated = treated_by(found)
    holders = named(view, {holder for holder in found.custodian.values() if holder})
    call = contacts(view, found)
    rows = []
    for record in records.values():
        if (record.kind not in ("Material", "Person") and record.id not in found.custodian) or record.kind == "Container":
            continue
        holder = found.custodian.get(record.id)
        status = "treated" if record.id in treated and record.kind == "Person" else found.status.get(record.id)
        by = label(holders[holder]) if holder in holders else None
        rows.append(Held(name_of(record), record.kind, by, status, call.get(record.id)))
    return sorted(rows, key=lambda row: (row.name, row.status or ""))
