"""What is said of steps and handoffs stands in EPCIS's own fields where it has some; the rest, and only that, in our extension."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loaders.epcis_rendering import Word
from loaders.epcis_writer import Writer
from loaders.items import Context, Item
from loaders.reading import read_one
from loaders.sources import Source
from tests.epcis_schema import faults

Written = Callable[..., Path]


@pytest.fixture
def document(written: Written) -> Callable[..., dict[str, Any]]:
    """The document of what LAB says in a bundle."""

    def write(**files: str) -> dict[str, Any]:
        names: dict[str, str | None] = {}
        fields: dict[str, dict[str, Any]] = {}
        for path in sorted(written(**files).iterdir()):
            for item in read_one(Source(path, "csv"), Context("LAB")):
                assert isinstance(item, Item), item
                for claim in item.claims:
                    names.update(claim.names)
                    fields.setdefault(claim.record, {}).update(claim.fields)
        writer = Writer(names, lambda steward, record: None, "LAB")
        writer.add(Word("LAB", record, told, 1714557600000000) for record, told in fields.items())
        found: dict[str, Any] = json.loads(writer.document())
        assert faults(found) == []
        return found

    return write


def events(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The events, without their dates of recording."""
    return [{name: value for name, value in event.items() if name != "recordTime"} for event in document["epcisBody"]["eventList"]]


WHEN = {"eventTime": "2024-05-01T10:00:00+02:00", "eventTimeZoneOffset": "+02:00"}
TIME = "2024-05-01T10:00:00+02:00"


def test_a_step_that_makes_something_of_something_is_a_transformation(document: Callable[..., dict[str, Any]]) -> None:
    [event] = events(
        document(
            step=f"id,type,started_at,at\nS-1,collection,{TIME},WARD\n",
            input_to="source,target\nperson/P-1,S-1\n",
            output="source,target,quantity,unit\nS-1,(01)09521411000034(10)L1,2,KGM\nS-1,M-1,5,mL\n",
        )
    )
    assert event == {
        "type": "TransformationEvent",
        **WHEN,
        "bizStep": "urn:veintrace:word:collection",
        "inputEPCList": ["urn:veintrace:person:local:P-1@LAB"],
        "outputEPCList": ["urn:veintrace:object:local:M-1@LAB"],
        "outputQuantityList": [{"epcClass": "https://id.gs1.org/01/09521411000034/10/L1", "quantity": 2.0, "uom": "KGM"}],
        "readPoint": {"id": "urn:veintrace:organization:org:WARD"},
        "veintrace:key": "event/local:S-1@LAB",
        "veintrace:OUTPUT": [{"id": "object/local:M-1@LAB", "quantity": 5.0, "unit": "mL"}],
    }


def test_a_step_that_uses_something_up_is_a_transformation_with_an_id(document: Callable[..., dict[str, Any]]) -> None:
    [event] = events(document(step=f"id,type,started_at\nS-1,test,{TIME}\n", input_to="source,target\nM-1,S-1\n"))
    assert event["type"] == "TransformationEvent"
    assert event["transformationID"] == "urn:veintrace:event:local:S-1@LAB"
    assert event["inputEPCList"] == ["urn:veintrace:object:local:M-1@LAB"]
    assert "veintrace:implied" not in event


def test_the_therapy_order_of_a_step_is_a_business_transaction(document: Callable[..., dict[str, Any]]) -> None:
    step = f"id,type,started_at,for_episode\nS-1,thaw,{TIME},coi:COI-1\n"
    [event] = events(document(step=step, subject_of="source,target\nM-1,S-1\n"))
    assert event["bizTransactionList"] == [{"bizTransaction": "urn:veintrace:episode:coi:COI-1"}]
    assert event["veintrace:implied"] == ["action", "x:bizTransactionList"]
    assert "veintrace:FOR_EPISODE" not in event


