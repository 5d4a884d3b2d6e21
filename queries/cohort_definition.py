"""What a cohort is: unit, index event, ordered rules, columns and labels; one model for YAML, JSON Schema and checks.

Index event, inclusion and attrition as in the OHDSI's cohort definitions; windows in days relative to the index date.
"""

from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from graph.errors import InvalidDefinition
from graph.plain_yaml import Plain

LONGEST = 200_000
"""Most characters of a definition."""
Words = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Part):
    """From `min` to `max`, both included; either may be left out."""

    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


class PersonIs(_Part):
    """The unit's patient: one of the words of each field given; `age` in years at the index date, by year of birth."""

    role: Words | None = None
    sex: Words | None = None
    blood_group: Words | None = None
    rh: Words | None = None
    age: Range | None = None


class EpisodeIs(_Part):
    """The unit's therapy order: one of the words of each field given."""

    therapy: Words | None = None
    intent: Words | None = None
    indication: Words | None = None


class Observed(_Part):
    """Measured values of one code in a window of days relative to the index date.

    `about`: the patient, or anything in the lineage of the index event. `take` says which of several counts; `unit` chooses
    where a code is told in several. Limits (`<`, `>`) are no readings and left out."""

    code: Annotated[str, Field(min_length=1)]
    about: Literal["person", "lineage"] = "person"
    days: Range = Range(max=0)
    take: Literal["last", "first", "min", "max", "mean"] = "last"
    unit: str | None = None
    value: Range | None = Field(None, description="The value taken must lie here; without it, it is enough that there is one.")


class OutcomeIs(_Part):
    """Outcomes of the unit in a window of days relative to the index date: one of the words of each field given."""

    type: Words | None = None
    term: Words | None = None
    grade: Range | None = None
    days: Range = Range(max=0)


class MaterialIs(_Part):
    """A material: one of the words of each field given."""

    type: Words | None = None
    name: Words | None = None
    product_code: Words | None = None
    preservation: Words | None = None


class StepIs(_Part):
    """A step: one of the words of each field given."""

    type: Words | None = None
    status: Words | None = None
    disposition: Words | None = None
    performed_by: Words | None = Field(None, description="Identifiers of departments or organisations; their parts count too.")


class HandoffIs(_Part):
    """A handoff: between these parties (their parts count too), that waited so many hours, or came with a discrepancy."""

    from_: Words | None = Field(None, alias="from")
    to: Words | None = None
    preservation: Words | None = None
    wait_h: Range | None = None
    discrepancy: bool | None = None


class Path(_Part):
    """Something in the lineage of the index event, before it: exactly one of these.

    `lot`, `container` and `department` are identifiers; a department is passed where it performed, gave, took, or was the place.
    What happened to a lot of reagent, vector or medium as a whole (its shipments) is no part of the path."""

    material: MaterialIs | None = None
    lot: str | None = None
    container: str | None = None
    department: str | None = None
    step: StepIs | None = None
    handoff: HandoffIs | None = None

    @model_validator(mode="after")
    def _one(self) -> "Path":
        return _exactly_one(self, "material", "lot", "container", "department", "step", "handoff")


class Rule(_Part):
    """One line of attrition: `include` names what must hold, `exclude` what must not; then exactly one condition."""

    include: str | None = None
    exclude: str | None = None
    person: PersonIs | None = None
    episode: EpisodeIs | None = None
    observed: Observed | None = None
    outcome: OutcomeIs | None = None
    path: Path | None = None

    @model_validator(mode="after")
    def _checked(self) -> "Rule":
        _exactly_one(self, "include", "exclude")
        _exactly_one(self, "person", "episode", "observed", "outcome", "path")
        for told in (self.observed, self.outcome):
            if told and (told.days.max is None or told.days.max > 0):
                raise ValueError("a rule may not look beyond the index date: days.max must be 0 or less (labels may)")
        return self

    @property
    def name(self) -> str:
        """Its line in the attrition."""
        return self.include or f"not: {self.exclude}"


