"""A load of a whole network that is killed, on both stores; see `tests.crashes`."""

from pathlib import Path

import pytest

from graph.neo4j_store import Neo4jStore
from tests import crashes


@pytest.fixture(scope="module")
def undisturbed(files: Path, tmp_path_factory: pytest.TempPathFactory) -> crashes.Undisturbed:
    with crashes.in_memory(tmp_path_factory.mktemp("undisturbed")) as folder:
        return crashes.undisturbed(files, folder)


def test_sqlite_survives_being_killed_anywhere(files: Path, undisturbed: crashes.Undisturbed, tmp_path: Path) -> None:
    points = crashes.kill_points(undisturbed.trace, within=2, at_commit=1, between=1)
    with crashes.in_memory(tmp_path) as folder:
        crashes.survives_on_sqlite(points, files, undisturbed.digest, folder)


@pytest.mark.neo4j
def test_neo4j_survives_the_client_being_killed_again_and_again(
    clean_neo4j: str, files: Path, undisturbed: crashes.Undisturbed
) -> None:
    for share in (0.1, 0.5, 0.9):
        lines = crashes.kill_neo4j_client(clean_neo4j, files, int(undisturbed.commits * share))
        assert lines[-1] != "DONE"
        store = Neo4jStore(clean_neo4j, create=True)
        crashes.opens_whole(store, lines)
        store.close()
    store = Neo4jStore(clean_neo4j, create=True)
    crashes.survives(store, lines, files, undisturbed.digest)
    store.close()
