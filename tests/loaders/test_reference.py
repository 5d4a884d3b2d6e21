"""The published EPCIS documents, folder by folder: what is valid loads whole, what is not is refused with its place."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.sqlite_store import SqliteStore
from loaders.pipeline import LoadReport
from tests.reference_table import counted, documents, lines, told_of

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
