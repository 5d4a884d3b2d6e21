"""FHIR: how references lead from one resource to the other, in what documents resources come, and what is refused where."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders import fhir
from loaders.fhir_told import LEFT_OUT
from loaders.items import Item, Refused
from loaders.sources import found
from tests.fhir_made import (
    DONOR,
    V2,
    Landed,
    NewStore,
    Sent,
    Told,
    bundle,
    claims_of,
    key_of,
    named,
    problems_of,
    record_of,
    resource,
)

# -- references


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ({"reference": "Specimen/s1"}, "local:Specimen/s1@H"),
        ({"reference": "Specimen/s1/_history/3"}, "local:Specimen/s1@H"),
        ({"reference": "https://fhir.example/r4/Specimen/s1"}, "https://fhir.example/r4/Specimen/s1"),
        ({"reference": "urn:uuid:6f2b6b6c-0000-4000-8000-000000000001"}, "urn:uuid:6f2b6b6c-0000-4000-8000-000000000001"),
        ({"reference": "Specimen?identifier=http://lab.example|77"}, "local:77@http://lab.example"),
        ({"identifier": {"system": "http://lab.example", "value": "77"}, "type": "Specimen"}, "local:77@http://lab.example"),
        ({"identifier": {"system": "urn:veintrace:organization:LAB", "value": "77"}}, "local:77@LAB"),
        (
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:epc:id:sscc:4012345.0000000333"}},
            "https://id.gs1.org/00/040123450000003338",
        ),
        ({"reference": "#inner"}, "local:Observation/1#inner@H"),
    ],
)
def test_a_reference_names_its_record_in_every_form(told: Told, reference: dict[str, Any], key: str) -> None:
    inner = [{"resourceType": "Specimen", "id": "inner"}] if reference.get("reference") == "#inner" else []
    claims = claims_of(told(resource("Observation", specimen=reference, contained=inner)))
    assert named(claims[0], "ABOUT") == [key]


def test_what_a_reference_cannot_name_is_noted(told: Told) -> None:
    for reference in ({"reference": "Substance/x"}, {"reference": "#nowhere"}, {"reference": "no reference"}):
        [item] = told(resource("Observation", specimen=reference))
        assert isinstance(item, Item)
        assert item.notes == ("Observation.specimen: references that name no record of its kind left out",)
    [item] = told(resource("Observation", specimen={"display": "Dr. Somebody"}))
    assert item == Item("", item.claims, ())  # type: ignore[union-attr]


def test_a_resource_of_a_bundle_is_known_by_its_url_or_urn(told: Told) -> None:
    url, urn = "https://fhir.example/r4/Patient/d1", "urn:uuid:6f2b6b6c-0000-4000-8000-000000000001"
    one, two, three = claims_of(
        told(bundle(resource("Patient", "d1"), resource("Patient", None), resource("Patient", "d2"), urls=(url, urn)))
    )
    assert (key_of(one), named(one, "SAME_AS")) == (url, [])
    assert key_of(two) == urn
    assert key_of(three) == "local:Patient/d2@H"


def test_two_servers_that_give_out_the_same_ids_are_two(told: Told) -> None:
    """A relative reference is of the server that its resource is of."""
    servers = ("https://ehr.example/fhir/", "https://lab.example/fhir/")
    patient, seen = resource("Patient", "1"), resource("Observation", "1", subject={"reference": "Patient/1"})
    claims = claims_of(
        told(bundle(patient, seen, patient, seen, urls=tuple(f"{s}{t}/1" for s in servers for t in ("Patient", "Observation"))))
    )
    assert len({claim.record for claim in claims}) == 4
    assert [named(claim, "ABOUT") for claim in claims[1::2]] == [[key_of(claim)] for claim in claims[::2]]


def test_a_caller_may_say_on_which_server_all_is(told: Told) -> None:
    server = "https://ehr.example/fhir/"
    alone = claims_of(told(bundle(resource("Patient", "d1"), resource("Observation", subject=DONOR)), fhir_server=server))
    urls = (f"{server}Patient/d1", f"{server}Observation/1")
    assert alone == claims_of(told(bundle(resource("Patient", "d1"), resource("Observation", subject=DONOR), urls=urls)))


def test_references_resolve_across_files_and_loads_and_those_that_dangle_are_stubs(
    store: SqliteStore, sent: Sent, landed: Landed
) -> None:
    first = landed(store, sent(resource("Observation", subject=DONOR, specimen={"reference": "Specimen/s1"})), steward="H")
    assert first.totals.stubs == 2
    landed(store, sent(resource("Patient", "d1", gender="female"), name="other.ndjson"), steward="H")
    seen = view(store, None)
    assert not record_of(seen, "Patient/d1@H").stub
    assert record_of(seen, "Specimen/s1@H").stub


URNS = tuple(f"urn:uuid:6f2b6b6c-0000-4000-8000-{at:012}" for at in range(9))


@pytest.mark.parametrize("whole", [4 * 2**20, 10])
def test_what_a_urn_leads_to_is_told_by_the_entry_that_has_it(told: Told, whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands first in the bundle, which is read in two ways."""
    monkeypatch.setattr(fhir, "_WHOLE", whole)
    person, nurse, sample, tube, drug = ({"reference": urn} for urn in URNS[:5])
    document = bundle(
        resource("Patient", "a"),
        resource("Practitioner", "b"),
        resource("Specimen", "c", subject=person, collection={"collector": nurse}),
        resource("Device", "d"),
        resource("Medication", "e"),
        resource("Provenance", "f", target=[person, sample], agent=[{"who": nurse}]),
        resource("Task", "g", focus=sample, owner=nurse),
        resource("Observation", "h", subject=tube),
        resource("MedicationAdministration", "i", medicationReference=drug, subject=person),
        urls=URNS,
    )
    for each in (document, {**document, "entry": document["entry"][::-1]}):
        claims = {key_of(claim): claim for claim in claims_of(told(each))}
        collection, provenance, task, seen, given = (
            claims[key] for key in (f"local:{URNS[2]}.collection@H", URNS[5], URNS[6], URNS[7], URNS[8])
        )
        assert (collection.fields[".operator"], "PERFORMED_BY" in collection.fields) == (f"Practitioner/{URNS[1]}", False)
        assert (named(provenance, "SUBJECT_OF"), provenance.fields[".x:target"]) == ([URNS[2]], [URNS[0]])
        assert (named(task, "SUBJECT_OF"), "PERFORMED_BY" in task.fields) == ([URNS[2]], False)
        assert named(seen, "ABOUT") == [URNS[3]]
        assert (given.fields[".type"], named(given, "INPUT_TO")) == ("administration", [URNS[4]])
        assert seen.names.keys() & claims[URNS[3]].names.keys()


