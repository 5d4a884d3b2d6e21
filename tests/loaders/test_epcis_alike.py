"""What two systems export of one event is one, whatever prefixes, offsets and spelling they use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.claims import Claim
from graph.identifiers import parse, record_id
from graph.sqlite_store import SqliteStore
from loaders.epcis import read
from loaders.epcis_alike import event_time, local_name, name, named, sensors
from loaders.epcis_check import BIZSTEPS
from loaders.epcis_words import step_type
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from queries.handoffs import COLLECTION, DISCARD, INFUSION
from queries.recall import AFTER, INTO_PERSON

Landed = Callable[..., LoadReport]
EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2024-05-01T10:00:00.000Z",
    "eventTimeZoneOffset": "+02:00",
    "epcList": ["urn:epc:id:sgtin:4012345.012345.12"],
    "action": "ADD",
    "bizStep": "commissioning",
    "ex:bag": [{"ex:colour": "red"}],
    "ilmd": {"ex:batch": "4711", "cbvmda:lotNumber": "L-1"},
    "sensorElementList": [
        {
            "sensorMetadata": {"time": "2024-05-01T09:00:00Z", "deviceID": "urn:epc:id:giai:4000001.111"},
            "sensorReport": [{"type": "Temperature", "value": 26.0, "ex:cv": "1"}],
        }
    ],
}


def written(path: Path, event: dict[str, Any], prefixes: dict[str, str]) -> Path:
    """A document of one event."""
    body = {"@context": [prefixes], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [event]}}
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def test_prefixes_offsets_and_spelling_change_nothing(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    text = json.dumps(EVENT).replace("ex:", "other:").replace("26.0", "26").replace("10:00:00.000Z", "12:00:00+02:00")
    text = text.replace("2024-05-01T09:00:00Z", "2024-05-01T11:00:00.000+02:00")
    text = text.replace("urn:epc:id:giai:4000001.111", "https://example.com/8004/4000001111")
    first = landed(store, written(tmp_path / "one.jsonld", EVENT, {"ex": "https://ns.example.com/"}))
    second = landed(store, written(tmp_path / "other.jsonld", json.loads(text), {"other": "https://ns.example.com/"}))
    assert (first.totals.added, second.totals.unchanged) == (1, 1)
    assert second.digest == first.digest


def test_a_default_namespace_takes_no_field_of_the_standard(tmp_path: Path) -> None:
    transactions = [{"type": "https://ref.gs1.org/cbv/BTT-po", "bizTransaction": "urn:x:1"}, {"bizTransaction": "urn:x:2"}]
    event = {**EVENT, "persistentDisposition": {"set": ["recalled"]}, "bag": "red", "bizTransactionList": transactions}
    [item] = read(written(tmp_path / "one.jsonld", event, {"@vocab": "urn:default/"}), Context("HOSPITAL"))
    assert isinstance(item, Item)
    fields = item.claims[0].fields
    assert fields[".x:persistentDisposition"] == {"set": ["recalled"]}
    assert fields[".x:{urn:default/}bag"] == "red"
    assert fields[".x:bizTransactionList"] == [{"bizTransaction": "urn:x:2"}, {"type": "po", "bizTransaction": "urn:x:1"}]


def claim_of(folder: Path, prefixes: dict[str, str] | None = None, **told: Any) -> Claim:
    """What the event claims with these members."""
    [item] = read(written(folder / "one.jsonld", {**EVENT, **told}, prefixes or {}), Context("HOSPITAL"))
    assert isinstance(item, Item)
    return item.claims[0]


ORDER = record_id("episode", parse("coi:COI-1", cls="episode"))


@pytest.mark.parametrize("transaction", ["coi:COI-1", " COI:COI-1", "urn:veintrace:episode:coi:COI-1", f"urn:veintrace:{ORDER}"])
@pytest.mark.parametrize("type_", [{}, {"type": "prodorder"}, {"type": "https://example.com/btt/chain-of-identity"}])
def test_a_business_transaction_that_is_a_chain_of_identity_is_the_therapy_order(
    tmp_path: Path, transaction: str, type_: dict[str, str]
) -> None:
    told = [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:4012345000115:4711"}, {**type_, "bizTransaction": transaction}]
    claim = claim_of(tmp_path, bizTransactionList=told)
    assert claim.fields["FOR_EPISODE"] == ORDER
    assert len(claim.fields[".x:bizTransactionList"]) == 2


def test_other_business_transactions_are_no_therapy_order(tmp_path: Path) -> None:
    told = [{"bizTransaction": each} for each in ("urn:epcglobal:cbv:bt:4012345000115:COI-1", "https://example.com/coi:COI-1")]
    assert "FOR_EPISODE" not in claim_of(tmp_path, bizTransactionList=told).fields
    prefixes = {"coi": "https://example.com/coins/"}
    assert "FOR_EPISODE" not in claim_of(tmp_path, prefixes, bizTransactionList=[{"bizTransaction": "coi:COI-1"}]).fields


def test_an_event_of_two_therapy_orders_is_for_neither_and_says_so(tmp_path: Path) -> None:
    told = [{"bizTransaction": "coi:COI-1"}, {"bizTransaction": "coi:COI-2"}]
    [item] = read(written(tmp_path / "one.jsonld", {**EVENT, "bizTransactionList": told}, {}), Context("HOSPITAL"))
    assert isinstance(item, Item)
    assert "FOR_EPISODE" not in item.claims[0].fields
    assert item.claims[0].fields[".x:bizTransactionList"] == told
    assert item.notes == ("events of several therapy orders, which stand in their business transactions alone",)


@pytest.mark.parametrize(
    ("bizstep", "type_"),
    [
        ("https://example.com/bizstep/thaw", "thaw"),
        ("urn:example:bizstep:thawing", "thaw"),
        ("https://example.com/voc#BizStep-Release", "release"),
        ("ex:infusion", "infusion"),
    ],
)
def test_a_business_step_of_ones_own_that_ends_in_a_word_of_ours_is_that_step(tmp_path: Path, bizstep: str, type_: str) -> None:
    fields = claim_of(tmp_path, bizStep=bizstep).fields
    assert (fields["kind"], fields[".type"], fields[".x:bizStep"]) == ("Step", type_, bizstep)


@pytest.mark.parametrize(
    "bizstep",
    ["urn:example:bizstep:shipping", "urn:example:bizstep:thaw2", "https://example.com/thaw/", "urn:example:prethaw"],
)
def test_any_other_business_step_of_ones_own_stays_what_it_is(tmp_path: Path, bizstep: str) -> None:
    fields = claim_of(tmp_path, bizStep=bizstep).fields
    assert (fields["kind"], fields[".type"]) == ("Step", bizstep)
    assert ".x:bizStep" not in fields


@pytest.mark.parametrize(
    ("amounts", "quantity", "unit"),
    [
        ([{"quantity": 100, "uom": "KGM"}, {"quantity": 50.5, "uom": "KGM"}], 150.5, "KGM"),
        ([{"quantity": 100}, {"quantity": 50}], 150.0, None),
        ([{"quantity": 100, "uom": "KGM"}, {"quantity": 50, "uom": "LTR"}], None, None),
        ([{"quantity": 100, "uom": "KGM"}, {}], None, None),
        ([{"quantity": 100, "uom": "KGM"}], 100.0, "KGM"),
    ],
)
def test_a_lot_listed_in_parts_is_there_with_their_sum(
    tmp_path: Path, amounts: list[dict[str, Any]], quantity: float | None, unit: str | None
) -> None:
    """Where they cannot be added up none is told; the parts are kept."""
    lot = "https://id.gs1.org/01/04012345222227/10/L"
    told = [{"epcClass": lot, **amount} for amount in amounts]
    fields = claim_of(tmp_path, epcList=None, quantityList=told).fields
    [path] = [path for path in fields if path.startswith("OUTPUT ") and path.count(" ") == 1]
    assert (fields.get(f"{path} quantity"), fields.get(f"{path} unit")) == (quantity, unit)
    assert fields.get(".x:quantityList") == (told if len(told) > 1 else None)


@pytest.mark.parametrize(
    ("told", "repair"),
    [({"type": "QuantityEvent"}, "ObjectEvent with a quantityList"), ({"isA": "ObjectEvent"}, "name the type as type")],
)
def test_an_event_of_an_older_standard_is_refused_with_what_it_is_now(tmp_path: Path, told: dict[str, str], repair: str) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "type"}
    [item] = read(written(tmp_path / "one.jsonld", {**bare, **told}, {}), Context("HOSPITAL"))
    assert isinstance(item, Refused)
    assert repair in item.problems[0].repair


def test_all_kinds_of_step_that_questions_ask_for_can_be_said_in_epcis() -> None:
    asked = {*COLLECTION, *INFUSION, *DISCARD, *AFTER, *INTO_PERSON} - BIZSTEPS
    assert {step_type(f"https://example.com/bizstep/{word}") for word in asked} == asked


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("ex:bag", "{https://ns.example.com/}bag"),
        ("bag", "{urn:default}bag"),
        ("unknown:bag", "unknown:bag"),
        ("{urn:other}bag", "{urn:other}bag"),
        ("cbvmda:lotNumber", "cbvmda:lotNumber"),
        ("mda:lotNumber", "cbvmda:lotNumber"),
        ("gs1:sample", "gs1:sample"),
    ],
)
def test_a_name_is_kept_by_its_namespace(text: str, full: str) -> None:
    prefixes = {"ex": "https://ns.example.com/", "": "urn:default", "mda": "urn:epcglobal:cbv:mda:"}
    assert name(text, prefixes) == full
    assert local_name(full) == local_name(text)


def test_names_in_a_value_are_told_by_their_namespaces_and_its_texts_stay() -> None:
    value = {"ex:a": [{"ex:b": "ex:c", "@context": {}}, None, 1.0]}
    assert named(value, {"ex": "urn:x"}) == {"{urn:x}a": [{"{urn:x}b": "ex:c"}, None, 1.0]}


def test_two_prefixes_of_one_namespace_lose_nothing() -> None:
    value = {"a:bag": "red", "b:bag": ["blue", "green"], "b:lot": 1}
    assert named(value, {"a": "urn:x", "b": "urn:x"}) == {"{urn:x}bag": ["red", "blue", "green"], "{urn:x}lot": 1}


@pytest.mark.parametrize("value", [None, "one", [], [{}], [{"sensorReport": "one"}], [{"sensorReport": [None, {"value": None}]}]])
def test_sensors_in_no_known_form_are_kept_as_they_are(value: Any) -> None:
    assert sensors(value, {}) == value


@pytest.mark.parametrize(
    ("stamp", "offset", "told"),
    [
        ("2024-05-01T10:00:00Z", "+02:00", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T10:00:00.250Z", "-06:30", "2024-05-01T03:30:00.25-06:30"),
        ("2024-05-01T12:00:00+02:00", "+02:00", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T12:00:00+02:00", "+00:00", "2024-05-01T10:00:00Z"),
        ("0001-01-01T00:00:00Z", "-01:00", "0001-01-01T00:00:00Z"),
    ],
)
def test_the_time_of_an_event_is_told_at_the_offset_of_its_place(stamp: str, offset: str, told: str) -> None:
    assert event_time(stamp, offset) == told
