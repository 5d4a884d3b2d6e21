"""What names a person stays in the file: planted in every resource, whether read or refused, it is nowhere afterwards.

Nowhere is: the graph with its write-ahead log and snapshots, the quarantine, what is printed and logged, and every answer.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.sqlite_store import SqliteStore
from graph.view import view
from loaders.fhir import READ
from loaders.items import Context, Refused
from loaders.reading import read_one
from loaders.sources import Source

ROOT = Path(__file__).parents[2]
KEY = "a secret of at least 16 characters"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
SECRETS = ("Featherstonehaugh", "Zebedee", "17 Quagmire Lane", "Little Snoring", "+44 555 0199 77", "z.feath@mail.example",
           "MRN-90210-X", "078-05-1120", "iVBORw0KGgoPHOTO", "1961-07-13", "a kind man who lives alone")  # fmt: skip
"""Name, address, telephone, mail, record numbers, a photo, a date of birth and a note."""
NAME = [{"use": "official", "family": SECRETS[0], "given": [SECRETS[1]], "text": f"{SECRETS[1]} {SECRETS[0]}"}]
ADDRESS = [{"line": [SECRETS[2]], "city": SECRETS[3], "text": f"{SECRETS[2]}, {SECRETS[3]}"}]
TELECOM = [{"system": "phone", "value": SECRETS[4]}, {"system": "email", "value": SECRETS[5]}]
NUMBERS = [
    {"type": {"coding": [{"system": V2, "code": "MR"}]}, "system": "http://hospital.example/numbers", "value": SECRETS[6]},
    {"system": "http://hl7.org/fhir/sid/us-ssn", "value": SECRETS[7]},
    {"system": "urn:oid:2.16.840.1.113883.4.1", "value": SECRETS[7]},
]
PERSON = {"name": NAME, "address": ADDRESS, "telecom": TELECOM, "photo": [{"contentType": "image/png", "data": SECRETS[8]}]}
NOTE = {"text": SECRETS[10], "authorString": SECRETS[0]}
SUBJECT = {"reference": "Patient/p1", "display": f"{SECRETS[1]} {SECRETS[0]}"}


def planted(type_: str) -> dict[str, Any]:
    """A resource of a type with everything that may name a person in every place where FHIR, or a careless system, has it."""
    inner = {"resourceType": "Patient", "id": "in", **PERSON, "birthDate": SECRETS[9], "identifier": NUMBERS}
    return {
        "resourceType": type_,
        "id": f"{type_.lower()}-1",
        **{name: value for name, value in PERSON.items() if name != "name" or type_ not in ("Organization", "Location")},
        "text": {"status": "generated", "div": f"<div>{' '.join(SECRETS)}</div>"},
        "identifier": NUMBERS,
        "birthDate": SECRETS[9],
        "contact": [{**PERSON}],
        "contained": [inner],
        "extension": [{"url": "http://x.example/mothersMaidenName", "valueString": SECRETS[0]}],
        "note": [NOTE],
        "comment": SECRETS[10],
        "description": SECRETS[10],
        "conclusion": SECRETS[10],
        "subject": SUBJECT,
        "patient": SUBJECT,
        "individual": SUBJECT,
        "for": SUBJECT,
        "performer": [{"actor": {"display": SECRETS[0]}}] if type_ != "DiagnosticReport" else [{"display": SECRETS[0]}],
        "member": [{"entity": SUBJECT}],
        "asserter": {"reference": "#in", "display": SECRETS[0]},
        "source": {"identifier": NUMBERS[0]},
        "code": {"coding": [{"system": "http://local.example", "code": "c1", "display": SECRETS[0]}], "text": SECRETS[10]},
    }


def spoiled(type_: str) -> dict[str, Any]:
    """The same, refused: for a value that is none, beside values of another kind than FHIR says that name a person."""
    return {
        **planted(type_),
        "id": f"{type_.lower()}-2",
        "meta": {"lastUpdated": f"never, says {SECRETS[0]}"},
        "status": {"text": SECRETS[0]},
        "gender": [SECRETS[0]],
    }


@pytest.fixture
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a user, with a key for hashes or without one."""
    key = {"VEINTRACE_PSEUDONYM_KEY": KEY} if request.param else {}
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "TZ": "UTC", **key}


def run(folder: Path, environment: dict[str, str], *arguments: str, status: tuple[int, ...] = (0,)) -> str:
    """What the command prints, on either channel."""
    done = subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in status, done.stderr
    return done.stdout + done.stderr


def secrets_in(text: bytes) -> list[str]:
    """The secrets that a text holds."""
    return [secret for secret in SECRETS if secret.encode() in text]


