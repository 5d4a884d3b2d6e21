"""However the files of a network come, the graph is the same."""

import csv
import json
import os
import random
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from api import render
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import view
from loaders.generator import TRUTH, generate
from loaders.sources import files_of
from queries.lineage import lineage
from tests.generated import JOURNEYS, SEED, TIME, landed

PRODUCTS = min(200, JOURNEYS)
SHUFFLES = int(os.environ.get("VEINTRACE_SHUFFLES", "2"))
"""How often a small network comes in another order; `make network` has it come 50 times in each form."""


def shuffled(folder: Path, seed: int) -> list[Path]:
    files = files_of([folder])
    random.Random(seed).shuffle(files)
    return files


def reversed_rows(folder: Path, out: Path) -> Path:
    """The same files with the last row first: what was corrected later comes before what it corrects."""
    for path in folder.rglob("*.csv"):
        copied = out / path.relative_to(folder)
        copied.parent.mkdir(parents=True, exist_ok=True)
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        with copied.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *reversed(rows)])
    return out


def shuffled_within(folder: Path, out: Path, draw: random.Random) -> Path:
    """The same files with their rows, or their events, in another order."""
    for path in files_of([folder]):
        copied = out / path.relative_to(folder)
        copied.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
            draw.shuffle(rows)
            copied.write_text("".join([header, *rows]), encoding="utf-8")
        else:
            document = json.loads(path.read_bytes())
            draw.shuffle(document["epcisBody"]["eventList"])
            copied.write_text(json.dumps(document), encoding="utf-8")
    return out


def products(graph: SqliteStore) -> list[str]:
    """The ids of some doses, drawn at random."""
    materials = view(graph, deadline=Deadline(TIME)).frames.shown("Material")
    return random.Random(SEED).sample(materials.filter(pl.col("type") == "dose")["id"].to_list(), PRODUCTS)


def lineages(store: SqliteStore, doses: list[str]) -> list[dict[str, Any]]:
    """What is told of each, but for where and when it was loaded."""
    seen = view(store, deadline=Deadline(TIME))
    told = [render.lineage_json(seen, lineage(seen, [dose], "up")) for dose in doses]
    for answer in told:
        del answer["as_of"]
        for record in (*answer["records"], *answer["outcomes"]):
            record["evidence"] = len(record["evidence"])
    return told


def without_evidence(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what a format decides: how many items told of a record, and whether they were events."""
    told = {part: [{**record, "evidence": 0} for record in answer[part]] for part in ("records", "outcomes")}
    return {**answer, **told, "events": 0}


class Expected(NamedTuple):
    """Digest and lineages of the graph that all files made in one load, in order of their names."""

    digest: str
    doses: list[str]
    lineages: list[dict[str, Any]]


@pytest.fixture(scope="module")
def expected(graph: SqliteStore) -> Expected:
    head, doses = graph.head(), products(graph)
    assert head is not None
    told = lineages(graph, doses)
    assert min(len(answer["records"]) for answer in told) > 15
    return Expected(head.digest, doses, told)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "graph.db", create=True, scratch=True)


def assert_same(store: SqliteStore, expected: Expected) -> None:
    head = store.head()
    assert head is not None
    assert head.digest == expected.digest
    again = lineages(store, expected.doses)
    assert [dose for dose, *pair in zip(expected.doses, expected.lineages, again, strict=True) if pair[0] != pair[1]] == []
    store.close()


def test_in_any_order_in_one_load(store: SqliteStore, files: Path, expected: Expected, tmp_path: Path) -> None:
    assert landed(store, shuffled(files, 1), tmp_path).refused_total == 0
    assert_same(store, expected)


def test_as_parquet_in_any_order(store: SqliteStore, files: Path, expected: Expected, tmp_path: Path) -> None:
    generate(tmp_path / "parquet", JOURNEYS, SEED, form="parquet")
    assert landed(store, shuffled(tmp_path / "parquet", 3), tmp_path).refused_total == 0
    assert_same(store, expected)


def test_as_epcis_in_any_order(store: SqliteStore, expected: Expected, tmp_path: Path) -> None:
    generate(tmp_path / "epcis", JOURNEYS, SEED, form="epcis")
    assert landed(store, shuffled(tmp_path / "epcis", 5), tmp_path).refused_total == 0
    head = store.head()
    assert head is not None
    assert head.digest == expected.digest
    again = lineages(store, expected.doses)
    assert [without_evidence(answer) for answer in again] == [without_evidence(answer) for answer in expected.lineages]
    store.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Path]]:
    """A network that is loaded many times, in both forms; and the digest of its graph."""
    folder = tmp_path_factory.mktemp("small")
    forms: dict[str, Path] = {}
    for form in ("csv", "epcis"):
        generate(folder / form, 5, SEED, form=form)
        forms[form] = folder / form
    store = SqliteStore(":memory:")
    digest = landed(store, [forms["csv"]], folder).digest
    store.close()
    return digest, forms


@pytest.mark.parametrize("seed", range(SHUFFLES))
@pytest.mark.parametrize("form", ["csv", "epcis"])
def test_shuffled_files_of_shuffled_rows_and_events_make_one_graph(
    form: str, seed: int, small: tuple[str, dict[str, Path]], store: SqliteStore, tmp_path: Path
) -> None:
    """Corrections before originals, unpackings before packings, stewards among each other; in two loads, a part of it twice."""
    digest, forms = small
    draw = random.Random(seed)
    came = files_of([shuffled_within(forms[form], tmp_path / "sent", draw)])
    draw.shuffle(came)
    half = draw.randrange(len(came))
    zones = [path for path in came if path.name.endswith("organization.csv")]
    for part in (came[:half], came[half // 2 :]):
        report = landed(store, [*zones, *(path for path in part if path not in zones)], tmp_path) if part else None
        assert report is None or report.refused_total == 0
    assert report is not None
    assert report.digest == digest
    store.close()


def test_with_corrections_before_what_they_correct(store: SqliteStore, files: Path, expected: Expected, tmp_path: Path) -> None:
    backwards = files_of([reversed_rows(files, tmp_path / "backwards")])[::-1]
    report = landed(store, backwards, tmp_path)
    assert (report.refused_total, report.totals.conflicts) == (0, 0)
    assert_same(store, expected)


def test_each_file_in_a_load_of_its_own_corrections_first(
    store: SqliteStore, files: Path, expected: Expected, tmp_path: Path
) -> None:
    """Local times are refused until the zone of their organisation is known; such a file is loaded once more."""
    came = shuffled(reversed_rows(files, tmp_path / "backwards"), 4)
    refused = [path for path in came if landed(store, [path], tmp_path).refused_total]
    assert {path.parent.name for path in refused} <= {"nordblut"}
    for path in refused:
        assert landed(store, [path], tmp_path).refused_total == 0
    assert_same(store, expected)


def test_the_truth_is_no_part_of_it(files: Path) -> None:
    assert not any(TRUTH in path.parts for path in files_of([files]))