def test_what_nobody_says_the_type_of_becomes_nothing_of_a_kind_that_is_guessed(told: Told) -> None:
    somebody = {"reference": URNS[0]}
    number = {"identifier": {"system": "http://h.example/numbers", "value": "77"}}
    for each in (somebody, number):
        task, entity = claims_of(
            told(
                [
                    resource("Task", focus=each, owner=somebody, input=[{"valueReference": each}]),
                    resource("Provenance", target=[each], entity=[{"what": each}]),
                ]
            )
        )
        assert [path for claim in (task, entity) for path in claim.fields if path[0].isupper()] == []


def test_the_id_of_a_resource_that_is_known_by_a_urn_means_nothing_elsewhere(told: Told) -> None:
    """Two documents of one hospital may each call their patient `1`; within each, relative references lead to it."""
    people, notes = [], []
    for urn in URNS[:2]:
        seen = resource("Observation", None, subject={"reference": "Patient/1"})
        person, note = claims_of(told(bundle(resource("Patient", "1"), seen, urls=(urn, f"{urn}0"))))
        people.append(key_of(person))
        notes.append(named(note, "ABOUT"))
        assert not any(path.startswith("SAME_AS") for path in person.fields)
    assert people == list(URNS[:2])
    assert notes == [[URNS[0]], [URNS[1]]]
    own = URNS[0].removeprefix("urn:uuid:")
    [person] = claims_of(told(bundle(resource("Patient", own), urls=URNS[:1])))
    assert named(person, "SAME_AS") == [f"local:Patient/{own}@H"]


