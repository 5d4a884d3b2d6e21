"""Values and codes of FHIR as values of ours: how they are written, and which of their words are kept."""

import re
from collections.abc import Mapping
from typing import Any

from loaders.fhir_types import (
    Coding,
    Concept,
    ConceptOrReference,
    Period,
    Quantity,
    Range,
    Reference,
    SampledData,
    Timing,
    Valued,
)

_KNOWN = (
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "http://terminology.hl7.org/",
    "http://hl7.org/fhir/",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://www.ama-assn.org/go/cpt",
    "https://www.isbt128.org/",
)
_PREFERRED = {"http://loinc.org": 0, "http://snomed.info/sct": 1}
_UCUM = ("http://unitsofmeasure.org", "https://ucum.org/")
_COMPARATORS = ("<", "<=", ">=", ">")
_WHOLE = 2**53
"""Below it every whole number is exact."""
SHORT = 100
"""Characters of a text that is a value or a name of something; a longer one is a narrative."""
NAME = 1_000
"""Characters of the name of an organisation or place."""
SERIES = 4_000
"""Characters of a series of samples that are kept; a text of a record has no more."""
_SAMPLES = re.compile(r"(?:(?:[-+]?\d{1,18}(?:\.\d{1,18})?(?:[eE][-+]?\d{1,3})?|[EUL])(?:\s+|\Z))+\Z", re.ASCII)
"""Numbers, and what stands for an error or a value beyond the limits (R5, 2.1.28.0.12)."""
_TIME = re.compile(r"(\d{4}(-\d\d){0,2}(?=T|\Z))?T?(\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:\d\d)?)?\Z", re.ASCII)


def listed(value: Any) -> list[Any]:
    """What R4 and R5 give as one or as several, as several."""
    return [] if value is None else value if isinstance(value, list) else [value]


def bounds(timing: Timing | None) -> Period | None:
    """From when to when something was repeated, where no moments of it are told."""
    return timing.repeat.bounds_period if timing and timing.repeat and not any(timing.event) else None


def plain(concept: Concept | ConceptOrReference | None) -> Concept | None:
    """The concept of what R5 gives as concept or reference."""
    return concept.concept if isinstance(concept, ConceptOrReference) else concept


def reference_of(told: Reference | ConceptOrReference | None) -> Reference | None:
    """The reference of what R5 gives as concept or reference."""
    return told.reference if isinstance(told, ConceptOrReference) else told


def short(text: str | None, most: int = SHORT) -> str | None:
    """A text, if it is no narrative, which may name a person."""
    return text if text and len(text) <= most and "\n" not in text else None


def _coding(concept: Concept | None) -> Coding | None:
    coded = [coding for coding in concept.coding if short(coding.code)] if concept else []
    return min(coded, key=lambda coding: _PREFERRED.get(coding.system or "", 2), default=None)


def code_of(concept: Concept | None) -> str | None:
    """The code: LOINC before SNOMED CT before any other; where there is none the text."""
    coding = _coding(concept)
    return coding.code if coding else short(concept.text) if concept else None


def said(concept: Concept | None) -> str | None:
    """The concept in the words of its system, if that is one of the field's; else its code; where there is none the text."""
    coding = _coding(concept)
    if coding is None:
        return short(concept.text) if concept else None
    return _display(coding) or coding.code


def words_of(concept: Concept | ConceptOrReference | None) -> str:
    """All words of a concept, and its codes (of known systems as `system|code`), in small letters, to look for what it is."""
    concept = plain(concept)
    if concept is None:
        return ""
    told = [concept.text]
    for coding in concept.coding:
        told += [coding.display, f"{coding.system}|{coding.code}" if is_known(coding.system) else coding.code]
    return " ".join(filter(None, told)).lower()


def codings(concept: Concept | None) -> list[dict[str, str]] | None:
    """Every coding with a code, as it was given; None where there is none."""
    told = [
        {name: value for name, value in (("system", each.system), ("code", each.code), ("display", _display(each))) if value}
        for each in (concept.coding if concept else ())
        if short(each.code)
    ]
    return told or None


