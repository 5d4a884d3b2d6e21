"""Mappings as they are written in files: read safely, checked whole, and asked which files they read."""

import fnmatch
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from graph.errors import InvalidMapping, UsageError
from graph.model import CLASSES, MODELS, RELATIONS, refs
from graph.plain_yaml import Plain
from loaders import csv_cells
from loaders.csv_bundle import columns_of, needed_of
from loaders.csv_cells import Unfit
from loaders.mapped_rows import quarantined
from loaders.mapping import EXCEL, KINDS, EventLog, LogRecord, LogRelation, Made, Mapping, Table, Value

LONGEST = 500_000
"""Most characters of a mapping."""

NO_CODES = re.compile(r"(?<![A-Za-z])(SSN|MRN|social.?security|medical.?record)(?![a-z])", re.IGNORECASE)
"""Names of columns that hold what may not serve as a tracking code."""
Problem = dict[str, str]
"""Where in a mapping (`at`, a JSON pointer), the `value`, `reason` and `repair`."""


class Placed(NamedTuple):
    """A table of a mapping, and where it is written: file and JSON pointer."""

    file: str
    at: str
    table: Table


class PlacedLog(NamedTuple):
    """How a mapping reads event logs, the file it is written in, and what it tells once for all it reads."""

    file: str
    log: EventLog
    shared: Table


@dataclass(frozen=True)
class Mappings:
    """The tables of all mappings of a load, how they read event logs, the patterns of files they leave out, and their hashes by
    file."""

    tables: tuple[Placed, ...] = ()
    left_out: tuple[str, ...] = ()
    hashes: dict[str, str] = field(default_factory=dict)
    logs: tuple[PlacedLog, ...] = ()

    def leave_out(self, path: Path) -> str | None:
        """The pattern by which a file is not wanted; None where it is."""
        return next((pattern for pattern in self.left_out if _matches(path.name, pattern)), None)

    def of(self, path: Path) -> list[Placed]:
        """The tables that read a file; several only where each reads a sheet of its own. Raises `InvalidMapping`."""
        origins = [*_origins(path)] if self.tables else []
        found = [placed for placed in self.tables if any(_reads(placed.table, name, sheet) for name, sheet in origins)]
        sheets = [placed.table.sheet for placed in found]
        if len(found) > 1 and (None in sheets or len({*sheets}) < len(sheets) or path.suffix.lower() not in EXCEL):
            told = " and ".join(f"{placed.file} {placed.at}" for placed in found)
            first = found[0]
            reason = f"{path.name} is read by {len(found)} tables, {told}"
            raise InvalidMapping(first.file, [problem(f"{first.at}/files", first.table.files, reason, "let one pattern match it")])
        return found

    def log(self, path: Path) -> PlacedLog | None:
        """How an event log is read, where a mapping says it. Raises `InvalidMapping` where several do."""
        names = {path.name}
        if quarantined(path):
            names |= {re.sub(r"^\d+\.", "", name) for name in (path.name, path.name.removesuffix(".json"))}
        found = [each for each in self.logs if each.log.files is None or any(_matches(name, each.log.files) for name in names)]
        if len(found) > 1:
            reason = f"{path.name} is read by {len(found)} mappings, {' and '.join(each.file for each in found)}"
            raise InvalidMapping(found[0].file, [problem("/ocel/files", found[0].log.files, reason, "let one pattern match it")])
        return found[0] if found else None


def quarantine_name(path: Path, table: Table) -> str:
    """What the refused rows of a file are kept as: text under its own name, else CSV named after the file and its sheet."""
    if path.suffix.lower() not in (*EXCEL, ".parquet"):
        return path.name
    return f"{path.name}#{table.sheet}.csv" if table.sheet else f"{path.name}.csv"


def _origins(path: Path) -> Iterator[tuple[str, str | None]]:
    """The names of files, with sheets, that a file may hold rows of: itself and, of the quarantine, where they came from."""
    yield path.name, None
    if not quarantined(path):
        return
    for name in (path.name, re.sub(r"^\d+\.", "", path.name)):
        yield name, None
        if name.lower().endswith(".csv"):
            origin, _, sheet = name[:-4].rpartition("#")
            yield (origin, sheet) if origin else (name[:-4], None)


def _reads(table: Table, name: str, sheet: str | None) -> bool:
    return _matches(name, table.files) and sheet in (None, table.sheet)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern.lower())


