"""Rows of files of any shape, as a mapping says they are written: text with separated cells, sheets of a workbook, Parquet."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from graph.errors import UnreadableSource
from loaders.csv_rows import LONGEST_LINE, NOTES, Row, Rows, shown
from loaders.items import Refused
from loaders.mapping import EXCEL, Table


def rows_of(path: Path, table: Table) -> Rows:
    """The rows of a file, by a table; those of the quarantine are CSV, whatever they came from."""
    suffix = path.suffix.lower()
    if suffix in EXCEL:
        # it takes longer to import than a small CSV file to load
        from loaders.excel_rows import ExcelRows

        return ExcelRows(path, table.sheet, table.skip or 0)
    if suffix == ".parquet":
        from loaders.mapped_parquet import AnyParquet

        return AnyParquet(path)
    return Delimited(path, table.model_copy(update=_AS_QUARANTINED) if quarantined(path) else table)


_AS_QUARANTINED = {"delimiter": None, "encoding": None, "skip": None}


def header_of(path: Path, table: Table) -> list[str]:
    """The columns of a file, as `rows_of` names them. Raises `UnreadableSource`."""
    rows = rows_of(path, table)
    found = iter(rows)
    next(found, None)
    found.close()  # type: ignore[attr-defined] # they are generators
    return rows.header


def quarantined(path: Path) -> bool:
    """Whether a file was written by the quarantine."""
    if path.suffix.lower() in (*EXCEL, ".parquet"):
        return False
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE).decode("utf-8-sig")
        return {*NOTES} <= {*next(csv.reader([first]), [])}
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def named(header: Sequence[str]) -> list[str]:
    """A name for each column: one without is `column N`, a name's second column `Name (2)`."""
    found: dict[str, None] = {}
    again: dict[str, int] = {}
    for number, told in enumerate(header, 1):
        first = name = told.strip() or f"column {number}"
        while name in found:
            again[first] = again.get(first, 1) + 1
            name = f"{first} ({again[first]})"
        found[name] = None
    return [*found]


class _Numbered:
    """A reader of CSV that counts lines before its own."""

    def __init__(self, lines: Iterator[str], before: int, delimiter: str) -> None:
        self._reader, self._before = csv.reader(lines, strict=True, delimiter=delimiter), before
        self.line_num = before

    def __next__(self) -> list[str]:
        try:
            return next(self._reader)
        finally:
            self.line_num = self._reader.line_num + self._before


class Delimited(Rows):
    """The rows of a text file whose cells are separated, whatever by, in whatever encoding, whatever stands before its header."""

    def __init__(self, path: Path, table: Table) -> None:
        super().__init__(path, ())
        self._table = table

    def __iter__(self) -> Iterator[Row | Refused]:
        """Rows in order, blank ones left out. `header` is known before the first. Raises `UnreadableSource`."""
        csv.field_size_limit(LONGEST_LINE)
        encoding = self._table.encoding or "utf-8-sig"
        with self.path.open("rb") as self._file:
            if self._table.encoding is None:
                self._check_encoding(self._file.read(4))
                self._file.seek(0)
            try:
                with io.TextIOWrapper(self._file, encoding=encoding, errors="surrogateescape", newline="") as text:
                    lines, skip = self._lines(text), self._table.skip or 0
                    for _ in range(skip):
                        next(lines, None)
                    yield from self._rows(_Numbered(lines, skip, self._table.delimiter or ","))
            except UnicodeError as error:
                self._unreadable("", f"it is not {encoding}: {error}", "say in the mapping which `encoding` it has")

    def _check_header(self, header: list[str]) -> None:
        if not any(header):
            self._unreadable("line 1", "it has no header", "say in the mapping how many lines to `skip` before it")
        for name in header:
            if name != shown(name):
                self._unreadable("line 1", f"the column {shown(name)!r} is not UTF-8", "say in the mapping which `encoding` it has")
        header[:] = named(header)

    @property
    def _mended_header(self) -> str:
        return "say in the mapping how it is written (`delimiter`, `encoding`, `skip`)"


def unreadable(path: Path, at: str, error: BaseException, what: str) -> NoReturn:
    """Raises `UnreadableSource` for what a library says of a file that it cannot read as `what`."""
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    raise UnreadableSource(str(path), at, f"it cannot be read as {what}: {reason}", "write the file again") from None
