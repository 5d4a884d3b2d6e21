"""What sensors reported in an event, reading by reading, as fields of Observations.

A report may give a value, its minimum, maximum, mean and more over an interval: each is one reading. What the report leaves
out (time, device) the metadata of its sensor element gives; without any time a reading is of the time of the event.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graph import times
from loaders import units

_DEVIATION = "standard deviation"
_STATISTICS = {
    "value": "",
    "minValue": "minimum",
    "maxValue": "maximum",
    "meanValue": "mean",
    "sDev": _DEVIATION,
    "percValue": "percentile",
}
_TEXTS = ("stringValue", "booleanValue", "hexBinaryValue", "uriValue")
_TIMES = {"time": ".observed_at", "startTime": ".started_at", "endTime": ".ended_at"}
_METHODS = ("deviceID", "deviceMetadata", "dataProcessingMethod")
_QUALIFIERS = ("component", "exception", "chemicalSubstance", "microorganism", "coordinateReferenceSystem")


def readings(elements: Any, event_time: str) -> Iterator[dict[str, Any]]:
    """The fields of each reading of a `sensorElementList` in the form of `epcis_alike.sensors`."""
    for element in elements or ():
        metadata: dict[str, Any] = element.get("sensorMetadata") or {}
        reports = element.get("sensorReport") or []
        for report in reports if isinstance(reports, list) else [reports]:
            yield from _report({**metadata, **report}, event_time)


def canonical(reading: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that tell the value of a reading in its canonical unit, beside what was measured; none where it has none."""
    value, unit = reading.get(".value"), reading.get(".unit")
    if value is None or not isinstance(unit, str):
        return {}
    found = units.canonical(value, unit, reading.get(".x:statistic") == _DEVIATION)
    return dict(zip((".x:canonical_value", ".x:canonical_unit"), found, strict=True)) if found else {}


def _report(told: Mapping[str, Any], event_time: str) -> Iterator[dict[str, Any]]:
    common: dict[str, Any] = {"kind": "Observation"}
    for name, field in ((".code", "type"), (".unit", "uom")):
        if told.get(field):
            common[name] = told[field]
    moments = {field: times.canonical(told[name]) for name, field in _TIMES.items() if told.get(name)}
    common.update(moments or {".observed_at": event_time})
    if method := next((told[name] for name in _METHODS if told.get(name)), None):
        common[".method"] = method
    common.update({f".x:{name}": told[name] for name in _QUALIFIERS if told.get(name)})
    values = [{**common, **value} for value in _values(told)]
    yield from values or [common]


def _values(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, statistic in _STATISTICS.items():
        value = told.get(name)
        if value is None:
            continue
        fields: dict[str, Any] = {".value_text": str(value)} if isinstance(value, str | bool) else {".value": float(value)}
        if statistic:
            fields[".x:statistic"] = f"{statistic} {told['percRank']}" if name == "percValue" and "percRank" in told else statistic
        yield fields
    for name in _TEXTS:
        if told.get(name) is not None:
            yield {".value_text": str(told[name]).lower() if isinstance(told[name], bool) else str(told[name])}
