"""The demonstration: a whole invented network, generated and loaded, and what people ask of such a graph, answered."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from api import cohorts, demo_network, page, plots, settings
from api.demo_network import PATIENCE, Case
from api.demo_questions import QUESTIONS
from api.handoffs import Departments, handoffs_lines
from api.neo4j_server import LocalNeo4j
from api.output import progress
from api.render import SCHEMA_VERSION
from api.worst import worst_json, worst_lines
from graph import snapshot
from graph.errors import UsageError
from graph.snapshot_store import SnapshotStore
from graph.store import Deadline, Store
from graph.view import View
from queries.cohorts import cohort
from queries.handoffs import handoffs

LOCAL_NEO4J = "neo4j"
"""The graph that stands for a Neo4j of the demonstration's own."""
_COHORT = Path("examples") / "cohorts" / "responders.yaml"
_PLOT, _PAGE, _RESPONDERS, _SNAPSHOTS, _NETWORK = "handoffs.svg", "dose.html", "responders", "snapshots", "network"
_DATABASE, _MARK = "veintrace.db", ".veintrace-demo"
_MADE = (_PLOT, _PAGE, _RESPONDERS, _SNAPSHOTS, _NETWORK, LOCAL_NEO4J, demo_network.UNTIL, demo_network.SINCE, "quarantine",
         *(f"{_DATABASE}{end}" for end in ("", "-wal", "-shm", ".snapshots")))  # fmt: skip
Tell = Callable[..., None]


class Part(NamedTuple):
    """A question in words, the command that asks the same, the answer's lines, and the files it left."""

    title: str
    command: str
    lines: list[str]
    files: list[str] = []


def run(out: Path, journeys: int, seed: int, graph: str | None, tell: Tell, quiet: bool) -> dict[str, Any]:
    """Generate, load, ask, answer: `tell` gets the lines as they come; returns the answer of `veintrace demo --json`.

    Everything is written below `out`, where an earlier demonstration gives way; `graph` is None for an SQLite graph there,
    `LOCAL_NEO4J`, or the address of an empty graph. Raises `UsageError` where either holds something else."""
    _make_room(out)
    begun = perf_counter()
    with _graph(out, graph) as (store, url):
        case, rows = _build(store, out, journeys, seed, tell, quiet)
        tell(f"loaded {rows:,} rows into {url}  ({perf_counter() - begun:.1f} s)")
        tell(
            "each answer tells the command that gives it or more; all of them after:",
            f"  export VEINTRACE_GRAPH={_kept(graph, url)}",
        )
        asked = perf_counter()
        parts = []
        for part in _parts(case, out, url):
            parts.append(part)
            tell("", f"{len(parts)}. {part.title}   ({part.command})", *part.lines)
    tell("", f"five questions and whole-graph answers in {perf_counter() - asked:.1f} s, {perf_counter() - begun:.1f} s in all")
    tell(*_next(out, graph, url))
    return {
        "schema_version": SCHEMA_VERSION,
        "out": str(out),
        "graph": url,
        "journeys": journeys,
        "seed": seed,
        "rows": rows,
        "parts": [part._asdict() for part in parts],
    }


def _make_room(out: Path) -> None:
    """An empty folder, in place of an earlier demonstration. Raises `UsageError` where `out` holds anything else."""
    mark = out / _MARK
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not mark.exists())):
        raise UsageError(f"{out} holds something else than a demonstration; name a folder with --out", path=str(out))
    out.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for name in _MADE:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


@contextmanager
def _graph(out: Path, graph: str | None) -> Iterator[tuple[Store, str]]:
    """An empty graph and its address. Raises `UsageError` where it is not empty, `StoreUnavailable` where it cannot be reached."""
    if graph == LOCAL_NEO4J:
        data = out / LOCAL_NEO4J
        data.mkdir()
        with LocalNeo4j(data.resolve()) as server, _opened(server.uri) as store:
            yield store, server.uri
    else:
        url = graph or f"sqlite:///{out / _DATABASE}"
        with _opened(url) as store:
            yield store, url


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    store = settings.open_store(url, create=True)
    try:
        if store.head() is not None:
            raise UsageError(f"{url} holds a graph already; the demonstration needs an empty one", graph=url)
        yield store
    finally:
        store.close()


