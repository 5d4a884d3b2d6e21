"""FHIR R4 and R5: what each resource tells."""

from pathlib import Path
from typing import Any

import pytest

from graph.model import MODELS
from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.items import Context
from loaders.reading import read_one
from loaders.sources import Source
from queries.lineage import lineage
from tests.fhir_made import DONOR, ISBT, Landed, Sent, Told, bundle, claims_of, key_of, kinds_of, named, record_of, resource


def test_a_patient_is_a_person_of_sex_and_year_of_birth_alone(told: Told) -> None:
    [claim] = claims_of(told(resource("Patient", "p1", gender="female", birthDate="1974-12-25", name=[{"family": "Doe"}])))
    assert claim.fields == {"kind": "Person", ".sex": "female", ".birth_year": 1974}
    assert key_of(claim) == "local:Patient/p1@H"


def test_a_death_is_an_outcome_of_the_person(told: Told) -> None:
    person, death = claims_of(told(resource("Patient", "p1", deceasedDateTime="2024-05")))
    assert (death.fields["kind"], death.fields[".type"], death.fields[".occurred_at"]) == ("Outcome", "death", "2024-05")
    assert named(death, "ABOUT") == [key_of(person)]


def test_whoever_else_a_patient_is_registered_as_is_the_same_person(told: Told) -> None:
    """R4 and R5, Patient.link: another resource that concerns the same actual individual, of whatever type the link is."""
    links = [{"other": {"reference": f"Patient/{type_}"}, "type": type_} for type_ in ("refer", "replaces", "seealso")]
    links.append({"other": {"reference": "RelatedPerson/r"}, "type": "seealso"})
    [claim] = claims_of(told(resource("Patient", "p1", link=links)))
    assert named(claim, "SAME_AS") == [f"local:Patient/{type_}@H" for type_ in ("refer", "replaces", "seealso")]


R4_PRODUCT = resource(
    "BiologicallyDerivedProduct",
    productCategory="cells",
    productCode={"coding": [{"system": f"{ISBT}/ProductDescriptionCode", "code": "S2598V00"}], "text": "HPC, Apheresis"},
    identifier=[{"system": f"{ISBT}/DonationIdentificationNumber", "value": "A999924123456"}],
    request=[{"reference": "ServiceRequest/o1"}],
    collection={
        "collector": {"reference": "Organization/bc"},
        "source": DONOR,
        "collectedPeriod": {"start": "2024-05-01T08:00:00+02:00", "end": "2024-05-01T12:00:00+02:00"},
    },
    storage=[{"temperature": -150, "scale": "celsius", "duration": {"start": "2024-05-01", "end": "2024-05-03"}}],
)
R5_PRODUCT = {
    **{name: value for name, value in R4_PRODUCT.items() if name not in ("identifier", "storage", "productCategory")},
    "productCategory": {"system": "http://hl7.org/fhir/product-category", "code": "cells"},
    "biologicalSourceEvent": R4_PRODUCT["identifier"][0],
    "expirationDate": "2029-05-01",
    "property": [{"type": {"coding": [{"code": "CD34"}]}, "valueQuantity": {"value": 4.2, "unit": "10*6/kg"}}],
}


@pytest.mark.parametrize("product", [R4_PRODUCT, R5_PRODUCT])
def test_a_product_of_r4_and_of_r5_is_a_starting_material_that_a_collection_made_of_its_donor(
    told: Told, product: dict[str, Any]
) -> None:
    claims = claims_of(told(product))
    material = next(claim for claim in claims if claim.fields["kind"] == "Material")
    assert named(material, "SAME_AS") == ["isbt128:A999924123456-S2598V00"]
    assert "is din:A999924123456" in material.fields
    assert material.fields[".type"] == "starting_material"
    assert material.fields[".x:product_category"] == "cells"
    assert named(material, "FOR_EPISODE") == ["local:ServiceRequest/o1@H"]
    step = next(claim for claim in claims if claim.fields.get(".type") == "leukapheresis")
    assert (named(step, "INPUT_TO"), named(step, "OUTPUT")) == (["local:Patient/d1@H"], [key_of(material)])
    assert named(step, "PERFORMED_BY") == ["local:Organization/bc@H"]
    assert (step.fields[".started_at"], step.fields[".ended_at"]) == ("2024-05-01T08:00:00+02:00", "2024-05-01T12:00:00+02:00")