def test_a_relative_reference_is_of_its_server_whatever_has_a_urn_and_of_nobody_where_two_have_one(told: Told) -> None:
    urls = ("https://fhir.example/Observation/o", URNS[0])
    seen = resource("Observation", "o", subject={"reference": "Patient/1"})
    note, _ = claims_of(told(bundle(seen, resource("Patient", "1"), urls=urls)))
    assert named(note, "ABOUT") == ["https://fhir.example/Patient/1"]
    note, *_ = claims_of(told(bundle(seen, resource("Patient", "1"), resource("Patient", "1"), urls=(URNS[2], *URNS[:2]))))
    assert named(note, "ABOUT") == []


def test_a_url_names_a_resource_without_an_id(told: Told) -> None:
    urls = ("https://fhir.example/Patient/d1", "https://lab.example/specimens/7")
    sample = resource("Specimen", None, subject={"reference": urls[0]})
    seen = resource("Observation", None, specimen={"reference": urls[1]})
    person, material, _, note = claims_of(told(bundle(resource("Patient", None), sample, seen, urls=urls)))
    assert (key_of(person), key_of(material), named(note, "ABOUT")) == (*urls, [urls[1]])


def test_what_was_refused_in_a_bundle_leads_from_the_quarantine_to_the_same(
    new_store: NewStore, sent: Sent, landed: Landed, tmp_path: Path
) -> None:
    """Though the entries that it leads to do not lie beside it there."""
    entries = [resource("Patient", "1"), resource("Device", "2"), resource("Practitioner", "3")]
    seen = resource("Observation", "4", subject={"reference": "Patient/1"}, focus=[{"reference": URNS[1]}])
    urls = (*URNS[:3], "https://fhir.example/Observation/4")
    wrong, right = ({**seen, "effectiveDateTime": text} for text in ("2024-05-41", "2024-05-01"))
    mended, straight = new_store(), new_store()
    report = landed(mended, sent(bundle(*entries, wrong, urls=urls)), steward="H")
    [kept] = Path(str(report.quarantine)).iterdir()
    kept.write_text(kept.read_text().replace("2024-05-41", "2024-05-01"))
    again = landed(mended, kept, steward="H")
    assert again.digest == landed(straight, sent(bundle(*entries, right, urls=urls), name="right.json"), steward="H").digest


# -- documents


SIX = [
    resource("Patient", "d1", birthDate="1974"),
    resource("Specimen", "s1", subject=DONOR, collection={"collectedDateTime": "2024-05-01"}),
    resource("Observation", "o1", subject=DONOR, valueInteger=3),
    resource("Encounter", "e1"),
]


def test_a_bundle_lines_a_list_and_single_files_say_the_same(
    new_store: NewStore, sent: Sent, landed: Landed, tmp_path: Path
) -> None:
    (tmp_path / "list.json").write_text(json.dumps(SIX))
    ways = [[sent(bundle(*SIX), name="bundle.json")], [sent(*SIX, name="bulk.ndjson")], [tmp_path / "list.json"],
            [sent(each, name=f"{at}.json") for at, each in enumerate(SIX)],
            [sent(bundle(bundle(*SIX[:2]), *SIX[2:]), name="nested.json")]]  # fmt: skip
    reports = [landed(new_store(), *paths, steward="H") for paths in ways]
    assert len({report.digest for report in reports}) == 1
    assert all((report.totals.added, report.notes) == (3, {"Encounter left out: nothing of it is kept": 1}) for report in reports)


