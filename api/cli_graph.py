"""Commands that make and keep a graph: template, load, verify, copy, rebuild, config, serve, neo4j."""

import re
from collections import Counter, defaultdict
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from api import settings
from api.cli_options import Cache, Command, Graph, Json, Viewer
from api.output import print_json, progress, say, table
from api.render import SCHEMA_VERSION, verification_json
from graph import naming
from graph.copying import copy as copy_graph
from graph.errors import NotPermitted, UsageError
from graph.store import BATCH, Commit
from graph.verify import verify as verify_graph
from loaders import pipeline
from loaders import template as templates
from loaders.mapping_files import read_files

_MOST_FILES = 40
"""A load of more files is told by folder."""


def template(folder: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("bundle"), json: Json = False) -> int:
    """Write empty CSV files of the bundle, with a data dictionary that explains every column."""
    written = templates.write(folder)
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "files": [str(path) for path in written]})
    else:
        say(f"{len(written)} files in {folder}; what each column means is in {folder / 'data-dictionary.txt'}")
    return 0


def load(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, folders, archives (.zip, .gz, .zst), or - for standard input: a bundle, EPCIS, FHIR."),
    ] = None,
    graph: Graph = None,
    steward: Annotated[str | None, typer.Option(metavar="ORG", help="Who says so, whatever the data says.")] = None,
    author: Annotated[str | None, typer.Option(help="Who loads. [env VEINTRACE_AUTHOR]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen; needs no graph.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=BATCH, help="Most claims in one commit.")] = pipeline.Options.batch_size,
    mapping: Annotated[
        list[Path] | None, typer.Option(metavar="YAML", help="How to read files of other shapes, CSV, Parquet or Excel; see `map`.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help=f"auto (by content), {', '.join(pipeline.FORMATS)}.")] = "auto",
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of CSV files that are not UTF-8: cp1252, latin-1.")] = None,
    fhir_server: Annotated[
        str, typer.Option(metavar="URL", help="Of FHIR: the server that relative references are relative to, if no bundle says so.")
    ] = "",
    ignore_field: Annotated[list[str] | None, typer.Option(help="Event field that takes no part in event hashes.")] = None,
    close: Annotated[
        str | None, typer.Option(metavar="LOAD", help="Close a load that was killed and will not be repeated.")
    ] = None,
    json: Json = False,
) -> int:
    """Load files: each item gets a verdict, what is refused goes to quarantine, the rest lands."""
    if close:
        return _close(graph, close, author, json)
    if not paths:
        raise UsageError("name a file or folder to load")
    options = pipeline.Options(
        steward=naming.steward(steward or settings.value("VEINTRACE_STEWARD")),
        forced=steward is not None,
        author=author or settings.author(),
        batch_size=batch,
        quarantine=Path(settings.value("VEINTRACE_QUARANTINE")),
        ignore=frozenset(ignore_field or ()),
        secret=settings.pseudonym_key(),
        fhir_server=_server(fhir_server),
        mappings=read_files(mapping or ()),
        format=None if format_ == "auto" else format_,
        encoding=encoding,
    )
    with progress("loading", "bytes", json) as advance:
        if dry_run:
            report = pipeline.dry_run(paths, options, advance)
        else:
            with pipeline.gathered(paths, options) as found, closing(settings.open_store(graph, create=True)) as store:
                report = pipeline.land(store, found, options, advance)
    if json:
        print_json(report.as_dict())
    else:
        say(*_told(report))
    totals = report.totals
    return 3 if totals.refused or totals.conflicts else 0


def _server(url: str) -> str:
    """The base URL of a FHIR server, with a slash at its end. Raises `UsageError` for what is none."""
    if url and not re.match(r"https?://[^\s?#]+\Z", url):
        raise UsageError(f"{url!r} is no URL of a server; give one such as https://hospital.example/fhir", server=url)
    return f"{url.rstrip('/')}/" if url else ""


def _close(graph: str | None, load_id: str, author: str | None, json: bool) -> int:
    store = settings.open_store(graph)
    try:
        commit = pipeline.close_load(store, load_id, author or settings.author())
    finally:
        store.close()
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "load_id": load_id, "commit": commit.number})
    else:
        say(f"load {load_id} closed by commit {commit.number}")
    return 0


def _told(report: pipeline.LoadReport) -> list[str]:
    """A load's summary for people."""
    columns = ("read", "added", "changed", "unchanged", "refused", "conflicts", "stubs")
    rows = [(name, *(counts[c] for c in columns)) for name, counts in _by_file(report)]
    totals = report.totals.as_dict()
    lines = table(("file", *columns), [*rows, ("all", *(totals[c] for c in columns))])
    outcome = "dry run, nothing was kept" if report.dry_run else _numbers(report.commits)
    lines.append(f"{outcome}; steward {report.steward} where the data names none")
    lines += [f"note: {count} x {note}" for note, count in sorted(report.notes.items())]
    for refused in report.refused[:20]:
        field = f", {refused['field']} {refused['value']!r}" if refused["field"] else ""
        lines += [f"refused: {refused['file']} {refused['at']}{field}", f"    {refused['reason']}; {refused['repair']}"]
    if report.refused_total > 20:
        lines.append(f"... {report.refused_total - 20} more refused")
    if report.quarantine:
        lines.append(f"refused items are in {report.quarantine}: mend them there and load that folder")
    return lines


def _by_file(report: pipeline.LoadReport) -> list[tuple[str, dict[str, int]]]:
    """The counts of each file that held anything; where there are many, of each folder."""
    read = [file for file in report.files if file.counts.read]
    files = [(Path(file.path), file.counts.as_dict()) for file in read]
    if len(files) <= _MOST_FILES:
        return [(f"{Path(file.path).name} {file.sheet or ''}".rstrip(), file.counts.as_dict()) for file in read]
    folders: dict[Path, Counter[str]] = defaultdict(Counter)
    for path, counts in files:
        folders[path.parent].update(counts)
    return [(f"{folder.name}/", dict(counts)) for folder, counts in folders.items()]


def _numbers(commits: tuple[int, int] | None) -> str:
    if commits is None:
        return "nothing new to write"
    first, last = commits
    return f"commit {first}" if first == last else f"commits {first} to {last}"


def verify(graph: Graph = None, json: Json = False) -> int:
    """Check that the graph fits its log: the chain of commits, their claims, and every row that stands."""
    store = settings.open_store(graph)
    try:
        with progress("verifying", "claims", json) as advance:
            found = verify_graph(store, advance)
    finally:
        store.close()
    if json:
        print_json(verification_json(found))
    else:
        outcome = "holds" if found.ok else "DOES NOT HOLD"
        say(f"{found.commits} commits, {found.claims} claims, digest {found.digest or '-'}: {outcome}")
        say(*(f"{fault['kind']} {fault['at']}: {fault['reason']}" for fault in found.faults))
    return 0 if found.ok else 5


def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Graph to copy from (URL).")],
    target: Annotated[str, typer.Argument(metavar="DST", help="Graph to copy to (URL); continued where it holds a beginning.")],
    json: Json = False,
) -> int:
    """Copy a graph commit by commit, with numbers, times and hashes: backup, or move to Neo4j."""
    origin = settings.open_store(source)
    try:
        destination = settings.open_store(target, create=True)
        try:
            with progress("copying", "claims", json) as advance:
                head = copy_graph(origin, destination, advance)
        finally:
            destination.close()
    finally:
        origin.close()
    return _head_told(head, "", json)


