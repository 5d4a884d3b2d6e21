"""The CSV bundle: one file a record kind (`material.csv`) and one a relation (`input_to.csv`), headers = the model's fields.

A file is known by its name, or the last part of it: `2024-05.material.csv` is a material file. Beside the fields of its
kind a record file has `id` (the identifier used first), `identifiers` (more, separated by `|`), `steward`,
`recorded_at` and `retract`; a relation file has `source`, `target` and the relation's properties. `contained_in.csv`
(`content,container,from,to`) is shorthand for packing and unpacking steps. Where a column may name records of several
classes, the class goes before the identifier: `person/P-1`. Columns that begin with `_` are ignored.
"""

import csv
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from graph import identifiers, naming, times
from graph.claims import RETRACTED, Claim, Evidence, canonical_json, relation_path
from graph.errors import InvalidIdentifier, InvalidInstant, TraceError, UnreadableSource
from graph.model import CLASSES, CONTAINER, CONTENT, MODELS, RELATIONS, Ref, refs
from loaders.items import Context, Draft, Item, Problem, Refused

COMMON = ("steward", "recorded_at", "retract")
CONTAINED_IN = ("content", "container", "from", "to")
_LONGEST_CELL = 1_000_000
_TRUE, _FALSE = frozenset(("true", "yes", "1")), frozenset(("false", "no", "0"))


def kind_of(path: Path) -> str | None:
    """The kind (`Material`) or relation (`INPUT_TO`, `CONTAINED_IN`) a file is of by its name; None for any other."""
    return _NAMES.get(path.stem.lower().rpartition(".")[2])


_NAMES = {name.lower(): name for name in (*MODELS, *RELATIONS, "CONTAINED_IN")}


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a file of this kind or relation."""
    if kind == "CONTAINED_IN":
        return (*CONTAINED_IN, *COMMON)
    if kind in RELATIONS:
        return ("source", "target", *RELATIONS[kind].fields, *COMMON)
    names = (info.alias or name for name, info in MODELS[kind].model_fields.items())
    return ("id", "identifiers", *names, *COMMON)


class _Invalid(Exception):
    """What is wrong with one row."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


class Row(NamedTuple):
    """One row: where it begins, and its non-empty cells by column."""

    at: str
    cells: dict[str, str]


def rows(path: Path) -> Iterator[Row | Refused]:
    """The rows of a CSV file, streamed; those of wrong length or encoding are refused. Raises `UnreadableSource`."""
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            line = reader.line_num + 1
            for values in reader:
                at, line = f"line {line}", reader.line_num + 1
                if values:
                    yield _row(at, header, values)
        except csv.Error as error:
            raise UnreadableSource(
                str(path), f"line {reader.line_num}", f"it is not CSV from here on: {error}", "look for an unclosed quote"
            ) from None


def _check_header(path: Path, header: list[str]) -> None:
    kind = kind_of(path) or ""
    known = columns_of(kind)
    repair = f"the columns of {kind} are {', '.join(known)} (`veintrace template` writes them)"
    if not any(header):
        raise UnreadableSource(str(path), "line 1", "it has no header", repair)
    unknown = [name for name in header if name not in known and not name.startswith("_")]
    if unknown:
        raise UnreadableSource(str(path), "line 1", f"unknown column {unknown[0]!r}", repair)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UnreadableSource(str(path), "line 1", f"the column {twice[0]!r} is there twice", repair)
    needed = CONTAINED_IN[:2] if kind == "CONTAINED_IN" else ("source", "target") if kind in RELATIONS else ()
    missing = [name for name in needed if name not in header]
    if missing:
        raise UnreadableSource(str(path), "line 1", f"the column {missing[0]!r} is missing", repair)


def _row(at: str, header: list[str], values: list[str]) -> Row | Refused:
    if len(values) != len(header):
        problem = Problem(
            "", "", "WRONG_LENGTH", f"the row has {len(values)} cells, the header {len(header)}", "add or remove cells"
        )
        return Refused(at, (problem,), dict(zip(header, values, strict=False)))
    cells = {name: value for name, value in zip(header, values, strict=True) if value and name[0] != "_"}
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        problem = Problem("", "", "BAD_ENCODING", "the row is not UTF-8", "save the file as UTF-8")
        return Refused(at, (problem,), {name: _shown(value) for name, value in zip(header, values, strict=True)})
    return Row(at, cells)