def everything(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder but those that were sent."""
    yield from ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file() and "sent" not in path.parts)


@pytest.mark.parametrize("environment", [False, True], indirect=True)
def test_what_names_a_person_is_nowhere_after_a_load(tmp_path: Path, environment: dict[str, str]) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    for form, resources in (("good", [planted(type_) for type_ in READ]), ("bad", [spoiled(type_) for type_ in READ])):
        (sent / f"{form}.ndjson").write_text("".join(f"{json.dumps(each)}\n" for each in resources))
        entries = [{"resource": {**each, "id": f"{each['id']}-b"}} for each in resources]
        (sent / f"{form}.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    (sent / "broken.ndjson").write_text(f'{{"resourceType": "Patient", "name": "{SECRETS[0]}\n{{}}\n')
    graph = ("--graph", "sqlite:///graph.db")
    printed = run(tmp_path, environment, "load", "sent", "--steward", "H", *graph, status=(3,))
    printed += run(tmp_path, environment, "load", "sent", "--steward", "H", "--json", "--dry-run", status=(3,))
    told = json.loads(run(tmp_path, environment, "load", "sent", "--steward", "H", "--json", *graph, status=(3,)))
    assert (told["totals"]["unchanged"], told["totals"]["refused"]) == (2 * len(READ), 2 * len(READ) + 1)
    for question in (
        ("lineage", "Specimen/specimen-1@H", "--json", "--direction", "both"),
        ("history", "Patient/patient-1@H", "--json"),
        ("coverage", "--json"),
        ("handoffs", "--json"),
        ("find", "Patient/patient-1@H", "--json"),
    ):
        printed += run(tmp_path, environment, *question, *graph, status=(0, 4))
    assert secrets_in(printed.encode() + json.dumps(told).encode()) == []
    found = {path.relative_to(tmp_path).as_posix(): secrets_in(text) for path, text in everything(tmp_path)}
    assert {name: secrets for name, secrets in found.items() if secrets} == {}
    assert {"graph.db", "good.ndjson", "bad.ndjson", "bad.json"} & {Path(name).name for name in found} >= {
        "graph.db",
        "bad.ndjson",
        "bad.json",
    }
    with closing(SqliteStore(tmp_path / "graph.db")) as store:
        hashes = [text for _, text in _names(store) if "hmac-" in text]
    assert bool(hashes) is ("VEINTRACE_PSEUDONYM_KEY" in environment)


def test_one_number_is_one_person_wherever_it_is_told_and_only_under_one_key(
    tmp_path: Path, new_store: Callable[[], SqliteStore], landed: Callable[..., Any]
) -> None:
    here, there, other = new_store(), new_store(), new_store()
    for name, id_ in (("a.json", "p1"), ("b.json", "p2")):
        (tmp_path / name).write_text(json.dumps({"resourceType": "Patient", "id": id_, "identifier": NUMBERS[:1]}))
    for store, secret in ((here, KEY.encode()), (there, KEY.encode()), (other, b"quite another secret")):
        landed(store, tmp_path / "a.json", steward="H", secret=secret)
        landed(store, tmp_path / "b.json", steward="LAB", secret=secret)
    kept = [{text for _, text in _names(store) if "@http://hospital.example" in text} for store in (here, there, other)]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1
    assert not kept[0] & kept[2]
    groups = view(here, None)
    [number] = kept[0]
    assert {entry.claim.claim.steward for entry in groups.history(groups.joined([groups.resolve(number)]))} >= {"H", "LAB"}


def _names(store: SqliteStore) -> Iterator[tuple[str, str]]:
    for entry in store.claims():
        yield from ((record, text) for record, text in entry.claim.names.items() if text)


def test_a_patient_whose_id_is_its_record_number_is_refused_unless_ids_are_hashed(tmp_path: Path) -> None:
    path = tmp_path / "p.ndjson"
    patient = {"resourceType": "Patient", "id": SECRETS[6], "identifier": NUMBERS[:1]}
    seen = {"resourceType": "Observation", "id": "o", "subject": {"reference": f"Patient/{SECRETS[6]}"}}
    path.write_text(f"{json.dumps(patient)}\n{json.dumps(seen)}\n")
    refused, _ = read_one(Source(path, "fhir"), Context("H"))
    assert isinstance(refused, Refused)
    assert refused.problems[0].code == "RECORD_NUMBER"
    assert secrets_in(repr(refused).encode()) == []
    person, observation = read_one(Source(path, "fhir"), Context("H", secret=KEY.encode()))
    assert secrets_in(repr((person, observation)).encode()) == []
    assert not isinstance(observation, Refused)
    assert not isinstance(person, Refused)
    ids = {*person.claims[0].names}
    assert any(path.split()[-1] in ids for path in observation.claims[0].fields if path.startswith("ABOUT"))


@pytest.mark.parametrize(
    ("id_", "value"),
    [("MRN-778899", "unused"), ("999-88-7777", "unused"), ("999887777", "999-88-7777"), ("patient-4455661", "4455661")],
)
def test_an_id_that_holds_a_record_number_or_is_written_as_one_is_kept_nowhere(tmp_path: Path, id_: str, value: str) -> None:
    numbers = [{"system": "http://h.example/numbers", "value": value}]
    patient = {"resourceType": "Patient", "id": id_, "identifier": numbers}
    path = tmp_path / "p.json"
    path.write_text(
        json.dumps({"resourceType": "Bundle", "entry": [{"fullUrl": f"http://h.example/Patient/{id_}", "resource": patient}]})
    )
    [refused] = read_one(Source(path, "fhir"), Context("H"))
    assert isinstance(refused, Refused)
    assert (refused.problems[0].code, id_ in repr(refused), value in repr(refused)) == ("RECORD_NUMBER", False, False)
    [hashed] = read_one(Source(path, "fhir"), Context("H", secret=KEY.encode()))
    assert (isinstance(hashed, Refused), id_ in repr(hashed)) == (False, False)


@pytest.mark.parametrize(
    "reference", ["Patient/999-88-7777", "http://h.example/Patient/MRN-778899", "Patient/ssn999887777/_history/2"]
)
def test_a_reference_to_an_id_that_is_written_as_a_record_number_names_nobody(tmp_path: Path, reference: str) -> None:
    path = tmp_path / "o.json"
    for members in ({}, {"valueInteger": "x"}):
        path.write_text(json.dumps({"resourceType": "Observation", "id": "o", "subject": {"reference": reference}, **members}))
        [item] = read_one(Source(path, "fhir"), Context("H"))
        assert reference.removesuffix("/_history/2") not in repr(item)


@pytest.mark.parametrize("type_", sorted(READ))
def test_a_number_without_a_system_in_place_of_a_reference_names_nobody(tmp_path: Path, type_: str) -> None:
    number = {"identifier": {"value": SECRETS[6]}}
    members = dict.fromkeys(
        ("subject", "patient", "owner", "supplier", "managingOrganization", "location", "for", "destination"), number
    )
    for told in (
        members,
        {**members, "subject": {"reference": f"Patient?identifier={SECRETS[6]}"}, "meta": {"lastUpdated": "soon"}},
    ):
        path = tmp_path / "one.json"
        path.write_text(json.dumps({"resourceType": type_, "id": "1", **told}))
        [item] = read_one(Source(path, "fhir"), Context("H"))
        assert secrets_in(repr(item).encode()) == []


@pytest.mark.parametrize("secret", [None, KEY.encode()])
@pytest.mark.parametrize(
    "reference",
    [
        f"https://h.example/fhir/Patient?identifier=http://h.example/numbers|{SECRETS[6]}",
        f"Patient?identifier=http://h.example/numbers|{SECRETS[6]}",
        f"https://h.example/fhir/Patient?family={SECRETS[0]}",
        f"https://h.example/patients/{SECRETS[6]}",
        f"urn:mrn:{SECRETS[6]}",
        f"urn:veintrace:person:{SECRETS[6]}",
        SECRETS[0],
        f"#{SECRETS[6]}",
    ],
)
def test_a_reference_tells_no_number_of_a_person(tmp_path: Path, secret: bytes | None, reference: str) -> None:
    inner = {"resourceType": "Patient", "id": SECRETS[6], "identifier": NUMBERS[:1]}
    contained = {"contained": [inner]} if reference.startswith("#") else {}
    good = {"resourceType": "Observation", "id": "o", "subject": {"reference": reference}, **contained}
    entries = [{"fullUrl": f"https://h.example/patients/{SECRETS[6]}", "resource": {**person, "resourceType": "Patient"}}
               for person in ({"gender": "female"}, {"gender": []})]  # fmt: skip
    for document in (good, {**good, "valueInteger": "x"}, {"resourceType": "Bundle", "entry": entries}):
        path = tmp_path / "o.json"
        path.write_text(json.dumps(document))
        items = list(read_one(Source(path, "fhir"), Context("H", secret=secret)))
        assert secrets_in(repr(items).encode()) == []
        assert secret is None or document is not good or not contained or not isinstance(items[0], Refused)


def test_no_message_repeats_what_may_be_a_number_of_a_person(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    for text in (SECRETS[7], SECRETS[4]):
        path.write_text(json.dumps({"resourceType": "Observation", "id": "o", "effectiveDateTime": text}))
        [item] = read_one(Source(path, "fhir"), Context("H"))
        assert isinstance(item, Refused)
        assert secrets_in(repr(item).encode()) == []


@pytest.mark.parametrize(
    "members",
    [
        {"identifier": [{"type": {"text": "MRN"}, "system": "http://h.example/x", "value": SECRETS[6]}]},
        {"identifier": [{"system": "http://h.example/patientMRN", "value": SECRETS[6]}]},
        {"identifier": [{"system": "http://h.example/MRNs", "value": SECRETS[6]}]},
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": f"ssn:{SECRETS[7]}"}]},
        {"biologicalSourceEvent": NUMBERS[0]},
        {"study": {"reference": f"ResearchStudy?title={SECRETS[0]}"}},
        dict.fromkeys(
            ("status", "intent", "priority", "gender", "productCategory", "decision", "actuality", "division"), SECRETS[0]
        ),
        {"valueTime": SECRETS[0]},
        {"valueDateTime": SECRETS[0]},
        {"valuePeriod": {"start": SECRETS[4]}},
        {"valueQuantity": {"value": 1, "comparator": SECRETS[0]}},
        {"storage": [{"temperature": 1, "scale": SECRETS[0]}]},
        {"performer": [{"actor": {"identifier": NUMBERS[0]}}]},
        {"collection": {"collector": {"identifier": NUMBERS[0]}}},
    ],
)
@pytest.mark.parametrize("type_", sorted(READ))
def test_no_number_or_name_is_kept_for_standing_where_it_should_not(tmp_path: Path, type_: str, members: dict[str, Any]) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"resourceType": type_, "id": "1", **members}))
    [item] = read_one(Source(path, "fhir"), Context("H"))
    assert secrets_in(repr(item).encode()) == []


def test_a_narrative_in_place_of_a_value_or_a_code_is_not_kept_in_the_quarantine(tmp_path: Path) -> None:
    tale = f"{' '.join(SECRETS)}, and so on"
    coded = {"coding": [{"system": "http://loinc.org", "code": tale, "display": tale}]}
    path = tmp_path / "one.json"
    for members in (
        {"valueString": tale},
        {"code": {"text": tale}},
        {"code": coded},
        {"valueQuantity": {"value": 1, "unit": tale}},
    ):
        path.write_text(json.dumps({"resourceType": "Observation", "id": "1", "effectiveDateTime": "soon", **members}))
        [item] = read_one(Source(path, "fhir"), Context("H"))
        assert isinstance(item, Refused)
        assert secrets_in(repr(item).encode()) == []


def test_a_text_that_goes_into_a_task_is_not_kept_in_the_quarantine(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    told = {"input": [{"valueString": SECRETS[0]}], "output": [{"valueString": SECRETS[0]}]}
    path.write_text(json.dumps({"resourceType": "Task", "id": "1", "authoredOn": "soon", **told}))
    [item] = read_one(Source(path, "fhir"), Context("H"))
    assert isinstance(item, Refused)
    assert secrets_in(repr(item).encode()) == []


def test_what_is_mended_in_the_quarantine_is_the_same_person(
    tmp_path: Path, new_store: Callable[[], SqliteStore], landed: Callable[..., Any]
) -> None:
    sent = {"resourceType": "Patient", "id": SECRETS[6], "identifier": NUMBERS, "gender": "female", "birthDate": SECRETS[9]}
    path = tmp_path / "p.ndjson"
    mended, straight = new_store(), new_store()
    path.write_text(f"{json.dumps({**sent, 'meta': {'lastUpdated': '2024-41'}})}\n\n")
    report = landed(mended, path, steward="H", secret=KEY.encode())
    [kept] = Path(report.quarantine).iterdir()
    kept.write_text(kept.read_text().replace('"2024-41"', '"2024-05-01T10:00:00Z"'))
    again = landed(mended, kept, steward="H", secret=KEY.encode())
    path.write_text(f"{json.dumps({**sent, 'meta': {'lastUpdated': '2024-05-01T10:00:00Z'}})}\n\n")
    assert landed(straight, path, steward="H", secret=KEY.encode()).digest == again.digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(SECRETS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "text", "value", "reference", "coding", "code", "display", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    type_=st.sampled_from(sorted(READ)),
    member=st.sampled_from(["gender", "meta", "status", "contained", "deceasedBoolean"]),
    value=JSON,
)
def test_a_value_of_another_kind_never_reaches_the_quarantine(
    tmp_path_factory: pytest.TempPathFactory, type_: str, member: str, value: Any
) -> None:
    """One identifier is none here, so all are refused; of the member only a text where FHIR has one is kept."""
    path = tmp_path_factory.mktemp("fhir") / "one.json"
    path.write_text(json.dumps({"resourceType": type_, "id": "1", "identifier": [3, {"value": SECRETS[6]}], member: value}))
    [item] = read_one(Source(path, "fhir"), Context("H"))
    assert isinstance(item, Refused)
    kept = {**item.raw.resource, "status": None, "gender": None}
    assert secrets_in(json.dumps(kept).encode()) == []
