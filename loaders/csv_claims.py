"""From the cells of a row of the CSV bundle to claims: a function compiled once a file, from its header and the model."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from graph import identifiers, naming, times
from graph.claims import RETRACTED, Claim, Evidence, Fields, canonical_json, relation_path
from graph.errors import InvalidIdentifier
from graph.identifiers import Identifier
from graph.model import CLASSES, CONTAINER, CONTENT, MODELS, RELATIONS, refs
from loaders import csv_cells
from loaders.csv_cells import Convert, Unfit
from loaders.items import Context, Draft, Problem

COMMON = ("steward", "recorded_at", "retract")
"""Columns that every file may have."""
CONTAINED_IN = ("content", "container", "from", "to")
"""Columns of `contained_in.csv`."""


class Invalid(Exception):
    """All that is wrong with one row."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


Claims = Callable[[str, list[str]], list[Claim]]
"""From where a row stands and its cells to its claims. Raises `Invalid`."""


def compiled(kind: str, header: list[str], context: Context) -> Claims:
    """The function that turns the rows of a file into claims, made once a file."""
    common = _Common(header, context)
    if kind == "CONTAINED_IN":
        return _Stays(header, common).claims
    if kind in RELATIONS:
        return _Relations(kind, header, common).claims
    return _Records(kind, header, common).claims


class _Told(NamedTuple):
    """What every row can say: who speaks, in which zone, when it was recorded, and whether it takes back what was said."""

    steward: str
    zone: str | None
    recorded_at: int | None
    retract: bool | None


class _Common:
    """Reads the columns that every file has."""

    def __init__(self, header: list[str], context: Context) -> None:
        self._steward, self._recorded_at, self._retract = (_index(header, name) for name in COMMON)
        self._context = context
        self._speaker = lru_cache(maxsize=4096)(self._speaking)

    def _speaking(self, text: str) -> tuple[str, str | None]:
        """Who speaks where the column says `text`, and the zone of its local times."""
        steward = self._context.steward
        if text and not self._context.forced:
            with csv_cells.fitting():
                steward = naming.steward(text)
        return steward, self._context.zone_of(steward)

    def told(self, cells: list[str], problems: list[Problem]) -> _Told:
        """What a row's common columns say; problems are added to `problems`."""
        (steward, zone), recorded_at, retract = (self._context.steward, None), None, None
        text = cells[self._steward] if self._steward is not None else ""
        try:
            steward, zone = self._speaker(text)
        except Unfit as unfit:
            problems.append(unfit.at("steward", text))
        if self._recorded_at is not None and (text := cells[self._recorded_at]):
            try:
                recorded_at = times.span(csv_cells.instant(text, zone))[1]
            except Unfit as unfit:
                problems.append(unfit.at("recorded_at", text))
        if self._retract is not None and (text := cells[self._retract]):
            try:
                retract = csv_cells.truth(text)
            except Unfit as unfit:
                problems.append(unfit.at("retract", text))
        return _Told(steward, zone, recorded_at, retract)


def _index(header: list[str], name: str) -> int | None:
    return header.index(name) if name in header else None


class _Named(NamedTuple):
    """A record as a cell names it: the identifier, its text, and the id that it gives if it is a key."""

    identifier: Identifier
    text: str
    record: str


@lru_cache(maxsize=4_096)  # one that outgrows the processor's cache costs more than it saves
def _named(cls: str, text: str, steward: str) -> _Named:
    """The record of a class that a text names, a bare number being the steward's. Raises `Unfit`."""
    try:
        found = identifiers.parse(text, cls=cls, assigner=steward)
    except InvalidIdentifier as error:
        raise Unfit(error.code, error.reason, error.repair) from None
    text = found.text
    return _Named(found, text, identifiers.keyed_id(cls, text))


def _classed(classes: tuple[str, ...], text: str) -> tuple[str, str]:
    """`(class, identifier text)` of what a cell names; the class may go before the identifier. Raises `Unfit`."""
    if "/" in text:
        word, _, bare = text.partition("/")
        if word in classes:
            return word, bare
        if word in CLASSES:
            raise Unfit("WRONG_CLASS", f"it names a record of class {word}", f"name one of class {' or '.join(classes)}")
    if len(classes) == 1 or classes in _OBJECT_UNLESS_SAID:
        return "object" if "object" in classes else classes[0], text
    repair = f"write {' or '.join(f'{name}/' for name in classes)} before it, as in {classes[0]}/{text[:40]}"
    raise Unfit("CLASS_NEEDED", "it does not say what kind of record it names", repair)