def read_files(paths: Sequence[Path]) -> Mappings:
    """The mappings in files. Raises `InvalidMapping`, with all that is wrong in the first that is, and `UsageError`."""
    tables: list[Placed] = []
    left_out: list[str] = []
    logs: list[PlacedLog] = []
    hashes = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                content = file.read(4 * LONGEST + 1)
            text = content.decode("utf-8-sig")
        except OSError as error:
            raise UsageError(f"the mapping {path} cannot be read: {error.strerror}", path=str(path)) from None
        except UnicodeDecodeError:
            raise InvalidMapping(str(path), [problem("", "", "it is not UTF-8", "save it as UTF-8")]) from None
        mapping = parsed(text, str(path))
        tables += (Placed(str(path), f"/tables/{at}", mapping.table(at)) for at in range(len(mapping.tables)))
        logs += [PlacedLog(str(path), mapping.ocel, mapping.log_table())] if mapping.ocel else []
        left_out += mapping.leave_out or ()
        hashes[str(path)] = hashlib.sha256(content).hexdigest()
    return Mappings(tuple(tables), tuple(left_out), hashes, tuple(logs))


class _Texts(Plain, yaml.BaseLoader):
    """Every value as the text it is written as: `NO` is Norway, and `1` a code."""


def parsed(text: str, file: str = "") -> Mapping:
    """The mapping that a text (YAML) holds. Raises `InvalidMapping`, with all that is wrong."""
    if len(text) > LONGEST:
        raise InvalidMapping(file, [problem("", "", f"it has more than {LONGEST:,} characters", "split it into several")])
    try:
        told = yaml.load(text, _Texts)  # noqa: S506 - texts only, without aliases
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        reason = f"it is no YAML: {' '.join(str(error).split())[:300]}"
        raise InvalidMapping(file, [problem("", "", reason, "mend it there")]) from None
    try:
        mapping = Mapping.model_validate(told)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise InvalidMapping(file, [_of_form(each["loc"], each["input"], each["type"], each["msg"]) for each in faults]) from None
    problems = [each for at in range(len(mapping.tables)) for each in _of_words(f"/tables/{at}", mapping.table(at))]
    if problems := [*problems, *(_of_log(mapping.ocel) if mapping.ocel else ())]:
        raise InvalidMapping(file, problems)
    return mapping


def problem(at: str, value: object, reason: str, repair: str) -> Problem:
    """One thing that is wrong with a mapping."""
    return {"at": at, "value": str(value)[:200], "reason": reason, "repair": repair}


def closest(name: str, known: Sequence[str]) -> str:
    """What a name that is unknown should have been, in words: the nearest first."""
    near = get_close_matches(name.casefold(), [each.casefold() for each in known], 1, 0.6)
    meant = next((each for each in known if near and each.casefold() == near[0]), None)
    told = f"write one of {', '.join(map(repr, known[:60]))}"
    return f"did you mean {meant!r}? {told}" if meant else told


def _of_form(place: tuple[int | str, ...], value: object, type_: str, message: str) -> Problem:
    """A problem of the mapping's form, as pydantic tells it."""
    at = re.sub(r"/parts(?=/\d)", "", "".join(f"/{_part(part)}" for part in place))  # a list has none where it is written
    told, _, repair = message.removeprefix("Value error, ").partition(": ")
    if type_ == "extra_forbidden":
        told, repair = f"{place[-1]!r} is unknown here", "take it out, or see docs/mapping.md for what may be here"
    elif type_ == "missing":
        told, repair = f"{place[-1]!r} is missing", "add it"
    shown = "" if value is None or isinstance(value, dict | list) else value
    return problem(at, shown, told[0].lower() + told[1:], repair or "see docs/mapping.md for what may be here")


def _part(name: int | str) -> str:
    """A name within a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


# -- words of the model


def _of_words(at: str, table: Table) -> Iterator[Problem]:
    """What is not the model's in a table: kinds, columns, words."""
    if "/" in table.files or "\\" in table.files:
        yield problem(f"{at}/files", table.files, "it is a pattern of names, without folders", "write the name alone")
    if table.thousands and table.thousands == (table.decimal or "."):
        yield problem(f"{at}/thousands", table.thousands, "it is the decimal sign, too", "write another")
    if table.thousands and table.files.lower().endswith((*EXCEL, ".parquet")):
        reason = "numbers in workbooks and Parquet are no texts, and their digits are not grouped"
        yield problem(f"{at}/thousands", table.thousands, reason, "leave it out for this table")
    if table.sheet and not table.files.lower().endswith(EXCEL):
        yield problem(f"{at}/sheet", table.sheet, "only workbooks have sheets", f"end `files` with {' or '.join(EXCEL)}")
    for number, made in enumerate(table.makes):
        yield from _of_made(f"{at}/makes/{number}", made)


