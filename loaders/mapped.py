"""Files of any shape, read by their mapping: each row is one item with all the claims that it makes, or refused as a whole."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from graph import naming
from graph.claims import Claim
from graph.errors import InvalidMapping, UnreadableSource
from loaders.csv_cells import Unfit
from loaders.csv_claims import Invalid, compiled
from loaders.csv_rows import NOTES, Row
from loaders.items import LATEST, Context, Item, Problem, Refused, Zone
from loaders.mapped_rows import header_of, rows_of
from loaders.mapped_values import Scope, fits, taking
from loaders.mapping import CELL, COLUMN, KINDS, Condition, Made, Value
from loaders.mapping_files import Mappings, Placed, closest
from loaders.mapping_files import Problem as Wrong
from loaders.mapping_files import problem as wrong

Problems = dict[tuple[str, str, str], Problem]
"""What is wrong with a row, once for each column and reason."""
_TELL_EVERY = 2_000
_TYPED = re.compile(r"\.(xlsx|xlsm|parquet)(#.*)?(\.csv)?$", re.IGNORECASE)
"""Names of files whose numbers are values; of the quarantine's, those that came from such."""


def read(path: Path, placed: Placed, context: Context) -> Iterator[Item | Refused]:
    """Items of one file in order. Raises `UnreadableSource` where the file cannot be read, or not any further.

    A row that a filter leaves out, or that makes nothing, is an item without claims whose note says so."""
    rows = rows_of(path, placed.table)
    maker: _Maker | None = None
    for number, row in enumerate(rows):
        if maker is None:
            try:
                maker = _Maker(placed, path, rows.header, context)
            except InvalidMapping as error:
                raise UnreadableSource(str(path), "", error.message, "load it again") from None
        if number % _TELL_EVERY == 0:
            context.reached(rows.position)
        yield maker.item(row) if isinstance(row, Row) else row


def zones(path: Path, placed: Placed, context: Context) -> Iterator[tuple[str, Zone]]:
    """`(organisation id, time zone)` of the organisations that a file gives one, as `csv_bundle.zones`."""
    if not any(made.kind.lower() == "organization" and "time_zone" in made.columns for made in placed.table.makes):
        return
    for item in read(path, placed, replace(context, zone_of=lambda steward: "UTC")):
        for claim in item.claims if isinstance(item, Item) else ():
            if zone := claim.fields.get(".time_zone"):
                rank, ids = (LATEST if claim.recorded_at is None else claim.recorded_at), _ids(claim)
                own = naming.steward_id(claim.steward) in ids
                yield from ((record, Zone(own, rank, zone)) for record in ids)


def _ids(claim: Claim) -> list[str]:
    return [claim.record, *(path.removeprefix("SAME_AS ") for path in claim.fields if path.startswith("SAME_AS "))]


def check(found: Sequence[tuple[Path, Placed]], mappings: Mappings) -> list[str]:
    """Whether each file has the columns that its table speaks of. Returns what a person should know: tables without a file,
    columns that are not mapped. Raises `InvalidMapping`; a file that cannot be read is left to its reader."""
    notes = []
    for path, placed in found:
        try:
            header = header_of(path, placed.table)
        except (UnreadableSource, OSError):
            continue
        maker = _Maker(placed, path, header, Context("local"))
        if left := [name for name in header if name not in maker.used and name not in NOTES]:
            told = ", ".join(left[:20]) + (" ..." if len(left) > 20 else "")
            notes.append(f"{_named(placed)}: columns that the mapping does not use: {told}")
    met = {(placed.file, placed.at) for _, placed in found}
    for placed in mappings.tables:
        if (placed.file, placed.at) not in met:
            notes.append(f"no file is read as {_named(placed)} ({Path(placed.file).name} {placed.at})")
    return notes


def _named(placed: Placed) -> str:
    """What the files of a table are called, in notes."""
    return f"{placed.table.files} {placed.table.sheet or ''}".rstrip()


class _Maker:
    """What makes the claims of a file's rows."""

    def __init__(self, placed: Placed, path: Path, header: list[str], context: Context) -> None:
        self._header, self._notes = header, list[str]()
        scope = Scope({name: at for at, name in enumerate(header)}, {}, placed.table, bool(_TYPED.search(path.name)), self._note)
        faults = [*_unknown(placed, scope, path)]
        if faults:
            raise InvalidMapping(placed.file, faults)
        self._left_out = (f"left out by the filter of {_named(placed)}",)
        self._nothing = (f"makes nothing by the mapping of {_named(placed)}",)
        self._fits = fits(placed.table.where, scope)
        self._parts = [part for made in placed.table.makes for part in _parts(made, scope, context)]
        self.used = {name for part in self._parts for name in part.used} | {each.column for each in placed.table.where or ()}

    def _note(self, note: str) -> None:
        self._notes.append(note)

    def item(self, row: Row) -> Item | Refused:
        """What a row says."""
        at, cells = row
        if self._fits is not None and not self._fits(cells):
            return Item(at, [], self._left_out)
        claims: list[Claim] = []
        problems: Problems = {}
        for part in self._parts:
            part.make(at, cells, claims, problems)
        if problems:
            self._notes.clear()
            return Refused(at, tuple(problems.values()), dict(zip(self._header, cells, strict=True)))
        if self._notes:
            notes = tuple(self._notes)
            self._notes.clear()
            return Item(at, claims, notes)
        return Item(at, claims) if claims else Item(at, [], self._nothing)


