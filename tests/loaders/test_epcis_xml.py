"""EPCIS in XML, of 1.2 and 2.0, says what its JSON-LD twin says; what is damaged or something else is told as what it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from graph.sqlite_store import SqliteStore
from loaders import xml_stream
from loaders.epcis_elements import event_of
from loaders.items import Context, Item, Refused
from loaders.pipeline import LoadReport
from loaders.reading import read_one
from loaders.sources import Source, format_of

Landed = Callable[..., LoadReport]
NewStore = Callable[[], SqliteStore]
Found = list[Item | Refused]

NAMESPACES = {
    "epcis": "urn:epcglobal:epcis:xsd:2",
    "epcisq": "urn:epcglobal:epcis-query:xsd:2",
    "ex": "https://ns.example.com/epcis/",
}
EX = f"{{{NAMESPACES['ex']}}}"
TYPES = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")
WHEN = "<eventTime>2024-05-01T10:00:00.000Z</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>"
EVENT = f"""<ObjectEvent>{WHEN}<epcList><epc>urn:epc:id:sscc:4012345.0000000333</epc></epcList><action>OBSERVE</action>
  <bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><ex:note>seen</ex:note></ObjectEvent>"""


def document(*events: str, version: str = "2.0", head: str = "", body: str = "") -> str:
    """An EPCIS document of these events, or with this body."""
    names = f'xmlns:epcis="urn:epcglobal:epcis:xsd:{version[0]}" xmlns:ex="{NAMESPACES["ex"]}"'
    listed = body or f"<EventList>{''.join(events)}</EventList>"
    return f'<epcis:EPCISDocument {names} schemaVersion="{version}">{head}<EPCISBody>{listed}</EPCISBody></epcis:EPCISDocument>'


def found_in(path: Path, **context: Any) -> Found:
    """What the reader says of a file."""
    return list(read_one(Source(path, "epcis-xml"), Context(**{"steward": "HOSPITAL", "forced": True, **context})))


@pytest.fixture
def found(tmp_path: Path) -> Callable[[str | bytes], Found]:
    """What the reader says of a text."""

    def read(text: str | bytes) -> Found:
        path = tmp_path / "events.xml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return found_in(path)

    return read


def refusal(found: Found) -> tuple[str, str, str, str]:
    """Place, field, code and reason of the one refusal."""
    [item] = [item for item in found if isinstance(item, Refused)]
    [problem] = item.problems
    assert problem.repair
    return item.at, problem.field, problem.code, problem.reason


def event(inner: str, type_: str = "ObjectEvent") -> dict[str, Any]:
    """The event that an element is read as."""
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    told, _, problems = event_of(etree.fromstring(f"<{type_} {names}>{inner}</{type_}>"))
    assert problems == []
    return told


# -- published documents


def published(reference: Path, *patterns: str) -> list[Path]:
    """Files of the reference that ought to load."""
    paths = (path for pattern in patterns for path in (reference / "epcis").glob(pattern))
    return sorted(path for path in paths if "Invalid" not in path.parts)


def counted(path: Path) -> int:
    """Events and elements of master data of a file, by XPath alone."""
    named = " or ".join(f"local-name() = '{type_}'" for type_ in (*TYPES, "VocabularyElement"))
    return int(etree.parse(path).xpath(f"count(//*[{named}])"))


@pytest.mark.reference
def test_every_published_hash_of_an_xml_document_comes_out(reference: Path) -> None:
    ignored = {"epcisXmlDocHavingEventWithIgnoreFields": frozenset(("example:testField1", "example:testField2"))}
    documents = published(reference, "event-hash/*.xml")
    assert len(documents) == 9
    hashes = 0
    for path in documents:
        items = found_in(path, ignore=ignored.get(path.stem, frozenset()))
        own = [item.claims[0].evidence.event_hash for item in items if isinstance(item, Item)]
        expected = path.with_suffix(".hashes").read_text(encoding="utf-8").split()
        assert sorted(map(str, own)) == sorted(expected), path.name
        hashes += len(own)
    assert hashes == 36


@pytest.mark.reference
def test_all_events_of_valid_documents_load_and_a_second_load_changes_nothing(
    reference: Path, store: SqliteStore, landed: Landed
) -> None:
    paths = published(reference, "openepcis/**/*.xml", "event-hash/*.xml", "opentraceability/*.xml")
    paths += [
        reference / "epcis/fastnt" / name for name in ("ObjectEvent_StringCertificationInfo.xml", "TransformationEvent_Full.xml")
    ]
    assert len(paths) == 44
    first = landed(store, *paths)
    assert first.refused == []
    told = {report.path: report.counts.read for report in first.files}
    assert told == {str(path): counted(path) for path in paths}
    assert first.totals.read == 126 + 40  # events and elements of master data
    second = landed(store, *paths)
    assert (second.digest, second.totals.added, second.totals.changed, second.totals.refused) == (first.digest, 0, 0, 0)


def twins(reference: Path) -> list[tuple[Path, Path]]:
    """Documents that are there as XML and as JSON-LD."""
    pairs = [(path, path.with_suffix(".jsonld")) for path in published(reference, "event-hash/*.xml")]
    for path in published(reference, "openepcis/2.0/**/*.xml"):
        pairs.append((path, Path(str(path).replace("/XML/", "/JSON/")).with_suffix(".json")))
    return [pair for pair in pairs if pair[1].exists()]


@pytest.mark.reference
def test_the_xml_and_the_json_of_one_document_come_to_one_graph(reference: Path, new_store: NewStore, landed: Landed) -> None:
    """Who sends is told in some of the JSON alone, so one steward speaks for both."""
    pairs = twins(reference)
    assert len(pairs) == 28
    different = []
    for pair in pairs:
        loads = [landed(new_store(), path, steward="HOSPITAL", forced=True) for path in pair]
        assert [load.refused for load in loads] == [[], []]
        if loads[0].digest != loads[1].digest:
            different.append(pair[0].name)
    assert different == [
        "queryDocument.xml"
    ]  # it names other things: a GRAI under gs1.org and, with no valid check digit, elsewhere


@pytest.mark.reference
def test_an_event_in_xml_is_unchanged_after_its_json(reference: Path, store: SqliteStore, landed: Landed) -> None:
    xml, jsonld = next(pair for pair in twins(reference) if pair[0].name == "epcisDocWithVariousEventTypes.xml")
    first, second = (landed(store, path, steward="HOSPITAL", forced=True) for path in (jsonld, xml))
    assert (first.totals.read, first.totals.unchanged) == (13, 0)
    assert (second.totals.read, second.totals.unchanged, second.digest) == (13, 13, first.digest)


INVALID = "openepcis/2.0/EPCIS/XML/Capture/Invalid/ObjectEvent"
UNREADABLE = "UNREADABLE_SOURCE"
LIST = "/epcis:EPCISDocument/EPCISBody/EventList/ObjectEvent[1] line 6"
POLL = "/epcisq:EPCISQueryDocument/EPCISBody/epcisq:Poll"
REFUSED = {
    f"{INVALID}_bare_event_without_action.xml": (
        "/ObjectEvent line 1",
        "MISSING",
        "action",
    ),
    f"{INVALID}_with_near_miss_action.xml": (LIST, "INVALID_ACTION", "no EPCIS action"),
    f"{INVALID}_with_wrong_element_order.xml": (LIST, "WRONG_ORDER", "eventTime"),
    f"{INVALID}_without_eventTime.xml": (LIST, "MISSING", "eventTime"),
    "openepcis/2.0/EPCIS/XML/Query/Invalid/QueryDocument_with_missing_value.xml": (
        f"{POLL} line 5",
        UNREADABLE,
        "query (Poll)",
    ),
    "openepcis/2.0/EPCIS/XML/Query/Queries/Invalid/Query_without_queryName.xml": (
        f"{POLL} line 6",
        UNREADABLE,
        "query (Poll)",
    ),
    "fastnt/GetSubscriptionIDs.xml": ("line 1", UNREADABLE, "query (GetSubscriptionIDs)"),
    "fastnt/GetVendorVersion.xml": ("line 1", UNREADABLE, "query (GetVendorVersion)"),
    "fastnt/InvalidQuery.xml": ("line 1", UNREADABLE, "UnknownQuery of an EPCIS query service"),
    "fastnt/QueryTooLargeRequest.xml": (
        "/epcisq:EPCISQueryDocument/EPCISBody/epcisq:QueryTooLargeException line 4",
        UNREADABLE,
        "it holds QueryTooLargeException, no list of events",
    ),
    "fastnt/Unsubscribe.xml": ("line 1", UNREADABLE, "query (Unsubscribe)"),
}


@pytest.mark.reference
def test_everything_else_of_the_reference_is_refused_with_its_place(reference: Path) -> None:
    loaded = published(
        reference, "openepcis/**/*.xml", "event-hash/*.xml", "opentraceability/*.xml", "fastnt/*Event*.xml", "fastnt/Valid*.xml"
    )
    others = {
        path.relative_to(reference / "epcis").as_posix() for path in (reference / "epcis").rglob("*.xml") if path not in loaded
    }
    assert others == set(REFUSED)
    for name, (place, code, reason) in REFUSED.items():
        at, field, its, why = refusal(found_in(reference / "epcis" / name))
        assert (at, its) == (place, code), name
        assert reason in why or reason == field, name


# -- one event in both versions


EARLY = document(
    """<AggregationEvent>
      <eventTime>2024-05-01T10:00:00Z</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>
      <baseExtension><eventID>urn:uuid:1</eventID><errorDeclaration><declarationTime>2024-05-02T10:00:00Z</declarationTime>
        <reason>urn:epcglobal:cbv:er:incorrect_data</reason></errorDeclaration></baseExtension>
      <parentID>urn:epc:id:sscc:4012345.0000000333</parentID><childEPCs/><action>ADD</action>
      <bizStep>urn:epcglobal:cbv:bizstep:packing</bizStep>
      <extension><childQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:4012345.012345.A1</epcClass>
        <quantity>2.50</quantity><uom>KGM</uom></quantityElement></childQuantityList>
        <sourceList><source type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:pgln:4012345.00225</source></sourceList>
        <extension><persistentDisposition><set>urn:epcglobal:cbv:disp:recalled</set></persistentDisposition></extension>
      </extension><ex:note>kept</ex:note></AggregationEvent>""",
    f"""<extension><TransformationEvent>{WHEN}<inputEPCList><epc>urn:epc:id:sgtin:4012345.011122.25</epc></inputEPCList>
      <outputEPCList><epc>urn:epc:id:sgtin:4012345.077889.25</epc></outputEPCList>
      <ilmd><extension><ex:batch>4711</ex:batch></extension></ilmd></TransformationEvent></extension>""",
    version="1.2",
)
LATE: list[dict[str, Any]] = [
    {
        "type": "AggregationEvent",
        "eventTime": "2024-05-01T12:00:00+02:00",
        "eventTimeZoneOffset": "+02:00",
        "eventID": "urn:uuid:1",
        "errorDeclaration": {"declarationTime": "2024-05-02T10:00:00Z", "reason": "incorrect_data"},
        "parentID": "urn:epc:id:sscc:4012345.0000000333",
        "childQuantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.012345.A1", "quantity": 2.5, "uom": "KGM"}],
        "action": "ADD",
        "bizStep": "packing",
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00225"}],
        "persistentDisposition": {"set": ["recalled"]},
        "ex:note": "kept",
    },
    {
        "type": "TransformationEvent",
        "eventTime": "2024-05-01T10:00:00Z",
        "eventTimeZoneOffset": "+02:00",
        "inputEPCList": ["urn:epc:id:sgtin:4012345.011122.25"],
        "outputEPCList": ["urn:epc:id:sgtin:4012345.077889.25"],
        "ilmd": {"ex:batch": "4711"},
    },
]


def test_what_1_2_wraps_says_what_2_0_says_in_json(new_store: NewStore, landed: Landed, tmp_path: Path) -> None:
    xml, jsonld = tmp_path / "early.xml", tmp_path / "late.jsonld"
    xml.write_text(EARLY, encoding="utf-8")
    context = [{"ex": NAMESPACES["ex"]}]
    body = {"@context": context, "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": LATE}}
    jsonld.write_text(json.dumps(body), encoding="utf-8")
    loads = [landed(new_store(), path) for path in (xml, jsonld)]
    assert [load.totals.added for load in loads] == [2, 2]
    assert loads[0].digest == loads[1].digest


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ("<ex:a>one</ex:a>", {"ex:a": "one"}),
        ("<ex:a> 007 </ex:a>", {"ex:a": "007"}),
        ("<ex:a/>", {"ex:a": ""}),
        ("<ex:a>1</ex:a><ex:a>2</ex:a>", {"ex:a": ["1", "2"]}),
        ("<ex:a xmlns:n='n' n:b='1'><n:b>2</n:b></ex:a>", {"ex:a": {"{n}b": "1", "n:b": "2"}}),
        ("<ex:a><ex:b>1</ex:b><c>2</c></ex:a>", {"ex:a": {"ex:b": "1", "c": "2"}}),
        ("<ex:a ex:b='1' c='2'/>", {"ex:a": {f"{EX}b": "1", "c": "2"}}),
        ("<ex:a c='2'>one</ex:a>", {"ex:a": {"c": "2", "@value": "one"}}),
        ("<ex:a>o<!-- aside -->ne</ex:a>", {"ex:a": "one"}),
        ("<ex:a><![CDATA[a<b]]></ex:a>", {"ex:a": "a<b"}),
        ("<a xmlns='urn:other'>one</a>", {"{urn:other}a": "one"}),
        ("<ex:a>1</ex:a><ex:a xmlns:ex='urn:other'>2</ex:a>", {"ex:a": "1", "{urn:other}a": "2"}),
        ("<ex:a xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='xsd:int'>1</ex:a>", {"ex:a": "1"}),
        ("<epcis:action>ADD</epcis:action>", {"action": "ADD"}),
        ("<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>", {"bizStep": "shipping"}),
        ("<bizStep>urn:epcglobal:cbv:bizstep:of_old</bizStep>", {"bizStep": "urn:epcglobal:cbv:bizstep:of_old"}),
        ("<disposition>urn:epcglobal:cbv:disp:in_transit</disposition>", {"disposition": "in_transit"}),
        ("<bizTransactionList><bizTransaction>urn:x:1</bizTransaction></bizTransactionList>",
         {"bizTransactionList": [{"bizTransaction": "urn:x:1"}]}),
        ("<bizTransactionList><bizTransaction type='urn:epcglobal:cbv:btt:po'>urn:x:1</bizTransaction></bizTransactionList>",
         {"bizTransactionList": [{"type": "po", "bizTransaction": "urn:x:1"}]}),
        ("<readPoint><id>urn:x:1</id><extension><ex:a>1</ex:a></extension></readPoint>",
         {"readPoint": {"id": "urn:x:1", "ex:a": "1"}}),
        ("<sensorElementList><sensorElement><sensorReport type='gs1:Temperature' value='26.0' booleanValue='true' ex:a='1'/>"
         "</sensorElement></sensorElementList>",
         {"sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 26, "booleanValue": True, f"{EX}a": "1"}]}]}),
        ("<persistentDisposition><unset>urn:epcglobal:cbv:disp:expired</unset><set>urn:x:1</set><set>urn:x:2</set>"
         "</persistentDisposition>", {"persistentDisposition": {"unset": ["expired"], "set": ["urn:x:1", "urn:x:2"]}}),
    ],
)  # fmt: skip
def test_an_element_is_read_as_json_would_say_it(inner: str, told: dict[str, Any]) -> None:
    assert event(inner) == {"type": "ObjectEvent", **told}


# -- places and refusals


WRONG = EVENT.replace("OBSERVE", "WATCH")


def test_the_place_of_a_refused_event_is_an_xpath_that_finds_it(found: Callable[[str], Found]) -> None:
    text = document(EVENT, f"<extension>{EVENT}</extension>", f"<extension>\n{EVENT}{WRONG}</extension>")
    at, field, code, _ = refusal(found(text))
    path, _, line = at.partition(" line ")
    assert path == "/epcis:EPCISDocument/EPCISBody/EventList/extension[2]/ObjectEvent[2]"
    [element] = etree.fromstring(text).xpath(path, namespaces=NAMESPACES)
    assert element.findtext("action") == "WATCH"
    assert (field, code, int(line)) == ("action", "INVALID_ACTION", element.sourceline)


@pytest.mark.parametrize(
    ("was", "becomes", "field", "code"),
    [
        ("<action>", "<action>ADD</action><action>", "action", "UNEXPECTED"),
        ("<epcList><epc>", "<epcList>one<epc>", "epcList", "UNEXPECTED"),
        ("<epcList>", "<epcList><epcs>urn:x:1</epcs>", "epcList", "UNKNOWN_FIELD"),
        (WHEN, WHEN + "<quantityList><quantityElement><quantity>1</quantity></quantityElement></quantityList>",
         "quantityList/0", "INVALID_VALUE"),
        (WHEN, WHEN + "<quantityList><quantityElement><epcClass>urn:x:1</epcClass><quantity>many</quantity></quantityElement>"
         "</quantityList>", "quantityList/0/quantity", "INVALID_VALUE"),
        ("<ex:note>", "<readPoint/><ex:note>", "readPoint", "INVALID_VALUE"),
        ("ObjectEvent", "SomeEvent", "type", "UNKNOWN_EVENT_TYPE"),
        ("ObjectEvent", "ex:ObjectEvent", "type", "UNKNOWN_EVENT_TYPE"),
    ],
)  # fmt: skip
def test_an_event_that_is_wrong_is_refused_with_its_field(
    found: Callable[[str], Found], was: str, becomes: str, field: str, code: str
) -> None:
    items = found(document(EVENT.replace(was, becomes), EVENT))
    assert isinstance(items[0], Refused)
    assert isinstance(items[1], Item)
    assert (field, code) in {(problem.field, problem.code) for problem in items[0].problems}


def test_events_before_the_place_where_a_file_breaks_off_land(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "events.xml"
    path.write_text(document(EVENT, "\n<ObjectEvent></Object>"), encoding="utf-8")
    report = landed(store, path)
    assert (report.totals.added, report.totals.refused) == (1, 1)
    [told] = report.refused
    assert (told["at"], told["code"]) == ("line 3 column 23", "UNREADABLE_SOURCE")
    assert "tag mismatch" in told["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no XML from here on"),
        ("not XML", "no XML from here on"),
        ("<html/>", "it is html of no namespace, no EPCIS document"),
        ('<Patient xmlns="http://hl7.org/fhir"/>', "it is Patient of http://hl7.org/fhir, no EPCIS document"),
        ("<EPCISDocument><EPCISBody/></EPCISDocument>", "EPCISDocument of no namespace"),
        (f"<e:EPCISDocument xmlns:e='urn:mine'><EventList>{WHEN}</EventList></e:EPCISDocument>", "EPCISDocument of urn:mine"),
        ("<e:EPCISDocument xmlns:e='urn:epcglobal:epcis-query:xsd:1'/>", "EPCIS query service, not events"),
        (document(body="<ex:Other/>"), "it holds Other, no list of events"),
        (document(body=" "), "it has no list of events"),
    ],
)  # fmt: skip
def test_other_xml_is_refused_as_what_it_is(found: Callable[[str], Found], text: str, reason: str) -> None:
    _, _, code, told = refusal(found(text))
    assert code == "UNREADABLE_SOURCE"
    assert reason in told


def test_other_xml_is_refused_alike_whether_named_or_found_below_a_folder(
    new_store: NewStore, tmp_path: Path, landed: Landed
) -> None:
    path = tmp_path / "bundle" / "pom.xml"
    path.parent.mkdir()
    path.write_text("<project/>", encoding="utf-8")
    assert format_of(path) == "epcis-xml"
    named, below = (landed(new_store(), each) for each in (path, path.parent))
    assert named.refused == below.refused
    assert named.refused[0]["code"] == "UNREADABLE_SOURCE"


@pytest.mark.parametrize(
    "declared",
    [
        "<!DOCTYPE x [%e;]>",
        '<!-- <!DOCTYPE x> --><!DOCTYPE x [<!ATTLIST epc y CDATA "z">]>',
        '<!DOCTYPE x SYSTEM "https://example.com/x.dtd">',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY e "&b;&b;&b;&b;&b;">]>',
    ],
)
@pytest.mark.parametrize("used", ["seen", "&e;"])
def test_a_document_type_is_refused_and_no_entity_is_resolved(found: Callable[[str], Found], declared: str, used: str) -> None:
    items = found(declared + document(EVENT.replace("seen", used)))
    _, _, code, reason = refusal(items)
    assert len(items) == 1
    assert code == "UNREADABLE_SOURCE"
    assert "nothing may be declared" in reason or "Entity 'e' not defined" in reason


@pytest.mark.parametrize("declared", ["<!DOCTYPE project>", "<!-- first --><!DOCTYPE\n epcis:EPCISDocument >"])
def test_a_document_type_that_declares_nothing_is_passed_over(found: Callable[[str], Found], declared: str) -> None:
    [item] = found(declared + document(EVENT))
    assert isinstance(item, Item)
    assert "Entity 'e' not defined" in refusal(found(declared + document(EVENT.replace("seen", "&e;"))))[3]


@pytest.mark.parametrize("version", ["1", "2"])
def test_the_results_of_a_query_may_stand_without_their_document(found: Callable[[str], Found], version: str) -> None:
    """As a query service gives them (EPCIS 1.2 and 2.0, schema of queries: QueryResults is a global element)."""
    names = f'xmlns:q="urn:epcglobal:epcis-query:xsd:{version}" xmlns:ex="{NAMESPACES["ex"]}"'
    results = f"<queryName>SimpleEventQuery</queryName><resultsBody><EventList>{EVENT}</EventList></resultsBody>"
    items = found(f"<q:QueryResults {names}>{results}</q:QueryResults>")
    assert [claim.fields for claim in items[0].claims] == [claim.fields for claim in found(document(EVENT))[0].claims]
    assert len(items) == 1


def test_a_field_that_is_nil_is_left_out(found: Callable[[str], Found]) -> None:
    """What was there is known, how much is not."""

    def with_amount(told: str) -> Found:
        element = f"<quantityElement><epcClass>urn:epc:class:lgtin:4012345.022222.L</epcClass>{told}</quantityElement>"
        return found(document(EVENT.replace("<ex:note>", f"<quantityList>{element}</quantityList><ex:note>")))

    nil = '<quantity xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
    [item], [without] = with_amount(nil), with_amount("")
    assert isinstance(item, Item)
    assert isinstance(without, Item)
    assert item.claims[0].fields == without.claims[0].fields
    assert refusal(with_amount("<quantity/>"))[1:3] == ("quantityList/0/quantity", "INVALID_VALUE")


def test_an_entity_that_nobody_declared_breaks_the_file_off(found: Callable[[str], Found]) -> None:
    items = found(document(EVENT, EVENT.replace("seen", "&e;")))
    assert [type(item) for item in items] == [Item, Refused]
    assert "Entity 'e' not defined" in refusal(items)[3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_document_may_be_in_any_encoding_it_declares(found: Callable[[bytes], Found], encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?>\n' + document(EVENT.replace("seen", "gesehen für wahr"))
    [item] = found(text.encode(encoding))
    assert isinstance(item, Item)
    assert "gesehen für wahr" in item.claims[0].fields.values()


def test_an_event_that_is_too_long_for_memory_ends_the_file(found: Callable[[str], Found], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stream, "MOST_BYTES", 100_000)
    items = found(document(EVENT, *[EVENT] * 1_000, EVENT.replace("<epc>", "<epc>urn:x:1</epc>" * 20_000 + "<epc>")))
    assert len([item for item in items if isinstance(item, Item)]) == 1_001
    assert "may have 100,000 bytes" in refusal(items)[3]


def test_nesting_without_end_is_refused(found: Callable[[str], Found]) -> None:
    deep = document(EVENT.replace("seen", "<ex:a>" * 90 + "</ex:a>" * 90))
    bottomless = document(EVENT.replace("seen", "<ex:a>" * 100_000 + "</ex:a>" * 100_000))
    assert refusal(found(deep))[2] == "TOO_DEEP"
    assert refusal(found(bottomless))[2] in ("TOO_DEEP", "UNREADABLE_SOURCE")


def test_of_a_wrong_event_a_hundred_problems_are_told(found: Callable[[str], Found]) -> None:
    [item] = found(document(EVENT.replace("<epcList>", "<epcList>" + "<epcs/>" * 1_000)))
    assert isinstance(item, Refused)
    assert len(item.problems) == 100


def test_attributes_without_end_are_refused(found: Callable[[str], Found]) -> None:
    many = " ".join(f'a{number}="1"' for number in range(100_000))
    assert refusal(found(document(EVENT.replace("<ex:note>", f"<ex:note {many}>"))))[1:3] == ("ex:note", "TOO_LONG")


MEASURE = """
import resource, sys
from pathlib import Path
from loaders import epcis_xml
from loaders.items import Context

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

