"""`make demo`: builds a graph from the example journey and answers five questions that people ask of such a graph."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from api import page, render, settings
from api.holders import held
from api.output import say, table
from api.tree import Tree, disagreements, name_of, when
from graph import times
from graph.record import Record
from graph.store import Store
from graph.view import View
from loaders import pipeline
from queries.lineage import Lineage, lineage
from queries.recall import recall

EXAMPLE = Path(__file__).parents[1] / "examples" / "first-journey"
UNTIL_RELEASE, SINCE_RELEASE = EXAMPLE / "1-until-release", EXAMPLE / "2-since-release"
DOSE, VECTOR, HOSPITAL = "DOSE-101-A@cellforge", "lot:VEC-7@vectorworks", "st-vera"


class Network(NamedTuple):
    """The example, loaded: its store, and its last commit on the day the dose was released."""

    store: Store
    release: int

    def view(self, viewer: str | None = None, as_of: int | None = None) -> View:
        """A View of it, made as for any door."""
        return settings.make_view(self.store, viewer, None if as_of is None else str(as_of))


class Question(NamedTuple):
    """A question in words, what answers it, and the command that asks the same."""

    words: str
    answer: Callable[[Network], list[str]]
    command: str


def build(database: Path) -> Network:
    """Load the example into a new SQLite graph: first what was recorded until the release, then what came later."""
    for path in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        path.unlink(missing_ok=True)
    store = settings.open_store(f"sqlite:///{database}", create=True)
    options = pipeline.Options(author="demo", quarantine=database.parent / "quarantine")
    first, second = (Path(os.path.relpath(folder)) for folder in (UNTIL_RELEASE, SINCE_RELEASE))
    pipeline.load(store, [first], options)
    head = store.head()
    pipeline.load(store, [second], options)
    return Network(store, head.number if head else 0)


def _made_of(network: Network) -> list[str]:
    view = network.view()
    found = _lineage(view)
    tree = Tree(found, render.parties_of(view, found.records.values()), hidden=("packing", "unpacking"))
    return [*tree.lines(), f"complete: {found.completeness.total} records (packings not drawn)"]


def _lineage(view: View) -> Lineage:
    return lineage(view, [view.resolve(DOSE)])


def _who_has_it(network: Network) -> list[str]:
    view = network.view()
    found = recall(view, [view.resolve(VECTOR)])
    rows = [row for row in held(view, found) if row.status != "used"]
    lines = table(("reached", "held by", "status", "call"), [(row.name, row.holder, row.status, row.call) for row in rows])
    if found.reached is None:
        return [*lines, f"NOT COMPLETE: {', '.join(found.lineage.completeness.reasons)}"]
    return [*lines, f"complete: {found.reached.materials} materials ({found.reached.doses} doses), {found.reached.persons} persons"]


def _contradictions(network: Network) -> list[str]:
    view = network.view()
    reached = recall(view, [view.resolve(VECTOR)]).lineage.records
    doses = [record.id for record in reached.values() if record.value("type") == "dose"]
    found = lineage(view, doses, "both")
    return [*disagreements(found), f"nothing else in {found.completeness.total} records: the lineage of all {len(doses)} doses"]


def _known_at_release(network: Network) -> list[str]:
    then, now = _lineage(network.view(as_of=network.release)), _lineage(network.view())
    lines = [f"as of commit {network.release}, the day of release: {len(then.records)} records; today {len(now.records)}"]
    for record in now.records.values():
        before = then.records.get(record.id)
        if before is not None:
            lines += _changed(before, record, now)
    news = sorted((r for r in now.records.values() if r.id not in then.records and r.span), key=lambda r: (r.span, r.id))
    return [*lines, *(f"new: {r.value('type') or r.kind} {when(r)}" for r in news)]


def _changed(before: Record, record: Record, found: Lineage) -> list[str]:
    """What is said of a record now and was said otherwise then; uses after an expiry that nobody knew of."""
    lines = []
    for field, value in record.values.items():
        known = before.value(field)
        if value == known:
            continue
        lines.append(f"corrected: {name_of(record)} {field} was {known}, is {value}")
        if field == "expires_at":
            uses = (found.records[r.target] for r in found.relations if r.type == "INPUT_TO" and r.source == record.id)
            late = [use for use in uses if use.span and use.span[0] > times.span(value)[1]]
            lines += [f"           so it had expired when it went into the {use.value('type')} of {when(use)}" for use in late]
    return lines


def _seen_by_hospital(network: Network) -> list[str]:
    view = network.view(HOSPITAL)
    found = _lineage(view)
    lines = Tree(found, render.parties_of(view, found.records.values())).lines()
    vector = "hidden" if not view.find(VECTOR) else "visible"
    return [
        *lines,
        f"{found.completeness.total} records, complete within its rights (who sees all gets {_total(network)})",
        f"the vector lot is {vector}: to this viewer it answers like an identifier that was never loaded",
    ]


def _total(network: Network) -> int:
    return _lineage(network.view()).completeness.total


QUESTIONS = (
    Question("What is this dose made of?", _made_of, f"lineage {DOSE}"),
    Question("The vector lot is bad: who has it now, and whom do we call?", _who_has_it, f"recall {VECTOR}"),
    Question("Where do the parties contradict each other?", _contradictions, f"lineage {DOSE} --direction both"),
    Question("What was known when the dose was released, against today?", _known_at_release, f"lineage {DOSE} --as-of RELEASE"),
    Question("What does the hospital alone see of it?", _seen_by_hospital, f"lineage {DOSE} --viewer {HOSPITAL}"),
)


def main(folder: Path = Path("demo")) -> None:
    """Build, ask, answer; leaves the graph and a printable page in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = perf_counter()
    database = folder / "veintrace.db"
    network = build(database)
    try:
        say(f"Two therapies, six parties, one vector lot: examples/first-journey, now in sqlite:///{database}")
        for number, question in enumerate(QUESTIONS, 1):
            command = question.command.replace("RELEASE", str(network.release))
            say("", f"{number}. {question.words}   (veintrace {command})", *question.answer(network))
        view = network.view()
        (folder / "dose.html").write_text(page.lineage_page(view, _lineage(view)), encoding="utf-8")
    finally:
        network.store.close()
    say(
        "",
        f"The lineage as a page to print: {folder / 'dose.html'}   ({perf_counter() - begun:.1f} s in all)",
        "Now your own file (CSV of the bundle or EPCIS 2.0 JSON-LD), from .venv/bin:",
        "  veintrace load --dry-run YOUR-FILE       what would be accepted, what refused and why; keeps nothing",
        "  veintrace load YOUR-FILE                 into veintrace.db",
        "  veintrace lineage ANY-IDENTIFIER-IN-IT   what it was made of",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))
