"""Commands about a whole network: generate one, where its handoffs wait, cohorts of it, and a demonstration."""

from collections.abc import Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import settings
from api.cli_options import AsOf, Cache, Command, Graph, Json, Viewer, whole_view
from api.output import print_json, progress, say, table
from api.render import SCHEMA_VERSION, reasons
from graph import naming
from graph.errors import UsageError
from graph.view import View

if TYPE_CHECKING:
    from loaders.generator import Rule


Journeys = Annotated[int, typer.Option(min=1, max=10_000_000, help="How many therapies are ordered.")]
Seed = Annotated[
    int,
    typer.Option(min=-(2**63), max=2**63 - 1, help="Another seed, another network; the same one, the same bytes."),
]


_SCOPE = "Scope: read only a part of the graph (all given must hold)"


class Group(StrEnum):
    """By what a table of waits can be told apart."""

    PERIOD = "period"
    PRODUCT = "product"
    PRESERVATION = "preservation"
    CARRIER = "carrier"


class Format(StrEnum):
    """In what form a network is written."""

    CSV = "csv"
    PARQUET = "parquet"
    EPCIS = "epcis"


def generate(
    journeys: Journeys = 400,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to write to: empty, or not there yet.")] = None,
    seed: Seed = 0,
    rule: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="RULE=NUMBER", help="Set a rule (repeat for more); `--rules` lists them."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="CSV or Parquet bundle, or EPCIS 2.0 in JSON-LD.")] = Format.CSV,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules that can be set, and write nothing.")] = False,
    json: Json = False,
) -> int:
    """Write an invented network: every organisation's own files, and beside them in truth/ what really was."""
    from loaders import generator

    if rules:
        return _rules(generator.RULES, json)
    if out is None:
        raise UsageError("name a folder to write to, as in --out network")
    with progress("generating", "journeys", json) as advance:
        told = generator.generate(out, journeys, seed, rules=generator.Rules.parsed(rule or ()), form=form.value, progress=advance)
    if json:
        counts = {"journeys": told.journeys, "seed": seed, "files": told.files, "rows": told.rows}
        print_json({"schema_version": SCHEMA_VERSION, "out": str(out), **counts, "truth": str(out / generator.TRUTH)})
    else:
        rows = "statements" if form is Format.EPCIS else "rows"
        say(
            f"{told.journeys:,} journeys: {told.rows:,} {rows} in {told.files:,} files below {out}",
            f"what really was, which is never loaded, is in {out / generator.TRUTH}",
            f"next: veintrace load {out}",
        )
    return 0


def _rules(rules: "Mapping[str, Rule]", json: bool) -> int:
    if json:
        found = [{"name": name, "default": r.default, "unit": r.unit, "meaning": r.meaning} for name, r in rules.items()]
        print_json({"schema_version": SCHEMA_VERSION, "rules": found})
    else:
        say(*table(("rule", "default", "unit", "meaning"), [(n, f"{r.default:g}", r.unit, r.meaning) for n, r in rules.items()]))
    return 0


