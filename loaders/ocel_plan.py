"""What a mapping makes of the objects and events of a log: one plan a type, compiled once a log from its declared types.

An item is a row of its own: its cells are `ocel:id`, `ocel:type`, `ocel:time` and its attributes by name. So all that a mapping of
tables can say of a cell (maps, dates, templates, fixed words) is said here in the same words and read by the same functions.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from graph.errors import InvalidMapping
from graph.model import CLASSES, MODELS, RELATIONS, refs
from loaders import csv_cells
from loaders.csv_cells import Convert
from loaders.mapped_values import Scope, Take, taking
from loaders.mapping import KINDS, LogRecord, Value
from loaders.mapping_files import PlacedLog, closest, problem
from loaders.mapping_files import Problem as Wrong
from loaders.ocel_form import Part, Types

ID, TYPE, TIME = CELLS = ("ocel:id", "ocel:type", "ocel:time")
"""What a mapping calls the parts of an item that are no attributes."""
_UNMAPPED: dict[Part, str] = {"objects": "Material", "events": "Step"}
_DEFAULTS = {"object": "SUBJECT_OF", "person": "INPUT_TO", "episode": "FOR_EPISODE"}
"""What a relationship of an event is where no rule fits, by the class of the object it names."""
_SINGLE_STEP = "PERFORMED_BY"


class Taken(NamedTuple):
    """A column that is made of an item: its path in the claim, how its text is made, and how that is read."""

    column: str
    path: str
    take: Take
    convert: Convert


class Reference(NamedTuple):
    """A column that names another record: the relation it makes, and the classes it may name."""

    column: str
    relation: str
    classes: tuple[str, ...]
    take: Take


@dataclass(frozen=True)
class Plan:
    """What the items of one type are. `attributes` are those that its type declares, in the order of cells after `CELLS`;
    `used` those that columns are made of; `sources` the names that each column is made of."""

    kind: str
    cls: str
    attributes: tuple[str, ...] = ()
    values: tuple[Taken, ...] = ()
    refs: tuple[Reference, ...] = ()
    id: Take | None = None
    identifiers: Take | None = None
    steward: Take | None = None
    recorded_at: Take | None = None
    used: frozenset[str] = frozenset()
    sources: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def takes_nothing(self) -> bool:
        """Whether no cell of an item is asked for."""
        return not (self.values or self.refs or self.id or self.identifiers or self.steward or self.recorded_at)


class Meaning(NamedTuple):
    """What a relationship is: a relation (None: none of ours), the class of what it names, and the role of that."""

    relation: str | None
    cls: str
    role: str | None = None


class Plans:
    """The plans of a log. `noted` is told of words that are left out. Raises `InvalidMapping` where a mapping does not fit."""

    def __init__(self, types: Types, placed: PlacedLog | None, noted: Callable[[str], None] = lambda note: None) -> None:
        self._placed, self._noted = placed, noted
        self.zone = placed.shared.zone if placed else None
        told = placed.log if placed else None
        mapped: dict[Part, dict[str, LogRecord]] = {"objects": {}, "events": {}}
        if told:
            mapped = {"objects": told.objects, "events": told.events}
        faults: list[Wrong] = []
        self._of: dict[Part, dict[str, Plan]] = {
            part: {name: self._plan(part, name, declared, records.get(name), faults) for name, declared in types.of(part).items()}
            for part, records in mapped.items()
        }
        if placed and faults:
            raise InvalidMapping(placed.file, faults)
        self._rules = told.relations if told else []
        self.meaning = lru_cache(maxsize=16_384)(self._meaning)  # a log may have as many qualifiers as relationships
        self.needs_types = any(rule.to for rule in self._rules) or any(p.cls != "object" for p in self._of["objects"].values())
        self.unmet = [f"{part[:-1]} type {name!r}" for part in mapped for name in mapped[part] if name not in types.of(part)]

    def of(self, part: Part, type_: str) -> Plan | None:
        """What items of a type are; None of one that the log does not declare."""
        return self._of[part].get(type_)

    def _meaning(self, part: Part, type_: str, qualifier: str, to: str | None) -> Meaning:
        """What a relationship of an item of a type is, with an object of type `to`, where that is known."""
        plan = self._of[part][type_]
        named = self._of["objects"].get(to) if to is not None else None
        for rule in self._rules:
            asked = ((rule.qualifier, qualifier), (rule.of, type_), (rule.to, to))
            if not all(wanted is None or told in wanted for wanted, told in asked):
                continue
            if cls := _class_of(rule.relation.upper(), plan.cls, named.cls if named else None):
                return Meaning(rule.relation.upper(), cls, rule.role)
        cls = named.cls if named else "object"
        if part == "objects":
            return Meaning(None, cls)
        if cls == "organization" and plan.kind == "Step":
            return Meaning(_SINGLE_STEP, cls)
        return Meaning(_DEFAULTS.get(cls), cls)

    # -- one plan

    def _plan(self, part: Part, type_: str, attributes: Mapping[str, str], told: LogRecord | None, faults: list[Wrong]) -> Plan:
        kind = KINDS[told.kind.lower()] if told else _UNMAPPED[part]
        cls = MODELS[kind].CLASS
        if self._placed is None:
            return Plan(kind, cls, tuple(attributes))
        columns = {name: at for at, name in enumerate((*CELLS, *attributes))}
        scope = Scope(columns, {}, self._placed.shared, typed=True, noted=self._noted)
        values = {**(self._placed.shared.common or {}), **(told.columns if told else {})}
        at = f"/ocel/{part}/{type_.replace('~', '~0').replace('/', '~1')}/columns"
        if wrong := [*_unknown(at, values, columns)]:
            faults += wrong
            return Plan(kind, cls, tuple(attributes))
        taken, references = [], []
        named = refs(kind)
        names = {info.alias or name: name for name, info in MODELS[kind].model_fields.items()}
        for column, value in values.items():
            take = taking(value, kind, column, scope)
            if column in named:
                classes = tuple(CLASSES) if named[column].cls == "any" else (named[column].cls,)
                references.append(Reference(column, named[column].relation, classes, take))
            elif column in names:
                taken.append(Taken(column, f".{names[column]}", take, csv_cells.field(kind, names[column])))
        others = {
            column: taking(values[column], kind, column, scope)
            for column in ("id", "identifiers", "steward", "recorded_at")
            if column in values
        }
        used = frozenset(name for value in values.values() for name in value.columns)
        sources = {column: value.columns for column, value in values.items()}
        return Plan(kind, cls, tuple(attributes), tuple(taken), tuple(references), used=used, sources=sources, **others)


def _unknown(at: str, values: Mapping[str, Value], columns: Mapping[str, int]) -> Iterator[Wrong]:
    """What a mapping speaks of and a type of the log, or any, does not have."""
    if "retract" in values:
        yield problem("/common/retract", "", "an event log takes nothing back", "say it of tables alone")
    for column, value in values.items():
        for name in value.columns:
            if name not in columns:
                yield problem(f"{at}/{column}", name, f"its type declares no attribute {name!r}", closest(name, [*columns]))


def _class_of(relation: str, own: str, named: str | None) -> str | None:
    """The class of what a relationship names if it is this relation, stated by a record of class `own`; None where it cannot be."""
    rule = RELATIONS[relation]
    states, others = (rule.source, rule.target) if rule.owner == "source" else (rule.target, rule.source)
    if own not in states or (named is not None and named not in others):
        return None
    return named or ("object" if "object" in others else others[0])
