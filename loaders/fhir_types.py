"""The data types of FHIR, as far as they are read (R4, 2.24; R5, 2.1.28): names, addresses, telecoms, narratives, photos and notes
are no part of these models, so they go no further than the file.

Members have their FHIR names (`valueQuantity`) in files and in what is wrong with them, and snake case here. Where R4 and R5
differ both are read.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Text = Annotated[str, StringConstraints(strip_whitespace=True)]
"""Text of any length, as FHIR allows; how much of it may be stored is for `fhir_told` to say."""
CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z", re.ASCII)
"""A code of FHIR's own value sets, such as `entered-in-error`."""


ERROR = "entered-in-error"


def _coded(text: str) -> str | None:
    return text if CODE.match(text) else ERROR if text.lower() == ERROR else None


CODED = AfterValidator(_coded)
Code = Annotated[str, StringConstraints(strip_whitespace=True), CODED]
"""A code of FHIR's own value sets; any other text, which may be anything, is read as none."""
DATED = "a date or time"
When = Annotated[str, StringConstraints(strip_whitespace=True), DATED]
"""A date or time, before anybody has looked whether it is one."""
Number = Annotated[float, Field(allow_inf_nan=False)]


class Part(BaseModel):
    """What all have in common: other members are left alone, types are those of the JSON."""

    model_config = ConfigDict(extra="ignore", strict=True, alias_generator=to_camel, validate_by_name=False, validate_by_alias=True)


class Coding(Part):
    """A code of a code system."""

    system: Text | None = None
    code: Text | None = None
    display: Text | None = None


class Concept(Part):
    """CodeableConcept: the same thing in codes of several systems, or in words."""

    coding: list[Coding] = Field(default_factory=list)
    text: Text | None = None


class Ident(Part):
    """Identifier: a value within a system."""

    use: Text | None = None
    type: Concept | None = None
    system: Text | None = None
    value: Text | None = None


class Reference(Part):
    """Another resource: by its place, or by an identifier. Its display may name a person and is not read."""

    reference: Text | None = None
    type: Text | None = None
    identifier: Ident | None = None


class ConceptOrReference(Part):
    """CodeableReference (R5)."""

    concept: Concept | None = None
    reference: Reference | None = None


class Period(Part):
    """From and to."""

    start: When | None = None
    end: When | None = None


class Quantity(Part):
    """A value with its unit: `code` where it is of UCUM."""

    value: Number | None = None
    comparator: Text | None = None
    unit: Text | None = None
    system: Text | None = None
    code: Text | None = None


class Range(Part):
    """Low and high."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Part):
    """One quantity to another."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Repeat(Part):
    """How something was repeated: from when to when."""

    bounds_period: Period | None = None


class Timing(Part):
    """Moments at which something happened, or how it was repeated."""

    event: list[When | None] = Field(default_factory=list)
    """None where only an extension says something (R5, 2.1.8.3.2)."""
    repeat: Repeat | None = None


class SampledData(Part):
    """A series of samples: so many milliseconds apart (`period`) in R4, an `interval` of some unit in R5."""

    origin: Quantity | None = None
    period: Number | None = None
    interval: Number | None = None
    interval_unit: Text | None = None
    factor: Number | None = None
    lower_limit: Number | None = None
    upper_limit: Number | None = None
    dimensions: int | None = None
    data: Text | None = None


class Unkept(Part):
    """A value of which nothing is kept: a document, a sequence."""


class Valued(Part):
    """`value[x]`."""

    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: Text | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_time: When | None = None
    value_date_time: When | None = None
    value_period: Period | None = None
    value_sampled_data: SampledData | None = None
    value_attachment: Unkept | None = None
    value_reference: Unkept | None = None


class Meta(Part):
    """When the resource was last changed."""

    last_updated: When | None = None


class Resource(Part):
    """What every resource has."""

    id: Text | None = None
    meta: Meta | None = None
    status: Code | None = None
    identifier: Annotated[list[Ident] | Ident, Field(union_mode="left_to_right")] = Field(default_factory=list)
    """One in R4, where AdverseEvent is told."""