def _build(store: Store, out: Path, journeys: int, seed: int, tell: Tell, quiet: bool) -> tuple[Case, int]:
    """The network, generated and loaded in two parts; returns what to ask of it, and how many rows were read."""
    network = out / _NETWORK
    with progress("generating", "journeys", quiet) as advance:
        told = demo_network.generate(network, journeys, seed, advance)
    chosen = demo_network.chosen(network)
    tell(
        f"{told.journeys:,} journeys of an invented network: {told.rows:,} rows in {told.files:,} files, each organisation's own",
        f"loaded in two parts: what was recorded until {chosen.day}, when the dose of the questions was released, and since",
    )
    parts = demo_network.cut(network, chosen.day, out)
    with progress("loading", "bytes", quiet) as advance:
        release, rows = demo_network.load(store, parts, out / "quarantine", advance)
    return demo_network.case(store, chosen.dose, release), rows


def _parts(case: Case, out: Path, url: str) -> Iterator[Part]:
    """Every answer; the first leaves a page."""
    cache = settings.cache(url) if url.startswith("sqlite") else out / _SNAPSHOTS
    whole = settings.make_view(SnapshotStore(case.store, snapshot.current(case.store, cache)), None, None, Deadline(PATIENCE))
    for question in QUESTIONS:
        words, command = question.about(case)
        yield Part(words, command, question.answer(case, whole))
    yield _page(case, out / _PAGE)
    yield _table(whole, out / _PLOT)
    yield _cohort(whole, out / _RESPONDERS)
    worst = worst_json(whole, handoffs(whole), 3)
    yield Part(
        "Which three handoffs cost patients most hours, and whom to tell what?", "veintrace handoffs --worst 3", worst_lines(worst)
    )


def _page(case: Case, path: Path) -> Part:
    view = case.view()
    path.write_text(page.lineage_page(view, case.lineage(view)), encoding="utf-8")
    told = f"veintrace lineage {case.dose} --html {path}"
    return Part("The lineage of the dose, to print", told, [f"written to {path}"], [str(path)])


def _table(whole: View, path: Path) -> Part:
    waits = handoffs(whole)
    departments = Departments(whole, waits)
    plots.handoff_map(waits, departments, path)
    lines = [*handoffs_lines(waits, (), departments, most=12), f"drawn in {path}"]
    return Part("Where do handoffs wait and fail?", f"veintrace handoffs --plot {path}", lines, [str(path)])


def _cohort(whole: View, folder: Path) -> Part:
    found = cohort(whole, cohorts.definition_of(Path(__file__).parents[1] / _COHORT))
    files = cohorts.write(whole, found, folder)
    words = "Whose response to their own cells can be studied, by what was known before?"
    lines = cohorts.cohort_lines(found, files)
    return Part(words, f"veintrace cohort {_COHORT} --out {folder}", lines, [each["path"] for each in files])


def _kept(graph: str | None, url: str) -> str:
    """The address of the graph from then on: a Neo4j of its own ends with the demonstration and is started again at another."""
    return "neo4j://127.0.0.1:7687" if graph == LOCAL_NEO4J else url


def _next(out: Path, graph: str | None, url: str) -> list[str]:
    """How to go on: the service with its address, and three commands for one's own file."""
    address = "http://127.0.0.1:8000/ is the query page, seeing everything; GraphQL is under /graphql"
    again = f"  veintrace neo4j --data {out / LOCAL_NEO4J} --port 7687     # this graph again, in a terminal of its own"
    return [
        "To open it in a browser (from .venv/bin):",
        *([again] if graph == LOCAL_NEO4J else []),
        f"  veintrace serve --graph {_kept(graph, url)}",
        f"  {address}",
        "Now your own file (CSV or Parquet of the bundle, EPCIS, FHIR), after `unset VEINTRACE_GRAPH`:",
        "  veintrace load --dry-run YOUR-FILE       what would be accepted, what refused and why; keeps nothing",
        "  veintrace load YOUR-FILE                 into veintrace.db",
        "  veintrace handoffs --worst 3             where it waits, and whom to tell what",
    ]
