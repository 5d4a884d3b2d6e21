"""The peer for loading into Neo4j: what a graph holds, written again by the official driver's plain `UNWIND`, nothing judged.

`read` takes the rows out of a graph that Veintrace loaded: the records with all their properties, the relations with
theirs, the claims (number, commit, record, steward, hash, body, place in the source). `write` puts them into the same,
emptied database, with the same indexes, in transactions of the same size: records by `MERGE`, as a load that may be
repeated must, relations and claims by `CREATE`. The rows are in memory before the clock starts; no file is read.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neo4j import Driver, ManagedTransaction

from graph.store import BATCH

Row = list[Any]


@dataclass(frozen=True)
class Rows:
    """Rows by statement-to-be: records by their labels, relations by their type, and claims."""

    records: dict[str, list[Row]]
    relations: dict[str, list[Row]]
    claims: list[dict[str, Any]]

    def count(self) -> int:
        """How many records, relations and claims there are."""
        return sum(map(len, self.records.values())) + sum(map(len, self.relations.values())) + len(self.claims)


def empty(driver: Driver) -> None:
    """Take everything out of the database but its indexes."""
    with driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()


def read(driver: Driver) -> Rows:
    """What the graph holds, apart from the books that only Veintrace keeps (states, identifiers, commits)."""
    records: dict[str, list[Row]] = defaultdict(list)
    relations: dict[str, list[Row]] = defaultdict(list)
    with driver.session() as session:
        for labels, properties in session.run("MATCH (n:Record) RETURN labels(n), properties(n)"):
            records[":".join(sorted(labels))].append([properties["id"], properties])
        for row in session.run("MATCH (a:Record)-[r]->(b:Record) RETURN type(r), a.id, b.id, properties(r)"):
            relations[row[0]].append(list(row.values()[1:]))
        claims = [properties for (properties,) in session.run("MATCH (c:_Claim) RETURN properties(c)")]
    return Rows(dict(records), dict(relations), claims)


def write(driver: Driver, rows: Rows) -> None:
    """Write all of it: records, relations, claims."""
    with driver.session() as session:
        for statement, part in _statements(rows):
            session.execute_write(_run, statement, part)


def _run(transaction: ManagedTransaction, statement: str, part: list[Any]) -> None:
    transaction.run(statement, rows=part).consume()


def _statements(rows: Rows) -> Iterator[tuple[str, list[Any]]]:
    """Each transaction's statement and rows."""
    for labels, records in rows.records.items():
        kinds = "".join(f" SET n:{label}" for label in labels.split(":") if label != "Record")
        yield from _parts(f"UNWIND $rows AS row MERGE (n:Record {{id: row[0]}}) SET n += row[1]{kinds}", records)
    for type_, relations in rows.relations.items():
        match = "UNWIND $rows AS row MATCH (a:Record {id: row[0]}) MATCH (b:Record {id: row[1]})"
        yield from _parts(f"{match} CREATE (a)-[r:{type_}]->(b) SET r = row[2]", relations)
    yield from _parts("UNWIND $rows AS row CREATE (c:_Claim) SET c = row", rows.claims)


def _parts(statement: str, rows: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    for first in range(0, len(rows), BATCH):
        yield statement, rows[first : first + BATCH]
