"""Reads of a large graph end when their time is up, in the store too, and leave it ready for the next.

How long they take to is measured by `benchmarks/deadlines.py`."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graph.errors import DeadlineExceeded
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline, Direction, Scope, Store
from graph.view import view
from queries.lineage import lineage
from queries.recall import recall
from tests.networks import everything, land
from tests.networks_large import Mesh
from tests.waiting import eventually

SECONDS = 0.2
SHORT = 0.03
"""Far less than any read of so many ids takes."""
MANY = 200_000
SIZES = {"sqlite": Mesh(layers=200, width=100, links=200), "neo4j": Mesh(layers=40, width=100, links=100)}

Large = tuple[Store, Mesh]
Read = Callable[[Store, list[str], Scope], Any]
READS: dict[str, Read] = {
    "get": lambda store, ids, scope: store.get(ids, scope),
    "known": lambda store, ids, scope: store.known(ids, scope),
    "history": lambda store, ids, scope: store.history(ids, scope),
    "find": lambda store, ids, scope: store.find([f"ni:X:{record}" for record in ids], scope),
    "neighbours": lambda store, ids, scope: store.neighbours(ids, "down", ("INPUT_TO", "OUTPUT"), scope),
    "around": lambda store, ids, scope: store.around(ids, scope),
    "reach from many": lambda store, ids, scope: store.reach(ids, "down", scope, MANY),
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    """A large graph on one store, written once for all tests of this module, which only read."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path_factory.mktemp("large") / "graph.db", create=True)
    else:
        opened = Neo4jStore(request.getfixturevalue("emptied_neo4j")(), create=True)
    mesh = SIZES[request.param]
    land(opened, mesh.claims())
    yield opened, mesh
    opened.close()


@pytest.fixture(scope="module")
def many(large: Large) -> list[str]:
    """So many ids, of which the graph knows its own."""
    known = large[1].ids()
    return known + [f"object-{number:032x}" for number in range(MANY - len(known))]


def assert_idle(store: Store, mesh: Mesh) -> None:
    """Nothing of ours runs in the store any more, and it answers."""
    assert eventually(lambda: not working(store)), "the store still works for a read that has ended"
    assert [state.record for state in store.get([mesh.last], everything(store))] == [mesh.last]


def working(store: Store) -> bool:
    """Whether the store does anything for a read: SQLite holds back a checkpoint, Neo4j lists a transaction."""
    if isinstance(store, Neo4jStore):
        rows = store._bolt.rows("SHOW TRANSACTIONS YIELD metaData WHERE metaData.veintrace IS NOT NULL RETURN count(*)")
        return bool(rows[0][0])
    assert isinstance(store, SqliteStore)
    other = sqlite3.connect(store.path, timeout=0)
    try:
        [busy, _, _] = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        other.close()
    return bool(busy) or store._connection.in_transaction


@pytest.mark.parametrize("name", READS)
def test_a_read_of_200_000_ids_ends_at_its_deadline(large: Large, many: list[str], name: str) -> None:
    store, mesh = large
    with pytest.raises(DeadlineExceeded):
        READS[name](store, many, Scope(everything(store).commit, None, Deadline(SHORT)))
    assert_idle(store, mesh)


@pytest.mark.parametrize("name", READS)
def test_a_read_of_200_000_ids_ends_when_it_is_cancelled(large: Large, many: list[str], name: str) -> None:
    store, mesh = large
    deadline = Deadline(600)
    timer = threading.Timer(SHORT, deadline.cancel)
    timer.start()
    with pytest.raises(DeadlineExceeded):
        READS[name](store, many, Scope(everything(store).commit, None, deadline))
    timer.join()
    assert_idle(store, mesh)


def root(mesh: Mesh, direction: Direction) -> str:
    return mesh.last if direction == "up" else mesh.first


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("viewer", [None, "H"])
def test_a_lineage_is_told_to_be_partial_at_its_deadline(large: Large, direction: Direction, viewer: str | None) -> None:
    store, mesh = large
    seen = view(store, viewer, deadline=Deadline(SECONDS))
    found = lineage(seen, [root(mesh, direction)], direction)
    assert found.completeness.truncated
    assert found.completeness.reasons == ("TIME",)
    assert_idle(store, mesh)


def test_a_recall_tells_no_part_as_the_whole_at_its_deadline(large: Large) -> None:
    store, mesh = large
    found = recall(view(store, deadline=Deadline(SECONDS)), [mesh.first])
    assert found.reached is None
    assert found.lineage.completeness.reasons == ("TIME",)
    assert_idle(store, mesh)


class Looked(Deadline):
    """Never over; counts how often it was asked."""

    looks = 0

    def over(self) -> bool:
        self.looks += 1
        return False


@pytest.mark.parametrize("ask", [lineage, recall])
def test_the_clock_is_looked_at_all_along_while_an_answer_is_put_together(large: Large, ask: Callable[..., Any]) -> None:
    store, mesh = large
    deadline = Looked(600)
    found = ask(view(store, deadline=deadline), [mesh.first], **({"direction": "down"} if ask is lineage else {}))
    whole = found if ask is lineage else found.lineage
    assert not whole.completeness.truncated
    assert deadline.looks > whole.completeness.total / 100


def test_a_walk_of_one_generation_after_another_ends_at_its_deadline(large: Large) -> None:
    store, mesh = large
    found = lineage(view(store, deadline=Deadline(SECONDS)), [mesh.last], "up", depth=1_000)
    assert found.completeness.reasons == ("TIME",)
    assert_idle(store, mesh)


def test_without_haste_the_same_questions_are_answered_whole(large: Large) -> None:
    store, mesh = large
    found = store.reach([mesh.end_of_chain], "up", everything(store), MANY)
    assert len(found.walked) == 2 * mesh.links + 1
    assert len(store.get(mesh.ids(), everything(store))) == len(mesh.ids())