def handoffs(
    legs: Annotated[bool, typer.Option("--legs", help="Legs (what happened next to a material) instead of handoffs.")] = False,
    by: Annotated[list[Group] | None, typer.Option(help="Tell apart by month, product, ... (repeat for several).")] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option(metavar="FROM TO", help="The single ones between two departments, longest first.")
    ] = None,
    worst: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The N pairs that cost patients most hours, and whom to tell what.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="Only what was released from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Only what was released until then.")] = None,
    product: Annotated[str | None, typer.Option(metavar="THERAPY", help="Only of this therapy, as ordered.")] = None,
    preservation: Annotated[str | None, typer.Option(help="Only what travelled fresh, cryopreserved or thawed.")] = None,
    carrier: Annotated[str | None, typer.Option(metavar="ORG", help="Only what this carrier carried.")] = None,
    scope_site: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORG",
            rich_help_panel=_SCOPE,
            help="Events this organisation, or a part of it, performs, gives, takes, carries, or is the place of (repeatable).",
        ),
    ] = None,
    scope_product: Annotated[
        list[str] | None,
        typer.Option(metavar="THERAPY", rich_help_panel=_SCOPE, help="Events of journeys with this therapy (repeatable)."),
    ] = None,
    scope_since: Annotated[
        str | None, typer.Option(metavar="WHEN", rich_help_panel=_SCOPE, help="Events that end then or later, or tell no time.")
    ] = None,
    scope_until: Annotated[
        str | None, typer.Option(metavar="WHEN", rich_help_panel=_SCOPE, help="Events that begin until then, or tell no time.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw a heat map of department pairs.")] = None,
    cache: Cache = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Show where handoffs wait and fail: by who gives and who takes, most hours lost first, and where all must pass.

    A scope is for a graph too large to be read whole. Each handoff inside is told exactly as the whole graph tells it, each leg
    if its first event is inside."""
    from api import handoffs as told
    from api import plots
    from api.scopes import Conditions, scope_line
    from api.worst import worst_json, worst_lines

    if worst and (legs or between or by):
        raise UsageError("--worst is about all handoffs between departments; leave out --legs, --by and --between")
    groups = [each.value for each in by or ()]
    scope = Conditions(scope_site or (), scope_product or (), scope_since, scope_until)
    with whole_view(graph, viewer, as_of, cache, scope) as view:
        waits = told.asked(view, legs, since, until, product, preservation, carrier)
        departments = told.Departments(view, waits)
        if plot:
            plots.handoff_map(waits, departments, plot)
        if worst:
            found = worst_json(view, waits, worst)
            if json:
                print_json(found)
            else:
                say(*worst_lines(found))
        elif between:
            giver, taker = (view.scoped_frames.number(view.resolve(end)) for end in between)
            rows = told.single_json(view, waits, giver, taker, departments)
            if json:
                print_json(rows)
            else:
                say(*told.single_lines(rows))
        elif json:
            print_json(told.handoffs_json(view, waits, groups, departments))
        else:
            say(*told.handoffs_lines(waits, groups, departments))
            if plot:
                say(f"drawn in {plot}")
        if waits.frames.part and not json:
            say(scope_line(view, waits.frames.part))
        return _whole(view, json)


def cohort(
    definition: Annotated[
        Path, typer.Argument(metavar="DEFINITION.yaml", help="What is in it: api/schemas/cohort-definition.json tells the form.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write rows (CSV, Parquet), data dictionary and manifest there.")
    ] = None,
    cache: Cache = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    json: Json = False,
) -> int:
    """Count a cohort, rule by rule, and write its rows: nothing enters that came after a unit's index date, but labels."""
    from api import cohorts
    from queries.cohorts import cohort as found_in

    told = cohorts.definition_of(definition)
    with whole_view(graph, viewer, as_of, cache) as view:
        found = found_in(view, told)
        files = cohorts.write(view, found, out) if out else []
        if json:
            print_json(cohorts.cohort_json(view, found, files))
        else:
            say(*cohorts.cohort_lines(found, files))
        return _whole(view, json)


def _whole(view: View, json: bool) -> int:
    """The exit status of an answer over a whole View: 6 while a load is under way, which people are told."""
    missing = reasons(view)
    if missing and not json:
        say(f"NOT COMPLETE ({', '.join(missing)}): a load is not finished, so numbers will change")
    return 6 if missing else 0


