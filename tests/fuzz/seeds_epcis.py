"""EPCIS to begin from: an event of each type with everything that it may have, in JSON-LD and XML; and keys of all schemes."""

from collections.abc import Iterator

import orjson

KEYS = (
    "urn:epc:id:sscc:4012345.0000000333",
    "urn:epc:id:sgtin:4012345.012345.1",
    "urn:epc:class:lgtin:4012345.012345.L1",
    "urn:epc:idpat:sgtin:4012345.012345.*",
    "urn:epc:id:sgln:4012345.00001.0",
    "urn:uuid:11111111-2222-4333-8444-555555555555",
    "https://id.gs1.org/01/04012345123456/21/1?17=250101",
    "https://id.gs1.org/8018/401234512345678901",
    "isbt128:A999924101347-S1234V00",
    "coi:COI-24-0101",
    "waybill:CL-5310@coldline",
    "ni:///sha-256;0123456789abcdef?ver=CBV2.0",
)
"""Identifiers of every scheme."""


def events_of_each_type() -> Iterator[dict[str, object]]:
    shared: dict[str, object] = {
        "eventTime": "2024-05-01T10:00:00.000Z",
        "recordTime": "2024-05-01T10:00:01Z",
        "eventTimeZoneOffset": "+02:00",
        "bizStep": "shipping",
        "disposition": "in_transit",
        "readPoint": {"id": KEYS[4]},
        "bizLocation": {"id": "https://id.gs1.org/414/4012345000016"},
        "bizTransactionList": [{"type": "desadv", "bizTransaction": "urn:epc:id:gdti:4012345.00001.5"}],
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00001"}],
        "destinationList": [{"type": "location", "destination": KEYS[4]}],
        "sensorElementList": [_SENSED],
        "persistentDisposition": {"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
        "certificationInfo": ["https://accreditation.example.org/1"],
        "ex:note": {"ex:of": ["a", 1, 2.5, True, {"@id": "ex:b"}]},
    }
    quantity = {"epcClass": KEYS[2], "quantity": 12.5, "uom": "KGM"}
    yield {
        "type": "ObjectEvent",
        **shared,
        "eventID": KEYS[11],
        "action": "ADD",
        "epcList": [*KEYS[:2]],
        "quantityList": [quantity, {"epcClass": KEYS[3]}],
        "ilmd": {"cbvmda:lotNumber": "L1", "ex:grown": {"ex:at": "2024"}},
    }
    error = {
        "declarationTime": "2024-05-02T10:00:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": [KEYS[5]],
    }
    yield {
        "type": "AggregationEvent",
        **shared,
        "action": "OBSERVE",
        "parentID": KEYS[0],
        "childEPCs": [KEYS[1]],
        "childQuantityList": [quantity],
        "errorDeclaration": error,
    }
    yield {"type": "TransactionEvent", **shared, "action": "DELETE", "parentID": KEYS[0], "epcList": [KEYS[6]]}
    yield {
        "type": "TransformationEvent",
        **shared,
        "transformationID": "urn:epc:id:gdti:4012345.00002.1",
        "inputEPCList": [KEYS[1]],
        "inputQuantityList": [quantity],
        "outputEPCList": [KEYS[6]],
        "outputQuantityList": [quantity],
    }
    yield {
        "type": "AssociationEvent",
        **shared,
        "action": "ADD",
        "parentID": "urn:epc:id:grai:4012345.00001.9",
        "childEPCs": [KEYS[0]],
    }


_SENSED = {
    "sensorMetadata": {
        "time": "2024-05-01T09:59:00Z",
        "deviceID": "urn:epc:id:giai:4012345.1",
        "startTime": "2024-05-01T09:00:00Z",
    },
    "sensorReport": [
        {
            "type": "Temperature",
            "value": -150.5,
            "uom": "CEL",
            "minValue": -160,
            "maxValue": -140.25,
            "exception": "ALARM_CONDITION",
        },
        {
            "type": "gs1:Speed",
            "stringValue": "fast",
            "booleanValue": False,
            "hexBinaryValue": "f0",
            "uriValue": "ex:a",
            "percRank": 1,
        },
    ],
}
_CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"ex": "https://ns.example.com/epcis/"}]
_MASTER = [
    {
        "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
        "vocabularyElementList": [
            {"id": KEYS[4], "attributes": [{"id": "urn:epcglobal:cbv:mda#site", "attribute": "x"}], "children": [KEYS[4] + "1"]}
        ],
    }
]