class Column(_Part):
    """A column of the rows, known at the index date: exactly one source."""

    person: Literal["role", "sex", "birth_year", "age", "blood_group", "rh"] | None = None
    episode: Literal["therapy", "intent", "indication", "ordered_at"] | None = None
    observed: Observed | None = None
    path: Path | None = None

    @model_validator(mode="after")
    def _checked(self) -> "Column":
        _exactly_one(self, "person", "episode", "observed", "path")
        if self.observed and (self.observed.days.max is None or self.observed.days.max > 0):
            raise ValueError("a column may not look beyond the index date: days.max must be 0 or less (labels may)")
        return self


class Label(_Part):
    """What is to be predicted: it may look beyond the index date. An outcome as whether there is one, its first term, or its
    highest grade; or a value observed."""

    outcome: OutcomeIs | None = None
    take: Literal["any", "term", "grade"] = "any"
    observed: Observed | None = None

    @model_validator(mode="after")
    def _one(self) -> "Label":
        return _exactly_one(self, "outcome", "observed")


class Index(_Part):
    """The event that sets a unit's index date: the first or last step of these types, or the order of the therapy."""

    step: Words | None = None
    ordered: Literal[True] | None = None
    which: Literal["first", "last"] = "first"

    @model_validator(mode="after")
    def _one(self) -> "Index":
        return _exactly_one(self, "step", "ordered")


class Definition(_Part):
    """A cohort: who or what is in it, in which order that is decided, and what is told of each.

    `known`: what counts is what had been recorded by the index date (`at_index`), or by now (`now`), in both cases of what
    happened before. A value without a date of recording counts as recorded when it was loaded."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    unit: Literal["person", "episode", "material"]
    material: MaterialIs | None = Field(None, description="Which materials are units, where the unit is a material.")
    index: Index
    known: Literal["at_index", "now"] = "at_index"
    rules: Annotated[list[Rule], Field(max_length=100)] = []
    columns: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], Column] = Field(default={}, max_length=100)
    labels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], Label] = Field(default={}, max_length=100)

    @model_validator(mode="after")
    def _checked(self) -> "Definition":
        if self.material and self.unit != "material":
            raise ValueError("material chooses units, and the unit is none")
        if self.index.ordered and self.unit == "material":
            raise ValueError("a material is not ordered: name a step as index")
        looks = [*(rule.path or rule.observed for rule in self.rules), *(c.path or c.observed for c in self.columns.values())]
        looks += [label.observed for label in self.labels.values()]
        through = any(isinstance(look, Path) or (look and look.about == "lineage") for look in looks)
        if self.index.ordered and through:
            raise ValueError("an order has no lineage: name a step as index")
        told = [rule.name for rule in self.rules]
        reserved = {"unit", "index_date", "person", "episode"}
        twice = {name for name in told if told.count(name) > 1} | (self.columns.keys() & self.labels.keys())
        if taken := twice | (reserved & (self.columns.keys() | self.labels.keys())):
            raise ValueError(f"used twice, or taken: {', '.join(sorted(taken))}")
        return self


_P = TypeVar("_P", bound=BaseModel)


def _exactly_one(part: _P, *names: str) -> _P:
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}" + (f", not {' and '.join(given)}" if given else ""))
    return part


def parsed(text: str) -> Definition:
    """The definition that a text (YAML, or JSON, which is YAML too) holds. Raises `InvalidDefinition`, with all that is wrong."""
    if len(text) > LONGEST:
        raise InvalidDefinition([("", f"it has more than {LONGEST:,} characters")])
    try:
        told = yaml.load(text, _Loader)  # noqa: S506 - a safe loader, without aliases
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidDefinition([("", f"it is no YAML: {' '.join(str(error).split())[:300]}")]) from None
    try:
        return Definition.model_validate(told)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        raise InvalidDefinition([(_pointer(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in problems]) from None


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join(f"/{part}" for part in place)


class _Loader(Plain, yaml.SafeLoader):
    """Values as YAML reads them."""