def _of_made(at: str, made: Made) -> Iterator[Problem]:
    kind = KINDS.get(made.kind.lower())
    if kind is None:
        yield problem(f"{at}/kind", made.kind, "it is no kind of record or relation", closest(made.kind, [*KINDS]))
        return
    yield from _of_columns(at, kind, made)
    for column in needed_of(kind):
        if column not in made.columns:
            yield problem(f"{at}/columns", "", f"every {made.kind} needs {column!r}", f"say what `{column}` is")


def _of_columns(at: str, kind: str, made: Made | LogRecord) -> Iterator[Problem]:
    known = columns_of(kind)
    for column, value in made.columns.items():
        place = f"{at}/columns/{_part(column)}"
        if column not in known:
            yield problem(place, column, f"{made.kind} has no column {column!r}", closest(column, known))
        elif value.parts is not None and column != "identifiers":
            yield problem(place, "", "only `identifiers` holds several values", "write one value, or a template")
        elif value.parts is not None and any(part.parts is not None for part in value.parts):
            yield problem(place, "", "it is a list within a list", "write one list")
        else:
            yield from _of_fixed(place, kind, column, value)
            yield from _of_tracking(place, kind, column, value)


def _of_tracking(at: str, kind: str, column: str, value: Value) -> Iterator[Problem]:
    """Columns that are named as what may not serve as a tracking code."""
    if column in ("id", *needed_of(kind), "identifiers") or (kind in MODELS and column in refs(kind)):
        for name in value.columns:
            if found := NO_CODES.search(name):
                reason = f"a column named {found[0]!r} may not serve as a tracking code (21 CFR 1271.290)"
                yield problem(at, name, reason, "use a pseudonym or a local number")


def _of_fixed(at: str, kind: str, column: str, value: Value) -> Iterator[Problem]:
    """What the model does not allow of the words that a mapping itself gives a coded column."""
    if kind not in MODELS or column in refs(kind):
        return
    names = {info.alias or name: name for name, info in MODELS[kind].model_fields.items()}
    if column not in names or column in MODELS[kind].INSTANTS:
        return
    convert = csv_cells.field(kind, names[column])
    told = [(at + "/value", value.value)] if value.value else []
    for place, word in [*told, *((f"{at}/map/{_part(source)}", word) for source, word in (value.map or {}).items())]:
        try:
            if word:
                convert(word, None)
        except Unfit as unfit:
            yield problem(place, word, unfit.reason, unfit.repair)


# -- event logs


def _of_log(log: EventLog) -> Iterator[Problem]:
    """What the model does not allow of what a mapping says of event logs."""
    events = {name.lower() for name in CLASSES["event"]}
    for part, records, known in (
        ("objects", log.objects, [name.lower() for name in MODELS if name.lower() not in events]),
        ("events", log.events, sorted(events)),
    ):
        for type_, made in records.items():
            at = f"/ocel/{part}/{_part(type_)}"
            if made.kind.lower() not in known:
                yield problem(f"{at}/kind", made.kind, f"no {part[:-1]} can be that", closest(made.kind, known))
                continue
            yield from _of_columns(at, KINDS[made.kind.lower()], made)
            if part == "objects" and "id" in made.columns:
                reason = "an object is known by its own id, to which others refer"
                yield problem(f"{at}/columns/id", "id", reason, "give more of them as `identifiers`")
            if made.kind.lower() == "handoff" and not any("ocel:time" in value.columns for value in made.columns.values()):
                reason = "a handoff has many times, and none is said to be that of the event"
                yield problem(f"{at}/columns", "", reason, "write one such as `released_at: ocel:time`")
    for number, relation in enumerate(log.relations):
        yield from _of_relation(f"/ocel/relations/{number}", relation)


def _of_relation(at: str, told: LogRelation) -> Iterator[Problem]:
    known = [name.lower() for name in RELATIONS if name != "SAME_AS"]
    if told.relation.lower() not in known:
        yield problem(f"{at}/relation", told.relation, "it is no relation", closest(told.relation, known))
    elif told.role and told.relation.lower() != "subject_of":
        yield problem(f"{at}/role", told.role, f"{told.relation} has no role", "leave it out")
