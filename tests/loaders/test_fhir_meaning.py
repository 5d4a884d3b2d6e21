"""FHIR: what is planned, called off, corrected or denied is not told as if it were so; what is two is not made one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.fhir_words import kind_of
from loaders.items import Item
from queries.lineage import lineage
from tests.fhir_made import DONOR, Landed, NewStore, Sent, Told, claims_of, key_of, named, record_of, resource

SAMPLE, OTHER = {"reference": "Specimen/a"}, {"reference": "Specimen/b"}
EARLY, LATE = ({"lastUpdated": f"2024-0{month}-01T00:00:00Z"} for month in (1, 2))


def test_what_is_contained_has_the_date_of_what_contains_it_and_is_in_error_with_it(told: Told) -> None:
    inner = [resource("Specimen", "s", type={"text": "blood"})]
    for status, wrong in (("final", None), ("entered-in-error", True)):
        seen, sample = claims_of(told(resource("Observation", status=status, contained=inner, meta=EARLY)))
        assert sample.recorded_at == seen.recorded_at == 1_704_067_200_000_000
        assert (sample.fields.get("retracted"), seen.fields.get("retracted")) == (wrong, wrong)


def test_two_patients_that_nothing_names_are_not_made_one(told: Told) -> None:
    people = [resource("Patient", None, gender="male", birthDate="1974-01-01", name=[{"family": name}]) for name in ("A", "B")]
    for item in told(people):
        assert isinstance(item, Item)
        assert (item.claims, item.notes) == ([], ("Patient left out: it names nobody and nothing",))
    number = {"system": "http://h.example/numbers", "value": "77"}
    for secret, count in ((None, 0), (b"a secret of at least 16 characters", 1)):
        assert len(claims_of(told(resource("Patient", None, identifier=[number]), secret=secret))) == count


def test_a_patient_may_have_any_id_that_fhir_allows(told: Told) -> None:
    for id_ in ("row-1", "row.1", "-", "A" * 64):
        [claim] = claims_of(told(resource("Patient", id_, gender="male")))
        assert key_of(claim) == f"local:Patient/{id_}@H"


def test_who_was_in_a_group_twice_was_in_it_twice(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    members = [{"entity": DONOR, "period": {"end": "2020"}}, {"entity": DONOR, "period": {"start": "2022"}}]
    assert landed(store, sent(resource("Group", member=members)), steward="H").totals.conflicts == 0


RESEARCH, TREATMENT = (
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": code} for code in ("HRESCH", "TREAT")
)
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}


@pytest.mark.parametrize(
    ("members", "purposes"),
    [
        ({"scope": SCOPE, "provision": {"type": "permit"}}, "research"),
        ({"scope": SCOPE, "provision": {"provision": [{"type": "deny", "purpose": [RESEARCH]}]}}, "none"),
        (
            {"provision": {"type": "permit", "purpose": [TREATMENT], "provision": [{"type": "deny", "purpose": [RESEARCH]}]}},
            "TREAT",
        ),
        ({"provision": {"type": "permit", "purpose": [TREATMENT], "provision": [{"type": "deny"}]}}, "none"),
        ({"decision": "permit", "category": [SCOPE]}, "research"),
        ({"decision": "permit", "category": [SCOPE], "provision": [{"purpose": [RESEARCH]}]}, "none"),
        ({"decision": "permit", "category": [SCOPE], "provision": [{"period": {"end": "2025"}}]}, "none"),
        ({"decision": "deny", "provision": [{"purpose": [RESEARCH]}]}, "none"),
        ({"scope": SCOPE, "status": "draft"}, "none"),
        ({"scope": SCOPE, "status": "rejected", "dateTime": "2024"}, "none"),
    ],
)
def test_a_consent_allows_what_nothing_in_it_may_deny(told: Told, members: dict[str, Any], purposes: str) -> None:
    """In R5 a provision is an exception to the decision; a provision within another is one to that, in both."""
    [claim] = claims_of(told(resource("Consent", subject=DONOR, **members)))
    assert claim.fields[".purposes"] == purposes


def test_a_purpose_that_is_denied_later_is_allowed_no_more(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    given = resource("Consent", patient=DONOR, scope=SCOPE, provision={"type": "permit"}, meta=EARLY)
    landed(store, sent(given, {**given, "provision": {"type": "deny"}, "meta": LATE}), steward="H")
    assert record_of(view(store, None), "Consent/1@H").values["purposes"] == "none"


def test_a_consent_that_ended_nobody_knows_when_is_taken_back(told: Told) -> None:
    [claim] = claims_of(told(resource("Consent", patient=DONOR, scope=SCOPE, status="inactive")))
    assert claim.fields["retracted"]


@pytest.mark.parametrize(
    ("type_", "status", "void"),
    [
        ("Transport", "cancelled", True),
        ("Transport", "abandoned", False),
        ("BiologicallyDerivedProductDispense", "unfulfilled", True),
        ("BiologicallyDerivedProductDispense", "returned", False),
    ],
)
def test_what_never_began_moved_nothing_and_what_was_broken_off_did(told: Told, type_: str, status: str, void: bool) -> None:
    thing = {"product": SAMPLE} if type_.startswith("Bio") else {"input": [{"valueReference": SAMPLE}]}
    [claim] = claims_of(told(resource(type_, status=status, **thing)))
    assert [value for path, value in claim.fields.items() if path.endswith(" retracted")] == [void]


def test_what_has_come_is_not_from_where_it_is(told: Told) -> None:
    """The current location of R5 is where the thing is now."""
    there = {"reference": "Location/b"}
    [claim] = claims_of(told(resource("Transport", status="completed", currentLocation=there, requestedLocation=there)))
    assert (named(claim, "FROM"), named(claim, "TO")) == ([], ["local:Location/b@H"])


def test_what_comes_out_of_a_task_is_made_of_what_went_in(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    pieces = {"input": [{"valueReference": SAMPLE}], "output": [{"valueReference": OTHER}]}
    landed(store, sent(resource("Task", "t", **pieces), resource("Specimen", "a"), resource("Specimen", "b")), steward="H")
    seen = view(store, None)
    assert seen.resolve("Specimen/a@H") in lineage(seen, [seen.resolve("Specimen/b@H")], "up").records


def test_a_task_that_was_called_off_made_nothing_and_one_that_gives_back_what_it_got_made_nothing_of_it(told: Told) -> None:
    off, same = claims_of(
        told(
            [
                resource("Task", "1", status="cancelled", output=[{"valueReference": OTHER}]),
                resource("Task", "2", input=[{"valueReference": SAMPLE}], output=[{"valueReference": SAMPLE}], **{"for": DONOR}),
            ]
        )
    )
    assert [value for path, value in off.fields.items() if path.endswith(" retracted")] == [True]
    assert named(same, "SUBJECT_OF") == ["local:Specimen/a@H"]
    assert same.fields[".x:for"] == "local:Patient/d1@H"


def test_what_was_not_eaten_is_not_told_as_eaten(told: Told) -> None:
    soup, bread = ({"nutritionProduct": {"concept": {"text": word}}} for word in ("soup", "bread"))
    told_as = {
        status: {claim.fields.get(".code"): claim.fields["retracted"] for claim in claims_of(told(intake))}
        for status in ("completed", "not-done")
        for intake in [resource("NutritionIntake", status=status, consumedItem=[soup, {**bread, "notConsumed": True}])]
    }
    assert told_as == {
        "completed": {None: False, "soup": False, "bread": True},
        "not-done": {None: True, "soup": True, "bread": True},
    }


def test_a_disease_that_was_refuted_and_is_confirmed_later_is_one(store: SqliteStore, sent: Sent, landed: Landed) -> None:
    refuted, confirmed = (
        resource("Condition", subject=DONOR, verificationStatus={"coding": [{"code": code}]}, meta=meta)
        for code, meta in (("refuted", EARLY), ("confirmed", LATE))
    )
    landed(store, sent(confirmed, refuted), steward="H")
    assert record_of(view(store, None), "Condition/1@H").kind == "Observation"


def test_who_was_said_to_be_dead_and_lives_has_no_death(new_store: NewStore, sent: Sent, landed: Landed) -> None:
    dead, alive = (
        resource("Patient", "d1", deceasedBoolean=True, meta=EARLY),
        resource("Patient", "d1", deceasedBoolean=False, meta=LATE),
    )
    for documents, deaths in (
        ((dead, alive), 0),
        ((alive,), 0),
        ((dead,), 1),
        ((alive, {**dead, "meta": {"lastUpdated": "2025"}}), 1),
    ):
        store = new_store()
        report = landed(store, sent(*documents), steward="H")
        seen = view(store, None)
        kinds = [record.kind for record in seen.records(seen.joined([seen.resolve("Patient/d1.death@H")])).values()]
        assert (kinds.count("Outcome"), report.totals.stubs) == (deaths, 0)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("leukapheresis", "leukapheresis"),
        ("apheresis of mononuclear cells", "leukapheresis"),
        ("plasmapheresis", None),
        ("infusion of hpc, apheresis", "infusion"),
        ("transplantation of hpc, apheresis", "infusion"),
        ("leukapheresis for infusion of car t cells", "leukapheresis"),
        ("peripheral blood stem cell collection", "collection"),
        ("collection of stem cells for transplantation", "collection"),
        ("bone marrow transplant harvest", "collection"),
        ("drainage of fluid collection", None),
    ],
)
def test_what_takes_from_a_person_is_told_from_what_treats_it(words: str, kind: str | None) -> None:
    assert kind_of(words) == kind


@pytest.mark.parametrize(("outcome", "type_"), [({"text": "Fatal"}, "death"), ({"text": "not fatal"}, "toxicity")])
def test_harm_is_a_death_only_where_it_was_fatal(told: Told, outcome: dict[str, Any], type_: str) -> None:
    [claim] = claims_of(told(resource("AdverseEvent", outcome=outcome)))
    assert claim.fields[".type"] == type_


def test_times_of_every_choice_are_read(told: Told) -> None:
    events = {"event": ["2024-05-01"]}
    given, harm, brought = claims_of(
        told(
            [
                resource("MedicationAdministration", occurenceTiming=events),
                resource("AdverseEvent", occurrenceTiming=events),
                resource("SupplyDelivery", status="completed", occurrenceTiming=events),
            ]
        )
    )
    assert (given.fields[".started_at"], harm.fields[".occurred_at"], brought.fields[".delivered_at"]) == ("2024-05-01",) * 3


def test_what_led_to_an_observation_and_whom_a_report_is_about_is_told(told: Told) -> None:
    seen, report = claims_of(
        told(
            [
                resource("Observation", triggeredBy=[{"observation": {"reference": "Observation/0"}, "type": "reflex"}]),
                resource("DiagnosticReport", status="modified", subject=DONOR),
            ]
        )
    )
    assert named(seen, "ABOUT") == ["local:Observation/0@H"]
    assert (report.fields[".x:subject"], report.fields[".status"]) == ("local:Patient/d1@H", "in_progress")


def test_a_device_of_human_origin_carries_its_donation_and_any_serial_number_its_key(told: Told) -> None:
    donation = {"system": "https://www.isbt128.org/uri/DonationIdentificationNumber", "value": "A999924123456"}
    udi = [{"deviceIdentifier": "00844588003288"}]
    [claim] = claims_of(told(resource("Device", udiCarrier=udi, serialNumber="SN 1/2", biologicalSourceEvent=donation)))
    assert "is din:A999924123456" in claim.fields
    assert named(claim, "SAME_AS") == ["https://id.gs1.org/01/00844588003288/21/SN%201%2F2"]


def test_the_home_of_a_patient_has_no_name(told: Told) -> None:
    home = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PTRES"}]}]
    house = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "ho"}]}
    for members in ({"type": home}, {"physicalType": house}, {"form": house}):
        for meta in ({}, {"lastUpdated": "soon"}):
            [item] = told(resource("Location", name="Peter's home", meta=meta, **members))
            assert "Peter" not in repr(item)


def test_products_of_a_donation_with_a_wrong_check_character_are_several(told: Told) -> None:
    donation = {"system": "https://www.isbt128.org/uri/DonationIdentificationNumber", "value": "A9998181234560"}
    claims = claims_of(told([resource("BiologicallyDerivedProduct", id_, identifier=[donation]) for id_ in ("a", "b")]))
    assert [path for claim in claims for path in claim.fields if path.startswith("SAME_AS")] == []
    assert len({claim.record for claim in claims}) == 2


@pytest.mark.parametrize(
    ("value", "told_as"),
    [
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 8, "comparator": ">"}}}, "1/>8"),
        ({"valueQuantity": {"value": 3, "comparator": "ad"}}, "ad 3"),
        ({"valueRange": {"low": {"value": 1e300}}}, ">=1e+300"),
        ({"valueTime": "10:30:00"}, "10:30:00"),
        ({"valuePeriod": {"start": "2024-05"}}, "2024-05/"),
    ],
)
def test_a_value_in_words_is_the_value(told: Told, value: dict[str, Any], told_as: str) -> None:
    [claim] = claims_of(told(resource("Observation", **value)))
    assert claim.fields[".value_text"] == told_as


def test_what_a_newer_version_no_longer_says_stands_until_it_is_taken_back(
    store: SqliteStore, sent: Sent, landed: Landed, tmp_path: Path
) -> None:
    """As the page on FHIR shows it."""
    versions = [
        resource("Specimen", "1", subject={"reference": f"Patient/{who}"}, meta=meta) for who, meta in (("a", EARLY), ("b", LATE))
    ]

    def donors() -> set[str]:
        seen = view(store, None)
        found = lineage(seen, [seen.resolve("Specimen/1@H")], "up").records
        return {who for who in "ab" if seen.resolve(f"Patient/{who}@H") in found}

    landed(store, sent(resource("Patient", "a"), resource("Patient", "b"), *versions, name="1.ndjson"), steward="H")
    assert donors() == {"a", "b"}
    page = (Path(__file__).parents[2] / "docs" / "fhir.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^    (source,target,retract)\n    (.+)$", page, re.MULTILINE)
    (tmp_path / "input_to.csv").write_text("\n".join(table))
    landed(store, tmp_path / "input_to.csv", steward="H")
    assert donors() == {"b"}


def test_what_is_in_error_is_so_however_it_is_spelled(told: Told) -> None:
    [claim] = claims_of(told(resource("Observation", status="Entered-in-Error")))
    assert claim.fields["retracted"]


def test_a_product_that_is_studied_is_no_person(told: Told) -> None:
    number = {"system": "http://study.example/subjects", "value": "S-001"}
    assert claims_of(told(resource("ResearchSubject", identifier=[number], subject={"reference": "Device/1"}))) == []


@pytest.mark.parametrize("alone", [False, True])
def test_what_was_told_in_error_takes_back_nothing_that_was_told_anew_under_the_same_number(
    store: SqliteStore, sent: Sent, landed: Landed, alone: bool
) -> None:
    """A bag that was entered under a wrong id and entered again bears the same label. Likewise one that is contained in another."""
    label = [{"system": "http://lab.example/bags", "value": "B-1"}]
    waybill = [{"system": "urn:ietf:rfc:3986", "value": "urn:veintrace:event:waybill:W-1@coldline"}]
    right = [
        resource("Specimen", "right", identifier=label, status="available", meta=EARLY),
        resource("SupplyDelivery", "right", identifier=waybill, suppliedItem={"itemReference": {"reference": "Specimen/right"}}),
    ]
    inner = [resource("Specimen", "in", identifier=label)]
    wrong = [
        resource("Specimen", "wrong", identifier=label, status="entered-in-error", meta=LATE),
        resource("SupplyDelivery", "wrong", identifier=waybill, status="entered-in-error", meta=LATE),
        resource("Observation", "wrong", contained=inner, status="entered-in-error", meta=LATE),
    ]
    for at, told in enumerate((right, wrong) if alone else ([*wrong, *right],)):
        landed(store, sent(*told, name=f"{at}.json"), steward="H")
    seen = view(store, None)
    assert record_of(seen, "local:B-1@http://lab.example/bags").value("status") == "available"
    moved = lineage(seen, [seen.resolve("local:B-1@http://lab.example/bags")], "both").records
    assert seen.resolve("waybill:W-1@coldline") in moved


RECIPIENT = {"reference": "Patient/p1"}


def test_what_is_seen_of_the_donor_in_the_record_of_a_patient_is_about_the_donor_alone(told: Told) -> None:
    """R4 and R5, Observation.focus: what an observation is about, where that is not the patient of the record."""
    for focus, about in ((DONOR, ["local:Patient/d1@H"]), ({"reference": "RelatedPerson/r"}, [])):
        members = {"subject": RECIPIENT, "focus": [focus], "component": [{"code": {"text": "c"}, "valueInteger": 1}]}
        for claim in claims_of(told(resource("Observation", **members))):
            assert (named(claim, "ABOUT"), claim.fields[".x:subject"]) == (about, "local:Patient/p1@H")
    [both] = claims_of(told(resource("Observation", subject=RECIPIENT, focus=[DONOR, RECIPIENT])))
    assert named(both, "ABOUT") == ["local:Patient/d1@H", "local:Patient/p1@H"]
    [implant] = claims_of(told(resource("Observation", subject=RECIPIENT, focus=[{"reference": "Device/v"}])))
    assert named(implant, "ABOUT") == ["local:Device/v@H", "local:Patient/p1@H"]


def test_a_collection_in_the_record_of_a_patient_takes_from_the_donor_who_is_its_focus(told: Told) -> None:
    """R5, Procedure.focus: where it is told the procedure was targeted at it alone."""
    apheresis = {"text": "leukapheresis"}
    [taken] = claims_of(told(resource("Procedure", code=apheresis, subject=RECIPIENT, focus=DONOR)))
    assert (named(taken, "INPUT_TO"), taken.fields[".x:subject"]) == (["local:Patient/d1@H"], "local:Patient/p1@H")
    [tested] = claims_of(told(resource("Procedure", subject=RECIPIENT, focus=SAMPLE)))
    assert (named(tested, "SUBJECT_OF"), named(tested, "OUTPUT")) == (["local:Specimen/a@H"], [])
    [taught] = claims_of(told(resource("Procedure", subject=RECIPIENT, focus={"reference": "RelatedPerson/r"})))
    assert (named(taught, "OUTPUT"), named(taught, "INPUT_TO")) == ([], [])


@pytest.mark.parametrize(("action", "relation"), [("implanted", "INPUT_TO"), (None, "INPUT_TO"), ("explanted", "SUBJECT_OF")])
def test_an_implanted_device_went_into_the_procedure(told: Told, action: str | None, relation: str) -> None:
    coded = {"action": {"coding": [{"system": "http://hl7.org/fhir/device-action", "code": action}]}} if action else {}
    [claim] = claims_of(
        told(resource("Procedure", subject=DONOR, focalDevice=[{"manipulated": {"reference": "Device/v"}, **coded}]))
    )
    assert named(claim, relation) == ["local:Device/v@H"]


def test_what_was_repeated_lasted_from_its_first_to_its_last_day(told: Told) -> None:
    timing = {"repeat": {"boundsPeriod": {"start": "2024-05", "end": "2024-06-30"}, "frequency": 1, "period": 1, "periodUnit": "d"}}
    given, done, seen, brought = claims_of(
        told(
            [
                resource("MedicationAdministration", occurenceTiming=timing),
                resource("Procedure", occurrenceTiming=timing),
                resource("Observation", effectiveTiming=timing),
                resource("SupplyDelivery", status="completed", occurrenceTiming=timing),
            ]
        )
    )
    for claim in (given, done, seen):
        assert (claim.fields[".started_at"], claim.fields[".ended_at"]) == ("2024-05", "2024-06-30")
    assert ".observed_at" not in seen.fields
    assert (brought.fields[".released_at"], brought.fields[".delivered_at"]) == ("2024-05", "2024-06-30")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"valueSampledData": {"origin": {"value": 0}, "dimensions": 1, "data": "1 " * 3_000}}, "4,000 characters"),
        ({"valueSampledData": {"origin": {"value": 0}, "dimensions": 1, "data": "by Jane Doe"}}, "series of samples"),
        ({"valueAttachment": {"data": "UEhPVE8="}}, "attachments"),
        ({"valueReference": {"reference": "MolecularSequence/1"}}, "references"),
        ({"valueString": "x" * 101}, "100 characters"),
    ],
)
def test_a_value_that_is_not_kept_is_told_of(told: Told, value: dict[str, Any], why: str) -> None:
    for members in (value, {"component": [{"code": {"text": "c"}, **value}]}):
        [item] = told(resource("Observation", subject=DONOR, **members))
        assert isinstance(item, Item)
        [note] = item.notes
        assert note.startswith("values of Observation left out")
        assert why in note


@pytest.mark.parametrize("apart", [{"period": 60000}, {"interval": 1, "intervalUnit": "min"}])
def test_a_series_of_samples_is_kept_with_what_must_be_known_to_read_it(told: Told, apart: dict[str, Any]) -> None:
    """Of R4 and of R5, such as the heart rate of a night."""
    series = {"origin": {"value": 0, "unit": "/min"}, "factor": 0.5, "upperLimit": 400, "dimensions": 1, "data": "61 62.5 E -1e2 U"}
    [claim] = claims_of(told(resource("Observation", valueSampledData={**series, **apart})))
    assert (claim.fields[".value_text"], claim.fields[".unit"]) == ("61 62.5 E -1e2 U", "/min")
    assert claim.fields[".x:sampled"] == {"origin": 0, "factor": 0.5, "upperLimit": 400, "dimensions": 1, **apart}


def test_a_code_that_is_not_kept_is_told_of(told: Told) -> None:
    for members in ({"code": {"text": "x" * 101}}, {"component": [{"code": {"text": "x" * 101}}]}):
        [item] = told(resource("Observation", subject=DONOR, **members))
        assert isinstance(item, Item)
        assert item.notes == ("codes of Observation left out: a text of more than 100 characters is not kept",)


def test_contained_resources_of_other_types_are_counted(told: Told) -> None:
    inner = [resource("Practitioner", "a"), resource("Practitioner", "b"), resource("Specimen", "s")]
    [item] = told(resource("Observation", contained=inner))
    assert isinstance(item, Item)
    assert item.notes == ("contained Practitioner left out",) * 2


@pytest.mark.parametrize(
    "members",
    [
        {"modifierExtension": [{"url": "http://h.example/negated", "valueBoolean": True}]},
        {"component": [{"code": {"text": "c"}, "modifierExtension": [{"url": "http://h.example/negated", "valueBoolean": True}]}]},
        {"implicitRules": "http://h.example/rules"},
    ],
)
def test_what_an_extension_may_turn_into_something_else_is_marked_and_told_of(told: Told, members: dict[str, Any]) -> None:
    """R5, 2.1.5.0.2: an application must not silently pass over modifier extensions that it does not know."""
    [item] = told(resource("Observation", subject=DONOR, valueInteger=1, **members))
    assert isinstance(item, Item)
    assert {claim.fields[".x:modified"] for claim in item.claims} == {True}
    assert [note for note in item.notes if "x:modified" in note]
    [plain] = claims_of(told(resource("Observation", subject=DONOR, extension=[{"url": "http://h.example/e"}])))
    assert ".x:modified" not in plain.fields


def test_the_later_version_in_a_history_stands_where_only_the_server_dates_it(
    store: SqliteStore, tmp_path: Path, landed: Landed
) -> None:
    versions = [
        {"resource": resource("Specimen", "s", status=status), "response": {"status": "200", "lastModified": changed}}
        for status, changed in (("available", "2024-06-02T00:00:00Z"), ("unavailable", "2024-06-01T00:00:00Z"))
    ]
    for entries in (versions, versions[::-1]):
        path = tmp_path / "history.json"
        path.write_text(json.dumps({"resourceType": "Bundle", "type": "history", "entry": entries}))
        assert landed(store, path, steward="H").totals.conflicts == 0
        assert record_of(view(store, None), "Specimen/s@H").value("status") == "available"


@pytest.mark.parametrize(
    ("printed", "key"),
    [
        ("(01)09504000059118(17)141120(10)7654321D(21)10987", "https://id.gs1.org/01/09504000059118/21/10987"),
        ("(01)09504000059118(17)141120(10)7654321D", "https://id.gs1.org/01/09504000059118/10/7654321D"),
        ("(01)09504000059118", None),
        ("(01)09504000059119(21)1", None),
        ("+H123PARTNO1234567890120", None),
    ],
)
def test_a_device_is_known_by_the_serial_number_or_lot_in_its_printed_udi(told: Told, printed: str, key: str | None) -> None:
    [claim] = claims_of(told(resource("Device", udiCarrier=[{"deviceIdentifier": "09504000059118", "carrierHRF": printed}])))
    assert named(claim, "SAME_AS") == ([key] if key else [])


def test_what_no_record_can_have_is_left_out(told: Told) -> None:
    """Else what is exported of it would be refused where it is loaded again."""
    less = {"value": -3, "unit": "mL"}
    born, sample, _, given, brought = claims_of(
        told(
            [
                resource("Patient", birthDate="1732-02-22"),
                resource("Specimen", collection={"quantity": less}),
                resource("MedicationAdministration", medicationReference={"reference": "Medication/m"}, dosage={"dose": less}),
                resource("SupplyDelivery", suppliedItem={"quantity": less, "itemReference": SAMPLE}),
            ]
        )
    )
    assert ".birth_year" not in born.fields
    for claim in (sample, given, brought):
        assert [path for path in claim.fields if path.endswith(("quantity", "unit"))] == []


def test_a_journey_in_resources_of_r4_alone_is_one_lineage_from_the_vein_to_the_harm(
    store: SqliteStore, tmp_path: Path, landed: Landed
) -> None:
    """In a transaction, where all are new: only a Medication can be given or delivered, and only a batch tells its lot."""
    patient, order, bag, maker, drug = (f"urn:uuid:6f2b6b6c-0000-4000-8000-{at:012}" for at in range(5))
    to = {name: {"reference": urn} for name, urn in (("subject", patient), ("bag", bag), ("drug", drug), ("maker", maker))}
    entries = {
        patient: resource("Patient", None, gender="female"),
        order: resource("ServiceRequest", None, subject=to["subject"], code={"text": "CAR T"}),
        bag: resource("BiologicallyDerivedProduct", None, collection={"source": to["subject"], "collectedDateTime": "2024-05-01"}),
        maker: resource("Organization", None, name="Maker"),
        drug: resource("Medication", None, manufacturer=to["maker"], batch={"lotNumber": "MD-7"}),
        "": resource(
            "Task",
            None,
            status="completed",
            owner=to["maker"],
            input=[{"type": {"text": "in"}, "valueReference": to["bag"]}],
            output=[{"type": {"text": "out"}, "valueReference": to["drug"]}],
        ),
        "1": resource("SupplyDelivery", None, status="completed", supplier=to["maker"], suppliedItem={"itemReference": to["drug"]}),
        "2": resource("MedicationAdministration", None, subject=to["subject"], medicationReference=to["drug"], status="completed"),
        "3": resource("AdverseEvent", None, subject=to["subject"], event={"text": "CRS"}, suspectEntity=[{"instance": to["drug"]}]),
    }
    told = [{**({"fullUrl": url} if url.startswith("urn") else {}), "resource": each, "request": {"method": "POST"}}
            for url, each in entries.items()]  # fmt: skip
    path = tmp_path / "journey.json"
    for order_of in (told, told[::-1]):
        path.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": order_of}))
        assert landed(store, path, steward="H").totals.stubs == 0
    seen = view(store, None)
    answer = lineage(seen, [seen.resolve(bag)], "down")
    assert {seen.resolve(drug), seen.resolve(patient)} <= {*answer.records}
    kinds = sorted(record.kind for record in seen.records(seen.joined(answer.records)).values())
    assert kinds == ["Handoff", "Material", "Material", "Person", "Step", "Step"]


def test_a_condition_keeps_its_severity_and_the_age_it_began_at(told: Told) -> None:
    severe = {"coding": [{"system": "http://snomed.info/sct", "code": "24484000"}]}
    [claim] = claims_of(told(resource("Condition", severity=severe, onsetAge={"value": 52, "unit": "a"})))
    assert (claim.fields[".x:onset_age"], claim.fields[".x:severity"][0]["code"]) == ("52 a", "24484000")
    [claim] = claims_of(told(resource("Condition", abatementRange={"low": {"value": 52}, "high": {"value": 54}})))
    assert claim.fields[".x:abatement_age"] == "52-54"


def test_an_extension_of_what_is_contained_marks_that_alone(told: Told) -> None:
    inner = resource("Specimen", "s", modifierExtension=[{"url": "http://h.example/negated"}])
    seen, sample = claims_of(told(resource("Observation", contained=[inner])))
    assert (".x:modified" in seen.fields, ".x:modified" in sample.fields) == (False, True)