def _head_told(head: Commit | None, lead: str, json: bool) -> int:
    """Tell how many commits a graph has and its digest."""
    number, digest = (head.number, head.digest) if head else (0, f"{0:064x}")
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "commits": number, "digest": digest})
    else:
        say(f"{lead}{number} commits, digest {digest}")
    return 0


def rebuild(cache: Cache = None, graph: Graph = None, json: Json = False) -> int:
    """Compute what stands again from the log of claims alone, and forget the snapshots of what stood."""
    from graph import snapshot

    store = settings.open_store(graph)
    try:
        with progress("rebuilding", "claims", json) as advance:
            store.rebuild(advance)
        snapshot.forget(store, cache or settings.cache(graph))
        head = store.head()
    finally:
        store.close()
    return _head_told(head, "rebuilt from ", json)


def config(json: Json = False) -> int:
    """Print the settings in force; secrets are masked."""
    rows = settings.shown()
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "settings": rows})
    else:
        say(*table(("setting", "value", "from", "for"), [tuple(row.values()) for row in rows]))
    return 0


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; without --viewer loopback only.")] = "127.0.0.1",
    cache: Cache = None,
    graph: Graph = None,
    viewer: Viewer = None,
    json: Json = False,
) -> int:
    """Serve GraphQL and its query page for one viewer; without --viewer all-seeing, on loopback only."""
    from api.app import serve as run

    if viewer is None and host not in ("127.0.0.1", "localhost", "::1"):
        raise NotPermitted("without --viewer the service sees everything and listens on loopback only; name a viewer", host=host)
    if viewer is not None:
        naming.steward(viewer)
    store = settings.open_store(graph)
    try:
        sees = f"as {viewer} sees it" if viewer else "seeing everything"
        _tell(f"http://{host}:{port}/", f"the query page, {sees}; GraphQL is under /graphql", json)
        run(store, host, port, viewer, cache or settings.cache(graph))
    finally:
        store.close()
    return 0


def _tell(url: str, what: str, json: bool) -> None:
    """Say where something answers, before it does until it is interrupted."""
    if json:
        print_json({"schema_version": SCHEMA_VERSION, "url": url})
    else:
        say(f"{url} is {what}; Ctrl-C stops it")


def neo4j(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Bolt port on 127.0.0.1.")] = 7687,
    data: Annotated[Path, typer.Option(help="Folder that keeps the graph.")] = Path("neo4j-data"),
    json: Json = False,
) -> int:
    """Start a local Neo4j for development (needs a JDK and Maven) and keep it until interrupted."""
    from api.neo4j_server import LocalNeo4j

    data.mkdir(parents=True, exist_ok=True)
    with LocalNeo4j(data.resolve(), port) as server:
        _tell(server.uri, "a Neo4j for --graph", json)
        with suppress(KeyboardInterrupt):
            server.wait()
    return 0


COMMANDS = (
    Command(template, "template", ("veintrace template bundle",)),
    Command(
        load,
        "load",
        (
            "veintrace load --dry-run bundle",
            "veintrace load bundle --steward HOSPITAL",
            "veintrace load events.jsonld --json",
            "veintrace load exports --mapping site.yaml",
        ),
    ),
    Command(verify, "verify", ("veintrace verify",)),
    Command(
        copy,
        "copy",
        (
            "veintrace copy sqlite:///veintrace.db neo4j://127.0.0.1:7687",
            "veintrace copy sqlite:///veintrace.db sqlite:///backup.db",
        ),
    ),
    Command(rebuild, "rebuild", ("veintrace rebuild",)),
    Command(config, "config", ("veintrace config",)),
    Command(serve, "serve", ("veintrace serve --port 8000", "veintrace serve --viewer HOSPITAL")),
    Command(neo4j, "neo4j", ("veintrace neo4j --port 7687",)),
)
