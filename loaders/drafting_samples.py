"""What a draft of a mapping knows of a file: how it is written, its columns, and what some thousand of its rows hold."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, product
from pathlib import Path
from typing import Any

from graph import times
from graph.errors import InvalidInstant, UnreadableSource
from loaders.csv_rows import LONGEST_LINE, Row
from loaders.mapped_rows import rows_of
from loaders.mapping import EXCEL, Table
from loaders.unpacking import is_empty, packing

ROWS = 5_000
"""Rows of a file that are looked at."""
_LINES = 40
_HEAD = 1_000_000
_SEPARATORS = ",;\t|"

_DAYS = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d%b%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%b-%y",
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", "T%H:%M", "T%H:%M:%S")
FORMS = tuple(day + time for day, time in product(_DAYS, _TIMES))
"""Forms of dates that a draft knows beside ISO 8601; where two fit, the first is taken."""


@dataclass
class Sample:
    """A file, or one sheet of it: how it is written (arguments of `Table`), its columns, and the first of its rows.

    `unsure` says what about this a person must look at."""

    path: Path
    written: dict[str, Any]
    header: list[str]
    rows: list[list[str]]
    unsure: list[str] = field(default_factory=list)

    def values(self, column: str) -> list[str]:
        """The cells of a column that are not empty."""
        at = self.header.index(column)
        return [row[at] for row in self.rows if row[at]]

    def table(self, **more: Any) -> Table:
        """A table that reads it, whatever its rows make."""
        makes = [{"kind": "material", "columns": {"id": "id"}}]
        return Table.model_validate({"files": self.path.name, "makes": makes, **self.written, **more})


def samples(path: Path) -> list[Sample]:
    """What a file holds: one sample, or of a workbook one for each sheet with rows. Raises `UnreadableSource`."""
    if is_empty(path):
        raise UnreadableSource(str(path), "", "it is an archive that holds no file", "name a CSV, Parquet or Excel file")
    if packing(path):
        raise UnreadableSource(str(path), "", "it is an archive", "unpack it, and draft of one of its files")
    if path.suffix.lower() in EXCEL:
        found = [sample for sheet in _sheets(path) if (sample := _of_sheet(path, sheet))]
        if not found:
            raise UnreadableSource(str(path), "", "none of its sheets holds a table", "name another file")
        return found
    if path.suffix.lower() == ".parquet":
        return [_sample(path, {}, [])]
    written, unsure = _written(path)
    return [_sample(path, written, unsure)]


def _sample(path: Path, written: dict[str, Any], unsure: list[str]) -> Sample:
    sample = Sample(path, written, [], [], unsure)
    rows = rows_of(path, sample.table())
    sample.rows = [row.cells for row in islice(rows, ROWS) if isinstance(row, Row)]
    sample.header = rows.header
    return sample


# -- text


def _written(path: Path) -> tuple[dict[str, Any], list[str]]:
    """How a text file is written, and what is not sure about it."""
    written: dict[str, Any] = {}
    unsure: list[str] = []
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UnreadableSource(str(path), "", str(error.strerror), "name another file") from None
    encoding = _encoding(head)
    if encoding != "utf-8-sig":
        written["encoding"] = encoding
        unsure.append(f"it is not UTF-8; {encoding} is a guess: look at letters with accents")
    lines = [line for line in head.decode(encoding, "replace").splitlines()[:_LINES] if len(line) < LONGEST_LINE]
    separator, skip = _shape(lines)
    if separator != ",":
        written["delimiter"] = separator
    if skip:
        written["skip"] = skip
        unsure.append(f"the header seems to be in line {skip + 1}")
    return written, unsure


def _encoding(head: bytes) -> str:
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _shape(lines: Sequence[str]) -> tuple[str, int]:
    """What separates cells, and how many lines stand before the header: by the width that most lines have."""
    best = (0, ",", 0)
    for separator in _SEPARATORS:
        rows = [_cells(line, separator) for line in lines]
        wide = Counter(len(row) for row in rows if len(row) > 1)
        if wide:
            width, count = wide.most_common(1)[0]
            best = max(best, (count * width, separator, _header_at([row if len(row) == width else [] for row in rows])))
    return best[1], best[2]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _header_at(rows: Sequence[Sequence[str]]) -> int:
    """The place of the first row that is filled about as much as any: what stands before it is no header."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    return next((at for at, count in enumerate(filled) if count * 4 >= max(filled) * 3), 0)


