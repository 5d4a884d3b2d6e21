"""A generated network, loaded once for the tests that ask the files themselves what the answer should be."""

from pathlib import Path

import pytest

from graph import snapshot
from graph.snapshot_store import SnapshotStore
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from loaders.generator import generate
from loaders.pipeline import Options, load

SEED, JOURNEYS = 17, 300
LONG = 3600.0


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a network of 300 journeys."""
    out = tmp_path_factory.mktemp("network") / "files"
    generate(out, JOURNEYS, SEED)
    return out


@pytest.fixture(scope="session")
def network_store(network: Path, tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    """The same in a graph."""
    folder = tmp_path_factory.mktemp("network-graph")
    store = SqliteStore(folder / "graph.db", create=True)
    report = load(store, [network], Options(quarantine=folder / "quarantine"))
    assert report.refused_total == 0
    return store


@pytest.fixture(scope="session")
def network_view(network_store: SqliteStore) -> View:
    """An all-seeing view of it, over a snapshot; it serves many tests, so its time is not that of one question."""
    columns = SnapshotStore(network_store, snapshot.take(network_store, network_store.head()))
    return view(columns, deadline=Deadline(LONG))
