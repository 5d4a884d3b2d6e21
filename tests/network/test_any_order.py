"""However the files of a network come, the graph is the same."""

import csv
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
        for record in answer["records"]:
            record["evidence"] = len(record["evidence"])
    return told


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