def test_a_step_that_makes_something_of_nothing_adds_it(document: Callable[..., dict[str, Any]]) -> None:
    [event] = events(document(step=f"id,type,started_at\nS-1,commissioning,{TIME}\n", output="source,target\nS-1,M-1\n"))
    assert event == {
        "type": "ObjectEvent",
        **WHEN,
        "bizStep": "commissioning",
        "action": "ADD",
        "epcList": ["urn:veintrace:object:local:M-1@LAB"],
        "veintrace:key": "event/local:S-1@LAB",
        "veintrace:implied": ["action"],
    }


def test_packing_and_unpacking_are_aggregations(document: Callable[..., dict[str, Any]]) -> None:
    told = events(document(contained_in=f"content,container,from,to\nM-1,BOX,{TIME},2024-05-02T10:00:00+02:00\n"))
    assert [(event["type"], event["bizStep"], event["action"]) for event in told] == [
        ("AggregationEvent", "packing", "ADD"),
        ("AggregationEvent", "unpacking", "DELETE"),
    ]
    for event in told:
        assert event["parentID"] == "urn:veintrace:object:local:BOX@LAB"
        assert event["childEPCs"] == ["urn:veintrace:object:local:M-1@LAB"]
        assert {name for name in event if name.startswith("veintrace:")} == {"veintrace:key"}


def test_a_handoff_is_told_by_its_first_time_and_its_other_times_stand_in_our_extension(
    document: Callable[..., dict[str, Any]],
) -> None:
    [event] = events(
        document(
            handoff="id,type,released_at,accepted_at,from,to,carried_by\n"
            f"despatch_advice:D-7,shipment,{TIME},2024-05-02T10:00:00Z,LAB,WARD,VAN\n",
            subject_of="source,target\nM-1,despatch_advice:D-7\n",
        )
    )
    assert event == {
        "type": "ObjectEvent",
        **WHEN,
        "bizStep": "shipping",
        "action": "OBSERVE",
        "epcList": ["urn:veintrace:object:local:M-1@LAB"],
        "sourceList": [{"type": "possessing_party", "source": "urn:veintrace:organization:org:LAB"}],
        "destinationList": [{"type": "possessing_party", "destination": "urn:veintrace:organization:org:WARD"}],
        "bizTransactionList": [{"type": "desadv", "bizTransaction": "urn:veintrace:event:despatch_advice:D-7"}],
        "veintrace:key": "event/despatch_advice:D-7",
        "veintrace:type": "shipment",
        "veintrace:accepted_at": "2024-05-02T10:00:00Z",
        "veintrace:CARRIED_BY": "organization/org:VAN",
        "veintrace:implied": ["action", "x:bizTransactionList"],
    }


@pytest.mark.parametrize(
    ("column", "moment", "bizstep"),
    [("released_at", TIME, "shipping"), ("delivered_at", TIME, "arriving"), ("accepted_at", TIME, "receiving")],
)
def test_the_business_step_of_a_handoff_is_what_its_time_tells(
    document: Callable[..., dict[str, Any]], column: str, moment: str, bizstep: str
) -> None:
    [event] = events(document(handoff=f"id,{column}\nH-1,{moment}\n", subject_of="source,target\nM-1,H-1\n"))
    assert (event["bizStep"], event["eventTime"]) == (bizstep, TIME)
    assert f"veintrace:{column}" not in event


@pytest.mark.parametrize(
    ("moment", "stamp", "offset"),
    [
        ("2024-05-01", "2024-05-01T00:00:00Z", "+00:00"),
        ("2024-05", "2024-05-01T00:00:00Z", "+00:00"),
        ("2024-05-01T10:00-06:30", "2024-05-01T10:00:00-06:30", "-06:30"),
        ("2024-05-01T10:00:00.25Z", "2024-05-01T10:00:00.250000Z", "+00:00"),
        ("2024-05-01T10:00:00+14:30", "2024-04-30T19:30:00Z", "+00:00"),
    ],
)
def test_a_time_that_epcis_cannot_tell_as_precisely_stands_in_our_extension(
    document: Callable[..., dict[str, Any]], moment: str, stamp: str, offset: str
) -> None:
    [event] = events(document(step=f"id,type,started_at\nS-1,packing,{moment}\n", subject_of="source,target\nM-1,S-1\n"))
    assert (event["eventTime"], event["eventTimeZoneOffset"]) == (stamp, offset)
    assert event.get("veintrace:started_at", moment) == moment
    assert ("veintrace:started_at" in event) is (moment != "2024-05-01T10:00:00.25Z")


