"""What is written into Neo4j does not depend on whether a record is made at one go or step by step; nothing is asked twice."""

from contextlib import closing
from typing import Any

import pytest
from neo4j import GraphDatabase

from graph.neo4j_store import Neo4jStore
from graph.neo4j_write import Writer
from tests.networks import Network, land

NODES = "MATCH (n) WHERE n:Record OR n:_State RETURN labels(n), properties(n)"
EDGES = "MATCH (a)-[r]->(b) RETURN a.id, type(r), b.id, properties(r)"


class Asked:
    """A statement runner on a graph that knows the ids in `known`, each with one state; keeps what it was asked."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.asked: list[dict[str, Any]] = []

    def __call__(self, statement: str, **parameters: Any) -> list[list[Any]]:
        self.asked.append(parameters)
        if "asked" in parameters:
            return [[parameters["asked"]]]
        return [[[[one, None, "H", '{"f":{},"r":1,"x":{}}'] for one in parameters["ids"] if one in self.known]]]


def everything(uri: str) -> list[str]:
    """Every record, state and relation with all it carries, in an order of its own."""
    with GraphDatabase.driver(uri) as driver, driver.session() as session:
        found = [[*row.values()] for statement in (NODES, EDGES) for row in session.run(statement)]
    return sorted(
        repr(
            [
                sorted(value.items()) if isinstance(value, dict) else sorted(value) if isinstance(value, list) else value
                for value in row
            ]
        )
        for row in found
    )


def test_an_id_is_looked_up_once_in_a_commit() -> None:
    run = Asked("object-a")
    writer = Writer(run)
    writer.logged({("object-a", b"\x01"), ("object-b", b"\x02")})
    assert list(writer.standings(["object-a", "object-b"])) == [("object-a", "H")]
    assert writer.joins(["object-a", "object-b"]) == []
    assert [sorted(call["ids"]) for call in run.asked if "ids" in call] == [["object-a", "object-b"]]


def test_only_ids_that_were_spoken_of_are_looked_for_in_the_log() -> None:
    run = Asked("object-a")
    assert Writer(run).logged({("object-a", b"\x01"), ("object-b", b"\x02")}) == {("object-a", b"\x01")}
    assert [call["asked"] for call in run.asked if "asked" in call] == [[["object-a", "01"]]]


@pytest.mark.neo4j
def test_records_made_at_one_go_are_those_a_rebuild_makes_step_by_step(clean_neo4j: str) -> None:
    net = Network()
    for steward in "HB":
        net.material("M", steward=steward, type="dose", name=steward)
        net.step("S", 1 if steward == "H" else None, ["object/M", "person/P"], ["object/N"], steward=steward)
    net.relate("SAME_AS", "object/M", "object/N", steward="B")
    net.relate("PERFORMED_BY", "event/S", "organization/O", steward="H")
    net.pack("K", 3, "C", ["M"], steward="B")
    later = Network()
    later.material("N", steward="H", type="sample")
    later.step("S", 2, [], ["object/Z"], steward="H")
    later.relate("SAME_AS", "object/Z", "object/N", steward="H")
    with closing(Neo4jStore(clean_neo4j, create=True)) as store:
        land(store, net.claims, load="first")
        land(store, later.claims, load="second")
        written = everything(clean_neo4j)
        store.rebuild()
        assert everything(clean_neo4j) == written