def demo(
    journeys: Journeys = 300,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all it writes; an earlier demonstration gives way.")] = Path(
        "demo"
    ),
    graph: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="An empty graph to load into, or neo4j: a local one (needs a JDK and Maven). [default SQLite in DIR]",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Show what Veintrace answers: generate a network, load it, ask five questions, and say where its handoffs wait."""
    from api import demo as shown

    told = shown.run(out, journeys, seed, graph, (lambda *_: None) if json else say, json)
    if json:
        print_json(told)
    return 0


def coverage(
    org: Annotated[str | None, typer.Option(metavar="ORG", help="Of one organisation alone: what it owes and is owed.")] = None,
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    cache: Cache = None,
    json: Json = False,
) -> int:
    """Show what each party's records lack: required fields, days until they are recorded, references to nothing, disagreements,
    and handoffs of which it has not told its side."""
    # polars takes longer to import than a question about one product to answer
    from api.coverage import Covered, coverage_json, coverage_text

    with whole_view(graph, viewer, as_of, cache) as view:
        found = Covered(view, naming.steward(org) if org else None)
        if json:
            print_json(coverage_json(found))
        else:
            say(*coverage_text(found))
        return 6 if reasons(view) else 0


def activities(
    graph: Graph = None,
    viewer: Viewer = None,
    as_of: AsOf = None,
    cache: Cache = None,
    json: Json = False,
) -> int:
    """Show how long objects of each type wait between two activities, and what activities wait for until all is there."""
    # polars takes longer to import than a question about one product to answer
    from api.activities import activities_json, activities_text

    with whole_view(graph, viewer, as_of, cache) as view:
        if json:
            print_json(activities_json(view))
        else:
            say(*activities_text(view))
        return 6 if reasons(view) else 0


def pair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be joined.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back all that the rule joined.")] = False,
    author: Annotated[str | None, typer.Option(help="Who asks for it. [env VEINTRACE_AUTHOR]")] = None,
    graph: Graph = None,
    cache: Cache = None,
    json: Json = False,
) -> int:
    """Join handoffs that giver and taker tell under no common number, by a rule whose word can be taken back."""
    # polars takes longer to import than a question about one product to answer
    from api.pairing import pair as carried_out

    with closing(settings.open_store(graph)) as store:
        folder = cache or settings.cache(graph)
        told = carried_out(store, folder, undo=undo, dry_run=dry_run, author=author or settings.author())
    if json:
        print_json(told)
        return 0
    be = "would be" if dry_run else "are"
    say(
        f"{told['joined']} handoffs {be} made of two sides by {told['rule']}; {told['added']} of its joins {be} new, "
        f"{told['withdrawn']} {be} taken back",
        f"left with one side: {told['released_only']} that only who gave tells of, {told['accepted_only']} that only who took does",
    )
    return 0


COMMANDS = (
    Command(coverage, "coverage", ("veintrace coverage", "veintrace coverage --org st-vera", "veintrace coverage --json")),
    Command(activities, "activities", ("veintrace activities", "veintrace activities --viewer st-vera --json")),
    Command(pair, "pair", ("veintrace pair --dry-run", "veintrace pair", "veintrace pair --undo")),
    Command(
        generate,
        "generate",
        (
            "veintrace generate --journeys 400 --seed 1 --out network",
            "veintrace generate --journeys 400 --out unplanted --set handoff.late-pickup.delay=0",
            "veintrace generate --journeys 400 --format epcis --out events",
            "veintrace generate --rules",
        ),
    ),
    Command(
        handoffs,
        "handoffs",
        (
            "veintrace handoffs",
            "veintrace handoffs --by carrier --since 2024-03-01 --plot handoffs.svg",
            "veintrace handoffs --between CRYO-LAB WARD-3",
            "veintrace handoffs --worst 3",
            "veintrace handoffs --legs --json",
            "veintrace handoffs --scope-site cellforge --scope-since 2024-03-01 --scope-until 2024-03-31",
        ),
    ),
    Command(
        cohort,
        "cohort",
        (
            "veintrace cohort examples/cohorts/responders.yaml",
            "veintrace cohort examples/cohorts/responders.yaml --out responders",
        ),
    ),
    Command(demo, "demo", ("veintrace demo", "veintrace demo --journeys 1000 --seed 7", "veintrace demo --graph neo4j")),
)
