"""A first mapping of a file, made from its header and some thousand rows; it says what it is unsure of and why."""

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graph.errors import UsageError
from graph.model import MODELS
from loaders.csv_bundle import needed_of
from loaders.csv_rows import NOTES
from loaders.drafting_columns import UNIT, Guess, guesses, kind_of, unit_in
from loaders.drafting_log import LOGS, LogDraft
from loaders.drafting_samples import Sample, decimals_of, samples
from loaders.drafting_terms import TOTALS, is_private
from loaders.drafting_yaml import comment, text_of, value_of
from loaders.mapped_values import is_instant, is_number
from loaders.mapping import CELL, COLUMN, EXCEL, KINDS
from loaders.mapping_files import parsed
from loaders.sources import format_of

_NUMBER = r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?"
_LIMIT = r"[<>]=?\s*[+-]?\d+([.,]\d+)?"


@dataclass
class Draft:
    """A mapping as YAML with comments; what it is `unsure` of, and which columns it leaves out for they may lead to a person."""

    text: str
    unsure: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)


def draft(path: Path, kind: str | None = None) -> Draft:
    """Draft a mapping of a file, of which `kind` says what its rows are where that is known.

    Raises `UnreadableSource`, and `UsageError` where there is nothing to map."""
    if not path.is_file():
        raise UsageError(f"{path} is no file; name one CSV, Parquet or Excel file, or an event log", path=str(path))
    if kind is not None and kind.lower() not in KINDS:
        raise UsageError(f"{kind!r} is no kind of record or relation; give one of {', '.join(KINDS)}", kind=kind)
    if format_of(path) in LOGS:
        return _of_log(path, kind)
    tables = [_Table(sample, kind.lower() if kind else None) for sample in samples(path)]
    made = Draft("")
    head = [
        f"Drafted from the header and first rows of {path.name}. Decide what is marked UNSURE, then try it:",
        f"  veintrace load --dry-run {path.name} --mapping THIS_FILE",
    ]
    lines = [*(f"# {line}" for line in head), "tables:"]
    for table in tables:
        lines += table.lines()
        made.unsure += table.unsure
        made.private += table.private
    made.text = "\n".join(lines) + "\n"
    parsed(made.text, path.name)
    return made


def _of_log(path: Path, kind: str | None) -> Draft:
    if kind is not None:
        raise UsageError(f"{path} is an event log, whose types are of several kinds; leave out --kind", path=str(path))
    found = LogDraft(path)
    text = "\n".join(found.lines()) + "\n"
    parsed(text, path.name)
    return Draft(text, found.unsure, found.private)