def documents() -> Iterator[bytes]:
    """Documents of one event each, one of a query, a bare event, a list, and master data."""
    head = {"@context": _CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2024-05-01T10:00:00Z"}
    events = [*events_of_each_type()]
    for event in events:
        yield orjson.dumps({**head, "sender": "urn:epc:id:pgln:4012345.00001", "epcisBody": {"eventList": [event]}})
    results = {"queryResults": {"queryName": "q", "resultsBody": {"eventList": events[:1]}}}
    yield orjson.dumps({**head, "type": "EPCISQueryDocument", "epcisBody": results})
    yield orjson.dumps({"@context": _CONTEXT, **events[2]})
    yield orjson.dumps(events[3:])
    yield orjson.dumps({**head, "epcisHeader": {"epcisMasterData": {"vocabularyList": _MASTER}}, "epcisBody": {"eventList": []}})


_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:{0}" '
    'xmlns:ex="https://ns.example.com/epcis/" schemaVersion="{0}.0" creationDate="2024-05-01T10:00:00Z">'
)
_SENDER = (
    "<EPCISHeader><h:StandardBusinessDocumentHeader "
    'xmlns:h="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader">'
    "<h:Sender><h:Identifier>urn:epc:id:pgln:4012345.00001</h:Identifier></h:Sender></h:StandardBusinessDocumentHeader>{}</EPCISHeader>"
)
_BODY = "<EPCISBody><EventList>{}</EventList></EPCISBody></epcis:EPCISDocument>"
_VOCABULARY = (
    '<extension><EPCISMasterData><VocabularyList><Vocabulary type="urn:epcglobal:epcis:vtype:BusinessLocation">'
    "<VocabularyElementList>"
    f'<VocabularyElement id="{KEYS[4]}"><attribute id="urn:epcglobal:cbv:mda#site">x</attribute>'
    f'<attribute id="urn:a"><ex:b>c</ex:b></attribute><children><id>{KEYS[4]}1</id></children>'
    "</VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList></EPCISMasterData></extension>"
)
_LISTS = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "epc",
    "outputEPCList": "epc",
    "correctiveEventIDs": "correctiveEventID",
}


def xml_documents() -> Iterator[bytes]:
    """The same events in XML of 2.0, and one of 1.2 with what it wraps."""
    for event in events_of_each_type():
        inner = "".join(_element(name, value) for name, value in event.items() if name != "type")
        text = f"<{event['type']}>{inner}</{event['type']}>"
        yield f"{_HEAD.format(2)}{_SENDER.format('')}{_BODY.format(text)}".encode()
    first = next(events_of_each_type())
    names = ("eventTime", "eventTimeZoneOffset", "epcList", "action", "bizStep")
    told = "".join(_element(name, first[name]) for name in names) + f"<extension>{_element('quantityList', first['quantityList'])}"
    wrapped = f"<TransformationEvent>{told}</extension></TransformationEvent>"
    old = f"<ObjectEvent>{told}</extension></ObjectEvent><extension>{wrapped}</extension>"
    head = f"{_HEAD.format(1)}{_SENDER.format(_VOCABULARY)}"
    yield f"{head}{_BODY.format(old)}".encode()


def _element(name: str, value: object) -> str:
    """A member of an event as an element."""
    if name == "sensorElementList":
        reports = "".join(f"<sensorReport {_attributes(each)}/>" for each in _SENSED["sensorReport"])  # type: ignore[arg-type]
        return (
            f"<{name}><sensorElement><sensorMetadata {_attributes(_SENSED['sensorMetadata'])}/>{reports}</sensorElement></{name}>"
        )
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(inner.replace('@', 'ex:'), each) for inner, each in value.items())}</{name}>"
    if isinstance(value, list) and name in _LISTS:
        return f"<{name}>{''.join(_element(_LISTS[name], each) for each in value)}</{name}>"
    if isinstance(value, list) and name.endswith("List"):
        of = "quantityElement" if "uantity" in name else name.removesuffix("List")
        if "uantity" in name:
            return f"<{name}>{''.join(_element(of, each) for each in value)}</{name}>"
        typed = "".join(f'<{of} type="urn:epcglobal:cbv:btt:po">{each[of]}</{of}>' for each in value)
        return f"<{name}>{typed}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    return f"<{name}>{value}</{name}>"


def _attributes(told: object) -> str:
    assert isinstance(told, dict)
    return " ".join(f'{name}="{value}"' for name, value in told.items())