@pytest.mark.parametrize(
    "files",
    [
        {"step": "id,type\nS-1,packing\n", "subject_of": "source,target\nM-1,S-1\n"},
        {"step": f"id,type,started_at\nS-1,cleaning,{TIME}\n"},
        {"handoff": "id,picked_up_at\nH-1,2024-05-01\n", "subject_of": "source,target\nM-1,H-1\n"},
    ],
    ids=["no time", "no object", "no time of giving or taking"],
)
def test_what_epcis_knows_no_event_for_is_an_element_of_master_data(
    document: Callable[..., dict[str, Any]], files: dict[str, str]
) -> None:
    told = document(**files)
    assert events(told) == []
    [vocabulary] = told["epcisHeader"]["epcisMasterData"]["vocabularyList"]
    assert vocabulary["type"] == "urn:veintrace:epcis:vtype:event"


def test_places_parties_and_materials_have_the_attributes_of_the_standard(document: Callable[..., dict[str, Any]]) -> None:
    told = document(
        organization="id,name,type,part_of,country\nLAB,Laboratory,laboratory,,DE\nBENCH,Bench 3,department,LAB,\n",
        material="id,type,name,expires_at\nlot:7@MAKER,media_lot,Medium,2025-01-31\n",
        person="id,sex\nP-1,female\n",
    )
    found = {
        vocabulary["type"].rpartition(":")[2]: {
            attribute["id"].rpartition("#")[2]: attribute["attribute"]
            for attribute in vocabulary["vocabularyElementList"][0]["attributes"]
        }
        for vocabulary in told["epcisHeader"]["epcisMasterData"]["vocabularyList"]
    }
    recorded = {"recorded": "2024-05-01T10:00:00.000000Z"}
    assert found == {
        "Party": {"name": "Laboratory", "countryCode": "DE", "type": "laboratory", **recorded},
        "Location": {"name": "Bench 3", "type": "department", "PART_OF": "organization/org:LAB", **recorded},
        "EPCClass": {"descriptionShort": "Medium", "itemExpirationDate": "2025-01-31", "type": "media_lot", **recorded},
        "person": {"kind": "Person", "sex": "female", **recorded},
    }


EVENT: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "ADD",
    "epcList": ["urn:x:1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"ex:colour": "red"}, True),
        ({"colour": "red"}, False),
        ({"eventTime": "2024-05-01"}, False),
        ({"eventTimeZoneOffset": "2"}, False),
        ({"bizStep": "gluing"}, False),
        ({"epcList": []}, False),
        ({"epcList": ["7"]}, False),
        ({"quantityList": [{"epcClass": "urn:x:1", "uom": "litre"}]}, False),
        ({"sourceList": [{"source": "urn:x:1"}]}, False),
        ({"type": "AggregationEvent"}, False),
        ({"type": "TransformationEvent", "inputEPCList": ["urn:x:1"]}, False),
        ({"type": "SomeEvent"}, False),
    ],
)
def test_the_schema_that_documents_are_held_to_has_teeth(change: dict[str, Any], valid: bool) -> None:
    told = {"@context": ["urn:x:context"], "type": "EPCISDocument", "schemaVersion": "2.0",
            "creationDate": "2024-05-01T10:00:00Z", "epcisBody": {"eventList": [{**EVENT, **change}]}}  # fmt: skip
    assert (faults(told) == []) is valid