small, large = map(Path, sys.argv[1:])
context = Context("HOSPITAL", True)
sum(1 for _ in epcis_xml.read(small, context))
before = peak()
print(sum(1 for _ in epcis_xml.read(large, context)), peak() - before)
"""


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    small, large = tmp_path / "small.xml", tmp_path / "large.xml"
    padding = "<ex:a>" + "x" * 2_000 + "</ex:a>"
    master = f"<EPCISHeader><extension>{padding * 1_000}</extension></EPCISHeader>"
    events = [EVENT.replace("<ex:note>", f"{padding}<ex:note>")]
    small.write_text(document(*events * 500), encoding="utf-8")
    large.write_text(document(*events * 15_000, head=master), encoding="utf-8")
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, small, large], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    count, kilobytes = map(int, told.split())
    assert count == 15_000
    assert large.stat().st_size > 30_000_000
    assert kilobytes < 10_000


# -- who speaks, and the quarantine


SBDH = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
SENT = f"""<EPCISHeader><s:StandardBusinessDocumentHeader xmlns:s="{SBDH}"><s:Sender><s:Identifier>urn:epc:id:pgln:4012345.00225
  </s:Identifier></s:Sender><s:Receiver><s:Identifier>urn:epc:id:pgln:0614141.00777</s:Identifier></s:Receiver>
  </s:StandardBusinessDocumentHeader></EPCISHeader>"""


def test_the_sender_of_a_document_speaks_unless_another_is_forced(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    path.write_text(document(EVENT, head=SENT), encoding="utf-8")
    for forced, steward in ((False, "https://id.gs1.org/417/4012345002256"), (True, "HOSPITAL")):
        [item] = found_in(path, forced=forced)
        assert isinstance(item, Item)
        assert {claim.steward for claim in item.claims} == {steward}


@pytest.mark.parametrize("version", ["1.2", "2.0"])
def test_a_refused_event_is_mended_in_the_quarantine_and_is_what_it_would_have_been(
    new_store: NewStore, tmp_path: Path, landed: Landed, version: str
) -> None:
    """Version, sender, wrappers and comments stay; the reasons are comments, whatever they hold."""
    wrong = WRONG.replace("<ex:note>", "<!-- mind -->\n<ex:note>").replace("WATCH", "WATCH--ME--")
    path = tmp_path / "events.xml"
    path.write_text(document(wrong, f"<extension>{WRONG}</extension>", EVENT, version=version, head=SENT), encoding="utf-8")
    store = new_store()
    report = landed(store, path)
    assert (report.totals.added, report.totals.refused) == (1, 2)
    file = Path(str(report.quarantine)) / "events.xml"
    kept = etree.parse(file)
    assert (kept.getroot().tag, kept.getroot().get("schemaVersion")) == (
        f"{{urn:epcglobal:epcis:xsd:{version[0]}}}EPCISDocument",
        version,
    )
    assert len(kept.xpath("//EventList/extension/ObjectEvent")) == 1
    comments = [str(comment.text) for comment in kept.xpath("//comment()")]
    assert "ObjectEvent[1] line 3" in comments[0]
    assert "action: it is no EPCIS action; one of ADD, OBSERVE, DELETE" in comments[0]
    assert comments[1] == " mind "
    again = landed(store, file, quarantine=tmp_path / "again")
    assert [told["value"] for told in again.refused] == ["WATCH--ME--", "WATCH"]
    mended = file.read_text(encoding="utf-8").replace("WATCH--ME--", "OBSERVE").replace("WATCH", "ADD")
    file.write_text(mended, encoding="utf-8")
    assert landed(store, file).totals.refused == 0
    sound = path.read_text(encoding="utf-8").replace("WATCH--ME--", "OBSERVE").replace("WATCH", "ADD")
    path.write_text(sound, encoding="utf-8")
    assert landed(store, path).totals.unchanged == 3
    assert landed(new_store(), path).digest == landed(store, file).digest


def test_a_refused_bare_event_is_kept_in_a_document(store: SqliteStore, tmp_path: Path, landed: Landed) -> None:
    path = tmp_path / "event.xml"
    path.write_text(f'<ObjectEvent xmlns:ex="urn:x">{WRONG.removeprefix("<ObjectEvent>")}', encoding="utf-8")
    file = Path(str(landed(store, path).quarantine)) / "event.xml"
    file.write_text(file.read_text(encoding="utf-8").replace("WATCH", "OBSERVE"), encoding="utf-8")
    assert landed(store, file).totals.added == 1


# -- damage


WHOLE = (document(EVENT, EVENT.replace("seen", "again"), WRONG, head=SENT) + "\n").encode()
TAGS = [
    "ObjectEvent", "TransformationEvent", "EPCISBody", "EventList", "extension", "epcList", "epc", "eventTime", "ex:note",
    "readPoint", "quantityList", "id", "sensorElementList", "sensorReport", "ilmd", "bizTransactionList", "errorDeclaration",
]  # fmt: skip


def verdicts(folder: Path, data: bytes) -> Found:
    """What is said of a file; refusals say what and how to mend it."""
    path = folder / "events.xml"
    path.write_bytes(data)
    items = found_in(path)
    for item in items:
        if isinstance(item, Refused):
            assert all(problem.code and problem.reason and problem.repair for problem in item.problems)
            assert item.problems
    return items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for files that are written again and again."""
    return tmp_path_factory.mktemp("damaged")


