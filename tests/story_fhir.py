"""What the hospital of the story tells: FHIR R4, a resource a line (NDJSON), as its record system would export it.

Name, address, telecom, record number and day of birth are invented here, and so is the energy intake: the network knows none of
them. Only what R4 has a place for is told; its references name resources of the types that R4 allows there.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from tests.story import CDMO, HOSPITAL, NUMBER, STUDY, Journey, Row, advice, gln, grai, link

ISBT = "https://www.isbt128.org/uri"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
CBV = "https://ref.gs1.org/cbv/"
URI = "urn:ietf:rfc:3986"
NAME, STREET, PHONE, RECORD_NUMBER, BORN = "Silverlake", "88 Magnolia Row", "+1 312 555 0188", "MRN-4471902", "-06-14"
"""What may not be stored."""
_PATIENT, _ORDER = {"reference": "Patient/p-9"}, {"reference": "ServiceRequest/order-9"}
_TITLES = {
    "2532-0": "Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma",
    "1988-5": "C reactive protein [Mass/volume] in Serum or Plasma",
    "2276-4": "Ferritin [Mass/volume] in Serum or Plasma",
    "731-0": "Lymphocytes [#/volume] in Blood by Automated count",
    "41950-7": "Number of steps in 24 hour Measured",
    "93832-4": "Sleep duration",
    "89247-1": "ECOG Performance Status score",
}
_PURPOSES = {"treatment": "TREAT", "research": "HRESCH"}
_STEPS = (("COL", 0), ("CRY", 0), ("THW", 1))
"""The collection, the freezing and the thaw."""
Told = dict[str, Any]


def ndjson(told: Journey) -> bytes:
    """The export."""
    return b"".join(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE) for resource in _resources(told))


def _resources(told: Journey) -> Iterator[Told]:
    yield from _parties()
    yield from _people(told)
    yield from _materials(told)
    yield from _measured(told)
    yield from _moved(told)
    yield _infused(told)


def _resource(type_: str, id_: str, recorded: str | None, **members: Any) -> Told:
    dated = {"meta": {"lastUpdated": recorded}} if recorded else {}
    return {"resourceType": type_, "id": id_, **dated, **members}


def _party(organisation: str) -> Told:
    return {"identifier": {"system": "https://www.gs1.org/gln", "value": gln(organisation)}}


def _coded(system: str, code: str, display: str) -> Told:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _parties() -> Iterator[Told]:
    mine = {"reference": "Organization/hospital"}
    number = {"system": "https://www.gs1.org/gln", "value": gln(HOSPITAL)}
    yield _resource("Organization", "hospital", None, identifier=[number], name="Magnolia Medical Center")
    for id_, name in (("cell-lab", "Cell laboratory"), ("ward", "Cell therapy ward")):
        yield _resource("Location", id_, None, name=name, managingOrganization=mine)


def _people(told: Journey) -> Iterator[Told]:
    person, order, consent = (told.row(HOSPITAL, kind) for kind in ("person", "episode", "consent"))
    ordered = _ordered(told)
    number = {"type": {"coding": [{"system": V2, "code": "MR"}]}, "system": "https://magnolia.example/mrn", "value": RECORD_NUMBER}
    yield _resource(
        "Patient", "p-9", person["recorded_at"], identifier=[number], name=[{"family": NAME, "given": ["Alex"]}],
        telecom=[{"system": "phone", "value": PHONE}], address=[{"line": [STREET], "city": "Chicago"}],
        gender=person["sex"], birthDate=person["birth_year"] + BORN,
    )  # fmt: skip
    purposes = [{"code": _PURPOSES[each]} for each in consent["purposes"].split("; ") if each in _PURPOSES]
    reason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    yield _resource(
        "Consent", "consent-9", consent["recorded_at"], status="active", patient=_PATIENT, dateTime=consent["valid_from"],
        scope=_coded("http://terminology.hl7.org/CodeSystem/consentscope", "treatment", "Treatment"),
        category=[_coded("http://loinc.org", "59284-0", "Consent Document")],
        policyRule=_coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN", "opt-in"),
        provision={"type": "permit", "purpose": [{"system": reason, **each} for each in purposes]},
    )  # fmt: skip
    chain = {"system": "https://magnolia.example/chain-of-identity", "value": order["id"].removeprefix("coi:")}
    yield _resource(
        "ServiceRequest", "order-9", order["recorded_at"], identifier=[chain], status=order["status"], intent="order",
        code={"text": ordered["therapy"]}, subject=_PATIENT, authoredOn=ordered["ordered_at"],
        reasonCode=[{"text": ordered["indication"]}],
    )  # fmt: skip
    yield _resource(
        "ResearchSubject",
        "subject-9",
        person["recorded_at"],
        identifier=[{"system": STUDY, "value": subject()}],
        status="on-study",
        study={"reference": "ResearchStudy/car-9"},
        individual=_PATIENT,
        consent={"reference": "Consent/consent-9"},
    )


def subject() -> str:
    """The patient's number in the study."""
    return f"S-{NUMBER[-4:]}"


def _ordered(told: Journey) -> Row:
    """The order as it was first recorded."""
    return told.said(HOSPITAL, "episode")[0]


