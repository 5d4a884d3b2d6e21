"""The published documents, folder by folder: what is valid loads whole, what is not is refused with its place."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from graph.sqlite_store import SqliteStore
from loaders.pipeline import LoadReport
from tests import fhir_counts
from tests.reference_table import MAPPINGS, clinical, counted, documents, lines, rows_of, told_of
from tests.reference_table import landed as landed_alone

pytestmark = pytest.mark.reference

Landed = Callable[..., LoadReport]
QUERIES = re.compile(r"/Queries/|/Query/Invalid/|fastnt/(Get|Unsubscribe|QueryTooLarge|InvalidQuery)")
"""What asks, or answers that nothing was found: no events."""
OTHERS = re.compile(r"\.log$|/gs1-vocab-|EPCISQUERYDOCUMENT_advanced_5\.jsonld$")
"""Requests in a log, linked data of another vocabulary, and a document that is no JSON."""


def named(reference: Path) -> dict[str, Path]:
    """The documents by their path in the reference."""
    return {path.relative_to(reference / "epcis").as_posix(): path for path in documents(reference)}


def test_of_valid_documents_every_event_and_element_is_read_and_none_refused(reference: Path) -> None:
    """As many as are counted without our code; `gdst_*` break the rules of another trade and are valid."""
    valid = {
        name: path
        for name, path in named(reference).items()
        if not (QUERIES.search(name) or OTHERS.search(name) or "Invalid/" in name)
    }
    assert len(valid) > 130
    for name, path in valid.items():
        told = told_of(path)
        assert told.refused == [], name
        assert (told.events, told.master) == counted(path), name
    assert sum(counted(path)[0] for path in valid.values()) > 400


def test_every_invalid_document_is_refused_with_its_place(reference: Path) -> None:
    invalid = {name: path for name, path in named(reference).items() if "/Capture/Invalid/" in name or OTHERS.search(name)}
    assert len(invalid) > 15
    for name, path in invalid.items():
        told = told_of(path)
        assert told.refused, name
        assert all(at and code and reason for at, code, reason in told.refused), name


def test_queries_are_refused_as_queries(reference: Path) -> None:
    asked = {name: path for name, path in named(reference).items() if QUERIES.search(name)}
    assert len(asked) > 7
    for name, path in asked.items():
        [(at, code, reason)] = told_of(path).refused
        assert at, name
        assert code == "UNREADABLE_SOURCE", name
        assert re.search("query|Query", reason), (name, reason)


def test_all_of_it_loads_at_once_and_a_second_time_changes_nothing(store: SqliteStore, reference: Path, landed: Landed) -> None:
    folder = reference / "epcis"
    first = landed(store, folder)
    again = landed(store, folder)
    assert (again.digest, again.totals.added, again.totals.changed) == (first.digest, 0, 0)
    assert again.totals.refused == first.totals.refused
    assert again.totals.read == first.totals.read > 650


def test_the_table_has_a_row_a_folder(reference: Path) -> None:
    told = lines(reference)
    assert any(re.match(r"openepcis/2\.0/EPCIS/JSON/Capture/Documents +15 +24 +24 ", line) for line in told)
    assert "refused:" in told


@pytest.mark.parametrize(("release", "conflicts"), [("r4", 13), ("r5", 0)])
def test_every_resource_of_fhir_that_is_read_lands_and_every_reference_that_dangles_is_a_stub(
    reference: Path, release: str, conflicts: int
) -> None:
    """As many as are counted without our code. Thirteen observations of R4 are told twice, differently, under one URL."""
    folder = reference / "fhir" / release
    report, dangling = landed_alone(folder, None)
    told = fhir_counts.counted(sorted(folder.glob("*.json")))
    assert (report.totals.read, report.totals.refused, report.totals.conflicts) == (told.read, 0, conflicts)
    assert report.totals.read > 580
    assert dangling == told.dangling
    assert len(dangling) > 30
    assert report.totals.stubs == len(dangling)
    left_out = {note.split(" ")[0]: count for note, count in report.notes.items() if "nothing of it is kept" in note}
    assert left_out == {type_: count for type_, count in told.types.items() if type_ not in fhir_counts.FOLLOWED}


def test_fhir_twice_and_shuffled_changes_nothing(
    new_store: Callable[[], SqliteStore], reference: Path, landed: Landed, tmp_path: Path
) -> None:
    files = sorted((reference / "fhir").rglob("*.json"))
    one, other = new_store(), new_store()
    first = landed(one, *files)
    again = landed(one, *files)
    assert (again.totals.added, again.totals.changed, again.digest) == (0, 0, first.digest)
    Random(1).shuffle(files)
    for part in range(3):  # with dates of loading of their own only what is undated and told differently could differ
        landed(other, *[path for path in files if path.parent.name == "r5"][part::3])
    alone = landed(new_store(), reference / "fhir" / "r5")
    assert landed(other, reference / "fhir" / "r5").digest == alone.digest


def test_every_row_of_synthea_that_is_mapped_lands(reference: Path) -> None:
    mapping = MAPPINGS / "synthea.yaml"
    report, dangling = landed_alone(reference / "synthea", mapping)
    assert (report.totals.read, report.totals.refused) == (rows_of(reference / "synthea", mapping), 0)
    assert dangling == set()


def test_the_clinical_table_has_a_row_a_folder(reference: Path) -> None:
    told = clinical(reference)
    assert [line.split()[0] for line in told[2:5]] == ["fhir/r4", "fhir/r5", "synthea"]
