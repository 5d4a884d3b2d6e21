"""A generated network on Neo4j: copying it, the product's answers from there, and the best plain Cypher for each, profiled.

Plain Cypher takes the property's word where the product judges who answers for it, and leaves out what happened to containers:
it does less. The statements are those of docs/cypher.md where there is one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neo4j import Driver, GraphDatabase, ResultSummary

from api.neo4j_server import LocalNeo4j
from benchmarks.cold import whole
from benchmarks.graphs import Network, run
from benchmarks.on_neo4j import plan_lines
from benchmarks.timing import best, timed
from graph import snapshot
from graph.copying import copy
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import view

Row = tuple[str, str, str]
HEAP = "2g"
_DOSES = 100

LINEAGE = """
MATCH (:Record {id: $id})<-[way:INPUT_TO|OUTPUT|SAME_AS*0..]-(part:Record) WHERE all(each IN way WHERE each.ends_up IS NULL)
WITH collect(DISTINCT part) AS parts UNWIND parts AS part
OPTIONAL MATCH (part)-[:SUBJECT_OF]->(act:Record)
WITH parts, collect(act) AS acts UNWIND parts + acts AS n
RETURN DISTINCT properties(n) AS told
"""
RECALL = """
MATCH (:Record {id: $id})-[way:INPUT_TO|OUTPUT|SAME_AS*0..]->(made:Record) WHERE all(each IN way WHERE each.ends_down IS NULL)
WITH collect(DISTINCT made) AS made UNWIND made AS one
OPTIONAL MATCH (one)-[:SUBJECT_OF]->(act:Record)
WITH made, collect(act) AS acts UNWIND made + acts AS n
WITH DISTINCT n RETURN n.id AS id, n.key AS key, n.type AS type, n.status AS status
"""
HANDOFFS = """
MATCH (giver:Record)<-[:FROM]-(h:Handoff)-[:TO]->(taker:Record) WITH DISTINCT giver, taker, h
WITH giver, taker, h, duration.inSeconds(datetime(h.released_at), datetime(h.accepted_at)).seconds AS wait
RETURN giver.id AS giver, taker.id AS taker, count(h) AS count, percentileCont(wait, 0.5) AS p50, percentileCont(wait, 0.9) AS p90,
  percentileCont(wait, 0.99) AS p99, avg(wait) AS mean, sum(wait) / 3600.0 AS hours ORDER BY hours DESC
"""
COHORT = """
MATCH (step:Step {type: 'infusion'})-[:FOR_EPISODE]->(episode:Episode {intent: 'autologous'})-[:ABOUT]->(person:Person)
WITH DISTINCT episode, person, step ORDER BY datetime(step.started_at)
WITH episode, person, collect(step)[0] AS index
WHERE datetime(index.started_at).year - person.birth_year >= 18
  AND EXISTS { MATCH (person)<-[:ABOUT]-(o:Observation {code: '2532-0'})
    WHERE datetime(index.started_at) - duration('P90D') <= datetime(o.observed_at) <= datetime(index.started_at) }
MATCH (index)<-[way:INPUT_TO|OUTPUT|SAME_AS*0..]-(part:Record) WHERE all(each IN way WHERE each.ends_up IS NULL)
WITH episode, collect(DISTINCT part) AS parts
WHERE any(each IN parts WHERE each.type = 'harvest')
  AND none(each IN parts WHERE EXISTS { (each)-[:SUBJECT_OF]->(act:Record)
    WHERE act.disposition = 'released out of specification' OR act.discrepancy_code IS NOT NULL })
