"""Loading and lineage on Neo4j against the bare driver: same server, same rows, same doses, each in turn.

The server is warmed up by two loads of each (a small one, one of full size) that do not count. Then the database is
emptied, and each writes the same rows `_ROUNDS` times in turn. A lineage is asked of Veintrace and of the best plain
Cypher (`best_lineage.cypher`) one after the other, dose by dose, so that a busy moment meets both.
"""

import statistics
from functools import partial
from pathlib import Path
from typing import Any

from neo4j import Driver, GraphDatabase, Record, ResultSummary

from api.neo4j_server import LocalNeo4j
from benchmarks import bare_neo4j as bare
from benchmarks import rows
from benchmarks.timing import percentiles, timed
from graph.neo4j_cypher import FOREVER
from graph.neo4j_store import Neo4jStore
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.lineage import Lineage, lineage

BEST_LINEAGE = Path(__file__).with_name("best_lineage.cypher").read_text(encoding="utf-8")
_SMALL = 100
_ROUNDS = 2
_DOSES = 150
_WARM = 50


def measure(folder: Path, journeys: int, profile: Path) -> list[tuple[str, str, str]]:
    """Rows (what, measured, bar) for a bundle of `journeys`; writes the profile of the plain Cypher to the file `profile`."""
    with LocalNeo4j() as server, GraphDatabase.driver(server.uri) as driver:
        table = _loads(folder, server.uri, driver, journeys)
        store = Neo4jStore(server.uri)
        table += _lineages(view(store), driver, journeys, profile)
        store.close()
    return table


def _loads(folder: Path, url: str, driver: Driver, journeys: int) -> list[tuple[str, str, str]]:
    """Leaves the graph of the bundle in the database, loaded by Veintrace."""
    ours: list[float] = []
    peer: list[float] = []
    first: list[float] = []
    for count in (_SMALL, journeys):
        bundle = folder / f"of-{count}"
        made = rows.write(bundle, count)
        total = made["records"] + made["relations"]
        first.append(total / _ours(url, driver, bundle))
        same = bare.read(driver)
        _peer(driver, same)
    for _ in range(_ROUNDS):
        peer.append(_peer(driver, same))
        ours.append(_ours(url, driver, bundle))
    rate, bare_rate = (total * _ROUNDS / sum(seconds) for seconds in (ours, peer))
    return [
        (f"load into Neo4j, file to commit ({total:,})", f"{rate:,.0f} records and relations/s", ""),
        ("the first small load of a server just started", f"{first[0]:,.0f} records and relations/s", ""),
        (
            f"bare driver, `UNWIND` of the same {same.count():,} rows, claims included",
            f"{bare_rate:,.0f} records and relations/s",
            "peer",
        ),
        ("load into Neo4j over the bare driver", f"{rate / bare_rate:.2f}", "bar 0.6"),
    ]


def _ours(url: str, driver: Driver, bundle: Path) -> float:
    """Seconds of a load of the bundle into an empty graph."""
    bare.empty(driver)
    store = Neo4jStore(url, create=True)
    seconds = timed(lambda: load(store, [bundle], Options(steward="H", author="benchmark")))
    store.close()
    return seconds


def _peer(driver: Driver, same: bare.Rows) -> float:
    """Seconds the bare driver takes to write the same rows into the emptied database."""
    bare.empty(driver)
    return timed(lambda: bare.write(driver, same))


def _lineages(seen: View, driver: Driver, journeys: int, profile: Path) -> list[tuple[str, str, str]]:
    doses = [seen.resolve(f"{n}-H@H") for n in range(0, journeys, max(1, journeys // _DOSES))]
    ours: list[float] = []
    plain: list[float] = []
    for dose in [*doses[:_WARM], *doses]:
        ours.append(timed(partial(_answer, seen, dose)))
        plain.append(timed(partial(_plain, driver, dose)))
    ours, plain = ours[-len(doses) :], plain[-len(doses) :]
    for dose in doses:
        assert {record for record, _, _ in _plain(driver, dose)["records"]} == set(_answer(seen, dose).records)
    profile.write_text(_profiled(driver, doses[0]), encoding="utf-8")
    ratio = statistics.median(ours) / statistics.median(plain)
    return [
        ("lineage of a dose, Neo4j, all-seeing", percentiles(ours), ""),
        ("the best plain Cypher (PROFILE.md), dose by dose in turn", percentiles(plain), "peer"),
        ("lineage over the best plain Cypher", f"{ratio:.2f} times as long", "bar 1.25"),
    ]


def _answer(seen: View, dose: str) -> Lineage:
    """The whole answer, disagreements included."""
    found = lineage(seen, [dose])
    for record in found.records.values():
        _ = record.disagreements
    return found


def _plain(driver: Driver, dose: str) -> Record:
    return driver.execute_query(BEST_LINEAGE, id=dose, forever=FOREVER, routing_="r").records[0]


def _profiled(driver: Driver, dose: str) -> str:
    """Statement and plan of the plain Cypher as run, as Markdown: operators the last first, what each feeds on below it."""
    summary: ResultSummary = driver.execute_query(f"PROFILE {BEST_LINEAGE}", id=dose, forever=FOREVER).summary
    assert summary.profile is not None
    plan = summary.profile
    lines = [
        "# The best plain Cypher for a lineage, and its profile",
        "",
        "Written by `make bench`: the server's own PROFILE, one dose.",
    ]
    lines += ["", "```cypher", BEST_LINEAGE.strip(), "```", "", *plan_lines(plan)]
    return "\n".join(lines) + "\n"


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """A profiled plan as Markdown: its cost, and a row for each operator."""
    cost = f"{plan['args']['planner']} planner, {plan['args']['runtime']} runtime, {_hits(plan):,} db hits in all."
    return [cost, "", "| operator | rows | db hits | details |", "|---|---:|---:|---|", *_operators(plan)]


def _hits(plan: dict[str, Any]) -> int:
    return int(plan.get("dbHits", 0)) + sum(_hits(child) for child in plan.get("children", ()))


def _operators(plan: dict[str, Any], deep: int = 0) -> list[str]:
    """A row for each operator; what feeds a second input of one is indented."""
    name = plan["operatorType"].partition("@")[0]
    details = " ".join(str(plan["args"].get("Details", "")).split()).replace("|", "\\|")
    found = [f"| {'. ' * deep}{name} | {plan.get('rows', 0):,} | {plan.get('dbHits', 0):,} | `{details}` |"]
    for at, child in enumerate(plan.get("children", ())):
        found += _operators(child, deep + at)
    return found