# -- workbooks


def _sheets(path: Path) -> list[str]:
    # it takes longer to import than a small CSV file to draft
    from loaders.excel_rows import sheet_names

    return sheet_names(path)


def _of_sheet(path: Path, sheet: str) -> Sample | None:
    """A sheet with its header in the first row that is as wide as any of its first rows; None for one without rows."""
    try:
        first = _sample(path, {"sheet": sheet}, [])
    except UnreadableSource:
        return None
    skip = _before_header(path, sheet)
    if skip:
        first = _sample(path, {"sheet": sheet, "skip": skip}, [f"the header seems to be in row {skip + 1}"])
    return first if first.rows else None


def _before_header(path: Path, sheet: str) -> int:
    from loaders.excel_rows import first_rows

    return _header_at(first_rows(path, sheet, _LINES))


# -- what columns hold


def reads_as_date(text: str, forms: Sequence[str]) -> bool:
    """Whether a text is an instant by one of the forms, or in ISO 8601 with a day."""
    for form in forms:
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read
        except ValueError:
            continue
        return True
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return False
    try:
        times.canonical(text, "UTC")
    except InvalidInstant:
        return False
    return True


def forms_of(values: Sequence[str]) -> tuple[list[str], str] | None:
    """Forms (none for ISO 8601) that read every value as a date, and what is not sure about them; None where they are no dates."""
    distinct = list(dict.fromkeys(values))[:300]
    if not distinct or all(re.fullmatch(r"\d{1,4}", value) for value in distinct):
        return None
    left = [value for value in distinct if not reads_as_date(value, [])]
    if not left:
        return [], ""
    fit = [form for form in FORMS if all(reads_as_date(value, [form]) for value in left)]
    if fit:
        return [fit[0]], _twofold(fit)
    chosen: list[str] = []
    while left and len(chosen) < 3:
        form = max(FORMS, key=lambda form: sum(reads_as_date(value, [form]) for value in left))
        kept = [value for value in left if not reads_as_date(value, [form])]
        if len(kept) == len(left):
            return None
        chosen, left = [*chosen, form], kept
    return (chosen, f"its dates are written in {len(chosen)} ways") if not left else None


def _twofold(fit: Sequence[str]) -> str:
    """What to say where the same texts are dates in two ways."""
    first = fit[0]
    other = next(
        (form for form in fit[1:] if sorted(re.findall("%.", form)) == sorted(re.findall("%.", first)) and form != first), None
    )
    return f"every date fits {first} and {other}, too: is the day or the month first?" if other else ""


def decimals_of(columns: Sequence[Sequence[str]]) -> tuple[str | None, str | None, str]:
    """Decimal sign and groups of digits (None: as in programming) of columns of numbers, and what is not sure about them."""
    values = [value.lstrip("<>= ") for column in columns for value in column]
    if any(re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", value) for value in values):
        return ",", ".", ""
    if any(re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+", value) for value in values):
        return None, ",", ""
    commas = [value for value in values if re.fullmatch(r"[+-]?\d+,\d+", value)]
    if not commas:
        return None, None, ""
    if all(re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", value) for value in commas):
        return ",", None, f"{commas[0]!r} may be a decimal comma or a group of thousands: a decimal comma is a guess"
    return ",", None, ""


def distinct(values: Sequence[str], most: int) -> Iterator[str]:
    """The commonest values."""
    yield from (value for value, _ in Counter(values).most_common(most))