def test_what_only_one_of_them_tells_is_kept_too(told: Told) -> None:
    r4, r5 = (claims_of(told(each)) for each in (R4_PRODUCT, R5_PRODUCT))
    [storing] = [claim for claim in r4 if claim.fields.get(".type") == "storing"]
    [temperature] = [claim for claim in r4 if claim.fields["kind"] == "Observation"]
    assert (storing.fields[".started_at"], storing.fields[".ended_at"]) == ("2024-05-01", "2024-05-03")
    assert (temperature.fields[".value"], temperature.fields[".unit"]) == (-150.0, "Cel")
    [count] = [claim for claim in r5 if claim.fields["kind"] == "Observation"]
    assert (count.fields[".code"], count.fields[".value"], count.fields[".unit"]) == ("CD34", 4.2, "10*6/kg")
    assert r5[0].fields[".expires_at"] == "2029-05-01"


def test_products_of_one_donation_are_several(told: Told) -> None:
    donation = {"system": "urn:oid:2.16.840.1.113883.6.18.2.1", "value": "A999924123456"}
    one, two = (resource("BiologicallyDerivedProduct", id_, identifier=[donation]) for id_ in ("a", "b"))
    other = {"system": "http://centre.example/donations", "value": "77"}
    three, four = (resource("BiologicallyDerivedProduct", id_, biologicalSourceEvent=other) for id_ in ("c", "d"))
    claims = claims_of(told(bundle(one, two, three, four)))
    assert len({claim.record for claim in claims}) == 4
    assert not any("SAME_AS" in path for claim in claims for path in claim.fields)


def test_a_specimen_tells_of_its_collection_processing_receipt_and_container(told: Told) -> None:
    claims = claims_of(
        told(
            resource(
                "Specimen",
                "s1",
                identifier=[{"system": "http://lab.example/specimens", "value": "77"}],
                accessionIdentifier={"system": "http://lab.example/accessions", "value": "A-1"},
                type={"coding": [{"system": "http://snomed.info/sct", "code": "119297000", "display": "Blood specimen"}]},
                subject=DONOR,
                receivedTime="2024-05-02T09:00:00Z",
                collection={"collector": {"reference": "Practitioner/n1"}, "collectedDateTime": "2024-05-01T08:00:00Z"},
                processing=[{"method": {"text": "spun"}, "timeDateTime": "2024-05-02T10:00:00Z"}],
                container=[{"device": {"reference": "Device/tube"}}],
            )
        )
    )
    assert kinds_of(claims) == [
        ("Handoff", "receiving"),
        ("Material", "sample"),
        ("Step", "collection"),
        ("Step", "packing"),
        ("Step", "spun"),
    ]
    assert named(claims[0], "SAME_AS") == ["local:77@http://lab.example/specimens"]
    assert key_of(claims[0]) == "local:Specimen/s1@H"
    [collection] = [claim for claim in claims if claim.fields.get(".type") == "collection"]
    assert collection.fields[".operator"] == "Practitioner/n1"


