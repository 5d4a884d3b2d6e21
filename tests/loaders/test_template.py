"""The template: empty files that load as they are, and a data dictionary that knows every column."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.model import MODELS, RELATIONS
from graph.sqlite_store import SqliteStore
from loaders import template
from loaders.csv_bundle import columns_of, kind_of
from loaders.pipeline import LoadReport

FILES = (*MODELS, *RELATIONS, "CONTAINED_IN")


def test_there_is_a_file_for_every_kind_and_relation_with_its_columns(tmp_path: Path) -> None:
    written = template.write(tmp_path)
    assert [kind_of(path) for path in written] == [*FILES, None]
    for path in written[:-1]:
        with path.open(encoding="utf-8", newline="") as file:
            assert tuple(next(csv.reader(file))) == columns_of(str(kind_of(path)))


def test_a_template_is_accepted_as_empty(tmp_path: Path, store: SqliteStore, landed: Callable[..., LoadReport]) -> None:
    template.write(tmp_path)
    report = landed(store, tmp_path)
    assert (report.totals.read, report.commits, len(report.files)) == (0, None, len(FILES))


def test_files_that_are_there_already_stay(tmp_path: Path) -> None:
    mine = tmp_path / "material.csv"
    mine.write_text("id\nM-1\n", encoding="utf-8")
    assert mine not in template.write(tmp_path)
    assert mine.read_text(encoding="utf-8") == "id\nM-1\n"


@pytest.mark.parametrize("kind", FILES)
def test_the_data_dictionary_explains_every_column(kind: str) -> None:
    text = template.data_dictionary()
    section = text[text.index(f"\n{kind.lower()}.csv\n") :].split("\n\n")[0]
    for column in columns_of(kind):
        type_, meaning = template.described(kind, column)
        assert type_
        assert meaning
        assert f"\n    {column} " in section


@pytest.mark.parametrize(
    ("kind", "column", "type_"),
    [
        ("Material", "name", "text"),
        ("Material", "quantity", "number"),
        ("Material", "expires_at", "instant"),
        ("Person", "birth_year", "whole number"),
        ("Person", "rh", "positive, negative"),
        ("Handoff", "from", "identifier"),
        ("CONTAINED_IN", "from", "instant"),
        ("INPUT_TO", "source", "identifier"),
    ],
)
def test_the_type_of_a_column_is_told_in_plain_words(kind: str, column: str, type_: str) -> None:
    assert template.described(kind, column)[0] == type_


def test_the_dictionary_fits_a_terminal() -> None:
    assert max(map(len, template.data_dictionary().splitlines())) <= 120
