"""Commands that ask: lineage, export, recall, history, find."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api import page, render, settings
from api.cli_options import AsOf, Cache, Command, Graph, Json, Viewer, whole_view
from api.holders import held
from api.output import print_json, say, table
from api.parties import named
from api.tree import Tree, disagreements, outcome_lines
from graph.errors import UsageError
from graph.model import MODELS, RELATIONS
from graph.view import View
from queries.containment import Window
from queries.lineage import Completeness
from queries.lineage import lineage as ask_lineage
from queries.outcomes import outcomes
from queries.recall import Recall
from queries.recall import period as window
from queries.recall import recall as ask_recall


class Way(StrEnum):
    """Directions of a lineage."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


class ExportFormat(StrEnum):
    """Formats of an exported lineage."""

    EPCIS = "epcis"
    OCEL = "ocel"
    OCEL_XML = "ocel-xml"
    OCEL_SQLITE = "ocel-sqlite"
    PROV = "prov"


@contextmanager
def _view(graph: str | None, viewer: str | None, as_of: str | None) -> Iterator[View]:
    store = settings.open_store(graph)
    try:
        yield settings.make_view(store, viewer, as_of)
    finally:
        store.close()


def lineage(
    identifier: Annotated[str, typer.Argument(help="Any identifier: GS1, ISBT 128, lot:..., coi:..., a local number, an id.")],
    direction: Annotated[Way, typer.Option(help="What it was made from (up), what was made of it (down), or both.")] = Way.UP,
    depth: Annotated[int | None, typer.Option(min=0, help="Most steps of making.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only records of this kind (repeat for several).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the lineage as one printable page.")] = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Show all that a record was made from, or all that was made of it, with everything that acted on these."""
    unknown = [name for name in kind or () if name not in MODELS]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no kind of record; one of {', '.join(MODELS)}")
    with _view(graph, viewer, as_of) as view:
        found = ask_lineage(view, [view.resolve(identifier)], direction.value, depth=depth, kinds=kind or ())
        if html:
            html.write_text(page.lineage_page(view, found), encoding="utf-8")
        if json:
            print_json(render.lineage_json(view, found))
        else:
            came = outcomes(view, found)
            say(*Tree(found, render.parties_of(view, found.records.values())).lines(), *outcome_lines(found, came))
            say(*disagreements([*found.records.values(), *came.records.values()]), _complete(found.completeness, view))
            if html:
                say(f"written to {html}")
    return 0 if found.completeness.whole else 6


def export(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write it there: the whole of it or nothing.")],
    identifier: Annotated[
        str | None, typer.Argument(help="Any identifier: GS1, ISBT 128, lot:..., coi:..., a local number, an id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that you see, as an event log.")] = False,
    direction: Annotated[Way, typer.Option(help="What it was made from (up), what was made of it (down), or both.")] = Way.UP,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="EPCIS 2.0 in JSON-LD; OCEL 2.0 in JSON, XML or SQLite; or PROV-JSON.")
    ] = ExportFormat.EPCIS,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    cache: Cache = None,
    json: Json = False,
) -> int:
    """Write a lineage as a document that others can read: EPCIS or OCEL, which load back to the same lineage, or PROV."""
    from api import exports, ocel_exports, prov

    if everything is (identifier is not None):
        raise UsageError("give an identifier, or --all for all that you see")
    if everything:
        if form.value not in ocel_exports.FORMS:
            raise UsageError(f"--all writes an event log; give --format {' or '.join(ocel_exports.FORMS)}")
        with whole_view(graph, viewer, as_of, cache) as view:
            told = ocel_exports.written(view, None, out, form.value)
    else:
        with _view(graph, viewer, as_of) as view:
            found = ask_lineage(view, [view.resolve(identifier or "")], direction.value)
            if form.value in ocel_exports.FORMS:
                told = ocel_exports.written(view, found, out, form.value)
            else:
                told = {ExportFormat.EPCIS: exports.written, ExportFormat.PROV: prov.written}[form](view, found, out)
    if json:
        print_json(told)
    else:
        counts = ", ".join(f"{told[name]} {what}" for name, what in _COUNTED.items() if name in told)
        say(f"{counts}, as {len(told['stewards'])} stewards say them: written to {out}")
    return 0


_COUNTED = {
    "records": "records",
    "events": "events",
    "elements": "elements of master data",
    "objects": "objects",
    "statements": "statements of PROV",
}


def _complete(completeness: Completeness, view: View) -> str:
    """One line that says how whole an answer is."""
    scope = "complete within your rights" if view.viewer else "complete"
    told = f"{completeness.total} records, {completeness.depth_reached} steps of making deep"
    if completeness.whole:
        return f"{told}; {scope}"
    return f"{told}; NOT COMPLETE: {', '.join(completeness.reasons)}"


def recall(
    identifiers: Annotated[list[str], typer.Argument(help="What is bad: lots, donors, steps, handoffs, containers, orders.")],
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Of containers: what was inside from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Of containers: what was inside until then.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="However many: counted by holder, from a snapshot of the graph.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="With --all: every record, as .csv or .parquet.")] = None,
    cache: Cache = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Find everything made of or touched by something, who has it now, in what state, and whom to call."""
    if out and not everything:
        raise UsageError("--out goes with --all")
    if everything:
        with whole_view(graph, viewer, as_of, cache) as view:
            return _recall_all(view, identifiers, window(since, until), out, json)
    with _view(graph, viewer, as_of) as view:
        roots = [view.resolve(identifier) for identifier in identifiers]
        found = ask_recall(view, roots, period=window(since, until))
        if json:
            print_json(render.recall_json(view, found))
        else:
            say(*_recalled(view, found))
    return 0 if found.reached is not None else 6


def _recall_all(view: View, identifiers: list[str], period: Window, out: Path | None, json: bool) -> int:
    # polars takes longer to import than a small recall to answer
    from api import recalls
    from queries.mass_recall import recall_all

    found = recall_all(view, [view.resolve(identifier) for identifier in identifiers], period=period)
    told = recalls.recall_all_json(view, found, recalls.written(found, out) if out else [])
    if json:
        print_json(told)
    else:
        say(*recalls.recall_all_lines(told, view.viewer is not None))
    return 0 if told["reached"] is not None else 6


def _recalled(view: View, found: Recall) -> list[str]:
    rows = [(row.name, row.holder, row.status, row.call) for row in held(view, found)]
    lines = table(("reached", "held by", "status", "call"), rows)
    if found.reached is None:
        return [*lines, f"NOT COMPLETE ({', '.join(found.lineage.completeness.reasons)}): this is a part, more may be reached"]
    reached = found.reached
    scope = " within your rights" if view.viewer else ""
    return [*lines, f"complete{scope}: {reached.materials} materials ({reached.doses} doses), {reached.persons} persons"]


def history(
    identifier: Annotated[str, typer.Argument(help="Any identifier of the record.")],
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Show every claim ever made about a record: who said what, when, and where it is written."""
    with _view(graph, viewer, as_of) as view:
        record = view.resolve(identifier)
        told = render.history_json(view, record, view.history(view.joined([record])))
        if json:
            print_json(told)
        else:
            say(*_told(view, told["claims"]))
    return 0


def _told(view: View, claims: list[dict[str, Any]]) -> list[str]:
    """Lines of claims; beside the id at the other end of a relation stands the name that a person knows."""
    ends = {end for claim in claims for path, value in claim["values"].items() if (end := _other_end(path, value))}
    labels = {end: render.label(record) for end, record in named(view, ends).items()}
    lines = []
    for claim in claims:
        where = f"commit {claim['commit']}, {claim['time'][:19]}Z, " if "commit" in claim else ""
        lines.append(f"{claim['steward']} ({where}{claim['source']} {claim['at']})")
        for path, value in claim["values"].items():
            end = _other_end(path, value)
            line = f"    {path.lstrip('.')} = {value}"
            lines.append(line.replace(end, f"{end} ({labels[end]})") if end in labels else line)
    return lines


def _other_end(path: str, value: object) -> str | None:
    """The id at the other end of the relation that a claimed field states; None of a field that states none."""
    type_, _, other = path.partition(" ")
    if type_ not in RELATIONS:
        return None
    end = value if RELATIONS[type_].single else other.partition(" ")[0]
    return end if isinstance(end, str) else None


def find(
    identifier: Annotated[str, typer.Argument(help="An identifier or label (a GTIN, a donation number, an eventID).")],
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Find the records that carry an identifier or label."""
    with _view(graph, viewer, as_of) as view:
        ids = view.find(identifier)
        records = view.records(view.joined(ids)) if ids else {}
        told = render.find_json(view, [records[record] for record in ids])
    if json:
        print_json(told)
    elif ids:
        rows = [(m["kind"], m["label"], m["steward"], m["id"]) for m in told["matches"]]
        say(*table(("kind", "label", "steward", "id"), rows))
    else:
        say("no match")
    return 0 if ids else 4


COMMANDS = (
    Command(
        lineage,
        "lineage",
        (
            "veintrace lineage DOSE-1",
            "veintrace lineage lot:VEC-7@vectorworks --direction down --json",
            "veintrace lineage DOSE-1 --html dose.html",
        ),
    ),
    Command(
        export,
        "export",
        (
            "veintrace export DOSE-1 --out dose.jsonld",
            "veintrace export DOSE-1 --format prov --out dose.json",
            "veintrace export --all --format ocel-sqlite --out log.sqlite",
            "veintrace export lot:VEC-7@vectorworks --direction down --viewer vectorworks --out lot.jsonld --json",
        ),
    ),
    Command(
        recall,
        "recall",
        (
            "veintrace recall lot:VEC-7@vectorworks",
            "veintrace recall FREEZER-2 --since 2024-03-01 --until 2024-03-02",
            "veintrace recall lot:MD-900@mediara --all --out reached.parquet",
        ),
    ),
    Command(history, "history", ("veintrace history DOSE-1", "veintrace history DOSE-1 --as-of 3 --json")),
    Command(find, "find", ("veintrace find DOSE-1", "veintrace find '=A99991712345600' --json")),
)