class _Table:
    """The draft of one table."""

    def __init__(self, sample: Sample, kind: str | None) -> None:
        self.sample, self.unsure = sample, [f"{sample.path.name}: {told}" for told in sample.unsure]
        header = [name for name in sample.header if name not in NOTES and not {*name} & {*"{}"}]
        self.private = [name for name in header if is_private(name, sample.values(name), kind)]
        open_ = [name for name in header if name not in self.private]
        self.kind, self.doubt = (kind, "") if kind else kind_of(sample, open_)
        self.private = [name for name in header if is_private(name, sample.values(name), self.kind)]
        self.columns = guesses(sample, self.kind, [name for name in header if name not in self.private])
        self.wide = self._wide(header)
        used = {guess.source for guess in self.columns.values()} | {*self.wide}
        self.unused = [name for name in sample.header if name not in {*NOTES, *used, *self.private}]
        if lacking := [column for column in needed_of(KINDS[self.kind]) if column not in self.columns]:
            told = f"{sample.path} has no column that is known as the {' or '.join(lacking)} of {self.kind}"
            raise UsageError(f"{told}; write its mapping yourself (docs/mapping.md), or give another --kind", path=str(sample.path))
        if not self.columns:
            self._fall_back(header)

    def _fall_back(self, header: Sequence[str]) -> None:
        name = next((name for name in header if name not in self.private and name not in self.wide), None)
        if name is None:
            raise UsageError(
                f"{self.sample.path} has no column that a {self.kind} could be made of; say with --kind what its rows are",
                path=str(self.sample.path),
            )
        self.columns = {"id": Guess("id", name, name, 0, [f"no column is known; {name!r} stands for all of them"])}

    def _wide(self, header: Sequence[str]) -> list[str]:
        """The columns of measured values: numbers that are nothing else, with a unit in the name, or of an observation's file."""
        if KINDS[self.kind] not in MODELS or "value" in self.columns or "value_text" in self.columns:
            return []
        taken = {guess.source for guess in self.columns.values()} | {*self.private}
        found = []
        for name in header:
            values = self.sample.values(name)
            numbers = sum(1 for value in values if re.fullmatch(f"{_NUMBER}|{_LIMIT}", value))
            measured = unit_in(name) or self.kind == "observation"
            if measured and name not in taken and values and numbers * 10 >= len(values) * 9:
                found.append(name)
        return found

    # -- as YAML

    def lines(self) -> Iterator[str]:
        """The table, with its comments."""
        yield f"  - files: {text_of(glob.escape(self.sample.path.name))}"
        yield from (f"    {name}: {value_of(told)}" for name, told in self.sample.written.items())
        yield from self._unsure("    ", self.sample.unsure, tell=False)
        yield from self._numbers_and_times()
        yield from self._totals()
        if self.private:
            yield from comment("    ", f"left out, for it may lead to a person (21 CFR 1271.290): {', '.join(self.private)}")
        if self.unused:
            yield from comment("    ", f"not used: {', '.join(self.unused)}")
        yield "    makes:"
        yield f"      - kind: {self.kind}"
        yield from self._unsure("        ", [self.doubt] if self.doubt else [])
        yield from self._about_ids("        ")
        value = self.columns.get("value") or self.columns.get("value_text")
        if self.kind == "observation" and value and not self._is_plain(value):
            yield from self._by_value(value)
        elif self.kind == "observation" and self.wide:
            yield from self._each("        ", self.columns)
        else:
            yield from self._columns(self.columns.values())
            if self.wide:
                yield "      - kind: observation"
                yield from self._each("        ", self._of_wide())

    def _numbers_and_times(self) -> Iterator[str]:
        kind = KINDS[self.kind]
        numbers = [guess.source for column, guess in self.columns.items() if is_number(kind, column)] + self.wide
        decimal, thousands, _ = decimals_of([self.sample.values(name) for name in numbers])
        text = self.sample.path.suffix.lower() not in (*EXCEL, ".parquet")
        if decimal:
            yield f"    decimal: {text_of(decimal)}"
        if thousands and text:
            yield f"    thousands: {text_of(thousands)}"
        times = [guess.source for column, guess in self.columns.items() if is_instant(kind, column)]
        local = [
            name
            for name in times
            if any(re.search(r"\d:\d\d(:\d\d)?([.,]\d+)?( [AP]M)?$", value) for value in self.sample.values(name))
        ]
        if local:
            told = f"times of {', '.join(local)} have no offset: in which zone are they? Without one, that of the steward"
            yield from self._unsure("    ", [told])
            yield "    # zone: Europe/Berlin"

    def _totals(self) -> Iterator[str]:
        """Leaves out rows that sum up others, which their first cell or what names them tells."""
        keys = [guess.source for column, guess in self.columns.items() if column in ("id", "about")]
        for name in dict.fromkeys([*keys, *self.sample.header[:1]]):
            if found := sorted({value for value in self.sample.values(name) if value.strip(" :.").lower() in TOTALS}):
                told = f"rows of which {name} is {', '.join(found)} seem to be sums of others, and are left out"
                yield from self._unsure("    ", [told])
                yield f"    where: {value_of({'column': name, 'not': found})}"
                return

    def _about_ids(self, indent: str) -> Iterator[str]:
        if KINDS[self.kind] in MODELS and "id" not in self.columns and self.kind not in ("observation", "outcome"):
            told = "no column is known to name each row; without an id it is computed from all that the row says"
            yield from self._unsure(indent, [told])

    def _is_plain(self, value: Guess) -> bool:
        shape = _NUMBER if value.column == "value" else f"(?!{_NUMBER}$|{_LIMIT}$).*"
        return all(re.fullmatch(shape, text, re.DOTALL) for text in self.sample.values(value.source))

    def _by_value(self, value: Guess) -> Iterator[str]:
        """Observations whose column of values holds numbers, limits (`<5`) and texts: a part for each of them that there is."""
        name, others = value.source, [guess for column, guess in self.columns.items() if column not in ("value", "value_text")]
        parts: list[tuple[str, dict[str, Any]]] = [
            (f"^{_NUMBER}$", {"value": name}),
            (f"^{_LIMIT}$", _limit(name)),
            (f"^(?!{_NUMBER}$|{_LIMIT}$)", {"value_text": name}),
        ]
        found = [(shape, told) for shape, told in parts if any(re.search(shape, text) for text in self.sample.values(name))]
        for number, (shape, told) in enumerate(found):
            if number:
                yield f"      - kind: {self.kind}"
            yield f"        where: {{column: {text_of(name)}, matches: {text_of(shape)}}}"
            yield from self._columns(
                [
                    *(others if not number else [_sure(guess) for guess in others]),
                    *(Guess(column, name, each, 5) for column, each in told.items()),
                ]
            )

    def _of_wide(self) -> dict[str, Guess]:
        """What an observation made of one column says beside its value: about which record, and when."""
        key, cls = self.columns.get("id"), MODELS[KINDS[self.kind]].CLASS
        found = {}
        if key:
            told = key.told if isinstance(key.told, str) else key.source
            bare = told if "{" in told else f"{{{told}}}"
            found["about"] = Guess("about", key.source, f"{cls}/{bare}", 5)
        times = [guess for column, guess in self.columns.items() if is_instant(KINDS[self.kind], column) and column != "expires_at"]
        if times and times[0].column != "recorded_at":
            found["observed_at"] = Guess("observed_at", times[0].source, times[0].told, 5)
        return found

    def _each(self, indent: str, others: dict[str, Guess]) -> Iterator[str]:
        united = [name for name in self.sample.header if re.fullmatch(UNIT, name)]
        told: dict[str, Any] = {"code": COLUMN}
        pattern = "|".join(map(re.escape, self.wide))
        if all(units := [unit_in(name) for name in self.wide]):
            told = {"code": "code", "unit": _ucum([unit for unit in units if unit])}
            pattern = "".join(f"(?!{re.escape(name)}$)" for name in united if name not in self.wide) + UNIT
        yield from self._unsure(
            indent, [f"what {', '.join(self.wide[:10])} measure is told by their names alone: give codes and units"]
        )
        limits = any(text[0] in "<>" for name in self.wide for text in self.sample.values(name))
        parts = [("^[^<>]", {"value": CELL}), ("^[<>]", _limit(CELL))] if limits else [("", {"value": CELL})]
        for number, (shape, value) in enumerate(parts):
            if number:
                yield "      - kind: observation"
            yield f"{indent}each: {text_of(pattern)}"
            if shape:
                yield f"{indent}where: {{column: {CELL}, matches: {text_of(shape)}}}"
            kept = [guess if not number else _sure(guess) for guess in others.values()]
            yield from self._columns([*kept, *(Guess(column, "", each, 5) for column, each in {**told, **value}.items())])

    def _columns(self, found: Sequence[Guess] | Any) -> Iterator[str]:
        yield "        columns:"
        for guess in found:
            yield from self._unsure("          ", [f"{guess.column}: {told}" for told in guess.unsure])
            yield f"          {guess.column}: {value_of(guess.told)}"

    def _unsure(self, indent: str, told: Sequence[str], tell: bool = True) -> Iterator[str]:
        for each in told:
            if tell:
                self.unsure.append(f"{self.sample.path.name}: {each}")
            yield from comment(indent, f"UNSURE {each}")


def _limit(column: str) -> dict[str, Any]:
    """What is said of values such as `<5`."""
    return {"comparator": {"column": column, "find": "^[<>]=?"}, "value": {"column": column, "find": r"[\d.,+-]+$"}}


def _ucum(units: Sequence[str]) -> Any:
    """The unit of each column, powers written as UCUM writes them."""
    powers = {unit: unit.replace("^", "*") for unit in units if "^" in unit}
    return {"column": "unit", "map": powers, "other": "keep"} if powers else "unit"


def _sure(guess: Guess) -> Guess:
    return Guess(guess.column, guess.source, guess.told, guess.score)
