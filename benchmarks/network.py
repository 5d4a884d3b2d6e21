"""Measure work on a whole generated network against its bars and against peers; prints a table, writes RESULTS-network.md.

    python -m benchmarks.network                                20,000 journeys on SQLite, 2,000 on Neo4j, 100,000 loaded
    python -m benchmarks.network --keep DIR                     graphs are made once and stay in DIR; a run cut short goes on
    python -m benchmarks.network --journeys 400 --neo4j-journeys 400 --large 0

Bars are the best of several runs (a shared machine only ever adds); peers are measured in the same process, in turn.
"""

import argparse
import csv
import os
import platform
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from api.neo4j_server import missing_tools
from benchmarks import network_on_neo4j, on_duckdb
from benchmarks.cold import doses, whole
from benchmarks.graphs import Network, run, tenths
from benchmarks.timing import best, timed
from graph import snapshot
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from loaders.generator.world import BUSIEST
from queries.cohort_definition import parsed
from queries.cohorts import attrition, cohort
from queries.grouped import Grouped
from queries.handoffs import handoffs, legs
from queries.mass_recall import recall_all

Row = tuple[str, str, str]
_DEFINITION = Path(__file__).parents[1] / "examples/cohorts/responders.yaml"
_DOSES = 200


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--journeys", type=int, default=20_000)
    parser.add_argument("--neo4j-journeys", type=int, default=2_000, help="copied into Neo4j (0: none)")
    parser.add_argument(
        "--large", type=int, default=100_000, help="loaded for memory and single lineages, beside a tenth (0: none)"
    )
    parser.add_argument("--keep", type=Path, help="folder in which networks and graphs stay for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="veintrace-bench-") as scratch:
        keep = (options.keep or Path(scratch)).resolve()
        table = _whole(Network(keep, options.journeys))[0]
        if missing := missing_tools():
            table.append(("Neo4j", "not measured", f"{', '.join(missing)} not installed"))
        elif options.neo4j_journeys:
            table += _neo4j(Network(keep, options.neo4j_journeys))
        if options.large:
            table += _large(Network(keep, options.large), Network(keep, options.large // 10))
    text = _text(table)
    print(text)
    Path(__file__).with_name("RESULTS-network.md").write_text(text, encoding="utf-8")


# -- making the graph


def _made(network: Network) -> list[Row]:
    """Rates and memory of generating and loading a network, with peers that read and insert the same cells."""
    generated, loaded = network.generated(), network.loaded()
    rows, megabytes = generated["rows"], generated["megabytes"]
    first, last = tenths(network.commits())
    claims = loaded["totals"]["read"]
    resumed = ", in several runs" if loaded["resumed"] else ""
    return [
        (
            f"generate {network.journeys:,} journeys ({rows:,} rows)",
            f"{network.journeys / generated['seconds']:,.0f} journeys/s",
            "",
        ),
        ("its most memory", f"{megabytes:,.0f} MB", "bar 1,000 MB at any size"),
        (f"load into SQLite ({claims:,} claims)", f"{claims / loaded['seconds']:,.0f} claims/s{resumed}", ""),
        ("its most memory", f"{loaded['megabytes']:,.0f} MB", "bar 1,500 MB at 100,000 journeys"),
        ("its last tenth of claims over its first", f"{last / first:.2f}", "bar 0.4 at 100,000 journeys"),
    ]


def _bare_load(network: Network) -> list[Row]:
    seconds = network.loaded()["seconds"]
    bare = timed(lambda: _inserted(network.files, network.folder / "bare.db"))
    read = "SELECT count(*) FROM read_csv('{}/*/part-*.{}.csv', all_varchar = true)"
    kinds = {path.name.split(".")[1] for path in network.files.glob("*/part-*.csv")}
    only_read = timed(lambda: [duckdb.execute(read.format(network.files, kind)).fetchone() for kind in kinds])
    return [
        ("bare csv reader and executemany of the cells", f"{seconds / bare:.1f} times faster than the load", "peer"),
        ("bare DuckDB, reading the files only", f"{seconds / only_read:,.0f} times faster than the load", "limit"),
    ]


def _inserted(files: Path, database: Path) -> None:
    database.unlink(missing_ok=True)
    connection = sqlite3.connect(database)
    for path in sorted(files.glob("*/part-*.csv")):
        with path.open(encoding="utf-8", newline="") as source:
            reader = csv.reader(source)
            header, kind = next(reader), path.name.split(".")[1]
            connection.execute(f'CREATE TABLE IF NOT EXISTS "{kind}" ({", ".join(f"c{n}" for n in range(len(header)))})')
            connection.executemany(f'INSERT INTO "{kind}" VALUES ({", ".join("?" * len(header))})', reader)
    connection.commit()
    connection.close()
    database.unlink()


# -- the whole graph


def _whole(network: Network) -> tuple[list[Row], network_on_neo4j.Ours]:
    """Whole-graph answers from the snapshot of a network, and what the Neo4j part compares with."""
    table = _made(network) + _bare_load(network)
    store, cache = SqliteStore(network.graph), network.folder / "graph.db.snapshots"
    taken: list[snapshot.Snapshot] = []
    seconds = timed(lambda: taken.append(snapshot.current(store, cache)))
    ids, edges = len(taken[0].ids), len(taken[0].edges)
    table.append((f"snapshot of {ids:,} records and {edges:,} relations, made or opened", f"{seconds:.1f} s", ""))
    seen = view(SnapshotStore(store, taken[0]), deadline=Deadline(3600))
    singles, over_sqlite = [seen.resolve(dose) for dose in doses(network.files)[-_DOSES:]], view(store, deadline=Deadline(3600))
    each = timed(lambda: [whole(over_sqlite, dose) for dose in singles]) / len(singles)
    table.append((f"lineage of a dose on SQLite ({len(singles)} doses, mean)", _ms(each), ""))
    root = seen.resolve(BUSIEST)
    first = [timed(lambda: recall_all(seen, [root])), timed(lambda: legs(seen)), timed(lambda: handoffs(seen))]
    definition = parsed(_DEFINITION.read_text(encoding="utf-8"))
    first.append(timed(lambda: cohort(seen, definition)))
    table.append(("first answers, with what is derived once (recall, legs, handoffs, cohort)", " + ".join(map(_ms, first)), ""))
    columns = on_duckdb.export(seen, network.folder / f"columns-{taken[0].commit.digest[:16] if taken[0].commit else ''}")
    peers = columns.connection()
    recall_s, rows = _recall(seen, root, columns, peers)
    table += rows + _cold(network, cache) + _waits(seen, columns, peers)
    cohort_s, rows = _cohort(seen, columns, peers)
    table += rows + _lineage(singles, each, seen, columns, peers)
    handoffs_s = best(lambda: handoffs(seen).table())
    store.close()
    return table, network_on_neo4j.Ours(recall_s, handoffs_s, cohort_s)


def _recall(seen: View, root: str, columns: on_duckdb.Columns, peers: duckdb.DuckDBPyConnection) -> tuple[float, list[Row]]:
    found = recall_all(seen, [root])
    ours = best(lambda: recall_all(seen, [root]))
    values = {"root": seen.frames.number(root), **columns.persons}
    told = on_duckdb.rows(peers, on_duckdb.RECALL, **values)
    assert [row[0] for row in told] == found.rows["id"].to_list()
    bare = best(lambda: on_duckdb.rows(peers, on_duckdb.RECALL, **values), 3)
    reached = f"{len(found.rows):,} records, {found.materials:,} materials"
    return ours, [
        (f"recall of {BUSIEST} ({reached}), finished frame, warm", _ms(ours), "bar 300 ms"),
        ("bare DuckDB over the same columns", f"{_ms(bare)}; ours takes {ours / bare:.2f} times", "limit"),
    ]


def _cold(network: Network, cache: Path) -> list[Row]:
    opens = [run(["-m", "benchmarks.cold", "open", network.url, str(cache), BUSIEST])[0].seconds for _ in range(5)]
    command = ["-m", "api.cli", "recall", BUSIEST, "--all", "--graph", network.url, "--cache", str(cache), "--json"]
    shell = [run([*command, "--out", str(network.folder / "reached.parquet")])[0] for _ in range(3)]
    return [
        ("open the snapshot in a new process, Python's start included, and find a lot", f"{min(opens):.2f} s", "bar 1 s"),
        (
            "`veintrace recall LOT --all --out f.parquet`, cold process",
            f"{min(each.seconds for each in shell):.2f} s, {max(each.megabytes for each in shell):,.0f} MB",
            "bar 3 s",
        ),
    ]


def _waits(seen: View, columns: on_duckdb.Columns, peers: duckdb.DuckDBPyConnection) -> list[Row]:
    table = []
    for name, asked, bar in (("legs", legs, "bar 300 ms, 1.5 times DuckDB"), ("handoffs", handoffs, "")):
        found = asked(seen).table()
        ours = best(lambda asked=asked: asked(seen).table())
        narrow, wide = (query.format(table=name) for query in (on_duckdb.WAITS, on_duckdb.WHOLE_TABLE))
        _same(found, peers.execute(narrow).fetchall())
        bare, whole_ = best(lambda q=narrow: peers.execute(q).fetchall()), best(lambda q=wide: peers.execute(q).fetchall())
        polars = best(lambda name=name: columns.polars_waits(name))
        few = best(lambda asked=asked: _few(asked(seen).each))
        table += [
            (f"{name} by department pair ({len(asked(seen).each):,}), the whole table", _ms(ours), bar),
            ("of it count, mean, p50, p90, p99 alone", _ms(few), ""),
            ("bare DuckDB on Parquet: count, mean, p50, p90, p99", f"{_ms(bare)}; ours takes {few / bare:.2f} times", "limit"),
            ("bare DuckDB on Parquet, the whole table", f"{_ms(whole_)}; ours takes {ours / whole_:.2f} times", "limit"),
            ("bare Polars on Parquet: count, mean, p50, p90, p99", f"{_ms(polars)}; ours takes {few / polars:.2f} times", "limit"),
        ]
    return table


def _few(each: pl.DataFrame) -> list[object]:
    """Count, mean and three percentiles of waits by department pair, as the table computes them."""
    groups, waits = Grouped(each, ["giver", "taker"]), each["wait_s"]
    mean = groups.sums(waits) / groups.sums(waits.is_not_null())
    return [groups.sizes, mean, *(groups.quantiles(waits, share) for share in (0.5, 0.9, 0.99))]


def _same(found: pl.DataFrame, told: list[tuple[Any, ...]]) -> None:
    """Whether counts and medians of each pair are DuckDB's."""
    theirs = {(giver, taker): (count, waits[0] if waits else None) for giver, taker, count, waits, _ in told}
    rows = found.select("giver", "taker", "count", "wait_p50_s").iter_rows()
    ours = {(giver, taker): (count, p50) for giver, taker, count, p50 in rows}
    assert ours.keys() == theirs.keys()
    for pair, (count, p50) in ours.items():
        other, theirs_p50 = theirs[pair]
        assert count == other
        assert p50 is theirs_p50 or abs(p50 - theirs_p50) < 1e-6


def _cohort(seen: View, columns: on_duckdb.Columns, peers: duckdb.DuckDBPyConnection) -> tuple[float, list[Row]]:
    definition = parsed(_DEFINITION.read_text(encoding="utf-8"))
    lines = attrition(seen, definition)
    only, rows = best(lambda: attrition(seen, definition)), best(lambda: cohort(seen, definition))
    told = on_duckdb.rows(peers, on_duckdb.COHORT, **columns.persons)[0]
    bare = best(lambda: on_duckdb.rows(peers, on_duckdb.COHORT, **columns.persons), 3)
    kept = " > ".join(f"{line.kept:,}" for line in lines)
    same = "the same counts" if list(told) == [line.kept for line in lines] else f"counts {' > '.join(f'{n:,}' for n in told)}"
    return only, [
        (f"attrition of responders.yaml, 6 rules ({kept}), warm", _ms(only), "bar 500 ms"),
        ("its rows too: seven columns, two labels", _ms(rows), ""),
        (f"bare DuckDB, attrition over the same columns ({same})", f"{_ms(bare)}; ours takes {only / bare:.2f} times", "limit"),
    ]


def _lineage(
    singles: list[str], each: float, seen: View, columns: on_duckdb.Columns, peers: duckdb.DuckDBPyConnection
) -> list[Row]:
    numbers = [seen.frames.number(dose) for dose in singles[:10]]
    bare = timed(lambda: [on_duckdb.rows(peers, on_duckdb.LINEAGE, root=number) for number in numbers]) / len(numbers)
    return [
        (
            "bare DuckDB over the same columns: ids of a lineage, no values",
            f"{_ms(bare)}; SQLite takes {each / bare:.2f} times",
            "limit",
        )
    ]


# -- Neo4j, and the large network


def _neo4j(network: Network) -> list[Row]:
    """Neo4j on a network of its own size, with the product's answers from that network's snapshot beside it."""
    _, ours = _whole(network)
    profile = Path(__file__).with_name("PROFILE-network.md")
    return network_on_neo4j.measure(network, BUSIEST, doses(network.files)[-_DOSES:], ours, profile)


def _large(large: Network, small: Network) -> list[Row]:
    """Memory and rate of a large load, and single lineages of like size beside those of a network of a tenth."""
    table, times = _made(large), {}
    for network in (small, large):
        network.loaded()
        ids = network.folder / "like.json"
        if not ids.exists():
            run(["-m", "benchmarks.cold", "choose", str(network.graph), str(network.files), str(ids)])
        told = [_json(run(["-m", "benchmarks.cold", "lineages", str(network.graph), str(ids)])[1]) for _ in range(3)]
        times[network] = min(told, key=lambda each: each["p50_s"])
        found = times[network]
        what = f"lineage on SQLite, {network.journeys:,} journeys, fresh process, {found['count']:,} doses"
        table.append((f"{what} of {found['records']:.0f} records", f"p50 {_ms(found['p50_s'])}, p90 {_ms(found['p90_s'])}", ""))
    ratio = times[large]["p50_s"] / times[small]["p50_s"]
    table.append(("the larger over the smaller", f"{ratio:.2f}", "bar 1.5"))
    return table


def _json(text: str) -> dict[str, Any]:
    import orjson

    told: dict[str, Any] = orjson.loads(text)
    return told


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def machine() -> str:
    """What a measurement ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.machine()}, Python {platform.python_version()}"


def _text(table: list[Row]) -> str:
    lines = ["# Results on a generated network", "", f"Measured by `make bench-network` on {machine()}."]
    lines += ["", "| what | measured | bar or peer |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table)]) + "\n"


if __name__ == "__main__":
    main()
