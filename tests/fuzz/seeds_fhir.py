"""Small resources of FHIR to begin from: every type that is read, R4 and R5, in bundles, lines and alone."""

from collections.abc import Iterator
from typing import Any

import orjson

from loaders.fhir import READ

_SUBJECT = {"reference": "Patient/p1", "display": "somebody"}
_PRODUCT = {"reference": "BiologicallyDerivedProduct/b1"}
_CODE = {"coding": [{"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin"}], "text": "Hb"}
_QUANTITY = {"value": 12.5, "comparator": "<", "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
_NUMBER = {
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
    "system": "http://hospital.example/mrn",
    "value": "77",
}
_PERIOD = {"start": "2024-05-01T08:00:00+02:00", "end": "2024-05"}
_MEMBERS: dict[str, dict[str, Any]] = {
    "Patient": {
        "gender": "female",
        "birthDate": "1974-12-25",
        "identifier": [_NUMBER],
        "deceasedDateTime": "2024-05",
        "name": [{"family": "A"}],
        "link": [{"other": {"reference": "Patient/p0"}, "type": "replaces"}],
    },
    "Specimen": {
        "identifier": [{"system": "http://lab.example", "value": "S-1"}],
        "type": _CODE,
        "subject": _SUBJECT,
        "receivedTime": "2024-05-02",
        "parent": [{"reference": "Specimen/s0"}],
        "container": [{"device": {"reference": "Device/d"}}],
        "collection": {"collector": {"reference": "Practitioner/n"}, "collectedPeriod": _PERIOD, "quantity": _QUANTITY},
        "processing": [{"procedure": _CODE, "additive": [{"reference": "Device/x"}], "timeDateTime": "2024"}],
    },
    "BiologicallyDerivedProduct": {
        "productCode": {"coding": [{"code": "S2598V00"}]},
        "collection": {"source": _SUBJECT, "collectedDateTime": "2024"},
        "biologicalSourceEvent": {"system": "https://www.isbt128.org/uri/DonationIdentificationNumber", "value": "A999924123456"},
        "storage": [{"temperature": -150, "scale": "celsius", "duration": _PERIOD}],
        "property": [{"type": _CODE, "valueQuantity": _QUANTITY}],
        "request": [{"reference": "ServiceRequest/o"}],
        "expirationDate": "2029-05-01",
        "quantity": 1,
    },
    "Observation": {
        "code": _CODE,
        "subject": _SUBJECT,
        "specimen": {"reference": "#in"},
        "valueQuantity": _QUANTITY,
        "effectiveDateTime": "2024-05-01T10:00:00Z",
        "component": [{"code": _CODE, "valueRange": {"low": {"value": 1}}}],
        "contained": [{"resourceType": "Specimen", "id": "in"}],
        "hasMember": [{"reference": "Observation/o2"}],
        "status": "final",
    },
    "Procedure": {
        "code": {"text": "Leukapheresis"},
        "subject": _SUBJECT,
        "performedPeriod": _PERIOD,
        "usedReference": [_PRODUCT],
        "status": "completed",
        "performer": [{"actor": {"reference": "Organization/o"}}],
        "used": [{"reference": _PRODUCT}],
    },
    "Task": {
        "code": {"text": "thaw"},
        "executionPeriod": _PERIOD,
        "focus": _PRODUCT,
        "input": [{"valueReference": _PRODUCT}],
        "owner": {"reference": "Organization/o"},
    },
    "Transport": {
        "currentLocation": {"reference": "Location/a"},
        "requestedLocation": {"reference": "Location/b"},
        "input": [{"valueReference": _PRODUCT}],
        "restriction": {"period": _PERIOD},
        "priority": "stat",
        "completionTime": "2024-05-03",
    },
    "SupplyDelivery": {
        "suppliedItem": {"itemReference": _PRODUCT, "quantity": _QUANTITY},
        "occurrencePeriod": _PERIOD,
        "destination": {"reference": "Location/b"},
    },
    "ServiceRequest": {
        "identifier": [{"system": "http://h.example/coi", "value": "COI-1"}],
        "code": {"concept": _CODE},
        "reason": [{"concept": _CODE}],
        "authoredOn": "2024",
    },
    "Consent": {
        "patient": _SUBJECT,
        "provision": {"type": "permit", "period": _PERIOD, "purpose": [{"code": "HRESCH"}]},
        "dateTime": "2024",
    },
    "AdverseEvent": {
        "subject": _SUBJECT,
        "event": _CODE,
        "date": "2024",
        "suspectEntity": [{"instance": _PRODUCT}],
        "outcome": {"coding": [{"code": "fatal"}]},
    },
    "NutritionIntake": {
        "subject": _SUBJECT,
        "consumedItem": [{"nutritionProduct": {"concept": _CODE}, "amount": _QUANTITY}],
        "occurrenceDateTime": "2024",
    },
    "Medication": {
        "code": _CODE,
        "manufacturer": {"reference": "Organization/o"},
        "batch": {"lotNumber": "L1", "expirationDate": "2026-05"},
        "ingredient": [{"itemReference": {"reference": "Medication/m2"}}],
    },
    "MedicationAdministration": {
        "medication": {"reference": _PRODUCT},
        "subject": _SUBJECT,
        "occurencePeriod": _PERIOD,
        "dosage": {"dose": _QUANTITY},
    },
    "Group": {"member": [{"entity": _SUBJECT, "period": _PERIOD}]},
    "Device": {"udiCarrier": [{"deviceIdentifier": "00844588003288"}], "lotNumber": "L1", "type": [_CODE]},
    "Provenance": {
        "target": [_PRODUCT],
        "agent": [{"who": {"reference": "Organization/o"}}],
        "occurredPeriod": _PERIOD,
        "entity": [{"what": _SUBJECT}],
    },
    "DiagnosticReport": {
        "code": _CODE,
        "specimen": [{"reference": "Specimen/s1"}],
        "result": [{"reference": "Observation/o"}],
        "effectiveDateTime": "2024",
    },
}
"""What resources of each type say; those of other types little."""


def resources() -> list[dict[str, Any]]:
    """One resource of each type."""
    return [{"resourceType": type_, "id": f"{type_[0].lower()}1", **_MEMBERS.get(type_, {"subject": _SUBJECT})} for type_ in READ]


def documents() -> Iterator[bytes]:
    """Each alone; some as lines, as a list, and in a bundle with URLs, within another."""
    found = resources()
    yield from map(orjson.dumps, found)
    yield b"\n".join(map(orjson.dumps, found[:6]))
    yield orjson.dumps(found[6:10], option=orjson.OPT_INDENT_2)
    entries = [
        {
            "fullUrl": f"https://fhir.example/{each['resourceType']}/{each['id']}",
            "resource": {**each, "meta": {"lastUpdated": "2024-05-01T10:00:00.5Z"}},
        }
        for each in found[10:14]
    ]
    inner = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    yield orjson.dumps(
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": inner}, {"request": {"method": "DELETE"}}]}
    )
