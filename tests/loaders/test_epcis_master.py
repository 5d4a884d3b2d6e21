"""Master data of EPCIS documents: places and parties are Organizations, lots and items Materials, each element with its verdict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graph.claims import Claim
from graph.identifiers import keyed_id
from graph.sqlite_store import SqliteStore
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from loaders.reading import read_one
from loaders.sources import Source

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]

VTYPE = "urn:epcglobal:epcis:vtype:"
MDA = "urn:epcglobal:cbv:mda#"
SITE, WARD, PHARMACY = (f"urn:epc:id:sgln:4012345.0000{number}.0" for number in (1, 2, 3))
LINKS = {SITE: "https://id.gs1.org/414/4012345000016", WARD: "https://id.gs1.org/414/4012345000023"}
LOT, ITEM = "urn:epc:class:lgtin:4012345.012345.L1", "urn:epc:id:sgtin:4012345.012345.7"
EVENT = {
    "type": "ObjectEvent",
    "eventTime": "2024-05-01T10:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    "epcList": [ITEM],
    "action": "OBSERVE",
}
ELEMENTS: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("BusinessLocation", SITE, {f"{MDA}name": "Site", f"{MDA}countryCode": "DE", f"{MDA}city": "Ulm"}, [WARD, PHARMACY]),
    ("ReadPoint", WARD, {"urn:epcglobal:cbv:mda:name": "Ward", "https://ns.example.com/beds": "12"}, []),
    ("Party", "urn:epc:id:pgln:4012345.00225", {f"{MDA}name": "Payer"}, []),
    ("EPCClass", LOT, {f"{MDA}descriptionShort": "Medium", f"{MDA}itemExpirationDate": "2025-01-31"}, []),
    ("EPCInstance", ITEM, {f"{MDA}lotNumber": "L1"}, []),
]
"""Type, id, attributes and children."""


def as_json(
    head: dict[str, Any] | None = None, elements: list[Any] | None = None, events: list[Any] | None = None
) -> dict[str, Any]:
    """A document with master data in its header."""
    told = [
        {"type": VTYPE + type_, "vocabularyElementList": [
            {"id": name, "attributes": [{"id": key, "attribute": value} for key, value in attributes.items()]}
            | ({"children": children} if children else {})]}
        for type_, name, attributes, children in ELEMENTS
    ] if elements is None else elements  # fmt: skip
    header = {"epcisMasterData": {"vocabularyList": told}}
    body = {"eventList": [EVENT] if events is None else events}
    return {"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2024-06-01T00:00:00Z",
            "epcisHeader": header, "epcisBody": body, **(head or {})}  # fmt: skip


def vocabularies() -> str:
    """The same vocabularies in XML."""
    told = ""
    for type_, name, attributes, children in ELEMENTS:
        inner = "".join(f'<attribute id="{key}">{value}</attribute>' for key, value in attributes.items())
        inner += f"<children>{''.join(f'<id>{child}</id>' for child in children)}</children>" if children else ""
        told += (
            f'<Vocabulary type="{VTYPE}{type_}"><VocabularyElementList><VocabularyElement id="{name}">{inner}</VocabularyElement>'
        )
        told += "</VocabularyElementList></Vocabulary>"
    return f"<VocabularyList>{told}</VocabularyList>"


def as_xml(version: str) -> str:
    """The same document in XML."""
    event = f"""<ObjectEvent><eventTime>2024-05-01T10:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
      <epcList><epc>{ITEM}</epc></epcList><action>OBSERVE</action></ObjectEvent>"""
    master = f"<EPCISMasterData>{vocabularies()}</EPCISMasterData>"
    master = f"<extension>{master}</extension>" if version == "1.2" else master
    return f"""<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:{version[0]}" schemaVersion="{version}"
      creationDate="2024-06-01T00:00:00Z"><EPCISHeader>{master}</EPCISHeader>
      <EPCISBody><EventList>{event}</EventList></EPCISBody></e:EPCISDocument>"""


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., list[Item | Refused]]:
    """What the reader says of a document."""

    def read(document: Any, name: str = "events.jsonld") -> list[Item | Refused]:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return list(read_one(Source(path, "epcis-xml" if name.endswith("xml") else "epcis"), Context("LAB")))

    return read


def claims(items: list[Item | Refused]) -> dict[str, dict[str, Any]]:
    """Fields of all that is claimed, by record."""
    told: dict[str, dict[str, Any]] = {}
    for item in items:
        assert isinstance(item, Item), item
        for claim in item.claims:
            told.setdefault(claim.record, {}).update(claim.fields)
    return told


def only(item: Item | Refused) -> Claim:
    assert isinstance(item, Item), item
    [claim] = item.claims
    return claim


def test_places_parties_lots_and_items_become_records(found: Callable[..., list[Item | Refused]]) -> None:
    items = found(as_json())
    assert [type(item) for item in items] == [Item] * 6
    told = claims(items)
    site, ward = (keyed_id("organization", LINKS[place]) for place in (SITE, WARD))
    assert told[site] == {"kind": "Organization", ".name": "Site", ".country": "DE", ".x:cbvmda:city": "Ulm"}
    assert told[ward] == {"kind": "Organization", ".name": "Ward", "PART_OF": site, ".x:https://ns.example.com/beds": "12"}
    assert told[keyed_id("organization", "https://id.gs1.org/417/4012345002256")][".name"] == "Payer"
    lot = told[keyed_id("object", "https://id.gs1.org/01/04012345123456/10/L1")]
    assert lot == {"kind": "Material", ".name": "Medium", ".expires_at": "2025-01-31"}
    assert told[keyed_id("object", "https://id.gs1.org/01/04012345123456/21/7")] == {
        "kind": "Material",
        ".x:cbvmda:lotNumber": "L1",
    }


def test_master_data_is_dated_as_its_document_and_undated_without_a_date(found: Callable[..., list[Item | Refused]]) -> None:
    for head, date in (({}, 1717200000000000), ({"creationDate": "some day"}, None)):
        items = found(as_json(head))
        assert isinstance(items[0], Item)
        assert {claim.recorded_at for claim in items[0].claims} == {date}


@pytest.mark.parametrize("version", ["1.2", "2.0"])
def test_xml_and_json_say_the_same(
    found: Callable[..., list[Item | Refused]], new_store: NewStore, tmp_path: Path, landed: Landed, version: str
) -> None:
    (tmp_path / "one.jsonld").write_text(json.dumps(as_json()), encoding="utf-8")
    (tmp_path / "one.xml").write_text(as_xml(version), encoding="utf-8")
    store = new_store()
    first, second = (landed(store, tmp_path / name) for name in ("one.jsonld", "one.xml"))
    assert (first.totals.added, second.totals.unchanged, second.totals.read) == (6, 6, 6)
    assert first.digest == second.digest


MASTER_ONLY = {
    "json without a body": json.dumps({name: value for name, value in as_json().items() if name != "epcisBody"}),
    "json without events": json.dumps(as_json(events=[])),
    "json of a query": json.dumps(
        {"@context": [], "type": "EPCISQueryDocument", "creationDate": "2024-06-01T00:00:00Z",
         "epcisBody": {"queryResults": {"resultsBody": as_json()["epcisHeader"]["epcisMasterData"]}}}),
    "xml of master data": f'<m:EPCISMasterDataDocument xmlns:m="urn:epcglobal:epcis-masterdata:xsd:1" '
    f'creationDate="2024-06-01T00:00:00Z"><EPCISBody>{vocabularies()}</EPCISBody></m:EPCISMasterDataDocument>',
    "xml of a query": f'<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:1" creationDate="2024-06-01T00:00:00Z">'
    f"<EPCISBody><q:QueryResults><queryName>Q</queryName><resultsBody>{vocabularies()}</resultsBody></q:QueryResults></EPCISBody>"
    "</q:EPCISQueryDocument>",
    "xml of a list": vocabularies(),
}  # fmt: skip


@pytest.mark.parametrize("name", MASTER_ONLY)
def test_documents_of_master_data_alone_load(found: Callable[..., list[Item | Refused]], name: str) -> None:
    items = found(MASTER_ONLY[name], f"master.{name.split()[0]}")
    whole = claims(found(as_json()))
    told = claims(items)
    assert len(items) == 5
    assert told == {record: whole[record] for record in told}


def test_a_product_class_is_a_record_of_its_own_that_carries_its_label(found: Callable[..., list[Item | Refused]]) -> None:
    element = {"id": "urn:epc:idpat:sgtin:4012345.012345.*", "attributes": [{"id": f"{MDA}brandName", "attribute": "B"}]}
    [item] = found(as_json(elements=[{"type": f"{VTYPE}EPCClass", "vocabularyElementList": [element]}], events=[]))
    assert only(item).fields == {"kind": "Material", "is https://id.gs1.org/01/04012345123456": True, ".x:cbvmda:brandName": "B"}
    assert isinstance(item, Item)
    assert item.notes


def test_attributes_are_kept_whatever_they_hold(found: Callable[..., list[Item | Refused]]) -> None:
    attributes = [
        {"id": "urn:x:count", "attribute": 5},
        {"id": "urn:x:twice", "attribute": "a"},
        {"id": "urn:x:twice", "attribute": "b"},
        {"id": "ex:size", "attribute": {"ex:high": "2", "ex:wide": "3"}},
        {"id": "urn:x:empty", "attribute": ""},
        {"id": f"{MDA}countryCode", "attribute": "DE"},
    ]
    vocabulary = {"type": f"{VTYPE}Location", "vocabularyElementList": [{"id": WARD, "attributes": attributes}]}
    [item] = found(as_json({"@context": [{"ex": "https://ns.example.com/"}]}, [vocabulary], []))
    assert only(item).fields == {
        "kind": "Organization",
        ".x:urn:x:count": "5",
        ".x:urn:x:twice": ["a", "b"],
        ".x:{https://ns.example.com/}size": {"{https://ns.example.com/}high": "2", "{https://ns.example.com/}wide": "3"},
        ".country": "DE",
    }


WRONG: list[tuple[Any, str, str]] = [
    ({"type": f"{VTYPE}Location", "vocabularyElementList": {}}, "vocabularyElementList", "NOT_A_LIST"),
    (7, "vocabularyElementList", "NOT_A_LIST"),
    ({"type": f"{VTYPE}Location", "vocabularyElementList": [{"attributes": []}]}, "id", "MISSING"),
    ({"type": f"{VTYPE}Location", "vocabularyElementList": [{"id": WARD, "attributes": 7}]}, "attributes", "NOT_A_LIST"),
    ({"type": f"{VTYPE}Location", "vocabularyElementList": [{"id": WARD, "attributes": [7]}]}, "attributes/0", "MISSING"),
    ({"type": f"{VTYPE}Location", "vocabularyElementList": [{"id": WARD, "children": "x"}]}, "children", "NOT_A_LIST"),
    ({"type": f"{VTYPE}Disposition", "vocabularyElementList": [{"id": "urn:x:1"}]}, "type", "UNKNOWN_VOCABULARY"),
    ({"vocabularyElementList": [{"id": "urn:x:1"}]}, "type", "UNKNOWN_VOCABULARY"),
    ({"type": f"{VTYPE}Location", "vocabularyElementList": [{"id": "lot:7"}]}, "", "INVALID_IDENTIFIER"),
    ({"type": f"{VTYPE}EPCClass", "vocabularyElementList": [{"id": "name:Jo"}]}, "", "INVALID_IDENTIFIER"),
]


@pytest.mark.parametrize(("vocabulary", "field", "code"), WRONG)
def test_an_element_that_is_wrong_is_refused_with_its_place_and_the_others_land(
    found: Callable[..., list[Item | Refused]], vocabulary: Any, field: str, code: str
) -> None:
    refused, sound = found(as_json(elements=[vocabulary]))
    assert isinstance(refused, Refused)
    assert isinstance(sound, Item)
    [problem] = refused.problems
    assert (problem.field, problem.code) == (field, code)
    assert problem.repair
    assert refused.at.startswith("/epcisHeader/epcisMasterData/vocabularyList/0")


@pytest.mark.parametrize("form", ["jsonld", "xml"])
def test_a_refused_element_is_mended_in_the_quarantine(new_store: NewStore, tmp_path: Path, landed: Landed, form: str) -> None:
    text = json.dumps(as_json({"sender": "LAB"})) if form == "jsonld" else as_xml("2.0")
    wrong = text.replace(f"{VTYPE}ReadPoint", f"{VTYPE}Point").replace("OBSERVE", "WATCH").replace(f"{VTYPE}Party", f"{VTYPE}Club")
    path = tmp_path / f"events.{form}"
    path.write_text(wrong, encoding="utf-8")
    store = new_store()
    report = landed(store, path)
    assert (report.totals.added, report.totals.refused) == (3, 3)
    file = Path(str(report.quarantine)) / path.name
    mended = file.read_text(encoding="utf-8").replace(f"{VTYPE}Point", f"{VTYPE}ReadPoint").replace("WATCH", "OBSERVE")
    file.write_text(mended.replace(f"{VTYPE}Club", f"{VTYPE}Party"), encoding="utf-8")
    again = landed(store, file)
    assert (again.totals.read, again.totals.refused) == (3, 0)
    path.write_text(text, encoding="utf-8")
    assert landed(new_store(), path).digest == again.digest


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("opentraceability/traceback_tests.jsonld", 20),
        ("opentraceability/gdst_extensions_01.xml", 20),
        ("fastnt/Request_ObjectEvent_WithMultipleMasterdata.json", 3),
        ("fastnt/ValidMasterdataElement.xml", 4),
    ],
)
def test_published_master_data_lands(reference: Path, name: str, elements: int) -> None:
    source = Source(reference / "epcis" / name, "epcis-xml" if name.endswith("xml") else "epcis")
    items = [item for item in read_one(source, Context("LAB")) if "ocabulary" in item.at]
    assert [type(item) for item in items] == [Item] * elements