def test_a_lineage_leads_from_an_aliquot_over_its_specimen_to_the_donor(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    aliquot = resource("Specimen", "a", parent=[{"reference": "Specimen/s1"}], subject=DONOR)
    landed(store, sent(bundle(aliquot, resource("Specimen", "s1", subject=DONOR), resource("Patient", "d1"))), steward="H")
    seen = view(store, None)
    up = lineage(seen, [seen.resolve("Specimen/a@H")], "up")
    assert {seen.resolve("Specimen/s1@H"), seen.resolve("Patient/d1@H")} <= set(up.records)
    assert up.completeness.depth_reached == 2


def test_an_observation_keeps_its_codes_and_is_about_person_and_specimen(told: Told) -> None:
    codings = [
        {"system": "http://lab.example", "code": "hb", "display": "anything"},
        {"system": "http://loinc.org", "code": "718-7", "display": "Hemoglobin [Mass/volume] in Blood"},
    ]
    value = {"value": 12.5, "comparator": "<", "unit": "gram per decilitre", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    [claim] = claims_of(
        told(
            resource(
                "Observation",
                code={"coding": codings, "text": "Hb"},
                subject=DONOR,
                specimen={"reference": "Specimen/s1"},
                effectiveDateTime="2024-05",
                valueQuantity=value,
                meta={"lastUpdated": "2024-05-02T10:00:00.5Z"},
            )
        )
    )
    fields = claim.fields
    assert (fields[".code"], fields[".value"], fields[".comparator"], fields[".unit"]) == ("718-7", 12.5, "<", "g/dL")
    assert fields[".x:code"] == [{"system": "http://lab.example", "code": "hb"}, codings[1]]
    assert fields[".observed_at"] == "2024-05"
    assert named(claim, "ABOUT") == ["local:Patient/d1@H", "local:Specimen/s1@H"]
    assert claim.recorded_at == 1_714_644_000_500_000


def test_each_component_is_an_observation_of_its_own_whatever_their_order(told: Told) -> None:
    pressures = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": {"value": value, "unit": "mm[Hg]"}}
        for code, value in (("8480-6", 107), ("8462-4", 60))
    ]
    panel = {"code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}, "subject": DONOR}
    one = claims_of(told(resource("Observation", **panel, component=pressures)))
    other = claims_of(told(resource("Observation", **panel, component=pressures[::-1])))
    assert sorted(claim.body() for claim in one) == sorted(claim.body() for claim in other)
    assert [(c.fields[".code"], c.fields.get(".panel"), c.fields.get(".value")) for c in one] == [
        ("85354-9", None, None),
        ("8480-6", "85354-9", 107.0),
        ("8462-4", "85354-9", 60.0),
    ]


@pytest.mark.parametrize(
    ("value", "told_as"),
    [
        ({"valueString": "positive"}, {".value_text": "positive"}),
        ({"valueString": "a narrative " * 20}, {}),
        ({"valueBoolean": True}, {".value_text": "true"}),
        ({"valueInteger": 3}, {".value": 3.0}),
        ({"valueRange": {"low": {"value": 5, "unit": "kg"}, "high": {"value": 10.5}}}, {".value_text": "5-10.5", ".unit": "kg"}),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, {".value_text": "1/128"}),
        ({"valueDateTime": "2024-05"}, {".value_text": "2024-05"}),
        (
            {"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "A"}]}},
            {".value_text": "A", ".x:value": [{"system": "http://snomed.info/sct", "code": "1", "display": "A"}]},
        ),
    ],
)
def test_values_of_every_kind_are_kept(told: Told, value: dict[str, Any], told_as: dict[str, Any]) -> None:
    [claim] = claims_of(told(resource("Observation", **value)))
    assert claim.fields == {"kind": "Observation", **told_as}


def test_a_procedure_takes_from_a_person_or_treats_it_with_what_it_uses(told: Told) -> None:
    apheresis = {"coding": [{"system": "http://snomed.info/sct", "code": "77257005", "display": "Leukapheresis"}]}
    infusion = {"text": "Infusion of CAR T cells"}
    used = {"usedReference": [{"reference": "BiologicallyDerivedProduct/b1"}]}
    r5 = {"used": [{"reference": {"reference": "BiologicallyDerivedProduct/b1"}}], "occurrenceDateTime": "2024-06-01"}
    taken, treated, again = claims_of(
        told(
            bundle(
                resource("Procedure", "1", code=apheresis, subject=DONOR, status="completed", location={"reference": "Location/w"}),
                resource("Procedure", "2", code=infusion, subject=DONOR, performedDateTime="2024-06-01", **used),
                resource("Procedure", "3", code=infusion, subject=DONOR, **r5),
            )
        )
    )
    assert (taken.fields[".type"], named(taken, "INPUT_TO"), named(taken, "AT")) == (
        "leukapheresis",
        ["local:Patient/d1@H"],
        ["local:Location/w@H"],
    )
    assert (named(treated, "INPUT_TO"), named(treated, "OUTPUT")) == (
        ["local:BiologicallyDerivedProduct/b1@H"],
        ["local:Patient/d1@H"],
    )
    assert again.fields == treated.fields


def test_what_was_not_done_treated_nobody_whatever_was_planned(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    bag = {"reference": "BiologicallyDerivedProduct/b1"}
    planned = resource(
        "Procedure", "i", status="preparation", subject=DONOR, usedReference=[bag], meta={"lastUpdated": "2024-05-01"}
    )
    given = {
        "resourceType": "MedicationAdministration",
        "id": "m",
        "status": "not-done",
        "subject": DONOR,
        "medicationReference": bag,
    }
    off = {**planned, "status": "not-done", "meta": {"lastUpdated": "2024-05-02"}}
    late = {**planned, "status": "completed", "meta": {"lastUpdated": "2024-05-03"}}
    bags = resource("BiologicallyDerivedProduct", "b1")

    def treated() -> set[str]:
        seen = view(store, None)
        return {
            record
            for record in lineage(seen, [seen.resolve("BiologicallyDerivedProduct/b1@H")], "down").records
            if "person" in record
        }

    landed(store, sent(bags, planned, given, name="1.ndjson"), steward="H")
    assert len(treated()) == 1
    landed(store, sent(off, name="2.json"), steward="H")
    assert treated() == set()
    landed(store, sent(late, name="3.json"), steward="H")
    assert len(treated()) == 1


def test_a_task_or_transport_that_was_called_off_moved_nothing(told: Told) -> None:
    thing = [{"valueReference": {"reference": "Specimen/s"}}]
    for status in ("cancelled", "completed"):
        for type_ in ("Task", "Transport"):
            [claim] = claims_of(told(resource(type_, status=status, input=thing)))
            assert [value for path, value in claim.fields.items() if path.endswith(" retracted")] == [status == "cancelled"]


def test_what_is_no_order_no_harm_and_no_disease_is_not_taken_for_one(told: Told) -> None:
    order, near, ruled_out = claims_of(
        told(
            bundle(
                resource("ServiceRequest", status="active", doNotPerform=True),
                resource("AdverseEvent", actuality="potential", outcome={"coding": [{"code": "fatal"}]}),
                resource("Condition", verificationStatus={"coding": [{"code": "refuted"}]}),
            )
        )
    )
    assert order.fields[".status"] == "cancelled"
    assert near.fields[".type"] == "other"
    assert ruled_out.fields["retracted"]


def test_a_consent_that_is_in_force_no_more_is_withdrawn(told: Told) -> None:
    given = resource("Consent", status="inactive", patient=DONOR, meta={"lastUpdated": "2024-05-02T10:00:00Z"})
    [claim] = claims_of(told(given))
    assert claim.fields[".withdrawn_at"] == "2024-05-02T10:00:00Z"


def test_transports_deliveries_and_dispenses_are_handoffs(told: Told) -> None:
    thing, here, there = {"reference": "BiologicallyDerivedProduct/b1"}, {"reference": "Location/a"}, {"reference": "Location/b"}
    transport, delivery, dispense = claims_of(
        told(
            bundle(
                resource(
                    "Transport",
                    currentLocation=here,
                    requestedLocation=there,
                    owner={"reference": "Organization/carrier"},
                    completionTime="2024-05-02T10:00:00Z",
                    priority="stat",
                    input=[{"valueReference": thing}],
                ),
                resource(
                    "SupplyDelivery",
                    status="completed",
                    supplier={"reference": "Organization/s"},
                    destination=there,
                    suppliedItem={"itemReference": thing, "quantity": {"value": 2, "unit": "bag"}},
                    occurrencePeriod={"start": "2024-05-01", "end": "2024-05-02"},
                ),
                resource(
                    "BiologicallyDerivedProductDispense",
                    product=thing,
                    patient=DONOR,
                    whenHandedOver="2024-05-03",
                    destination=there,
                ),
            )
        )
    )
    assert all(named(claim, "SUBJECT_OF") == ["local:BiologicallyDerivedProduct/b1@H"] for claim in (transport, delivery, dispense))
    assert (named(transport, "FROM"), named(transport, "TO"), named(transport, "CARRIED_BY")) == (
        ["local:Location/a@H"],
        ["local:Location/b@H"],
        ["local:Organization/carrier@H"],
    )
    assert (transport.fields[".delivered_at"], transport.fields[".priority"]) == ("2024-05-02T10:00:00Z", "emergency")
    assert (delivery.fields[".released_at"], delivery.fields[".delivered_at"]) == ("2024-05-01", "2024-05-02")
    assert [value for path, value in delivery.fields.items() if path.endswith((" quantity", " unit"))] == [2.0, "bag"]
    assert (dispense.fields[".released_at"], named(dispense, "TO")) == ("2024-05-03", ["local:Location/b@H"])


@pytest.mark.parametrize(
    "coding", [{"system": "https://ref.gs1.org/cbv/", "code": "BTT-desadv"}, {"system": "urn:epcglobal:cbv:btt:", "code": "desadv"}]
)
def test_a_delivery_is_known_by_its_despatch_advice_to_whoever_else_tells_of_it(told: Told, coding: dict[str, str]) -> None:
    advice = {"type": {"coding": [coding]}, "system": "urn:ietf:rfc:3986", "value": "urn:epcglobal:cbv:bt:9521411000102:DA-7"}
    order = {"system": "http://h.example/requests", "value": "R-7"}
    for type_ in ("SupplyDelivery", "Transport"):
        [claim] = claims_of(told(resource(type_, identifier=[order, advice])))
        assert named(claim, "SAME_AS") == ["despatch_advice:urn:epcglobal:cbv:bt:9521411000102:DA-7"]
    bare = {**advice, "system": "http://h.example/advices", "value": "DA-7"}
    [claim] = claims_of(told(resource("SupplyDelivery", identifier=[order, bare])))
    assert (key_of(claim), named(claim, "SAME_AS")) == ("local:SupplyDelivery/1@H", [])


def test_a_transport_is_known_by_its_waybill_to_whoever_else_tells_of_it(told: Told) -> None:
    waybill = {"system": "urn:ietf:rfc:3986", "value": "urn:veintrace:event:waybill:W-1@coldline"}
    for type_ in ("Transport", "SupplyDelivery"):
        [claim] = claims_of(told(resource(type_, identifier=[waybill])))
        assert named(claim, "SAME_AS") == ["waybill:W-1@coldline"]
    [about] = claims_of(told(resource("Observation", partOf=[{"type": "Transport", "identifier": waybill}])))
    assert named(about, "ABOUT") == ["waybill:W-1@coldline"]


def test_what_was_given_to_a_patient_goes_into_a_step_that_treats_it(told: Told) -> None:
    for medication in (
        {"medicationReference": {"reference": "BiologicallyDerivedProduct/b1"}, "effectiveDateTime": "2024-06-01"},
        {"medication": {"reference": {"reference": "BiologicallyDerivedProduct/b1"}}, "occurenceDateTime": "2024-06-01"},
    ):
        [claim] = claims_of(told(resource("MedicationAdministration", status="completed", subject=DONOR, **medication)))
        assert (claim.fields[".type"], claim.fields[".started_at"]) == ("infusion", "2024-06-01")
        assert (named(claim, "INPUT_TO"), named(claim, "OUTPUT")) == (
            ["local:BiologicallyDerivedProduct/b1@H"],
            ["local:Patient/d1@H"],
        )


MAKER = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:veintrace:organization:mediara"}}
DRUG = {"coding": [{"system": "https://www.gs1.org/gtin", "code": "4150999999994"}], "text": "CAR T"}
BATCH = {"lotNumber": "MD-900", "expirationDate": "2026-05"}


def test_a_medication_with_a_batch_is_a_lot_of_its_product_and_of_its_maker(told: Told) -> None:
    for maker in ({"manufacturer": MAKER}, {"marketingAuthorizationHolder": MAKER}):
        [lot] = claims_of(told(resource("Medication", "m", code=DRUG, batch=BATCH, **maker)))
        assert named(lot, "SAME_AS") == ["https://id.gs1.org/01/04150999999994/10/MD-900", "lot:MD-900@mediara"]
        assert (lot.fields[".type"], lot.fields[".x:lot"], lot.fields[".expires_at"]) == ("drug_product", "MD-900", "2026-05")
    [kind] = claims_of(told(resource("Medication", "k", code={"text": "aspirin"}, manufacturer=MAKER)))
    assert (key_of(kind), named(kind, "SAME_AS"), kind.fields[".type"]) == ("local:Medication/k@H", [], "consumable")


def test_a_lot_of_a_maker_whom_nobody_else_can_name_and_the_number_of_a_kind_join_nothing(told: Told) -> None:
    maker = {"contained": [resource("Organization", "o")], "manufacturer": {"reference": "#o"}}
    number = {"system": "http://formulary.example", "value": "4711"}
    [lot, _] = claims_of(told(resource("Medication", "m", batch=BATCH, identifier=[number], **maker)))
    assert (key_of(lot), named(lot, "SAME_AS")) == ("local:Medication/m@H", [])


def test_a_recall_of_a_lot_finds_whom_its_medication_was_given_to_contained_or_not(
    store: SqliteStore, sent: Sent, landed: Landed
) -> None:
    medication = resource("Medication", "m", code={"text": "CAR T"}, manufacturer=MAKER, batch=BATCH)
    given = {"status": "completed", "dosage": {"dose": {"value": 68, "unit": "mL"}, "method": {"text": "Intravenous infusion"}}}
    inside = resource(
        "MedicationAdministration", "1", subject=DONOR, contained=[medication], medicationReference={"reference": "#m"}, **given
    )
    beside = resource(
        "MedicationAdministration",
        "2",
        subject={"reference": "Patient/d2"},
        medication={"reference": {"reference": "Medication/m"}},
    )
    landed(store, sent(inside, beside, name="given.ndjson"), steward="H")
    landed(store, sent(medication, name="Medication.ndjson"), steward="H")
    seen = view(store, None)
    reached = lineage(seen, [seen.resolve("lot:MD-900@mediara")], "down").records
    for key in ("Patient/d1@H", "Patient/d2@H"):
        assert seen.resolve(key) in reached
    assert record_of(seen, "MedicationAdministration/1@H").value("type") == "infusion"
    assert record_of(seen, "MedicationAdministration/2@H").value("type") == "administration"


def test_a_medication_is_made_of_its_ingredients(told: Told) -> None:
    for item in ({"itemReference": {"reference": "Medication/v"}}, {"item": {"reference": {"reference": "Medication/v"}}}):
        bag, made = claims_of(told(resource("Medication", "b", ingredient=[item, {"item": {"concept": {"text": "saline"}}}])))
        assert (named(made, "INPUT_TO"), named(made, "OUTPUT")) == (["local:Medication/v@H"], [key_of(bag)])


def test_an_order_is_the_episode_of_its_patient(told: Told) -> None:
    chain = {"system": "http://hospital.example/chain-of-identity", "value": "COI-77"}
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "CAR T"}]}
    for members in (
        {"code": code, "reasonCode": [{"text": "ALL"}]},
        {"code": {"concept": code}, "reason": [{"concept": {"text": "ALL"}}]},
    ):
        [claim] = claims_of(
            told(
                resource(
                    "ServiceRequest", "o1", identifier=[chain], status="revoked", subject=DONOR, authoredOn="2024-04-01", **members
                )
            )
        )
        assert (key_of(claim), named(claim, "SAME_AS")) == ("local:ServiceRequest/o1@H", ["coi:COI-77"])
        fields = {name: claim.fields[name] for name in (".therapy", ".indication", ".ordered_at", ".status")}
        assert fields == {".therapy": "CAR T", ".indication": "ALL", ".ordered_at": "2024-04-01", ".status": "cancelled"}
        assert named(claim, "ABOUT") == ["local:Patient/d1@H"]


