"""A network answers alike on SQLite, on Neo4j and over snapshots of both; it verifies, is rebuilt and copied on both stores."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from graph import snapshot
from graph.copying import copy
from graph.neo4j_store import Neo4jStore
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Commit, Deadline, Store
from graph.verify import verify
from graph.view import View, token, view
from tests.generated import TIME, about, differences, of_all, roots_of


class Who(NamedTuple):
    """Who asks (None sees all), and whether as of a commit halfway."""

    viewer: str | None = None
    earlier: bool = False


ASKERS = [Who(), Who(earlier=True), Who("cellforge"), Who("st-vera", earlier=True), Who("skylane")]
"""Everybody, a manufacturer, a hospital, a carrier."""


@pytest.fixture(scope="module")
def neo4j_copy(graph: SqliteStore, emptied_neo4j: Callable[[], str]) -> Iterator[Store]:
    """The network copied to Neo4j."""
    opened = Neo4jStore(emptied_neo4j(), create=True)
    assert copy(graph, opened) == graph.head()
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, graph: SqliteStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A copy on each store."""
    if request.param == "neo4j":
        yield request.getfixturevalue("neo4j_copy")
        return
    opened = SqliteStore(tmp_path_factory.mktemp("copy") / "graph.db", create=True, scratch=True)
    assert copy(graph, opened) == graph.head()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def roots(graph: SqliteStore) -> list[str]:
    return roots_of(graph)


def halfway(store: Store, viewer: str | None) -> Commit:
    """A commit in the middle of those that a viewer may see."""
    commits = view(store, viewer).commits()
    return commits[len(commits) // 2]


def seen(store: Store, who: Who) -> View:
    """What the asker sees of a store: as of an earlier commit by its number, or for a restricted viewer by its token."""
    if not who.earlier:
        return view(store, who.viewer, deadline=Deadline(TIME))
    commit = halfway(store, who.viewer)
    name = commit.number if who.viewer is None else token(who.viewer, commit)
    return view(store, who.viewer, name, deadline=Deadline(TIME))


def over_snapshot(store: Store, who: Who, cache: Path) -> View:
    """The same over a snapshot: the one that is kept, or one of the earlier commit."""
    if who.earlier:
        return seen(SnapshotStore(store, snapshot.take(store, halfway(store, who.viewer))), who)
    return seen(SnapshotStore(store, snapshot.current(store, cache)), who)


@pytest.mark.parametrize("who", ASKERS, ids=str)
@pytest.mark.parametrize("twin", ["snapshot", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def test_all_questions_have_the_same_answers(
    twin: str, who: Who, graph: SqliteStore, cache: Path, roots: list[str], request: pytest.FixtureRequest
) -> None:
    one = seen(graph, who)
    other = over_snapshot(graph, who, cache) if twin == "snapshot" else seen(request.getfixturevalue("neo4j_copy"), who)
    assert differences(of_all, one, other) == []
    for root in roots:
        assert differences(lambda each, root=root: about(each, root), one, other) == [], root


def test_a_copy_verifies_and_is_copied_back_whole(graph: SqliteStore, store: Store, tmp_path: Path) -> None:
    found = verify(store)
    assert found.ok, found.faults
    back = SqliteStore(tmp_path / "back.db", create=True, scratch=True)
    assert copy(store, back) == graph.head()
    assert all(one == other for one, other in zip(graph.projection(), back.projection(), strict=True))
    back.close()


def test_a_copy_rebuilt_is_the_same_again_and_so_is_its_snapshot(graph: SqliteStore, store: Store) -> None:
    store.rebuild()
    assert all(one == other for one, other in zip(graph.projection(), store.projection(), strict=True))
    taken, again = (snapshot.take(each, graph.head()) for each in (graph, store))
    for name in ("ids", "states", "edges", "into", "labels"):
        assert getattr(taken, name).equals(getattr(again, name)), name
