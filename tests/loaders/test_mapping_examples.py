"""The mappings of `examples/mappings` are true: what three organisations export in their own way comes to the same graph as their
bundles, and Synthea's tables are loaded whole."""

from collections.abc import Callable
from pathlib import Path

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.generator import generate
from loaders.mapping_files import read_files
from loaders.pipeline import LoadReport
from tests import exports

MAPPINGS = Path(__file__).parents[2] / "examples" / "mappings"
Landed = Callable[..., LoadReport]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated network in which each of the three has something to tell of everything."""
    folder = tmp_path_factory.mktemp("mapped") / "network"
    generate(folder, journeys=12, seed=1)
    return folder


@pytest.mark.parametrize(
    ("organisation", "export", "mapping"),
    [
        ("lumisang", exports.blood_centre, "blood-centre.yaml"),
        ("cellforge", exports.cdmo, "cdmo.yaml"),
        ("hopital-marais", exports.hospital, "hospital.yaml"),
    ],
)
def test_an_export_comes_to_the_same_graph_as_the_bundle(
    new_store: Callable[[], SqliteStore],
    landed: Landed,
    network: Path,
    tmp_path: Path,
    organisation: str,
    export: Callable[[Path, Path], None],
    mapping: str,
) -> None:
    out = tmp_path / "export"
    out.mkdir()
    export(network / organisation, out)
    mappings = read_files([MAPPINGS / mapping])
    store = new_store()
    exported = landed(store, out, mappings=mappings)
    assert exported.refused == []
    assert exported.notes == {}
    assert exported.totals.added > 1
    assert exported.digest == landed(new_store(), network / organisation).digest
    again = landed(store, out, mappings=mappings)
    assert (again.totals.unchanged, again.digest) == (again.totals.read, exported.digest)


@pytest.mark.reference
def test_synthea_is_loaded_whole_but_for_what_the_mapping_leaves_out(store: SqliteStore, landed: Landed, reference: Path) -> None:
    report = landed(store, reference / "synthea", steward="CLINIC", mappings=read_files([MAPPINGS / "synthea.yaml"]))
    totals = report.totals
    assert (totals.read, totals.added, totals.refused, totals.conflicts) == (3106, 3106, 0, 0)
    assert sum(count for note, count in report.notes.items() if "left out, as the mapping says" in note) == 8
    seen = view(store)
    patient = seen.record(seen.resolve("3edac2e3-d223-6fae-d515-daf96ef6bc76@CLINIC"))
    assert {name: patient.value(name) for name in ("sex", "birth_year", "role")} == {
        "sex": "male",
        "birth_year": 2014,
        "role": "patient",
    }
    told = " ".join(str(entry.claim.fields) for entry in store.claims())
    for private in ("999-17-5017", "Mosciski958", "784 Stamm Lock"):
        assert private not in told
