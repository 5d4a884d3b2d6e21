"""Rows of a CSV file as the bundle has them (RFC 4180, UTF-8 with or without a byte order mark), read as a stream.

What is wrong with one row refuses that row; what leaves open where the next row begins ends the file there.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

from graph.errors import UnreadableSource
from loaders.items import Problem, Refused

LONGEST_LINE = 2**20
"""Most characters of a line, and of a cell."""
MOST_COLUMNS = 20_000
"""Columns of a file; Excel has 16,384."""
UNREAD = "_unread"
"""The quarantine's column for the text of a row whose cells are a guess; while it is not empty the row is refused."""

NOTES = (UNREAD, "_at", "_field", "_reason", "_repair")
"""Columns that the quarantine adds to refused rows. All but the first are ignored, which must be emptied before a row is read."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTES = 'write a quote inside a cell twice, and quote the whole cell: "12"" tube"'


class Row(NamedTuple):
    """One row: where it begins (`line N`), and its cells in the order of the header, stripped."""

    at: str
    cells: list[str]


class _Reader(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __next__(self) -> list[str]: ...


class Rows:
    """The rows of one CSV file; the file is open while they are iterated over.

    `known` are the columns there may be beside those that begin with `_`, `needed` those there must be."""

    def __init__(self, path: Path, known: Collection[str], needed: Collection[str] = ()) -> None:
        self.path, self._known, self._needed = path, known, needed
        self.header: list[str] = []
        self._file: io.BufferedReader | None = None
        self._line = ""

    @property
    def position(self) -> int:
        """How many bytes of the file have been read."""
        return self._file.tell() if self._file and not self._file.closed else 0

    def __iter__(self) -> Iterator[Row | Refused]:
        """Rows in order, blank ones left out. `header` is known before the first. Raises `UnreadableSource`."""
        csv.field_size_limit(LONGEST_LINE)
        with self.path.open("rb") as self._file:
            self._check_encoding(self._file.read(4))
            self._file.seek(0)
            text = io.TextIOWrapper(self._file, encoding="utf-8-sig", errors="surrogateescape", newline="")
            yield from self._rows(csv.reader(self._lines(text), strict=True))

    def _lines(self, file: io.TextIOWrapper) -> Iterator[str]:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                self._unreadable(f"line {number}", f"the line has more than {LONGEST_LINE:,} characters", "split it into rows")
            self._line = line
            yield line

    def _rows(self, reader: _Reader) -> Iterator[Row | Refused]:
        self.header = self._checked_header(reader)
        width = len(self.header)
        unread = self.header.index(UNREAD) if UNREAD in self.header else None
        line = reader.line_num + 1
        while True:
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._misquoted(f"line {line}", error)
                line = reader.line_num + 1
                continue
            at, line = f"line {line}", reader.line_num + 1
            joined = "".join(values)
            if not joined or joined.isspace():
                continue
            if len(values) != width:
                yield self._wrong_length(at, values)
            elif not joined.isprintable() and (refused := self._unprintable(at, values)):
                yield refused
            elif unread is not None and values[unread]:
                yield self._not_mended(at, values, values[unread])
            else:
                yield Row(at, [value.strip() for value in values])

    # -- the file as a whole

    def _unreadable(self, at: str, reason: str, repair: str) -> NoReturn:
        raise UnreadableSource(str(self.path), at, reason, repair)

    def _check_encoding(self, start: bytes) -> None:
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self._unreadable("line 1", "it is UTF-16", "save it as UTF-8")
        if start[:2] == b"PK":
            self._unreadable("line 1", "it is a workbook or archive, not CSV", "save the sheet as CSV UTF-8")

    def _checked_header(self, reader: _Reader) -> list[str]:
        try:
            header = [name.strip() for name in next(reader)]
        except StopIteration:
            header = []
        except csv.Error as error:
            self._unreadable("line 1", f"its header is not CSV: {error}", self._mended_header)
        if len(header) > MOST_COLUMNS:
            reason = f"it has {len(header):,} columns, and may have {MOST_COLUMNS:,}"
            self._unreadable("line 1", reason, "take out the separators that nothing stands between")
        self._check_header(header)
        return header

    @property
    def _mended_header(self) -> str:
        return f"the columns of {self.path.name} are {', '.join(self._known)} (`veintrace template` writes them)"

    def _check_header(self, header: list[str]) -> None:
        repair = self._mended_header
        if not any(header):
            self._unreadable("line 1", "it has no header", repair)
        for separator, word in _SEPARATORS.items():
            if len(header) == 1 and separator in header[0]:
                self._unreadable("line 1", f"its columns are separated by {word}", "save it with commas between the columns")
        told = Counter(header)
        for name in header:
            if name != shown(name):
                self._unreadable("line 1", f"the column {shown(name)!r} is not UTF-8", "save the file as UTF-8")
            if told[name] > 1:
                self._unreadable("line 1", f"the column {name!r} is there twice", repair)
            if not name.startswith("_") and name not in self._known:
                self._unreadable("line 1", f"the column {name!r} is unknown", repair)
        for name in self._needed:
            if name not in header:
                self._unreadable("line 1", f"the column {name!r} is missing", repair)

    # -- one row

    def _typed(self, at: str, values: list[str]) -> Iterator[Row | Refused]:
        """A row of a file whose cells are values, not text; none where it is blank."""
        joined = "".join(values)
        if not joined or joined.isspace():
            return
        if len(joined) > LONGEST_LINE:
            reason = f"the row has more than {LONGEST_LINE:,} characters"
            yield Refused(at, (Problem("", "", "TOO_LONG", reason, "split it into rows"),))
        elif not joined.isprintable() and (refused := self._unprintable(at, values)):
            yield refused
        else:
            yield Row(at, [value.strip() for value in values])

    def _raw(self, values: list[str], unread: str = "") -> dict[str, str]:
        """A row as the quarantine keeps it: by column, with bytes that are not UTF-8 read as Latin-1."""
        raw = dict(zip(self.header, map(shown, values), strict=False))
        return {**raw, UNREAD: unread} if unread else raw

    def _misquoted(self, at: str, error: csv.Error) -> Refused:
        if "unexpected end" in str(error) or "field larger" in str(error):
            self._unreadable(at, "a quote is opened in this row and not closed; nothing was read from here on", _QUOTES)
        text = shown(self._line).rstrip("\r\n")
        problem = Problem("", text[:200], "BAD_QUOTES", f"its quotes are not those of CSV ({error})", _QUOTES)
        return Refused(at, (problem,), self._raw(next(csv.reader([self._line]), []), text))

    def _wrong_length(self, at: str, values: list[str]) -> Refused:
        reason = f"the row has {len(values)} cells, the header {len(self.header)}"
        repair = "quote a cell that holds a comma; add or remove cells"
        text = ",".join(map(shown, values)) or "empty"
        return Refused(at, (Problem("", text[:200], "WRONG_LENGTH", reason, repair),), self._raw(values, text))

    def _not_mended(self, at: str, values: list[str], text: str) -> Refused:
        repair = f"put every part of it into its column, then empty {UNREAD}"
        problem = Problem(UNREAD, text[:200], "NOT_MENDED", "this text is not yet in the columns for certain", repair)
        return Refused(at, (problem,), self._raw(values))

    def _unprintable(self, at: str, values: list[str]) -> Refused | None:
        """What is wrong with characters that people do not write: bytes that are not UTF-8, control characters."""
        problems, guessed = [], []
        for name, value in zip(self.header, values, strict=True):
            try:
                value.encode("utf-8", "surrogateescape").decode()
            except UnicodeDecodeError as error:
                reason = f"byte {error.start + 1} of the cell is 0x{error.object[error.start]:02X}, which is not UTF-8"
                problems.append(Problem(name, shown(value)[:200], "BAD_ENCODING", reason, "save the file as UTF-8"))
                guessed.append(shown(value))
                continue
            control = next((c for c in value if unicodedata.category(c) == "Cc" and c not in "\t\r\n"), None)
            if control is not None:
                reason = f"it holds the control character U+{ord(control):04X}"
                problems.append(Problem(name, value[:200], "CONTROL_CHARACTER", reason, "remove it"))
        return Refused(at, tuple(problems), self._raw(values, "; ".join(guessed))) if problems else None


def shown(text: str) -> str:
    """A text in which bytes that are not UTF-8 are read as Latin-1, so that it can be written anywhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    return text