def _display(coding: Coding) -> str | None:
    return short(coding.display) if is_known(coding.system) else None


def is_known(system: Any) -> bool:
    """Whether the displays of a code system are words of the system; those of others may hold anything."""
    return isinstance(system, str) and system.startswith(_KNOWN)


def unit_of(quantity: Quantity) -> str | None:
    """The unit: in UCUM where it is told."""
    return short(quantity.code) if quantity.code and quantity.system in _UCUM else short(quantity.unit) or short(quantity.code)


def value_fields(told: Valued) -> Mapping[str, Any]:
    """The fields of an Observation that `value[x]` tells."""
    if (quantity := told.value_quantity) is not None:
        return quantity_fields(quantity)
    if told.value_codeable_concept is not None:
        return {"value_text": said(told.value_codeable_concept), "x:value": codings(told.value_codeable_concept)}
    if told.value_integer is not None:
        return {"value": float(told.value_integer)}
    if told.value_boolean is not None:
        return {"value_text": str(told.value_boolean).lower()}
    if (between := told.value_range) is not None:
        return {"value_text": range_text(between), "unit": next((unit_of(q) for q in (between.low, between.high) if q), None)}
    if (ratio := told.value_ratio) is not None:
        return {"value_text": "/".join(quantity_text(each) for each in (ratio.numerator, ratio.denominator))}
    if (series := told.value_sampled_data) is not None:
        return _series_fields(series)
    if (period := told.value_period) is not None:
        return {"value_text": f"{_time(period.start) or ''}/{_time(period.end) or ''}"}
    return {"value_text": short(told.value_string) or _time(told.value_time) or _time(told.value_date_time)}


def _series_fields(series: SampledData) -> Mapping[str, Any]:
    """The samples as they are written, and what must be known to read them."""
    if (samples := samples_of(series)) is None:
        return {}
    origin = {"origin": series.origin.value} if series.origin and series.origin.value is not None else {}
    known = series.model_dump(by_alias=True, exclude_none=True, exclude={"origin", "data", "interval_unit"})
    apart = {"intervalUnit": short(series.interval_unit)} if series.interval_unit else {}
    return {
        "value_text": samples,
        "unit": unit_of(series.origin) if series.origin else None,
        "x:sampled": {**origin, **known, **apart},
    }


def samples_of(series: SampledData) -> str | None:
    """The samples of a series; None where they are too many to keep, or something else."""
    data = series.data or ""
    return data if 0 < len(data) <= SERIES and _SAMPLES.match(data) else None


def _time(text: str | None) -> str | None:
    """A date, a time or both; None for any other text."""
    return text if text and _TIME.match(text) else None


def quantity_fields(quantity: Quantity) -> Mapping[str, Any]:
    """The fields of an Observation that a quantity tells."""
    if quantity.comparator and quantity.comparator not in _COMPARATORS:
        return {"value_text": _limited(quantity), "unit": unit_of(quantity)}
    return {"value": quantity.value, "comparator": quantity.comparator, "unit": unit_of(quantity)}


def range_text(between: Range) -> str:
    """`5-10`, `>=5` or `<=10`."""
    low, high = (quantity.value if quantity else None for quantity in (between.low, between.high))
    if low is not None and high is not None:
        return f"{_number(low)}-{_number(high)}"
    return f">={_number(low)}" if low is not None else f"<={_number(high)}" if high is not None else ""


def quantity_text(quantity: Quantity | None) -> str:
    """`<5 mg`."""
    return " ".join(filter(None, (_limited(quantity), unit_of(quantity)))) if quantity else ""


def _limited(quantity: Quantity) -> str:
    """The number with the comparator before it; `ad`: what makes up a total (R5 value set quantity-comparator)."""
    comparator = quantity.comparator or ""
    return f"{comparator if comparator in _COMPARATORS else 'ad ' if comparator == 'ad' else ''}{_number(quantity.value)}"


def _number(value: float | None) -> str:
    return "" if value is None else str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