_OBJECT_UNLESS_SAID = (RELATIONS["INPUT_TO"].source, RELATIONS["OUTPUT"].target)


def referred(classes: tuple[str, ...], text: str, steward: str) -> tuple[str, str]:
    """`(id, key)` of the record that a cell names. Raises `Unfit`."""
    cls, bare = _classed(classes, text)
    named = _named(cls, bare, steward)
    if not named.identifier.is_key:
        raise Unfit("INVALID_IDENTIFIER", f"several records may carry {named.text}", "give an identifier of one thing")
    return named.record, named.text


class _Records:
    """Rows of a record file: one claim each, under the most preferred key the row carries."""

    def __init__(self, kind: str, header: list[str], common: _Common) -> None:
        self._kind, self._class, self._common = kind, MODELS[kind].CLASS, common
        self._id, self._identifiers = _index(header, "id"), _index(header, "identifiers")
        self._values: list[tuple[int, str, str, Convert]] = []
        self._refs: list[tuple[int, str, str, tuple[str, ...]]] = []
        named = refs(kind)
        for name, info in MODELS[kind].model_fields.items():
            column = info.alias or name
            index = _index(header, column)
            if index is None:
                continue
            if (ref := named.get(column)) is not None:
                classes = tuple(CLASSES) if ref.cls == "any" else (ref.cls,)
                self._refs.append((index, column, ref.relation, classes))
            else:
                self._values.append((index, column, f".{name}", csv_cells.field(kind, name)))

    def claims(self, at: str, cells: list[str]) -> list[Claim]:
        """The claim of one row."""
        problems: list[Problem] = []
        told = self._common.told(cells, problems)
        steward, zone = told.steward, told.zone
        fields: Fields = {"kind": self._kind}
        names: dict[str, str | None] = {}
        for index, column, path, convert in self._values:
            if text := cells[index]:
                try:
                    fields[path] = convert(text, zone)
                except Unfit as unfit:
                    problems.append(unfit.at(column, text))
        for index, column, relation, classes in self._refs:
            if text := cells[index]:
                try:
                    other, names[other] = referred(classes, text, steward)
                except Unfit as unfit:
                    problems.append(unfit.at(column, text))
                else:
                    path = relation_path(relation, "", other)[1]
                    fields[path] = other if path == relation else True
        record = self._identified(cells, steward, fields, names, problems)
        if problems:
            raise Invalid(*problems)
        if told.retract is not None:
            fields[RETRACTED] = told.retract
        return [Claim(steward, record, fields, Evidence(at), told.recorded_at, names)]

    def _identified(
        self, cells: list[str], steward: str, fields: Fields, names: dict[str, str | None], problems: list[Problem]
    ) -> str:
        """The id the row's claim is made under; `fields` and `names` take in its identifiers.

        A row without a key has its own id within its steward, computed from what it says."""
        found: list[_Named] = []
        for column, text in self._identifiers_told(cells):
            try:
                found.append(_named(*_classed((self._class,), text), steward))
            except Unfit as unfit:
                problems.append(unfit.at(column, text))
        if len(found) == 1 and found[0].identifier.is_key:
            names[found[0].record] = found[0].text
            return found[0].record
        if any(named.identifier.is_key for named in found):
            draft = Draft.of(steward, self._class, [named.identifier for named in found])
            fields.update(draft.fields)
            names.update(draft.names)
            return draft.record
        fields.update({f"is {named.text}": True for named in found})
        record = identifiers.keyed_id(self._class, f"row of {steward}\n{canonical_json(fields).decode()}")
        names[record] = None
        return record

    def _identifiers_told(self, cells: list[str]) -> list[tuple[str, str]]:
        """`(column, text)` of the identifiers that a row gives its record."""
        told = [("id", cells[self._id])] if self._id is not None and cells[self._id] else []
        if self._identifiers is not None and cells[self._identifiers]:
            told += [("identifiers", text) for part in cells[self._identifiers].split("|") if (text := part.strip())]
        return told


