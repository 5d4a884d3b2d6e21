"""From the cells of a foreign row to the texts that the bundle would hold: functions made once a file, from its mapping."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import get_args

from graph import times
from graph.model import MODELS
from loaders import csv_cells
from loaders.csv_cells import Unfit
from loaders.mapping import HOLE, Condition, Table, Value

Cells = list[str]
Take = Callable[[Cells], str]
"""From a row to the text of one column of the bundle; empty says nothing. Raises `Unfit`."""
Read = Callable[[str], str]
"""From a text that is not empty to what the bundle would hold. Raises `Unfit`."""
Fits = Callable[[Cells], bool]
SEARCHED = 4_000
"""Characters of a cell in which regular expressions look: over a million, a plain one may take hours."""


@dataclass(frozen=True)
class Scope:
    """What names mean in one file: columns by their place, fixed texts (of a column's name with `each`), how numbers and dates are
    written; `noted` is told what is left out."""

    columns: Mapping[str, int]
    fixed: Mapping[str, str]
    table: Table
    typed: bool
    """Whether numbers are values of the file, so that they are no texts with a decimal comma."""
    noted: Callable[[str], None]

    def cell(self, name: str) -> Take:
        """The cell of a column, or the fixed text of a name."""
        if name in self.fixed:
            text = self.fixed[name]
            return lambda cells: text
        return itemgetter(self.columns[name])


def taking(value: Value, kind: str, column: str, scope: Scope) -> Take:
    """What a value of the mapping says of rows, for a column of a made row."""
    if value.parts is not None:
        takes = [taking(part, kind, column, scope) for part in value.parts]
        return lambda cells: "|".join(text for take in takes if (text := take(cells)))
    take = _told(value, scope)
    reads = _reads(value, kind, column, scope)
    blank = (value.map or {}).get("", "")
    if not reads:
        return take

    def read(cells: Cells) -> str:
        text = take(cells)
        if not text:
            return blank
        for step in reads:
            if text:
                text = step(text)
        return text

    return read


def _told(value: Value, scope: Scope) -> Take:
    if value.value is not None:
        text = value.value
        return lambda cells: text
    if value.column is not None:
        return scope.cell(value.column)
    return _filled(value.template or "", scope)


def _filled(template: str, scope: Scope) -> Take:
    """A template with the cells of a row; empty where all of them are."""
    literals = HOLE.split(template)[::2]
    names = HOLE.findall(template)
    takes = [scope.cell(name) for name in names]

    def filled(cells: Cells) -> str:
        texts = [take(cells) for take in takes]
        if not all(texts):
            if not any(texts):
                return ""
            empty = next(name for name, text in zip(names, texts, strict=True) if not text)
            reason = f"{empty} is empty, and {template!r} is made of it"
            raise Unfit("MISSING", reason, "fill it in, or let the mapping make this only `where` it is filled in")
        return literals[0] + "".join(text + literal for text, literal in zip(texts, literals[1:], strict=True))

    return filled


def _reads(value: Value, kind: str, column: str, scope: Scope) -> list[Read]:
    """What is done to a text, in order."""
    reads: list[Read] = []
    if value.map is not None:
        reads.append(_translated(value, scope))
    if value.find is not None:
        reads.insert(0, _found(value.find))
    if is_instant(kind, column):
        forms, zone = value.dates or scope.table.dates, value.zone or scope.table.zone
        if forms or zone:
            reads.append(_instant(tuple(forms or ()), zone))
    elif is_number(kind, column) and (scope.table.decimal == "," or scope.table.thousands):
        reads.append(_number(scope.table.decimal or ".", scope.table.thousands, scope.typed))
    return reads


def _found(pattern: str) -> Read:
    search = re.compile(pattern).search

    @lru_cache(maxsize=4096)
    def found(text: str) -> str:
        if len(text) > SEARCHED:
            raise Unfit(
                "TOO_LONG", f"it has {len(text):,} characters, too many to find something in", "shorten it to 4,000 characters"
            )
        match = search(text)
        if match is None:
            raise Unfit("INVALID_VALUE", f"nothing in it fits {pattern!r}", "correct it, or `find` in the mapping")
        return (match[1] if match.re.groups else match[0]) or ""

    return found


def _translated(value: Value, scope: Scope) -> Read:
    words, other = value.map or {}, value.other or "refuse"
    name = ", ".join(value.columns)

    def translated(text: str) -> str:
        meaning = words.get(text)
        if meaning is not None:
            return meaning
        if other == "keep":
            return text
        if other == "drop":
            scope.noted(f"{name}: a word that is not in the map was left out, as the mapping says")
            return ""
        known = ", ".join(map(repr, list(words)[:20]))
        raise Unfit("UNMAPPED_VALUE", "the map does not know this word", f"add it to `map`, or write one of {known}")

    return translated


# -- instants


def is_instant(kind: str, column: str) -> bool:
    """Whether a column of the bundle holds instants."""
    if column == "recorded_at" or kind == "CONTAINED_IN":
        return column in ("recorded_at", "from", "to")
    return kind in MODELS and column in MODELS[kind].INSTANTS


def _instant(forms: Sequence[str], zone: str | None) -> Read:
    """A date in one of some forms, told as precisely as its form tells it; ISO 8601 as it is."""
    shaped = [(form, _shape(form)) for form in forms]

    @lru_cache(maxsize=16_384)
    def instant(text: str) -> str:
        for form, shape in shaped:
            try:
                moment = datetime.strptime(text, form)  # noqa: DTZ007 - placed by its zone below
            except ValueError:
                continue
            return _placed(moment, shape, zone)
        if forms and not _ISO.match(text):
            raise Unfit("INVALID_INSTANT", f"it is not written as {' or '.join(forms)}", "correct it, or add its form to `dates`")
        return _zoned(text, zone)

    return instant


_ISO = re.compile(r"\d{4}-\d\d-\d\d(?!\d)", re.ASCII)


def _shape(form: str) -> str:
    """The part of an ISO text that a form tells."""
    told = {*re.findall(r"%(.)", form)}
    if told & {*"HIMSf"}:
        return "%Y-%m-%dT%H:%M" + (":%S" if told & {"S", "f"} else "") + (".%f" if "f" in told else "")
    return "%Y-%m-%d" if told & {"d", "j"} else "%Y-%m" if told & {"m", "B", "b"} else "%Y"


def _placed(moment: datetime, shape: str, zone: str | None) -> str:
    year, rest = f"{moment.year:04d}", shape.removeprefix("%Y")
    text = year + moment.strftime(rest)
    if moment.tzinfo is None or "T" not in shape:
        return _zoned(text, zone)
    return _zoned(text + moment.isoformat()[-6:], zone)


def _zoned(text: str, zone: str | None) -> str:
    """The canonical text of a time in ISO 8601; a local one without a zone is left to the organisation's."""
    if zone is None:
        return text
    with csv_cells.fitting():
        return times.canonical(text, zone)


# -- numbers


def is_number(kind: str, column: str) -> bool:
    """Whether a column of the bundle holds numbers."""
    if kind in MODELS and column in MODELS[kind].model_fields:
        [base, *_] = [part for part in get_args(MODELS[kind].model_fields[column].annotation) if part is not type(None)]
        return (get_args(base) or (base,))[0] in (int, float)
    return column == "quantity"


def _number(decimal: str, thousands: str | None, typed: bool) -> Read:
    """A number with this decimal sign and groups of digits, as the bundle has it; where numbers are values, as it is."""
    between = _SPACES if thousands == " " else re.escape(thousands or "")
    digits = rf"(?:\d{{1,3}}(?:{between}\d{{3}})+|\d+)" if thousands else r"\d+"
    shape = re.compile(rf"([+-]?{digits})(?:{re.escape(decimal)}(\d+))?([eE][+-]?\d+)?", re.ASCII)
    written = f"1{thousands or ''}234{decimal}5"

    def number(text: str) -> str:
        match = shape.fullmatch(text)
        if match is None:
            if typed:
                return text
            raise Unfit("INVALID_VALUE", f"it is no number written as {written}", "correct it, or `decimal` in the mapping")
        whole = re.sub(r"[^\d+-]", "", match[1])
        return whole + (f".{match[2]}" if match[2] else "") + (match[3] or "")

    return number


_SPACES = "[ \u00a0\u202f]"


# -- conditions


def fits(conditions: Sequence[Condition] | None, scope: Scope) -> Fits | None:
    """Whether all of some conditions hold of a row; None where there is none."""
    tests = [_test(condition, scope) for condition in conditions or ()]
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda cells: all(test(cells) for test in tests)


def _test(condition: Condition, scope: Scope) -> Fits:
    take = scope.cell(condition.column)
    if condition.empty is not None:
        empty = condition.empty
        return lambda cells: (not take(cells)) is empty
    if condition.matches is not None:
        search = re.compile(condition.matches).search
        return lambda cells: search(take(cells)[:SEARCHED]) is not None
    wanted = condition.is_ is not None
    words = frozenset(condition.is_ or condition.not_ or ())
    return lambda cells: (take(cells) in words) is wanted