def _materials(told: Journey) -> Iterator[Told]:
    """The bag as collected and as frozen, the sample of the collection, and the dose as it was thawed."""
    collected, frozen, thawed = (told.row(HOSPITAL, "step", id=f"{word}-{NUMBER}-{at}") for word, at in _STEPS)
    tube = told.row(HOSPITAL, "material", id=f"TB-{NUMBER}-0")
    fresh, cold = _bag(told, "S1128V00"), _bag(told, "S1129V00")
    yield _product(
        "bag-fresh", fresh, [_donation(told)], productCode=_product_code(fresh), quantity=int(fresh["quantity"]),
        collection={"source": _PATIENT, "collectedPeriod": _period(collected)},
    )  # fmt: skip
    yield _product(
        "bag-frozen", cold, [_donation(told)], productCode=_product_code(cold),
        parent=[{"reference": "BiologicallyDerivedProduct/bag-fresh"}], processing=[_processing("cryopreservation", frozen)],
    )  # fmt: skip
    yield _resource(
        "Specimen", "tube-9", tube["recorded_at"], type={"text": tube["name"]}, subject=_PATIENT, request=[_ORDER],
        collection={"collectedDateTime": collected["ended_at"]},
    )  # fmt: skip
    name = {"text": _ordered(told)["therapy"]}
    yield _product("dose-9", thawed, [_dose(told)], productCode=name, processing=[_processing("thaw", thawed)])


def _product(id_: str, row: Row, identifier: list[Told], **members: Any) -> Told:
    same = {"identifier": identifier, "productCategory": "cells", "status": "available", "request": [_ORDER]}
    return _resource("BiologicallyDerivedProduct", id_, row["recorded_at"], **same, **members)


def _product_code(row: Row) -> Told:
    return _coded(f"{ISBT}/ProductDescriptionCode", row["product_code"], row["name"])


def _processing(what: str, row: Row) -> Told:
    return {"procedure": {"text": what}, "timePeriod": _period(row)}


def _donation(told: Journey) -> Told:
    return {"system": f"{ISBT}/DonationIdentificationNumber", "value": told.bag}


def _bag(told: Journey, code: str) -> Row:
    return told.row(HOSPITAL, "material", product_code=code)


def _dose(told: Journey) -> Told:
    """The dose as its label says it, in the form of an EPC."""
    serial = link(told.dose).rpartition("/")[2]
    return {"system": URI, "value": f"urn:epc:id:sgtin:9521411.000002.{serial}"}


def _period(row: Row) -> Told:
    return {"start": row["started_at"], "end": row["ended_at"]}


def _measured(told: Journey) -> Iterator[Told]:
    for at, row in enumerate(told.rows(HOSPITAL, "observation")):
        code = row["code"]
        coded = _coded("http://loinc.org", code, _TITLES[code]) if code in _TITLES else {"text": code}
        when = {"effectiveDateTime": row["observed_at"]} if row["observed_at"] else {"effectivePeriod": _period(row)}
        about = (
            {"subject": _PATIENT}
            if row["about"].startswith("person/")
            else {"subject": _PATIENT, "specimen": {"reference": "Specimen/tube-9"}}
        )
        yield _observation(f"finding-{at + 1}", row["recorded_at"], coded, when, about, float(row["value"]), row["unit"])
    first = next(row for row in told.rows(HOSPITAL, "observation") if row["code"] == "41950-7")
    eaten = _coded("http://loinc.org", "9052-2", "Calorie intake total")
    yield _observation(
        "finding-0", first["recorded_at"], eaten, {"effectivePeriod": _period(first)}, {"subject": _PATIENT}, 2140.0, "kcal/d"
    )


def _observation(id_: str, recorded: str, code: Told, when: Told, about: Told, value: float, unit: str) -> Told:
    measured = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return _resource("Observation", id_, recorded, status="final", code=code, **about, **when, valueQuantity=measured)


def _moved(told: Journey) -> Iterator[Told]:
    """The two shipments: the shipper as it left, the dewar as it came. R4 delivers devices, so the containers are named."""
    for word, status, sender in (("SH", "in-progress", HOSPITAL), ("BK", "completed", CDMO)):
        row = next(row for row in told.rows(HOSPITAL, "handoff") if row["id"].startswith(f"waybill:{word}-"))
        [box] = [end["source"] for end in told.ends(HOSPITAL, "subject_of", target=row["id"])]
        despatch = {
            "type": {"coding": [{"system": CBV, "code": "BTT-desadv"}]},
            "system": URI,
            "value": advice(f"{word}-{NUMBER}", sender),
        }
        when = {"occurrencePeriod": {"start": row["released_at"]}} if word == "SH" else {"occurrenceDateTime": row["delivered_at"]}
        asset = {"type": "Device", "identifier": {"system": "https://www.gs1.org/grai", "value": grai(box)}}
        yield _resource(
            "SupplyDelivery",
            f"delivery-{word.lower()}",
            row["recorded_at"],
            identifier=[despatch],
            status=status,
            supplier=_party(sender),
            destination=_party(CDMO if word == "SH" else HOSPITAL),
            suppliedItem={"itemReference": asset},
            **when,
        )


def _infused(told: Journey) -> Told:
    row = told.row(HOSPITAL, "step", id=f"INF-{NUMBER}-1")
    return _resource(
        "Procedure",
        "infusion-9",
        row["recorded_at"],
        status="completed",
        code={"text": "infusion of CAR T cells"},
        subject=_PATIENT,
        basedOn=[_ORDER],
        performedPeriod=_period(row),
        location={"reference": "Location/ward"},
        usedReference=[{"identifier": _dose(told)}],
        performer=[{"actor": {"reference": "Practitioner/n-3"}, "onBehalfOf": {"reference": "Organization/hospital"}}],
    )
