"""Reads of a large graph end when their time is up, in the store too, and leave it ready for the next.

`GRACE` is what a read may take beyond its deadline: the time between two looks at the clock, on a slow and busy machine.
"""

import sqlite3
import threading
import time
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

SECONDS = 0.2
SHORT = 0.03
"""Far less than any read of so many ids takes."""
GRACE = 1.0
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


class Took:
    """How long what runs inside takes, in `seconds`."""

    def __enter__(self) -> "Took":
        self._begun = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._begun


def soonest(read: Callable[[], None]) -> float:
    """Seconds of the quickest of three reads: a busy machine may hold up one, but a read that ignores its end is never quick."""
    found = []
    for _ in range(3):
        with Took() as took:
            read()
        found.append(took.seconds)
        if took.seconds < SHORT + GRACE:
            break
    return min(found)


def assert_idle(store: Store, mesh: Mesh) -> None:
    """Nothing of ours runs in the store a second later at most, and it answers."""
    until = time.monotonic() + 1
    while working(store):
        assert time.monotonic() < until, "the store still works for a read that has ended"
        time.sleep(0.05)
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

    def read() -> None:
        with pytest.raises(DeadlineExceeded):
            READS[name](store, many, Scope(everything(store).commit, None, Deadline(SHORT)))

    assert soonest(read) < SHORT + GRACE
    assert_idle(store, mesh)


@pytest.mark.parametrize("name", READS)
def test_a_read_of_200_000_ids_ends_when_it_is_cancelled(large: Large, many: list[str], name: str) -> None:
    store, mesh = large

    def read() -> None:
        deadline = Deadline(60)
        timer = threading.Timer(SHORT, deadline.cancel)
        timer.start()
        with pytest.raises(DeadlineExceeded):
            READS[name](store, many, Scope(everything(store).commit, None, deadline))
        timer.join()

    assert soonest(read) < SHORT + GRACE
    assert_idle(store, mesh)


def root(mesh: Mesh, direction: Direction) -> str:
    return mesh.last if direction == "up" else mesh.first


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("viewer", [None, "H"])
def test_a_lineage_is_told_to_be_partial_at_its_deadline(large: Large, direction: Direction, viewer: str | None) -> None:
    store, mesh = large
    seen = view(store, viewer, deadline=Deadline(SECONDS))
    with Took() as took:
        found = lineage(seen, [root(mesh, direction)], direction)
    assert found.completeness.truncated
    assert found.completeness.reasons == ("TIME",)
    assert took.seconds < SECONDS + GRACE
    assert_idle(store, mesh)


def test_a_recall_tells_no_part_as_the_whole_at_its_deadline(large: Large) -> None:
    store, mesh = large
    with Took() as took:
        found = recall(view(store, deadline=Deadline(SECONDS)), [mesh.first])
    assert found.reached is None
    assert found.lineage.completeness.reasons == ("TIME",)
    assert took.seconds < SECONDS + GRACE
    assert_idle(store, mesh)


@pytest.mark.parametrize("ask", [lineage, recall])
def test_an_answer_that_is_being_put_together_ends_at_its_deadline(large: Large, ask: Callable[..., object]) -> None:
    store, mesh = large
    seconds = 1.0
    with Took() as took:
        ask(view(store, deadline=Deadline(seconds)), [mesh.first], **({"direction": "down"} if ask is lineage else {}))
    assert took.seconds < seconds + GRACE
    assert_idle(store, mesh)


def test_a_walk_of_one_generation_after_another_ends_at_its_deadline(large: Large) -> None:
    store, mesh = large
    with Took() as took:
        found = lineage(view(store, deadline=Deadline(SECONDS)), [mesh.last], "up", depth=1_000)
    assert found.completeness.reasons == ("TIME",)
    assert took.seconds < SECONDS + GRACE
    assert_idle(store, mesh)


def test_without_haste_the_same_questions_are_answered_whole(large: Large) -> None:
    store, mesh = large
    found = store.reach([mesh.end_of_chain], "up", everything(store), MANY)
    assert len(found.walked) == 2 * mesh.links + 1
    assert len(store.get(mesh.ids(), everything(store))) == len(mesh.ids())