class _Part:
    """One row of the bundle that each row of a file makes, where it fits."""

    def __init__(self, made: Made, scope: Scope, context: Context) -> None:
        self._kind, self._scope = made.kind, scope
        kind = KINDS[made.kind.lower()]
        values = {**(scope.table.common or {}), **made.columns}
        self._takes = [(column, taking(value, kind, column, scope)) for column, value in values.items()]
        self._values = values
        self._fits = fits(made.where, scope)
        self._claims = compiled(kind, [*values], context)
        self.used = {name for value in values.values() for name in value.columns} | {each.column for each in made.where or ()}

    def make(self, at: str, cells: list[str], claims: list[Claim], problems: Problems) -> None:
        """Add what a row says here to `claims`, and what is wrong with it to `problems`."""
        if self._fits is not None and not self._fits(cells):
            return
        texts: list[str] = []
        failed = []
        for column, take in self._takes:
            try:
                texts.append(take(cells))
            except Unfit as unfit:
                texts.append("")
                failed.append(column)
                self._tell(problems, unfit.at(column, ""), cells)
        try:
            claims += self._claims(at, texts)
        except Invalid as error:
            made = dict(zip(self._values, texts, strict=True))
            for each in error.problems:
                if each.field not in failed:
                    self._tell(problems, replace(each, value=made.get(each.field, "")), cells)

    def _tell(self, problems: Problems, found: Problem, cells: list[str]) -> None:
        """Add a problem of the made row to `problems`, in the words of the file it came from."""
        column, made = found.field, found.value
        value = self._values.get(column)
        names = dict(self._original(name, cells) for name in (value.columns if value else ()))
        original = ", ".join(names.values())
        meant = f"{self._kind}.{column}" + (f" {made[:100]!r}" if made and made != original else "")
        field = ", ".join(names) or column
        problem = Problem(field, original[:200], found.code, f"{found.reason} (as {meant})", found.repair)
        problems.setdefault((field, found.code, found.reason), problem)

    def _original(self, name: str, cells: list[str]) -> tuple[str, str]:
        """`(column, text)` of the file where the mapping speaks of `name`."""
        fixed = self._scope.fixed
        if name == CELL and COLUMN in fixed:
            return fixed[COLUMN], cells[self._scope.columns[name]]
        return (fixed[COLUMN], fixed[name]) if name in fixed else (name, cells[self._scope.columns[name]])


class _Each(_Part):
    """A part that is made of one column, where its cell is not empty."""

    def __init__(self, made: Made, scope: Scope, context: Context, column: str) -> None:
        super().__init__(made, scope, context)
        self._at = scope.columns[column]
        self.used.add(column)

    def make(self, at: str, cells: list[str], claims: list[Claim], problems: Problems) -> None:
        """As of any part."""
        if cells[self._at]:
            super().make(at, cells, claims, problems)


def _parts(made: Made, scope: Scope, context: Context) -> Iterator[_Part]:
    if made.each is None:
        yield _Part(made, scope, context)
        return
    for name, within in _each(made.each, scope):
        yield _Each(made, within, context, name)


def _each(pattern: str, scope: Scope) -> Iterator[tuple[str, Scope]]:
    """The columns that a pattern matches, each with what names mean in a part that is made of it."""
    for name, at in scope.columns.items():
        if name not in NOTES and (match := re.fullmatch(pattern, name)):
            told = {group: text or "" for group, text in match.groupdict().items()}
            yield name, Scope({**scope.columns, CELL: at}, {**told, COLUMN: name}, scope.table, scope.typed, scope.noted)


# -- a mapping that does not fit a file


def _unknown(placed: Placed, scope: Scope, path: Path) -> Iterator[Wrong]:
    """The columns that a table speaks of and a file does not have."""
    table = placed.table
    yield from _of_conditions(f"{placed.at}/where", table.where, scope, path)
    for name, value in (table.common or {}).items():
        yield from _of_value(f"{placed.at}/common/{name}", value, scope, path)
    for number, made in enumerate(table.makes):
        at = f"{placed.at}/makes/{number}"
        within = scope
        if made.each is not None:
            found = [each for _, each in _each(made.each, scope)]
            if not found:
                reason = f"{path.name} has no column that it matches"
                yield wrong(f"{at}/each", made.each, reason, f"its columns are {', '.join(map(repr, scope.columns))}")
                continue
            within = found[0]
        yield from _of_conditions(f"{at}/where", made.where, within, path)
        for column, value in made.columns.items():
            yield from _of_value(f"{at}/columns/{column}", value, within, path)


def _of_conditions(at: str, where: Sequence[Condition] | None, scope: Scope, path: Path) -> Iterator[Wrong]:
    for number, condition in enumerate(where or ()):
        yield from _missing(f"{at}/{number}", [condition.column], scope, path)


def _of_value(at: str, value: Value, scope: Scope, path: Path) -> Iterator[Wrong]:
    yield from _missing(at, value.columns, scope, path)


def _missing(at: str, names: Sequence[str], scope: Scope, path: Path) -> Iterator[Wrong]:
    separated = len(scope.columns) == 1 and re.search(r"[;\t|,]", next(iter(scope.columns)))
    for name in names:
        if name not in scope.columns and name not in scope.fixed:
            hint = (
                f"say with `delimiter` that {separated[0]!r} separates its cells" if separated else closest(name, [*scope.columns])
            )
            yield wrong(at, name, f"{path.name} has no column {name!r}", hint)
