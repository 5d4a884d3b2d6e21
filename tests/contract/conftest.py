"""Every test of this folder runs on every store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from graph.store import Store


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty graph on one store."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "graph.db", create=True)
    else:
        opened = Neo4jStore(request.getfixturevalue("clean_neo4j"), create=True)
    yield opened
    opened.close()


@pytest.fixture
def fresh() -> Iterator[Callable[[], Store]]:
    """Makes empty graphs to compare with."""
    opened: list[Store] = []

    def make() -> Store:
        opened.append(SqliteStore(":memory:"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
