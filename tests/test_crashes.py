"""A load that is killed leaves a graph that opens, verifies, holds every acknowledged commit, and can be loaded again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from graph.neo4j_store import Neo4jStore
from tests import crashes

ROWS = 10_400
KILLS_WITHIN, KILLS_AT_COMMIT, KILLS_BETWEEN = 40, 5, 5


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that makes more than twenty commits of 500 claims."""
    folder = tmp_path_factory.mktemp("bundle")
    rows = "".join(f"M-{n},dose,{n % 7},2024-01-{n % 28 + 1:02d}T00:00:00Z\n" for n in range(ROWS))
    (folder / "material.csv").write_text("id,type,quantity,recorded_at\n" + rows, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def undisturbed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> crashes.Undisturbed:
    """The same load that nobody disturbs."""
    told = crashes.undisturbed(bundle, tmp_path_factory.mktemp("undisturbed"))
    assert told.commits > 20
    return told


@pytest.mark.parametrize("part", range(5))
def test_sqlite_survives_being_killed_anywhere(part: int, bundle: Path, undisturbed: crashes.Undisturbed, tmp_path: Path) -> None:
    points = crashes.kill_points(undisturbed.trace, KILLS_WITHIN, KILLS_AT_COMMIT, KILLS_BETWEEN)
    assert len(points) == 50
    with crashes.in_memory(tmp_path) as folder:
        crashes.survives_on_sqlite(points[part::5], bundle, undisturbed.digest, folder)


@pytest.mark.neo4j
def test_neo4j_survives_the_client_being_killed(
    emptied_neo4j: Callable[[], str], bundle: Path, undisturbed: crashes.Undisturbed
) -> None:
    for number in range(10):
        uri = emptied_neo4j()
        lines = crashes.kill_neo4j_client(uri, bundle, 1 + number * 2)
        store = Neo4jStore(uri, create=True)
        crashes.survives(store, lines, bundle, undisturbed.digest)
        store.close()