def test_harm_is_an_outcome_that_is_attributed_to_what_is_suspected(told: Told) -> None:
    for members in (
        {"event": {"text": "CRS"}, "date": "2024-06-03", "suspectEntity": [{"instance": {"reference": "Procedure/2"}}]},
        {
            "code": {"text": "CRS"},
            "occurrenceDateTime": "2024-06-03",
            "suspectEntity": [{"instanceReference": {"reference": "Procedure/2"}}],
        },
    ):
        [claim] = claims_of(told(resource("AdverseEvent", subject=DONOR, **members)))
        assert (claim.fields[".type"], claim.fields[".term"], claim.fields[".occurred_at"]) == ("toxicity", "CRS", "2024-06-03")
        assert named(claim, "ABOUT") == ["local:Patient/d1@H", "local:Procedure/2@H"]
    [fatal] = claims_of(told(resource("AdverseEvent", outcome={"coding": [{"code": "fatal"}]})))
    assert fatal.fields[".type"] == "death"


def test_what_a_consent_denies_is_no_purpose_it_allows(told: Told) -> None:
    research = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH", "display": "research"}]
    }
    provision = {"purpose": research["coding"], "period": {"start": "2024-01-01", "end": "2029-01-01"}}
    allowed, denied, refused = claims_of(
        told(
            bundle(
                resource("Consent", "1", patient=DONOR, provision={"type": "permit", **provision}),
                resource("Consent", "2", patient=DONOR, provision={"type": "deny", **provision}),
                resource("Consent", "3", subject=DONOR, decision="deny", provision=[provision]),
            )
        )
    )
    assert (allowed.fields[".purposes"], allowed.fields[".valid_from"]) == ("research", "2024-01-01")
    for claim in (denied, refused):
        assert claim.fields[".purposes"] == "none"
        assert claim.fields[".x:denied"] == "research"


