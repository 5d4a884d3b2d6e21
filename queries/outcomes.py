"""What came of it: the outcomes that are attributed to a lineage."""

from collections.abc import Mapping
from typing import NamedTuple

from graph import times
from graph.claims import of_class
from graph.record import Record
from graph.view import View
from queries.lineage import Lineage


class Outcomes(NamedTuple):
    """Outcomes by id, in order of time (untimed last), and for each of them the records of the lineage that it is about."""

    records: Mapping[str, Record]
    about: Mapping[str, tuple[str, ...]]


def outcomes(view: View, found: Lineage) -> Outcomes:
    """The outcomes about objects and events of a lineage; of persons only about those it was asked for.

    So a product has what was attributed to it, and a donor's or patient's own history is no part of a product's."""
    asked = {record for record in found.records if not record.startswith("person-") or record in found.roots}
    owner = {twin: record for record in asked for twin in found.records[record].ids}
    edges = [edge for edge in view.neighbours(owner.keys(), "up", ("ABOUT",)) if edge.source.startswith("outcome-")]
    _, records = view.fetch(of_class("outcome", (edge.source for edge in edges)))
    named = {twin: record.id for record in records.values() for twin in record.ids}
    about: dict[str, set[str]] = {}
    for edge in edges:
        if (outcome := named.get(edge.source)) is not None and not records[outcome].retracted:
            about.setdefault(outcome, set()).add(owner[edge.target])
    told = sorted(about, key=lambda outcome: (_moment(records[outcome]), outcome))
    return Outcomes({each: records[each] for each in told}, {each: tuple(sorted(about[each])) for each in told})


def _moment(outcome: Record) -> int:
    when = outcome.value("occurred_at")
    return times.span(when)[0] if isinstance(when, str) else 2**63
