"""The five questions that the demonstration asks about a dose, a lot in it, and who gave it; each answer fits one screen."""

from collections.abc import Callable
from typing import NamedTuple

from api import render
from api.demo_network import Case
from api.holders import Held, held
from api.outline import Outline
from api.output import table
from api.tree import Tree, name_of, when, who
from graph import times
from graph.record import Record
from graph.view import View
from queries.contradictions import Contradiction, contradictions
from queries.handoffs import PACKING
from queries.lineage import Lineage, lineage
from queries.recall import Recall, recall

MOST = 12
"""Rows of one answer; how many more there are is told."""
_ACTS = ("release", "shipment")


class Question(NamedTuple):
    """A question in words; what answers it, given a case and a View of the whole graph; and the command that asks the same."""

    words: str
    answer: Callable[[Case, View], list[str]]
    command: str

    def about(self, case: Case) -> tuple[str, str]:
        """The words and the command about a case."""
        told = {"dose": case.dose, "lot": case.lot, "hospital": case.hospital, "release": case.release}
        return self.words.format(**told), self.command.format(**told)


def _some(lines: list[str], what: str, most: int = MOST) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} more {what}"]


def _made_of(case: Case, _: View) -> list[str]:
    view = case.view()
    found = case.lineage(view)
    lines = Outline(found, render.parties_of(view, found.records.values()), _ACTS).lines()
    total = f"complete: {found.completeness.total} records, {found.completeness.depth_reached} steps of making deep"
    return [*_some(lines, "lines", 17), f"{total} (only releases and shipments are drawn beside the making)"]


# -- the lot is bad


def _who_has_it(case: Case, _: View) -> list[str]:
    view = case.view()
    found = recall(view, [view.resolve(case.lot)])
    if found.reached is None:
        return [f"NOT COMPLETE: {', '.join(found.lineage.completeness.reasons)}"]
    doses = sorted(_last_doses(view, found), key=lambda row: (row.status == "infused", row))
    lines = table(("dose", "held by", "status", "call"), [(row.name, row.holder, row.status, row.call) for row in doses])
    reached = found.reached
    total = f"complete: {reached.materials} materials ({reached.doses} doses), {reached.persons} persons"
    return [*_some(lines, "doses", MOST + 2), f"{total}; the command lists them all"]


def _last_doses(view: View, found: Recall) -> list[Held]:
    """Who has each dose; of one that was thawed or made into another only what came of it."""
    return [row for row in held(view, found) if row.name.endswith("(dose)") and row.status != "used"]


# -- contradictions


def _contradictions(_: Case, whole: View) -> list[str]:
    found = contradictions(whole)
    records = sum(len(each.records) for each in found)
    lines = _some([_contradiction(each) for each in found], "pairs of parties")
    return [*lines, f"nothing else in the whole graph: {records} values in all" if found else "nowhere in the whole graph"]


def _contradiction(each: Contradiction) -> str:
    record = each.records[0]
    first, other = each.said(record)
    more = f"; and of {len(each.records) - 1} more" if len(each.records) > 1 else ""
    return f"disagreement on {each.name} of {name_of(record)}: {each.first} says {first}, {each.other} says {other}{more}"


# -- what was known


def _known_at_release(case: Case, _: View) -> list[str]:
    view = case.view()
    then, now = case.lineage(case.view(as_of=case.release)), case.lineage(view)
    lines = [f"as of commit {case.release}, the day of release: {len(then.records)} records; today {len(now.records)}"]
    for record in now.records.values():
        before = then.records.get(record.id)
        if before is not None:
            lines += _changed(before, record, now)
    released = _release(then)
    unheard = [r for r in now.records.values() if r.span and r.id not in then.records]
    events = sorted((r for r in unheard if r.value("type") not in PACKING), key=lambda r: (r.span, r.id))
    parties = render.parties_of(view, events)
    for record in events:
        late = "recorded only after the release" if record.span and record.span[0] < released else "new"
        told = (str(record.value("type") or record.kind), when(record), who(record, parties))
        lines.append(f"{late}: {'  '.join(part for part in told if part)}")
    packings = len(unheard) - len(events)
    return [*_some(lines, "changes", MOST + 3), *([f"and {packings} packings and unpackings"] if packings else [])]


def _release(found: Lineage) -> int:
    """When the dose was released (UTC microseconds)."""
    spans = [r.span for r in found.records.values() if r.value("type") == "release" and r.span]
    return max(span[0] for span in spans) if spans else times.now()


def _changed(before: Record, record: Record, found: Lineage) -> list[str]:
    """What is said of a record now and was said otherwise, or not at all, then; uses after an expiry that nobody knew of."""
    lines = []
    for name, value in record.values.items():
        known = before.value(name)
        if value == known:
            continue
        told = f"corrected: {name_of(record)} {name} was {known}, is {value}"
        lines.append(told if known is not None else f"learnt: {name_of(record)} {name} is {value}")
        if name == "expires_at":
            uses = (found.records[r.target] for r in found.relations if r.type == "INPUT_TO" and r.source == record.id)
            late = [use for use in uses if use.span and use.span[0] > times.span(value)[1]]
            lines += [f"           so it had expired when it went into the {use.value('type')} of {when(use)}" for use in late]
    return lines


# -- the hospital


def _seen_by_hospital(case: Case, _: View) -> list[str]:
    view = case.view(case.hospital)
    found = lineage(view, [view.resolve(case.dose)], "both")
    lines = Tree(found, render.parties_of(view, found.records.values())).lines()
    all_seeing = case.view()
    lot = all_seeing.resolve(case.lot)
    what = str(all_seeing.records(all_seeing.joined([lot]))[lot].value("type")).replace("_", " ")
    whole = lineage(all_seeing, [all_seeing.resolve(case.dose)], "both").completeness.total
    return [
        *_some(lines, "lines"),
        f"{found.completeness.total} records, complete within its rights (who sees all gets {whole})",
        f"the {what} is hidden: to this viewer it answers like an identifier that was never loaded"
        if not view.find(case.lot)
        else f"the {what} is visible to it",
    ]


QUESTIONS = (
    Question("What is this dose made of?", _made_of, "veintrace lineage {dose}"),
    Question("Lot {lot} is bad: who has it now, and whom do we call?", _who_has_it, "veintrace recall {lot}"),
    Question("Where do the parties contradict each other?", _contradictions, "about one product: veintrace lineage {dose}"),
    Question(
        "What was known when the dose was released, against today?", _known_at_release, "veintrace lineage {dose} --as-of {release}"
    ),
    Question(
        "What does {hospital} alone see of it?", _seen_by_hospital, "veintrace lineage {dose} --direction both --viewer {hospital}"
    ),
)
