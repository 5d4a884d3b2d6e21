"""A small file may claim a table without end: a row at any number, columns without number. It is read as far as tables go."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from graph.errors import UnreadableSource
from loaders import csv_bundle, mapped
from loaders.csv_rows import MOST_COLUMNS, Row
from loaders.excel_rows import MOST_ROWS, ExcelRows
from loaders.items import Context, Item, Refused
from loaders.mapped_rows import Delimited, named
from loaders.mapping import Table
from loaders.mapping_files import Placed

FOUND = {"column": "note", "find": r"[\d.,+-]+$", "map": {"12": "donor"}}
TABLE = Table.model_validate({"files": "*.csv", "makes": [{"kind": "person", "columns": {"id": "id"}}]})


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[bytes, bytes], ExcelRows]:
    """The rows of a sheet with a header and one row, in whose XML something is replaced."""

    def rows(old: bytes, new: bytes) -> ExcelRows:
        book = Workbook()
        book.worksheets[0].append(["Bag", "Name"])
        book.worksheets[0].append(["B-1", "x"])
        book.save(tmp_path / "sound.xlsx")
        path = tmp_path / "sent.xlsx"
        with zipfile.ZipFile(tmp_path / "sound.xlsx") as sound, zipfile.ZipFile(path, "w") as sent:
            for entry in sound.infolist():
                content = sound.read(entry)
                sent.writestr(entry.filename, content.replace(old, new) if "sheet1" in entry.filename else content)
        return ExcelRows(path, None, 0)

    return rows


def test_a_row_far_below_stands_where_the_sheet_says(sheet: Callable[[bytes, bytes], ExcelRows]) -> None:
    [row] = sheet(b'<row r="2"', b'<row r="90000"')
    assert row == Row("sheet Sheet row 90000", ["B-1", "x"])


def test_a_row_below_the_last_that_excel_has_is_none(
    sheet: Callable[[bytes, bytes], ExcelRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_ROWS == 2**20
    monkeypatch.setattr("loaders.excel_rows.MOST_ROWS", 5_000)
    with pytest.raises(UnreadableSource, match="beyond the last"):
        list(sheet(b'<row r="2"', b'<row r="99999999999"'))


def test_a_header_may_have_as_many_columns_as_tables_have(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("," * (MOST_COLUMNS - 1) + "\n" + "," * (MOST_COLUMNS - 2) + ",P-1\n")
    with pytest.raises(UnreadableSource, match="no header"):
        list(Delimited(path, TABLE))
    path.write_text("id" + "," * (MOST_COLUMNS - 1) + "\nP-1" + "," * (MOST_COLUMNS - 1) + "\n")
    rows = Delimited(path, TABLE)
    assert len(list(rows)) == 1
    assert rows.header[-1] == f"column {MOST_COLUMNS}"
    path.write_text("id" + "," * MOST_COLUMNS + "\n")
    with pytest.raises(UnreadableSource, match="20,001 columns"):
        list(Delimited(path, TABLE))


def test_a_bundle_may_not_have_more_columns_that_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "person.csv"
    path.write_text("id," + ",".join(f"_{number}" for number in range(MOST_COLUMNS)) + "\n")
    with pytest.raises(UnreadableSource, match="20,001 columns"):
        list(csv_bundle.read(path, Context("H")))


def test_regular_expressions_look_at_no_more_of_a_cell_than_a_text_may_have(tmp_path: Path) -> None:
    """What is plain to write may take time with the square of the length: here hours."""
    path = tmp_path / "table.csv"
    path.write_text(f"id,note\nP-1,{'1' * 900_000}x\nP-2,12\nP-3,{'1' * 3_000}x\n")
    person = {"kind": "person", "where": {"column": "note", "matches": "^1"}, "columns": {"id": "id", "role": FOUND}}
    table = Table.model_validate({"files": "*.csv", "makes": [person]})
    long, short, none = mapped.read(path, Placed("m.yaml", "/tables/0", table), Context("H"))
    assert isinstance(long, Refused)
    assert [(problem.code, problem.field) for problem in long.problems] == [("TOO_LONG", "note")]
    assert isinstance(short, Item)
    assert isinstance(none, Refused)
    assert "nothing in it fits" in none.problems[0].reason


def test_columns_of_one_name_are_told_apart_however_many_there_are() -> None:
    assert named(["a", "", "a", "a (2)", "a", "column 2"]) == ["a", "column 2", "a (2)", "a (2) (2)", "a (3)", "column 2 (2)"]
    assert named(["a"] * 20_000)[-1] == "a (20000)"
