"""Measure loading and lineage against what a user would take instead; prints a table, writes RESULTS.md and PROFILE.md.

    python -m benchmarks.run                   a million records into SQLite, and a fiftieth of them into a local Neo4j
    python -m benchmarks.run --journeys 300

Peers run in the same process: the bare CSV reader and bare inserts for loading into SQLite, the driver's own `UNWIND` of
the same rows for Neo4j, and the best plain Cypher found for the same lineage (see `on_neo4j`).
"""

import argparse
import csv
import os
import platform
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from api.neo4j_server import missing_tools
from benchmarks import on_neo4j, rows
from benchmarks.timing import percentiles, timed
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import view
from loaders.pipeline import Options, load
from queries.lineage import lineage

MILLION = 28_100
"""Journeys that make about a million records."""
_SAMPLE = 500


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--journeys", type=int, default=MILLION)
    parser.add_argument("--neo4j-journeys", type=int, help="how many into Neo4j (default: a fiftieth, at least 100)")
    options = parser.parse_args()
    table: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="veintrace-bench-") as folder:
        _sqlite(Path(folder), options.journeys, table)
        print(_table(table), flush=True)
        if missing := missing_tools():
            table.append(("Neo4j", "not measured", f"{', '.join(missing)} not installed"))
        else:
            here = Path(__file__)
            table += on_neo4j.measure(
                Path(folder), options.neo4j_journeys or max(100, options.journeys // 50), here.with_name("PROFILE.md")
            )
    text = _table(table)
    print(text)
    Path(__file__).with_name("RESULTS.md").write_text(text, encoding="utf-8")


def _sqlite(folder: Path, journeys: int, table: list[tuple[str, str, str]]) -> None:
    bundle = folder / "bundle"
    made = rows.write(bundle, journeys)
    total = made["records"] + made["relations"]
    table.append(("records and relations in the bundle", f"{made['records']:,} and {made['relations']:,}", ""))
    store = SqliteStore(folder / "graph.db", create=True)
    marks: list[tuple[float, int]] = []
    seconds = timed(lambda: _load(store, bundle, marks))
    table.append(("load into SQLite, file to commit", f"{total / seconds:,.0f} records and relations/s", "bar 40,000"))
    table.append(("its last tenth of commits over its first", f"{_tenths(marks):.2f}", "bar 0.6"))
    bare = timed(lambda: _bare_sqlite(bundle, folder / "bare.db"))
    table.append(("bare csv reader and executemany of the cells", f"{seconds / bare:.1f} times faster", "peer"))
    store.close()
    store = SqliteStore(folder / "graph.db")
    for viewer in (None, "H"):
        name = "all-seeing" if viewer is None else "one organisation"
        bar = "bar 1 ms" if viewer is None else "bar 2 ms"
        table.append((f"lineage of a dose, SQLite, {name}", percentiles(_lineages(store, viewer, journeys)), bar))
    store.close()


def _load(store: Store, bundle: Path, marks: list[tuple[float, int]]) -> None:
    original = store.apply

    def marked(batch, *more):  # type: ignore[no-untyped-def]
        begun = time.perf_counter()
        applied = original(batch, *more)
        marks.append((time.perf_counter() - begun, len(batch.claims)))
        return applied

    store.apply = marked  # type: ignore[method-assign]
    load(store, [bundle], Options(steward="H", author="benchmark"))
    store.apply = original  # type: ignore[method-assign]


def _tenths(marks: list[tuple[float, int]]) -> float:
    """Rate of the last tenth of commits over that of the first."""
    part = max(1, len(marks) // 10)
    first, last = marks[:part], marks[-part:]
    rates = [sum(claims for _, claims in tenth) / sum(seconds for seconds, _ in tenth) for tenth in (first, last)]
    return rates[1] / rates[0]


def _bare_sqlite(bundle: Path, path: Path) -> None:
    connection = sqlite3.connect(path)
    for file in sorted(bundle.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as source:
            reader = csv.reader(source)
            header = next(reader)
            connection.execute(f'CREATE TABLE "{file.stem}" ({", ".join(f"c{n}" for n in range(len(header)))})')
            connection.executemany(f'INSERT INTO "{file.stem}" VALUES ({", ".join("?" * len(header))})', reader)
    connection.commit()
    connection.close()


def _lineages(store: Store, viewer: str | None, journeys: int) -> list[float]:
    """Seconds of the whole answer (records, relations, containers, disagreements, completeness) for sampled doses."""
    seen = view(store, viewer)
    sample = random.Random(1).sample(range(journeys), min(_SAMPLE, journeys))
    doses = [seen.resolve(f"{n}-H@H") for n in sample]
    for dose in doses[:20]:
        lineage(seen, [dose])
    times = []
    for dose in doses:
        begun = time.perf_counter()
        found = lineage(seen, [dose])
        for record in found.records.values():
            _ = record.disagreements
        times.append(time.perf_counter() - begun)
    assert len(found.records) == 41
    return times


def _table(table: list[tuple[str, str, str]]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    lines = ["# Results", "", f"Measured by `make bench` on {machine}.", "", "| what | measured | bar or peer |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table)]) + "\n"


if __name__ == "__main__":
    main()
