"""Rows of a sheet of a workbook, streamed; cells that are numbers and dates are read as such, not as they are shown.

Two forms of a number say more than how it looks, and are kept: a percentage (0.955 shown as 95.5%) and leading zeros (00123)."""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from loaders.csv_rows import Row, Rows
from loaders.items import Problem, Refused
from loaders.mapped_rows import named, unreadable

MOST_UNPACKED = 2_000_000_000
"""Most bytes that a workbook may unpack to; a full sheet of a million rows has about half of that."""
MOST_TEXTS = 200_000_000
"""Most bytes of the texts that a workbook's sheets share, which are held in memory."""
MOST_ROWS = 1_048_576
"""Rows that Excel itself can have on a sheet; a file may claim that one stands at any number, and all before it are blank."""
_ERRORS = frozenset(("#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!", "#CALC!"))


_ASIDE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # what a form of numbers shows as it stands, and colours
_ZEROS = re.compile(r"0{2,}\Z")


class ExcelRows(Rows):
    """The rows of one sheet (by name; else the first) below its header. A row stands at `sheet S row N`, as Excel counts."""

    def __init__(self, path: Path, sheet: str | None, skip: int) -> None:
        super().__init__(path, ())
        self._sheet, self._skip = sheet, skip
        self._share = 0.0

    @property
    def position(self) -> int:
        """About how many bytes of the file have been read."""
        return int(self._share * self.path.stat().st_size)

    def __iter__(self) -> Iterator[Row | Refused]:
        """Rows in order, blank ones left out. `header` is known before the first. Raises `UnreadableSource`."""
        with self.opened() as book:
            yield from self._of(book)

    @contextmanager
    def opened(self) -> Iterator[Workbook]:
        """The workbook, while it is open. Raises `UnreadableSource`."""
        self._check_size()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and rules of a sheet, which are not read
            try:
                book = load_workbook(self.path, read_only=True, data_only=True)
            except Exception as error:  # its many ways to fail are not declared
                unreadable(self.path, "", error, "a workbook")
            try:
                yield book
            finally:
                book.close()

    def _check_size(self) -> None:
        try:
            with zipfile.ZipFile(self.path) as archive:
                sizes = {member.filename: member.file_size for member in archive.infolist()}
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            unreadable(self.path, "", error, "a workbook (.xlsx)")
        texts = sum(size for name, size in sizes.items() if "sharedStrings" in name or "styles" in name)
        for size, most, what in ((sum(sizes.values()), MOST_UNPACKED, "it"), (texts, MOST_TEXTS, "its texts")):
            if size > most:
                self._unreadable("", f"{what} would unpack to {size:,} bytes, over the limit of {most:,}", "save its sheets as CSV")

    def _of(self, book: Workbook) -> Iterator[Row | Refused]:
        name = self._sheet or book.sheetnames[0]
        if name not in book.sheetnames:
            told = ", ".join(map(repr, book.sheetnames))
            self._unreadable("", f"it has no sheet {name!r}", f"name one of {told} in the mapping")
        sheet: Any = book[name]
        if not hasattr(sheet, "reset_dimensions"):
            self._unreadable(f"sheet {name}", "it is a chart, not a table", "name another sheet in the mapping")
        rows = sheet.max_row or 1
        sheet.reset_dimensions()  # which the file states, and not always truly
        cells = sheet.iter_rows()
        number = 0
        while True:
            try:
                values = next(cells)
            except StopIteration:
                break
            except Exception as error:  # its many ways to fail are not declared
                unreadable(self.path, f"sheet {name} row {number + 1}", error, "a sheet")
            number += 1
            if number > MOST_ROWS:
                self._unreadable(
                    f"sheet {name}", f"it has a row beyond the last that Excel has ({MOST_ROWS:,})", "write the file again"
                )
            self._share = min(1.0, number / rows)
            if number <= self._skip:
                continue
            if not self.header:
                self.header = self._header(name, [_shown(cell) for cell in values])
            elif values:  # none of a row that the file does not have
                yield from self._cells(f"sheet {name} row {number}", [_shown(cell) for cell in values])
        if not self.header:
            self._header(name, [])

    def _header(self, name: str, told: list[str]) -> list[str]:
        while told and not told[-1].strip():
            told.pop()
        if not told:
            self._unreadable(
                f"sheet {name} row {self._skip + 1}", "it has no header", "say in the mapping how many rows to `skip` before it"
            )
        return named(told)

    def _cells(self, at: str, values: list[str]) -> Iterator[Row | Refused]:
        beyond = [value for value in values[len(self.header) :] if value.strip()]
        values = (values + [""] * len(self.header))[: len(self.header)]
        if beyond:
            reason = f"a cell beyond the last column of the header holds {beyond[0][:100]!r}"
            text = "; ".join(beyond)
            yield Refused(at, (Problem("", text[:200], "WRONG_LENGTH", reason, "give it a column"),), self._raw(values, text))
        elif errors := [(name, value) for name, value in zip(self.header, values, strict=True) if value in _ERRORS]:
            repair = "mend its formula, or empty it"
            problems = (Problem(name, value, "INVALID_VALUE", "it is an error of Excel", repair) for name, value in errors)
            yield Refused(at, tuple(problems), self._raw(values))
        else:
            yield from self._typed(at, values)


def _shown(cell: Any) -> str:
    """A cell as CSV would write it: of a number its form tells whether it is a percentage, or has leading zeros."""
    value = cell.value
    text = _text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        form = _form(cell)
        if "%" in form:
            return f"{(Decimal(text) * 100).normalize():f}%"
        if _ZEROS.match(form) and text.isdecimal():
            return text.zfill(len(form))
    return text


def _form(cell: Any) -> str:
    """How a number is shown; nothing where the file's styles are damaged."""
    try:
        return _ASIDE.sub("", cell.number_format)
    except Exception:  # its many ways to fail are not declared
        return ""


def _text(value: object) -> str:
    """A cell as CSV would write it. A date without a time of day is a day; numbers are exact."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook. Raises `UnreadableSource`."""
    rows = ExcelRows(path, None, 0)
    with rows.opened() as book:
        return [name for name in book.sheetnames if hasattr(book[name], "reset_dimensions")]


def first_rows(path: Path, sheet: str, most: int) -> list[list[str]]:
    """The first rows of a sheet, as they are. Raises `UnreadableSource`."""
    with ExcelRows(path, sheet, 0).opened() as book:
        return [[_shown(cell) for cell in row] for row in book[sheet].iter_rows(max_row=most)]
