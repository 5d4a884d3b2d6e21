"""What sensors report in an event becomes Observations about its objects, in XML and JSON-LD alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.claims import RETRACTED, Claim
from graph.sqlite_store import SqliteStore
from loaders import epcis_event
from loaders.epcis_sensors import readings
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from loaders.reading import read_one
from loaders.sources import Source

Landed = Callable[..., LoadReport]
WHEN = "2024-05-01T10:00:00Z"
TIME = "2024-05-01T09:00:00.000Z"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": WHEN,
    "eventTimeZoneOffset": "+00:00",
    "action": "OBSERVE",
    "epcList": ["urn:epc:id:sgtin:4012345.012345.12", "urn:epc:id:sgtin:4012345.012345.13"],
    "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.987"},
    "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": -196, "uom": "CEL"}]}],
}


def observations(path: Path, event: dict[str, Any]) -> list[Claim]:
    """The claims about observations that an event makes."""
    path.write_text(json.dumps([event]), encoding="utf-8")
    [item] = read_one(Source(path, "epcis"), Context("HOSPITAL"))
    assert isinstance(item, Item)
    return [claim for claim in item.claims if claim.fields.get("kind") == "Observation"]


def about(claim: Claim) -> list[str]:
    """The classes of what an observation is about."""
    return sorted(path.split()[1].partition("-")[0] for path in claim.fields if path.startswith("ABOUT "))


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"type": "Temperature", "value": -196, "uom": "CEL"}, [{".code": "Temperature", ".value": -196.0, ".unit": "CEL"}]),
        (
            {"minValue": 1, "maxValue": 2, "meanValue": 1.5, "percRank": 50, "percValue": 1.4},
            [
                {".value": 1.0, ".x:statistic": "minimum"},
                {".value": 2.0, ".x:statistic": "maximum"},
                {".value": 1.5, ".x:statistic": "mean"},
                {".value": 1.4, ".x:statistic": "percentile 50"},
            ],
        ),
        ({"type": "Alarm", "booleanValue": True}, [{".code": "Alarm", ".value_text": "true"}]),
        ({"value": "many"}, [{".value_text": "many"}]),
        ({"stringValue": "a", "component": "cbv:Comp-easting"}, [{".value_text": "a", ".x:component": "cbv:Comp-easting"}]),
        ({"type": "Alarm", "exception": "ERROR_CONDITION"}, [{".code": "Alarm", ".x:exception": "ERROR_CONDITION"}]),
    ],
)
def test_each_value_of_a_report_is_a_reading(report: dict[str, Any], told: list[dict[str, Any]]) -> None:
    common = {"kind": "Observation", ".observed_at": WHEN}
    assert list(readings([{"sensorReport": [report]}], WHEN)) == [{**common, **each} for each in told]


@pytest.mark.parametrize(
    ("text", "told"), [(" 22.50 ", 22.5), ("-1.5e2", -150.0), ("22,5", None), ("1e999", None), ("", None), ("0x1F", None)]
)
def test_a_number_that_json_tells_as_a_text_is_that_number(tmp_path: Path, text: str, told: float | None) -> None:
    """As it is in XML, where all is text."""
    report = {"type": "Temperature", "value": text, "uom": "CEL"}
    [one] = observations(tmp_path / "events.json", {**EVENT, "sensorElementList": [{"sensorReport": [report]}]})
    assert one.fields.get(".value") == told
    assert (".value_text" in one.fields) is (told is None)


@pytest.mark.parametrize(
    ("report", "value", "unit"),
    [
        ({"value": -196, "uom": "CEL"}, -196.0, "Cel"),
        ({"value": 98.6, "uom": "FAH"}, 37.0, "Cel"),
        ({"value": 77.15, "uom": "KEL"}, -196.0, "Cel"),
        ({"value": 102.5, "uom": "MLT"}, 0.1025, "L"),
        ({"value": 36, "uom": "KMH"}, 10.0, "m/s"),
        ({"value": 95, "uom": "P1"}, 95.0, "%"),
        ({"sDev": 1.8, "uom": "FAH"}, 1.0, "Cel"),
        ({"value": 3, "uom": "XYZ"}, None, None),
        ({"value": 3}, None, None),
        ({"value": 1e308, "uom": "KWH"}, None, None),
        ({"stringValue": "cold", "uom": "CEL"}, None, None),
    ],
)
def test_a_value_is_told_in_its_canonical_unit_beside_what_was_measured(
    tmp_path: Path, report: dict[str, Any], value: float | None, unit: str | None
) -> None:
    """An unknown unit is kept as it is; of a deviation no zero is shifted."""
    [one] = observations(tmp_path / "events.json", {**EVENT, "sensorElementList": [{"sensorReport": [report]}]})
    assert (one.fields.get(".x:canonical_value"), one.fields.get(".x:canonical_unit")) == (value, unit)
    assert one.fields.get(".unit") == report.get("uom")


def test_a_report_has_the_time_and_device_of_its_element_where_it_gives_none() -> None:
    element = {
        "sensorMetadata": {"startTime": TIME, "endTime": WHEN, "deviceID": "urn:x:1"},
        "sensorReport": [{"value": 1}, {"value": 2, "deviceID": "urn:x:2"}],
    }
    first, second = readings([element], WHEN)
    assert first == {
        "kind": "Observation",
        ".started_at": "2024-05-01T09:00:00Z",
        ".ended_at": WHEN,
        ".method": "urn:x:1",
        ".value": 1.0,
    }
    assert second[".method"] == "urn:x:2"


def test_an_observation_is_about_the_objects_else_the_place_else_the_event(tmp_path: Path) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "epcList"}
    nowhere = {name: value for name, value in bare.items() if name != "readPoint"}
    told = [observations(tmp_path / "events.json", event) for event in (EVENT, bare, nowhere)]
    assert [about(claim) for claims in told for claim in claims] == [["object", "object"], ["organization"], ["event"]]


def test_many_readings_of_many_objects_are_about_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [{"value": number} for number in range(6)]
    event = {**EVENT, "sensorElementList": [{"sensorReport": reports}]}
    monkeypatch.setattr(epcis_event, "_MOST_PAIRS", 12)
    assert {tuple(about(claim)) for claim in observations(tmp_path / "events.json", event)} == {("object", "object")}
    monkeypatch.setattr(epcis_event, "_MOST_PAIRS", 11)
    assert {tuple(about(claim)) for claim in observations(tmp_path / "events.json", event)} == {("event",)}


def test_what_an_event_in_error_measured_falls_with_it(tmp_path: Path) -> None:
    event = {**EVENT, "errorDeclaration": {"declarationTime": "2024-05-02T10:00:00Z"}}
    [sound] = observations(tmp_path / "events.json", EVENT)
    [claim] = observations(tmp_path / "events.json", event)
    assert claim.record == sound.record
    assert claim.fields[RETRACTED] is True
    assert (claim.recorded_at or 0) > (sound.recorded_at or 0)


@pytest.mark.parametrize("sensors", [{"": None}, "warm", 7, [None], [{"sensorReport": ["warm"]}], [{"sensorMetadata": "warm"}]])
def test_sensors_in_no_form_of_the_standard_are_refused(tmp_path: Path, sensors: Any) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps([{**EVENT, "sensorElementList": sensors}]), encoding="utf-8")
    [item] = read_one(Source(path, "epcis"), Context("HOSPITAL"))
    assert isinstance(item, Refused)
    assert item.problems[0].code == "INVALID_VALUE"


@pytest.mark.reference
def test_published_sensor_events_load_once_and_verify(reference: Path, store: SqliteStore, landed: Landed) -> None:
    path = reference / "epcis/event-hash/SensorDataExamples.xml"
    first, second = landed(store, path), landed(store, path)
    assert (first.totals.added, first.totals.refused) == (12, 0)
    assert (second.totals.unchanged, second.digest) == (12, first.digest)
    items = read_one(Source(path, "epcis-xml"), Context("HOSPITAL"))
    found = [
        claim for item in items if isinstance(item, Item) for claim in item.claims if claim.fields.get("kind") == "Observation"
    ]
    assert len(found) == 71
    assert len({claim.record for claim in found}) == 71