def test_the_number_of_a_subject_in_a_study_is_a_pseudonym_that_others_may_know(told: Told) -> None:
    number = {"system": "http://study.example/subjects", "value": "S-001"}
    for member in ("individual", "subject"):
        [claim] = claims_of(told(resource("ResearchSubject", "r1", identifier=[number], **{member: DONOR})))
        keys = {str(key_of(claim)), *map(str, named(claim, "SAME_AS"))}
        assert keys == {"local:S-001@http://study.example/subjects", "local:ResearchSubject/r1@H", "local:Patient/d1@H"}


def test_members_of_a_group_are_observed_to_be_in_it(told: Told) -> None:
    group = resource("Group", "g", name="not kept", member=[{"entity": DONOR, "period": {"start": "2024-01-01"}}])
    [claim] = claims_of(told(group))
    assert (claim.fields[".code"], claim.fields[".value_text"], claim.fields[".started_at"]) == (
        "member-of",
        "Group/g",
        "2024-01-01",
    )


def test_what_was_eaten_is_observed_item_by_item(told: Told) -> None:
    intake = resource(
        "NutritionIntake",
        subject=DONOR,
        occurrenceDateTime="2024-05-01",
        consumedItem=[{"nutritionProduct": {"concept": {"text": "soup"}}, "amount": {"value": 50, "unit": "%"}}],
        ingredientLabel=[{"nutrient": {"concept": {"text": "sodium"}}, "amount": {"value": 770, "unit": "mg"}}],
    )
    _, soup, sodium = claims_of(told(intake))
    assert [(each.fields[".code"], each.fields[".value"], each.fields[".unit"]) for each in (soup, sodium)] == [
        ("soup", 50.0, "%"),
        ("sodium", 770.0, "mg"),
    ]


