"""Published event hashes come out of their JSON-LD documents, and no value of an event brings the hash down."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.event_hash import event_hash, instant, prehash

IGNORED = {"epcisQueryDocHavingEventWithIgnoreFields": ("repository-x:hash", "example:captureID")}
EVENT = {
    "type": "ObjectEvent",
    "eventID": "urn:uuid:1",
    "recordTime": "2024-05-01T12:00:00Z",
    "eventTime": "2024-05-01T10:00:00.000Z",
    "eventTimeZoneOffset": "+02:00",
    "epcList": ["urn:epc:id:sgtin:4012345.012345.12", "urn:epc:id:sscc:4012345.0000000333"],
    "action": "OBSERVE",
    "bizStep": "shipping",
    "readPoint": {"id": "urn:epc:id:sgln:4012345.00011.987"},
    "quantityList": [{"epcClass": "urn:epc:class:lgtin:4054739.099914.20160711", "quantity": 3.0, "uom": "KGM"}],
    "example:bag": {"example:colour": "red", "example:size": [2, 1]},
}
CONTEXT = {"example": "https://ns.example.com/"}


def hashed(text: str) -> str:
    return f"ni:///sha-256;{hashlib.sha256(text.encode()).hexdigest()}?ver=CBV2.0"


def published(reference: Path) -> Iterator[tuple[Path, list[tuple[str, str]]]]:
    """Each document with `(hash, text hashed)` of its events."""
    for path in sorted((reference / "epcis/event-hash").glob("*.jsonld")):
        document = json.loads(path.read_text(encoding="utf-8"))
        prefixes = {k: v for part in document["@context"] if isinstance(part, dict) for k, v in part.items()}
        body = document["epcisBody"]
        events = body["eventList"] if "eventList" in body else body["queryResults"]["resultsBody"]["eventList"]
        yield path, [event_hash(event, prefixes, IGNORED.get(path.stem, ())) for event in events]


@pytest.mark.reference
def test_every_published_hash_of_a_json_document_comes_out(reference: Path) -> None:
    documents = list(published(reference))
    assert len(documents) == 13
    for path, found in documents:
        expected = path.with_suffix(".hashes").read_text(encoding="utf-8").split()
        assert sorted(uri for uri, _ in found) == sorted(expected), path.name


@pytest.mark.reference
def test_every_published_text_that_is_hashed_comes_out(reference: Path) -> None:
    """Three published texts are damaged (they fit none of the published hashes) and are passed over."""
    sound = damaged = 0
    for path, found in published(reference):
        if not path.with_suffix(".prehashes").exists():
            continue
        hashes = set(path.with_suffix(".hashes").read_text(encoding="utf-8").split())
        for text in filter(None, path.with_suffix(".prehashes").read_text(encoding="utf-8").splitlines()):
            if hashed(text) in hashes:
                sound += 1
                assert text in {own for _, own in found}, path.name
            else:
                damaged += 1
    assert (sound, damaged) == (28, 3)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-02-02T11:04:03.1415Z", "2023-02-02T11:04:03.142Z"),
        ("2023-02-02T11:04:03.1414Z", "2023-02-02T11:04:03.141Z"),
        ("2020-03-04T11:00:30+01:00", "2020-03-04T10:00:30.000Z"),
        ("2020-12-31T23:59:59.9996Z", "2021-01-01T00:00:00.000Z"),
        ("0987-01-01T00:30:00+01:00", "0986-12-31T23:30:00.000Z"),
    ],
)
def test_times_are_hashed_in_utc_to_the_nearest_millisecond(text: str, utc: str) -> None:
    assert instant(text) == utc


@pytest.mark.parametrize(
    "text", ["2024-05-01", "2024-05-01T10:00:00", "22-07-2026", "0001-01-01T00:00:00+14:00", "2024-02-30T00:00:00Z"]
)
def test_a_time_that_cannot_be_placed_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant(text)


@pytest.mark.parametrize(
    "same",
    [
        {"eventID": "urn:uuid:2", "recordTime": "2025-01-01T00:00:00Z"},
        {"errorDeclaration": {"declarationTime": "2025-01-01T00:00:00Z"}},
        {"eventTime": "2024-05-01T12:00:00+02:00"},
        {"epcList": ["https://example.com/00/040123450000003338", "https://id.gs1.org/01/04012345123456/21/12"]},
        {"bizStep": "https://ref.gs1.org/cbv/BizStep-shipping"},
        {"bizStep": "urn:epcglobal:cbv:bizstep:shipping"},
        {"bizStep": "cbv:BizStep-shipping"},
        {"quantityList": [{"uom": "KGM", "quantity": 3, "epcClass": "https://id.gs1.org/01/04054739999148/10/20160711"}]},
        {"example:bag": {"example:size": [1, 2], "example:colour": " red "}},
        {"example:bag": {"example:size": ["1.0", "02"], "example:colour": "red"}},
        {"disposition": None, "ilmd": {}},
    ],
)
def test_an_event_keeps_its_hash_in_another_spelling(same: dict[str, Any]) -> None:
    assert event_hash({**EVENT, **same}, CONTEXT) == event_hash(EVENT, CONTEXT)


@pytest.mark.parametrize(
    "other",
    [
        {"eventTime": "2024-05-01T10:00:00.001Z"},
        {"eventTimeZoneOffset": "+01:00"},
        {"action": "ADD"},
        {"bizStep": "receiving"},
        {"epcList": EVENT["epcList"][:1]},  # type: ignore[index]
        {"example:bag": {"example:colour": "blue", "example:size": [2, 1]}},
    ],
)
def test_an_event_that_says_something_else_has_another_hash(other: dict[str, Any]) -> None:
    assert event_hash({**EVENT, **other}, CONTEXT)[0] != event_hash(EVENT, CONTEXT)[0]


def test_a_prefix_is_hashed_by_its_namespace_not_its_letters() -> None:
    renamed = {("ex:bag" if name == "example:bag" else name): value for name, value in EVENT.items()}
    renamed["ex:bag"] = {"ex:colour": "red", "ex:size": [2, 1]}
    assert prehash(renamed, {"ex": "https://ns.example.com/"}) == prehash(EVENT, CONTEXT)


def test_an_ignored_field_takes_no_part() -> None:
    bare = {name: value for name, value in EVENT.items() if name != "example:bag"}
    assert prehash(EVENT, CONTEXT, ["example:bag"]) == prehash(bare, CONTEXT)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"type": "Temperature"}, "type=https://gs1.org/voc/Temperature"),
        ({"type": "gs1:Temperature"}, "type=https://gs1.org/voc/Temperature"),
        ({"type": "example:Redness"}, "type=example:Redness"),
        ({"component": "cbv:Comp-easting"}, "component=https://ref.gs1.org/cbv/Comp-easting"),
        ({"stringValue": "111100001111000011110000"}, "stringValue=111100001111000003641344"),
        ({"value": 1e-7}, "value=0.0000001"),
    ],
)
def test_what_a_sensor_reports_is_hashed_as_published(told: dict[str, Any], text: str) -> None:
    event = {**EVENT, "sensorElementList": [{"sensorReport": [told]}]}
    assert f"sensorElementListsensorElementsensorReport{text}" in prehash(event, CONTEXT)


def test_lists_that_may_be_extended_and_fields_out_of_place_are_sorted_among_the_extensions() -> None:
    event = {
        **EVENT,
        "ilmd": {"example:lot": "L"},
        "sourceList": [{"type": "location", "source": "urn:x:1"}],
        "bizTransactionList": [{"bizTransaction": "urn:x:2"}],
        "sensorElementList": [{"sensorReport": [{"value": 1, "bizRules": "urn:x:3"}]}],
    }
    order = [
        "sensorElementListsensorElementsensorReportvalue=1",
        "bizTransactionList",
        "ilmd",
        "sensorElementListsensorElementsensorReportbizRules=urn:x:3",
        "sourceList",
        "{https://ns.example.com/}bag",
    ]
    text = prehash(event, CONTEXT)
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from([*EVENT, "ilmd", "persistentDisposition", "sensorElementList", "sourceList", "bizTransactionList", "parentID"]),
    JSON,
)
def test_whatever_stands_in_a_field_there_is_a_hash_or_a_value_error(field: str, value: Any) -> None:
    try:
        uri, text = event_hash({**EVENT, field: value}, CONTEXT)
    except ValueError:
        return
    assert uri == hashed(text)


def test_bottomless_extensions_are_a_value_error() -> None:
    nested: Any = "x"
    for _ in range(500):
        nested = {"example:a": [nested]}
    with pytest.raises(ValueError, match="levels deep"):
        event_hash({**EVENT, "example:a": nested}, CONTEXT)