def _shown(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def zones(path: Path) -> Iterator[tuple[str, str]]:
    """`(organisation id, time zone)` of the rows of an organization file that give one."""
    for row in rows(path):
        if isinstance(row, Row) and row.cells.get("time_zone") and row.cells.get("id"):
            try:
                yield naming.steward_id(row.cells["id"].strip()), row.cells["time_zone"].strip()
            except TraceError:
                continue


def read(path: Path, context: Context) -> Iterator[Item | Refused]:
    """Items of one bundle file in order. Raises `UnreadableSource` where the file as a whole cannot be read."""
    kind = kind_of(path) or ""
    if kind == "CONTAINED_IN":
        claims: _Claims = _contained_in
    elif kind in RELATIONS:
        claims = _relation(kind)
    else:
        claims = _record(kind)
    for row in rows(path):
        if isinstance(row, Refused):
            yield row
            continue
        try:
            yield Item(row.at, claims(row, _common(row, context), context))
        except _Invalid as error:
            yield Refused(row.at, error.problems, row.cells)


class Common(NamedTuple):
    """What every row can say: who speaks, when it was recorded, and whether it takes back what was said."""

    steward: str
    recorded_at: int | None
    retract: bool | None
    zone: str | None


_Claims = Callable[[Row, Common, Context], list[Claim]]


def _common(row: Row, context: Context) -> Common:
    cells = row.cells
    steward = context.steward
    if "steward" in cells and not context.forced:
        steward = _steward(cells["steward"])
    zone = context.zone_of(steward)
    recorded = cells.get("recorded_at")
    retract = cells.get("retract", "").strip().lower()
    if retract and retract not in _TRUE | _FALSE:
        raise _Invalid(Problem("retract", retract, "INVALID_VALUE", "it is neither true nor false", "write true or false"))
    at = None if recorded is None else times.span(_instant("recorded_at", recorded, zone))[1]
    return Common(steward, at, retract in _TRUE if retract else None, zone)


@lru_cache(maxsize=4096)
def _steward(text: str) -> str:
    with _field("steward", text):
        return naming.steward(text)


def _instant(field: str, text: str, zone: str | None) -> str:
    with _field(field, text):
        return times.canonical(text, zone)


class _field:  # noqa: N801 - reads as a word in a with statement
    """Turns an invalid identifier or instant into a problem of this field."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InvalidIdentifier | InvalidInstant):
            raise _Invalid(Problem(self.name, self.value, error.code, error.reason, error.repair)) from None


# -- record files


def _record(kind: str) -> _Claims:
    """The function that turns a row of a record file into its claim."""
    model, named = MODELS[kind], refs(kind)
    names = {info.alias or name: f".{name}" for name, info in model.model_fields.items()}
    apart = {"id", "identifiers", *COMMON}

    def claims(row: Row, common: Common, context: Context) -> list[Claim]:
        cells = row.cells
        draft = _identified(model.CLASS, row, common)
        try:
            record = model.model_validate(
                {name: value for name, value in cells.items() if name not in apart}, context={"zone": common.zone}
            )
        except ValidationError as error:
            raise _Invalid(*_problems(error)) from None
        draft.fields["kind"] = kind
        for name, path in names.items():
            value = getattr(record, path[1:])
            if value is None:
                continue
            if (ref := named.get(name)) is not None:
                _refer(draft, name, ref, value)
            else:
                draft.fields[path] = value
        if common.retract is not None:
            draft.fields[RETRACTED] = common.retract
        return [draft.claim(Evidence(row.at), common.recorded_at)]

    return claims


def _identified(cls: str, row: Row, common: Common) -> Draft:
    """A draft under the row's most preferred key; a row without a key has its own id within its steward."""
    texts = [("id", row.cells["id"])] if "id" in row.cells else []
    texts += [("identifiers", text) for text in row.cells.get("identifiers", "").split("|") if text.strip()]
    found = []
    for field, text in texts:
        with _field(field, text):
            found.append(identifiers.parse(text, cls=cls, assigner=common.steward))
    if any(identifier.is_key for identifier in found):
        return Draft.of(common.steward, cls, found)
    record = identifiers.keyed_id(cls, f"row of {common.steward}\n{canonical_json(row.cells).decode()}")
    draft = Draft(common.steward, cls, record, names={record: None})
    draft.fields.update({f"is {identifier.text}": True for identifier in found})
    return draft


def _refer(draft: Draft, field: str, ref: Ref, text: str) -> None:
    cls, bare = _classed(field, text, CLASSES if ref.cls == "any" else (ref.cls,))
    with _field(field, text):
        draft.refer(ref.relation, cls, bare)


def _classed(field: str, text: str, classes: Any) -> tuple[str, str]:
    """`(class, identifier text)` of a reference; the class word before a slash chooses where there are several."""
    if len(classes) == 1:
        return next(iter(classes)), text
    word, slash, bare = text.partition("/")
    if slash and word in classes:
        return word, bare
    if len(classes) == len(CLASSES):
        repair = f"write one of {', '.join(classes)} before it, as in person/P-1"
        raise _Invalid(Problem(field, text, "CLASS_NEEDED", "it does not say what kind of record it names", repair))
    return next(iter(classes)), text


def _problems(error: ValidationError) -> list[Problem]:
    found = []
    for fault in error.errors(include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        cause = fault.get("ctx", {}).get("error")
        reason, repair, code = fault["msg"], "see the data dictionary that `veintrace template` writes", "INVALID_VALUE"
        if isinstance(cause, InvalidInstant):
            reason, repair, code = cause.reason, cause.repair, cause.code
        elif fault["type"] == "literal_error":
            reason, repair = "it is none of the words allowed", f"one of {fault['ctx']['expected']}"
        found.append(Problem(name, str(fault.get("input", ""))[:200], code, reason, repair))
    return found


# -- relation files


def _relation(type_: str) -> _Claims:
    """The function that turns a row of a relation file into its claim, made under the relation's owner."""
    relation = RELATIONS[type_]

    def claims(row: Row, common: Common, context: Context) -> list[Claim]:
        ends = {}
        for field, classes in (("source", relation.source), ("target", relation.target)):
            ends[field] = _end(field, row, common, classes)
        (source, source_text), (target, target_text) = ends["source"], ends["target"]
        if type_ == "SAME_AS" and source.partition("-")[0] != target.partition("-")[0]:
            raise _Invalid(Problem("target", target_text, "TWO_CLASSES", "its ends are of two classes", "join records of one class"))
        owner, path = relation_path(type_, source, target)
        fields: dict[str, Any] = {path: target if relation.single else True}
        for name in relation.fields:
            if name in row.cells:
                fields[f"{path} {name}"] = _property(name, row.cells[name])
        if common.retract is not None:
            if relation.single:
                raise _Invalid(Problem("retract", "", "INVALID_VALUE", f"{type_} holds one end: state another instead", "leave it out"))
            fields[f"{path} {RETRACTED}"] = common.retract
        names = {source: source_text, target: target_text}
        return [Claim(common.steward, owner, fields, Evidence(row.at), common.recorded_at, names)]

    return claims


def _end(field: str, row: Row, common: Common, classes: tuple[str, ...]) -> tuple[str, str]:
    text = row.cells.get(field)
    if text is None:
        raise _Invalid(Problem(field, "", "MISSING", f"{field} is empty", "name the record at this end"))
    cls, bare = _classed(field, text, classes)
    with _field(field, text):
        return _reference(cls, bare, common.steward)


@lru_cache(maxsize=131_072)
def _reference(cls: str, text: str, steward: str) -> tuple[str, str]:
    found = identifiers.parse(text, cls=cls, assigner=steward)
    if not found.is_key:
        raise InvalidIdentifier(text, f"a {found.scheme} may name several records", "give an identifier of one thing")
    return identifiers.record_id(cls, found), found.text


def _property(name: str, text: str) -> Any:
    if name == "role":
        if text not in (CONTENT, CONTAINER):
            raise _Invalid(Problem(name, text, "INVALID_VALUE", "it is no role", f"{CONTENT} or {CONTAINER}, or nothing"))
        return text
    if name != "quantity":
        return text
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise _Invalid(Problem(name, text, "INVALID_VALUE", "a quantity is a number of 0 or more", "write a plain number"))
    return amount


def _contained_in(row: Row, common: Common, context: Context) -> list[Claim]:
    """A stay told as an interval: the packing at its beginning and the unpacking at its end, each a step of its own."""
    content, content_text = _end("content", row, common, ("object",))
    container, container_text = _end("container", row, common, ("object",))
    if common.retract is not None:
        told: dict[str, Any] = {RETRACTED: common.retract}
    else:
        told = {}
    claims = []
    for field, type_, action in (("from", "packing", "ADD"), ("to", "unpacking", "DELETE")):
        if field not in row.cells and field == "to":
            continue
        moment = _instant(field, row.cells[field], common.zone) if field in row.cells else None
        record = identifiers.keyed_id("event", f"{type_} of {common.steward}\n{content}\n{container}\n{moment}")
        fields: dict[str, Any] = {"kind": "Step", ".type": type_, ".action": action, **told}
        if moment is not None:
            fields[".started_at"] = moment
        for record_id, role in ((content, CONTENT), (container, CONTAINER)):
            fields[f"SUBJECT_OF {record_id}"] = True
            fields[f"SUBJECT_OF {record_id} role"] = role
        names = {record: None, content: content_text, container: container_text}
        claims.append(Claim(common.steward, record, fields, Evidence(row.at), common.recorded_at, names))
    return claims