def test_a_file_cut_off_at_any_byte_says_so_and_keeps_what_came_before(folder: Path) -> None:
    ends = [WHOLE.find(b"</ObjectEvent>", 0), WHOLE.find(b"</ObjectEvent>", WHOLE.find(b"</ObjectEvent>") + 1)]
    for length in range(len(WHOLE) - 1):
        items = verdicts(folder, WHOLE[:length])
        assert len([item for item in items if isinstance(item, Item)]) == sum(length >= end + 14 for end in ends)
        assert isinstance(items[-1], Refused)
        assert items[-1].problems[0].code == "UNREADABLE_SOURCE"


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=5))
@settings(deadline=None)
def test_damaged_bytes_get_typed_verdicts(folder: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for at, byte in changes:
        data[at] = byte
    verdicts(folder, bytes(data))


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_swapped_tags_get_typed_verdicts(folder: Path, data: st.DataObject) -> None:
    text = WHOLE.decode()
    for _ in range(data.draw(st.integers(1, 4))):
        one, other = data.draw(st.sampled_from(TAGS)), data.draw(st.sampled_from(TAGS))
        text = text.replace(f"<{one}>", "<\0>").replace(f"</{one}>", "</\0>")
        text = text.replace(f"<{other}>", f"<{one}>").replace(f"</{other}>", f"</{one}>")
        text = text.replace("<\0>", f"<{other}>").replace("</\0>", f"</{other}>")
    verdicts(folder, text.encode())


TEXTS = ["", "x", "1", "2024-05-01T10:00:00Z", "urn:epc:id:sscc:4012345.0000000333", "1e999", "nan", "-0", "&#13;", "\u2028"]
TREES = st.recursive(
    st.sampled_from(TEXTS),
    lambda inner: st.lists(st.tuples(st.sampled_from(TAGS), inner), max_size=4).map(
        lambda parts: "".join(f"<{tag}>{body}</{tag}>" for tag, body in parts)
    ),
    max_leaves=12,
)


@given(TREES)
@settings(max_examples=250, deadline=None)
def test_whatever_stands_in_an_event_there_is_a_typed_verdict(folder: Path, tree: str) -> None:
    changed = EVENT.replace("<ex:note>", f"{tree}<ex:note>")
    assert len(verdicts(folder, document(changed, tree, changed.replace(WHEN, "")).encode())) >= 1
