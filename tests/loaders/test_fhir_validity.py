"""FHIR: what R4 or R5 allows is never refused, whatever becomes of it."""

from typing import Any

import pytest

from loaders import fhir
from loaders.fhir_told import NO_KEY
from loaders.items import Item
from tests.fhir_made import DONOR, Told, claims_of, named, resource


@pytest.mark.parametrize(
    "members",
    [
        {"valueString": "x" * 5_000, "code": {"text": "y" * 5_000}},
        {"code": {"coding": [{"system": "http://local.example", "code": "z" * 5_000, "display": "z" * 5_000}]}},
        {"valueQuantity": {"value": 1, "unit": "u" * 5_000}},
        {"effectiveDateTime": "2016-12-31T23:59:60Z"},
        {"effectiveTiming": {"event": ["2024-05-01", None], "_event": [None, {"extension": []}]}},
        {"valueSampledData": {"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "E 1 2"}},
        {"valueQuantity": {"value": 1e3}},
        {"valueQuantity": {"value": 123456789012345678901234567890}},
        {"_status": {"extension": [{"url": "http://x.example", "valueCode": "unknown"}]}},
        {"subject": {"reference": "urn:veintrace:person:1"}},
        {"identifier": [{"system": "http://lab.example", "value": "A\u00a0B"}]},
        {"contained": [{"resourceType": "Specimen", "id": "#odd"}, {"resourceType": "Medication"}]},
    ],
)
def test_a_valid_observation_is_read(told: Told, members: dict[str, Any]) -> None:
    [claim] = claims_of(told(resource("Observation", **members)))
    assert not [value for value in claim.fields.values() if isinstance(value, str) and len(value) > 1_000]


def test_a_leap_second_is_within_its_minute(told: Told) -> None:
    [claim] = claims_of(told(resource("Observation", effectiveDateTime="2016-12-31T23:59:60+00:00")))
    assert claim.fields[".observed_at"] == "2016-12-31T23:59:59Z"


def test_an_adverse_event_of_r4_has_one_identifier(told: Told) -> None:
    number = {"system": "http://h.example/events", "value": "1"}
    one, several = (claims_of(told(resource("AdverseEvent", identifier=each))) for each in (number, [number]))
    assert one == several


@pytest.mark.parametrize("value", ["A\u00a0B", "A" * 1_200, "A\tB"])
def test_an_identifier_that_can_be_no_key_is_left_out_and_told_of(told: Told, value: str) -> None:
    for type_ in ("Specimen", "Patient"):
        number = {"system": "http://lab.example", "value": value}
        [item] = told(resource(type_, identifier=[number]), secret=b"a secret of at least 16 characters")
        assert isinstance(item, Item)
        assert type_ == "Patient" or item.notes == (NO_KEY,)


def test_an_identifier_that_can_be_no_key_is_masked_as_any_other(told: Told) -> None:
    number = {"system": "urn:veintrace:organization:", "value": "77"}
    [item] = told(resource("Patient", None, identifier=[number], gender="female"))
    assert isinstance(item, Item)


@pytest.mark.parametrize("whole", [4 * 2**20, 10])
def test_a_list_with_a_resource_on_a_line_is_a_list(told: Told, whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhir, "_WHOLE", whole)
    [claim] = claims_of(told('[\n{"resourceType": "Observation", "subject": {"reference": "Patient/d1"}}\n]'))
    assert named(claim, "ABOUT") == [f"local:{DONOR['reference']}@H"]