def test_what_was_entered_in_error_is_retracted_with_all_its_parts(told: Told) -> None:
    wrong = {"coding": [{"code": "entered-in-error"}]}
    for each in (
        resource("Observation", status="entered-in-error", component=[{"code": {"text": "a"}}]),
        resource("Procedure", status="entered-in-error"),
        resource("Condition", verificationStatus=wrong),
    ):
        assert all(claim.fields["retracted"] for claim in claims_of(told(each)))


def test_every_value_has_a_field_of_the_model_or_is_marked_as_an_extension(reference: Path) -> None:
    for path in sorted((reference / "fhir").rglob("*.json")):
        for claim in claims_of(list(read_one(Source(path, "fhir"), Context("H")))):
            model = MODELS[claim.fields["kind"]]
            names = {path[1:] for path in claim.fields if path.startswith(".") and not path.startswith(".x:")}
            assert names <= set(model.model_fields), path
            model.model_validate({name: claim.fields[f".{name}"] for name in names}, context={"zone": None})


def test_what_was_received_was_accepted_and_what_is_supplied_is_no_kind_of_handoff(told: Told) -> None:
    told_of = {"status": "completed", "occurrenceDateTime": "2024-05-02T10:00:00Z", "type": {"text": "cells"}}
    left = claims_of(told(resource("SupplyDelivery", **told_of)))[0].fields
    received = claims_of(told(resource("SupplyDelivery", **told_of, receiver=[{"display": "Nurse Smith"}])))[0].fields
    assert (left[".delivered_at"], left.get(".accepted_at"), left.get(".type")) == ("2024-05-02T10:00:00Z", None, None)
    assert received[".accepted_at"] == "2024-05-02T10:00:00Z"
    under_way = claims_of(told(resource("SupplyDelivery", **{**told_of, "status": "in-progress"}, receiver=[DONOR])))[0].fields
    assert ".accepted_at" not in under_way


def test_the_one_processing_of_what_was_made_of_others_is_what_made_it(told: Told) -> None:
    thawed = {"procedure": {"text": "thaw"}, "timeDateTime": "2024-05-02"}
    parent = [{"reference": "BiologicallyDerivedProduct/p"}]
    product, step = claims_of(told(resource("BiologicallyDerivedProduct", parent=parent, processing=[thawed])))
    assert (step.fields[".type"], step.fields[".started_at"]) == ("thaw", "2024-05-02")
    assert (named(step, "INPUT_TO"), named(step, "OUTPUT")) == (["local:BiologicallyDerivedProduct/p@H"], [key_of(product)])
    several = claims_of(told(resource("BiologicallyDerivedProduct", parent=parent, processing=[thawed, thawed])))
    assert kinds_of(several) == [("Material", None), ("Step", "processing"), ("Step", "thaw"), ("Step", "thaw")]
