"""What a mapping is: which tables a system exports, and which rows of the bundle each of their rows makes.

One model for the YAML, its JSON Schema (`api/schemas/mapping.json`) and the checks; `docs/mapping.md` explains it. What a row
makes is told in the words of the bundle (`csv_bundle.columns_of`), so mapped rows pass through the same rules as the bundle's.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from graph.model import MODELS, RELATIONS
from loaders.unpacking import is_encoding

EXCEL = (".xlsx", ".xlsm")
"""How names of workbooks end."""
KINDS = {name.lower(): name for name in (*MODELS, *RELATIONS, "CONTAINED_IN")}
"""Kinds and relations by the names that a mapping gives them."""
HOLE = re.compile(r"\{([^{}]+)\}")
"""A column within a template."""
CELL, COLUMN = "_cell", "_column"
"""What a part with `each` calls the cell and the name of the column that it is made of."""

_DIRECTIVES = frozenset("YymdBbjHIMSfpz%")
_Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is no regular expression ({error}): put \\ before characters that are meant as such") from None
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"the time zone {text!r} is unknown: use an IANA name such as Europe/Berlin") from None
    return text


def _encoding(text: str) -> str:
    if not is_encoding(text):
        raise ValueError(f"the encoding {text!r} is unknown: use one such as utf-8, cp1252, latin-1 or utf-16")
    return text


def _form(text: str) -> str:
    """A form of dates as `strptime` has it; it must say at least the year, and nothing twice."""
    told = re.findall(r"%(.?)", text)
    reason = None
    if unknown := [letter for letter in told if letter not in _DIRECTIVES]:
        reason = f"%{unknown[0]} is unknown"
    elif not {"Y", "y"} & {*told}:
        reason = "it does not say the year"
    elif "I" in told and "p" not in told:
        reason = "%I needs %p"
    else:
        try:
            datetime.strptime(datetime(2024, 5, 1, tzinfo=UTC).strftime(text), text)  # noqa: DTZ007 - a trial of the form
        except (ValueError, re.error) as error:
            reason = f"it cannot be read again ({error})"
    if reason:
        raise ValueError(f"{text!r} is no form of dates, {reason}: write one such as %d.%m.%Y %H:%M")
    return text


Pattern = Annotated[_Name, AfterValidator(_pattern)]
Zone = Annotated[_Name, AfterValidator(_zone)]
Form = Annotated[_Name, AfterValidator(_form)]


def _listed(told: Any) -> Any:
    return [told] if isinstance(told, str) else told


Forms = Annotated[list[Form], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=list[Form] | Form)]
Words = Annotated[list[str], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=list[str] | str)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _exactly_one(part: Any, *names: str) -> None:
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        told = ", ".join(name.rstrip("_") for name in names)
        raise ValueError(f"give exactly one of {told}" + (f", not {' and '.join(given)}" if given else ""))


def _told_shortly(told: Any) -> Any:
    """A text is a column, or a template where it has braces; a list is what its parts say, put together."""
    if isinstance(told, str):
        return {"template": told} if HOLE.search(told) else {"column": told}
    return {"parts": told} if isinstance(told, list) else told


class Value(_Part):
    """What is told of a row: a column, a fixed value, or a template such as `{Site}-{Bag No}`; then found, mapped and read."""

    column: _Name | None = Field(None, description="The cell of this column.")
    value: str | None = Field(None, description="Always this.")
    template: _Name | None = Field(None, description="A text with columns in braces; empty where all of them are.")
    parts: list["Told"] | None = Field(None, description="Several identifiers; those that are empty are left out.")
    find: Pattern | None = Field(
        None, description="Take what this regular expression finds (its first group, if it has one); refuse where it finds nothing."
    )
    map: dict[str, str] | None = Field(None, description="What the words of the source mean, in the words of the model.")
    other: Literal["refuse", "keep", "drop"] | None = Field(
        None,
        description="What to do with a word that `map` does not know: refuse the row (default), keep the word, or say nothing.",
    )
    dates: Forms | None = Field(None, description="Forms of dates (strptime), tried in order; ISO 8601 is always read.")
    zone: Zone | None = Field(None, description="IANA time zone of local times.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _exactly_one(self, "column", "value", "template", "parts")
        if self.other and not self.map:
            raise ValueError("`other` says what to do beside a `map`: give one, or leave it out")
        return self

    @property
    def columns(self) -> list[str]:
        """The columns it is made of."""
        if self.parts is not None:
            return [column for part in self.parts for column in part.columns]
        return [self.column] if self.column else HOLE.findall(self.template or "")


Told = Annotated[Value, BeforeValidator(_told_shortly, json_schema_input_type=_Name | list[_Name | Value] | Value)]


def _condition_shortly(told: Any) -> Any:
    return {"column": told, "empty": False} if isinstance(told, str) else told


class Condition(_Part):
    """What must hold of a column. A text alone is a column that must not be empty."""

    column: _Name
    is_: Words | None = Field(None, alias="is", description="It is this, or one of these.")
    not_: Words | None = Field(None, alias="not", description="It is not this, or none of these.")
    empty: bool | None = Field(None, description="Whether it is empty.")
    matches: Pattern | None = Field(None, description="This regular expression finds something in it.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _exactly_one(self, "is_", "not_", "empty", "matches")
        return self


Where = Annotated[
    list[Annotated[Condition, BeforeValidator(_condition_shortly, json_schema_input_type=_Name | Condition)]],
    BeforeValidator(
        lambda told: told if isinstance(told, list) else [told], json_schema_input_type=list[_Name | Condition] | _Name | Condition
    ),
]


class Made(_Part):
    """A row of the bundle that is made of a row: of which kind or relation, and what its columns hold."""

    kind: _Name = Field(
        description="A kind of record (`material`), a relation (`input_to`), or `contained_in`.",
        json_schema_extra={"enum": [*KINDS]},
    )
    where: Where | None = Field(None, description="Make it only where all of this holds.")
    each: Pattern | None = Field(
        None,
        description="Make one for each column whose whole name this regular expression matches and whose cell is not empty: "
        "`_cell` is the cell, `_column` the column's name, and each named group (?P<unit>...) a value of its own.",
    )
    columns: dict[str, Told] = Field(min_length=1, description="The columns of the made row, in the words of the bundle.")


class _Shared(_Part):
    """What may be told once for all tables, or for one."""

    delimiter: Annotated[str, StringConstraints(pattern=r'^[^A-Za-z0-9"\r\n]$')] | None = Field(
        None, description="What separates cells; default a comma."
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(None, description="Default UTF-8.")
    skip: Annotated[int, Field(ge=0, le=1000)] | None = Field(None, description="Lines, or rows of a sheet, before the header.")
    decimal: Literal[",", "."] | None = Field(None, description="Decimal sign of numbers; default a point.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(None, description="What groups the digits of numbers in CSV.")
    zone: Zone | None = Field(None, description="IANA time zone of local times; default: that of the steward's organisation.")
    dates: Forms | None = Field(None, description="Forms of dates (strptime), tried in order; ISO 8601 is always read.")
    common: dict[Annotated[str, StringConstraints(pattern="^(steward|recorded_at|retract)$")], Told] | None = Field(
        None, description="Columns of every row that is made, unless it says otherwise."
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.thousands and self.thousands == (self.decimal or "."):
            raise ValueError(f"{self.thousands!r} cannot be both decimal sign and what groups digits: give another")
        return self


class Table(_Shared):
    """One kind of file, or sheet, that a system exports, and what its rows make."""

    files: _Name = Field(description="Names of the files, as a pattern: `bags-*.csv`. Case does not matter.")
    sheet: _Name | None = Field(None, description="Sheet of a workbook; default its first.")
    where: Where | None = Field(None, description="Rows of which this does not hold are left out, and counted.")
    makes: list[Made] = Field(min_length=1, max_length=200, description="What each row makes.")


class LogRecord(_Part):
    """What the objects, or the events, of one type of an event log are."""

    kind: _Name = Field(
        description="A kind of record: of events `step` or `handoff`, of objects any other.",
        json_schema_extra={"enum": [name.lower() for name in MODELS]},
    )
    columns: dict[str, Told] = Field(
        default_factory=dict,
        description="Columns of the bundle, made of attributes and of `ocel:id`, `ocel:type`, `ocel:time`. Attributes that no "
        "column is made of are kept under their names.",
    )


class LogRelation(_Part):
    """What a relationship of an event, or an object, to an object is: the first that fits counts."""

    qualifier: Words | None = Field(None, description="Its qualifier is this, or one of these; default any.")
    of: Words | None = Field(None, description="It is one of an event or object of this type, or of these; default any.")
    to: Words | None = Field(None, description="It names an object of this type, or of these; default any.")
    relation: _Name = Field(
        description="A relation of the model (`input_to`, `output`, `at`, ...).",
        json_schema_extra={"enum": [name.lower() for name in RELATIONS if name != "SAME_AS"]},
    )
    role: Literal["content", "container"] | None = Field(None, description="Of `subject_of`: what the object is in a packing.")


class EventLog(_Part):
    """How object-centric event logs (OCEL 2.0) are read. What is not told is kept: objects are materials, events are steps."""

    files: _Name | None = Field(None, description="Names of the files, as a pattern; default all logs.")
    objects: dict[_Name, LogRecord] = Field(default_factory=dict, description="What objects are, by their type.")
    events: dict[_Name, LogRecord] = Field(default_factory=dict, description="What events are, by their type.")
    relations: list[LogRelation] = Field(default_factory=list, max_length=1_000, description="What relationships are.")


class Mapping(_Shared):
    """How the tables and event logs of a system are read."""

    tables: list[Table] = Field(default_factory=list, min_length=1, max_length=200)
    ocel: EventLog | None = Field(None, description="How object-centric event logs are read.")
    leave_out: Words | None = Field(None, description="Names of files that are not wanted, as patterns; each is told of.")

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.tables and self.ocel is None:
            raise ValueError("it says nothing: give `tables`, or `ocel` for event logs")
        return self

    def table(self, at: int) -> Table:
        """A table with what is told for all of them."""
        table = self.tables[at]
        shared = {name: getattr(self, name) for name in _Shared.model_fields if getattr(table, name) is None}
        common = {**(self.common or {}), **(table.common or {})}
        return table.model_copy(update={**shared, "common": common or None})

    def log_table(self) -> Table:
        """What holds for event logs of all that is told once: a table that makes nothing."""
        shared = {name: getattr(self, name) for name in _Shared.model_fields}
        return Table.model_construct(files="*", sheet=None, where=None, makes=[], **shared)