class _Relations:
    """Rows of a relation file: one claim each, under the relation's owner."""

    def __init__(self, type_: str, header: list[str], common: _Common) -> None:
        self._type, self._relation, self._common = type_, RELATIONS[type_], common
        self._source, self._target = header.index("source"), header.index("target")
        self._properties = [
            (header.index(name), name, csv_cells.relation_property(name)) for name in self._relation.fields if name in header
        ]

    def claims(self, at: str, cells: list[str]) -> list[Claim]:
        """The claim of one row."""
        problems: list[Problem] = []
        told = self._common.told(cells, problems)
        source, source_key = _end("source", cells[self._source], self._relation.source, told, problems)
        target, target_key = _end("target", cells[self._target], self._relation.target, told, problems)
        if problems:
            raise Invalid(*problems)
        owner, path = relation_path(self._type, source, target)
        fields: Fields = {path: target if self._relation.single else True}
        for index, name, convert in self._properties:
            if text := cells[index]:
                try:
                    fields[f"{path} {name}"] = convert(text, told.zone)
                except Unfit as unfit:
                    problems.append(unfit.at(name, text))
        if told.retract is not None:
            if self._relation.single:
                reason = f"{self._type} holds one end at a time and cannot be taken back alone"
                repair = "state the right end with a later recorded_at, or retract the record's claim"
                problems.append(Problem("retract", str(told.retract).lower(), "INVALID_VALUE", reason, repair))
            fields[f"{path} {RETRACTED}"] = told.retract
        if problems:
            raise Invalid(*problems)
        return [Claim(told.steward, owner, fields, Evidence(at), told.recorded_at, {source: source_key, target: target_key})]


def _end(column: str, text: str, classes: tuple[str, ...], told: _Told, problems: list[Problem]) -> tuple[str, str]:
    """`(id, key)` of one end of a relation; empty where there is a problem."""
    try:
        if text:
            return referred(classes, text, told.steward)
        problems.append(csv_cells.missing(column))
    except Unfit as unfit:
        problems.append(unfit.at(column, text))
    return "", ""


class _Stays:
    """Rows of `contained_in.csv`: a stay told as an interval is a packing at its beginning and an unpacking at its end.

    Their ids are computed from content, container and time. Without `from` only the unpacking is known; with neither
    time, a packing of unknown time."""

    def __init__(self, header: list[str], common: _Common) -> None:
        self._content, self._container = header.index("content"), header.index("container")
        self._from, self._to = _index(header, "from"), _index(header, "to")
        self._common = common

    def claims(self, at: str, cells: list[str]) -> list[Claim]:
        """The claims of one row: one or two."""
        problems: list[Problem] = []
        told = self._common.told(cells, problems)
        content = _end("content", cells[self._content], _OBJECT, told, problems)
        container = _end("container", cells[self._container], _OBJECT, told, problems)
        start, end = self._moment("from", self._from, cells, told, problems), self._moment("to", self._to, cells, told, problems)
        if content == container and not problems:
            problems.append(Problem("container", container[1], "INVALID_VALUE", "it is its own content", "name what held it"))
        if start and end and times.span(start)[0] > times.span(end)[1]:
            problems.append(Problem("to", end, "INTERVAL_REVERSED", f"it is before `from`, {start}", "correct one of the two"))
        if problems:
            raise Invalid(*problems)
        claims = []
        if start or not end:
            claims.append(_act(at, told, "packing", "ADD", start, content, container))
        if end:
            claims.append(_act(at, told, "unpacking", "DELETE", end, content, container))
        return claims

    def _moment(self, column: str, index: int | None, cells: list[str], told: _Told, problems: list[Problem]) -> str | None:
        if index is None or not cells[index]:
            return None
        try:
            return csv_cells.instant(cells[index], told.zone)
        except Unfit as unfit:
            problems.append(unfit.at(column, cells[index]))
            return None


_OBJECT = ("object",)


def _act(
    at: str, told: _Told, type_: str, action: str, moment: str | None, content: tuple[str, str], container: tuple[str, str]
) -> Claim:
    """The claim of one packing or unpacking of one content."""
    record = identifiers.keyed_id("event", f"{type_} of {told.steward}\n{content[0]}\n{container[0]}\n{moment}")
    fields: dict[str, Any] = {"kind": "Step", ".type": type_, ".action": action}
    if moment is not None:
        fields[".started_at"] = moment
    if told.retract is not None:
        fields[RETRACTED] = told.retract
    for (other, _), role in ((content, CONTENT), (container, CONTAINER)):
        fields[f"SUBJECT_OF {other}"] = True
        fields[f"SUBJECT_OF {other} role"] = role
    names = {record: None, content[0]: content[1], container[0]: container[1]}
    return Claim(told.steward, record, fields, Evidence(at), told.recorded_at, names)