def test_a_long_document_is_read_as_a_short_one(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    documents: list[Any] = [bundle(*SIX), SIX, SIX[1]]
    short = [told(json.dumps(each, indent=1)) for each in documents]
    monkeypatch.setattr(fhir, "_WHOLE", 10)
    assert [told(json.dumps(each, indent=1)) for each in documents] == short


def test_everything_twice_changes_nothing_and_order_decides_nothing(new_store: NewStore, sent: Sent, landed: Landed) -> None:
    older = resource("Patient", "d1", gender="male", meta={"lastUpdated": "2024-01-01T00:00:00Z"})
    newer = resource("Patient", "d1", gender="female", meta={"lastUpdated": "2024-02-01T00:00:00Z"})
    one, two = new_store(), new_store()
    first = landed(one, sent(older, newer, *SIX[1:], name="a.ndjson"), steward="H")
    again = landed(one, sent(older, newer, *SIX[1:], name="a.ndjson"), steward="H")
    turned = landed(two, sent(*SIX[:0:-1], newer, older, name="b.ndjson"), steward="H")
    assert (again.digest, again.totals.unchanged) == (first.digest, first.totals.read)
    assert turned.digest == first.digest
    seen = view(two, None)
    assert record_of(seen, "Patient/d1@H").values["sex"] == "female"


# -- what is refused


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (resource("Patient", birthDate="25.12.1974"), ("", "birthDate", "INVALID_INSTANT")),
        (resource("Patient", birthDate=1974), ("", "birthDate", "INVALID_VALUE")),
        (resource("Patient", "no id!"), ("", "id", "INVALID_VALUE")),
        (resource("Observation", effectiveDateTime="2024-05-01T10:00:00"), ("", "effectiveDateTime", "INVALID_INSTANT")),
        (resource("Observation", valueQuantity={"value": "12"}), ("", "valueQuantity/value", "INVALID_VALUE")),
        (resource("Observation", component=[{}, {"valueInteger": "x"}]), ("", "component/1/valueInteger", "INVALID_VALUE")),
        (
            resource("Specimen", collection={"collectedPeriod": {"end": "soon"}}),
            ("", "collection/collectedPeriod/end", "INVALID_INSTANT"),
        ),
        (
            resource("Observation", contained=[resource("Specimen", "s", receivedTime=[])]),
            ("", "contained/0/receivedTime", "INVALID_VALUE"),
        ),
        (bundle(resource("Patient"), resource("Patient", gender={})), ("/entry/1/resource", "gender", "INVALID_VALUE")),
        (
            resource("Observation", contained=[resource("Specimen", "s", receivedTime="soon")]),
            ("", "contained/0/receivedTime", "INVALID_INSTANT"),
        ),
        (
            resource("Observation", meta={"lastUpdated": "soon"}, contained=[resource("Specimen", "s")]),
            ("", "meta/lastUpdated", "INVALID_INSTANT"),
        ),
        (resource("Group", member=[{"entity": DONOR, "period": {"end": "soon"}}]), ("", "member/0/period/end", "INVALID_INSTANT")),
        (
            resource("BiologicallyDerivedProduct", storage=[{"duration": {"start": "soon"}}]),
            ("", "storage/0/duration/start", "INVALID_INSTANT"),
        ),
        (bundle({"no": "type"}), ("/entry/0/resource", "resourceType", "MISSING")),
        ({"resourceType": "Bundle", "entry": {}}, ("", "entry", "INVALID_VALUE")),
        ({"resourceType": "Bundle", "entry": [3]}, ("/entry/0", "", "INVALID_VALUE")),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(told: Told, document: dict[str, Any], where: tuple[str, str, str]) -> None:
    items = told(document)
    assert problems_of(items) == [where]
    assert sum(len(item.problems) for item in items if isinstance(item, Refused)) == 1


def test_a_local_time_is_of_the_zone_of_who_speaks(told: Told) -> None:
    [claim] = claims_of(told(resource("Observation", effectiveDateTime="2024-05-01T10:00:00"), zone_of=lambda _: "Europe/Berlin"))
    assert claim.fields[".observed_at"] == "2024-05-01T10:00:00+02:00"


@pytest.mark.parametrize("text", ["{", '{"resourceType": 3}', "[1]", '{"resourceType": "Patient", "id": "\\ud800"}', ""])
def test_what_is_no_fhir_is_refused(told: Told, text: str) -> None:
    assert problems_of(told(text.replace("\\\\", "\\")))


def test_a_line_that_is_too_long_costs_no_other_line(
    store: SqliteStore, landed: Landed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir, "MOST_BYTES", 500)
    path = tmp_path / "bulk.ndjson"
    long = json.dumps(resource("Patient", "long", text="x" * 1_700))
    path.write_text(f"{json.dumps(SIX[0])}\n{long}\n{json.dumps(SIX[1])}\n{long}")
    report = landed(store, path, steward="H")
    assert (report.totals.added, [refused["at"] for refused in report.refused]) == (2, ["line 2", "line 4"])


def test_a_line_that_is_no_json_costs_no_other_line(sent: Sent, store: SqliteStore, landed: Landed, tmp_path: Path) -> None:
    path = tmp_path / "bulk.ndjson"
    path.write_text(f"{json.dumps(SIX[0])}\n{{broken\n\n{json.dumps(SIX[1])}\n")
    report = landed(store, path, steward="H")
    assert (report.totals.added, report.totals.refused, report.refused[0]["at"]) == (2, 1, "line 2")


@pytest.mark.parametrize("whole", [4 * 2**20, 60])
@pytest.mark.parametrize(
    ("head", "refused"),
    [("\n\n\n", 0), ('{"resourceType": "Obs\n{broken\n', 2), ("[]\n", 1), ("{\n", 1), ('{"x": 1}\n', 1), ("\ufeff\r\n\r\n", 0)],
)
def test_lines_are_read_whatever_the_first_of_them_are(
    sent: Sent,
    store: SqliteStore,
    landed: Landed,
    tmp_path: Path,
    head: str,
    refused: int,
    whole: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fhir, "_WHOLE", whole)
    path = sent(resource("Specimen", "a"), resource("Specimen", "b"), name="lines.ndjson")
    path.write_text(head + path.read_text())
    totals = landed(store, path, steward="H").totals
    assert (totals.added, totals.refused) == (2, refused)


@pytest.mark.parametrize("whole", [4 * 2**20, 120])
def test_a_document_with_a_resource_on_a_line_of_its_own_is_a_document(
    told: Told, whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir, "_WHOLE", whole)
    entries = ",".join(f'{{"resource":\n{json.dumps(resource("Specimen", id_))}\n}}' for id_ in "abc")
    items = told(f'{{"resourceType": "Bundle", "type": "collection", "entry": [\n{entries}\n]}}')
    assert [item.at for item in items] == [f"/entry/{at}/resource" for at in range(3)]


def test_a_damaged_document_is_not_taken_apart_into_what_stands_in_it(sent: Sent, store: SqliteStore, landed: Landed) -> None:
    """Its entries are known by the URLs beside them."""
    path = sent(name="bundle.json")
    path.write_text('{"resourceType": "Bundle", "entry": [\n{"resource":\n{"resourceType": "Specimen", "id": "a"}\n}, damaged\n')
    totals = landed(store, path, steward="H").totals
    assert (totals.added, totals.refused) == (0, 1)


@pytest.mark.parametrize("name", ["bundle.json", "bulk.ndjson"])
def test_what_is_refused_can_be_mended_in_the_quarantine_and_loaded(
    store: SqliteStore, sent: Sent, landed: Landed, name: str
) -> None:
    wrong = resource("Observation", "o1", subject=DONOR, effectiveDateTime="2024-05-41", note=[{"text": "of John Doe"}])
    url = "https://fhir.example/Observation/o1"
    path = sent(bundle(wrong, SIX[0], urls=(url,)), name=name) if name == "bundle.json" else sent(wrong, SIX[0], name=name)
    report = landed(store, path, steward="H")
    assert (report.totals.added, report.totals.refused) == (1, 1)
    [kept] = Path(str(report.quarantine)).iterdir()
    text = kept.read_text()
    assert kept.name == name
    assert "John Doe" not in text
    assert '"reason"' in text
    kept.write_text(text.replace("2024-05-41", "2024-05-01"))
    again = landed(store, kept, steward="H")
    assert (again.totals.added, again.totals.refused) == (1, 0)
    seen = view(store, None)
    named = url if name == "bundle.json" else "Observation/o1@H"
    assert record_of(seen, named).values["observed_at"] == "2024-05-01"


def test_fhir_is_told_by_its_content(tmp_path: Path) -> None:
    for name, text in (("a.json", json.dumps(SIX[0])), ("b", json.dumps(SIX)), ("c.ndjson", f"{json.dumps(SIX[0])}\n" * 2),
                       ("d.json", json.dumps({"entry": [], "resourceType": "Bundle"}))):  # fmt: skip
        (tmp_path / name).write_text(text)
        [source] = found([tmp_path / name], tmp_path).sources
        assert source.format == "fhir", name


def test_record_numbers_without_a_key_are_noted(told: Told) -> None:
    number = {"type": {"coding": [{"system": V2, "code": "MR"}]}, "system": "http://h.example/mrn", "value": "77"}
    [item] = told(resource("Patient", identifier=[number]))
    assert isinstance(item, Item)
    assert item.notes == (LEFT_OUT,)


def test_the_page_on_fhir_has_a_row_for_every_resource_that_is_read_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "fhir.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z][A-Za-z, ]+) \| [A-Z]", page, re.MULTILINE)
    assert sorted(name.strip() for row in rows for name in row.split(",")) == sorted(fhir.READ)
