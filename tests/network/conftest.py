"""The network that the tests of this folder are about, in files and in a graph."""

from pathlib import Path

import pytest

from graph.sqlite_store import SqliteStore
from loaders.generator import generate
from tests.generated import JOURNEYS, SEED, landed


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files, as CSV."""
    out = tmp_path_factory.mktemp("files") / "csv"
    generate(out, JOURNEYS, SEED)
    return out


@pytest.fixture(scope="session")
def graph(files: Path, tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    """All of it in one load."""
    folder = tmp_path_factory.mktemp("graph")
    store = SqliteStore(folder / "graph.db", create=True)
    report = landed(store, [files], folder)
    assert (report.refused_total, report.totals.conflicts) == (0, 0)
    return store