RETURN count(episode) AS count
"""


@dataclass(frozen=True)
class Ours:
    """Seconds that the product took for the same network from its snapshot."""

    recall: float
    handoffs: float
    cohort: float


def measure(network: Network, lot: str, doses: list[str], ours: Ours, profile: Path) -> list[Row]:
    """Rows (what, measured, bar or peer); writes the profiles of the plain Cypher to `profile`."""
    data = network.folder / "neo4j"
    data.mkdir(exist_ok=True)
    with LocalNeo4j(data, heap=HEAP) as server, GraphDatabase.driver(server.uri, notifications_min_severity="OFF") as driver:
        table = _copied(network, server.uri)
        table += _opened(network, server.uri, lot)
        store = Neo4jStore(server.uri)
        seen = view(store, deadline=Deadline(3600))
        root = seen.resolve(lot)
        singles = [seen.resolve(dose) for dose in doses[:_DOSES]]
        for dose in singles:
            whole(seen, dose)
        each = timed(lambda: [whole(seen, dose) for dose in singles]) / len(singles)
        store.close()
        plain = {
            "lineage": (LINEAGE, {"id": singles[0]}),
            "recall": (RECALL, {"id": root}),
            "handoff table": (HANDOFFS, {}),
            "cohort": (COHORT, {}),
        }
        seconds = {name: best(lambda s=statement, v=values: _asked(driver, s, v), 3) for name, (statement, values) in plain.items()}
        one_by_one = timed(lambda: [_asked(driver, LINEAGE, {"id": dose}) for dose in singles]) / len(singles)
        told = "\n".join(_profiled(driver, name, *asked) for name, asked in plain.items())
    head = "# The best plain Cypher for a network, and its profile\n\n"
    head += f"Written by `make bench-network`: {network.journeys:,} journeys.\n\n"
    profile.write_text(head + told, encoding="utf-8")
    table.append((f"lineage of a dose on Neo4j ({len(singles)} doses, mean)", _ms(each), ""))
    table.append(
        (
            "plain Cypher: its own and what acted on it, no boxes",
            f"{_ms(one_by_one)}; ours takes {each / one_by_one:.2f} times",
            "peer",
        )
    )
    for name, product in (("recall", ours.recall), ("handoff table", ours.handoffs), ("cohort", ours.cohort)):
        told = f"{_ms(seconds[name])}; ours from the snapshot {_ms(product)}: {seconds[name] / product:,.0f} times faster"
        table.append((f"{name} in plain Cypher, same network", told, "peer"))
    return table


def _copied(network: Network, uri: str) -> list[Row]:
    """Copy the SQLite graph, once."""
    done = network.folder / "copied.json"
    source, target = SqliteStore(network.graph), Neo4jStore(uri, create=True)
    head = source.head()
    if target.head() != head:
        seconds = timed(lambda: copy(source, target))
        done.write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
    claims = sum(commit.claims for commit in source.commits())
    source.close()
    target.close()
    if not done.exists():
        return []
    rate = claims / json.loads(done.read_text(encoding="utf-8"))["seconds"]
    return [(f"copy into Neo4j ({network.journeys:,} journeys, {claims:,} claims)", f"{rate:,.0f} claims/s", "")]


def _opened(network: Network, uri: str, lot: str) -> list[Row]:
    cache, out = network.folder / "graph.db.snapshots", network.folder / "reached.parquet"
    runs = [run(["-m", "benchmarks.cold", "open", uri, str(cache), lot])[0].seconds for _ in range(3)]
    recall = ["-m", "api.cli", "recall", lot, "--all", "--graph", uri, "--cache", str(cache), "--out", str(out), "--json"]
    shell = [run(recall)[0].seconds for _ in range(3)]
    store = Neo4jStore(uri)
    made = timed(lambda: snapshot.take(store, store.head()))
    store.close()
    return [
        ("open the snapshot over Neo4j in a new process, and find a lot", f"{min(runs):.2f} s", "bar 1 s"),
        ("recall from the shell over Neo4j, cold process", f"{min(shell):.2f} s", "bar 3 s"),
        ("make a snapshot of Neo4j", f"{made:.1f} s", ""),
    ]


def _asked(driver: Driver, statement: str, values: dict[str, Any]) -> list[list[Any]]:
    with driver.session() as session:
        return session.run(statement, values).values()


def _profiled(driver: Driver, name: str, statement: str, values: dict[str, Any]) -> str:
    """Statement and plan as run, as Markdown."""
    summary: ResultSummary = driver.execute_query(f"PROFILE {statement}", values).summary
    assert summary.profile is not None
    return "\n".join([f"## {name}", "", "```cypher", statement.strip(), "```", "", *plan_lines(summary.profile), ""])


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"
