"""The story of `docs/story.md`: what four parties tell of one generated patient, in four formats, is one lineage."""

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import make_app
from graph.errors import UnknownIdentifier
from graph.record import Record
from graph.sqlite_store import SqliteStore
from graph.store import Store
from graph.view import View, view
from loaders.mapping_files import read_files
from loaders.pipeline import LoadReport, Options, load
from queries.lineage import Lineage, lineage
from queries.outcomes import outcomes
from tests import pages, story_epcis, story_fhir, story_tables
from tests.epcis_schema import faults
from tests.story import CARRIER, CDMO, HOSPITAL, REGISTRY, journey
from tests.story_files import FILES, FOLDER, rendered, same

PAGE = (pages.ROOT / "docs" / "story.md").read_text(encoding="utf-8")
MAPPINGS = {CARRIER: "carrier.yaml", REGISTRY: "registry.yaml"}
DOSE, PERSON = "(01)09521411000027(21)0000009-1", "S-0009@https://cellreg.example/studies/CAR-9/subjects"


@pytest.fixture
def sent(tmp_path: Path) -> Callable[[Store, str], LoadReport]:
    """Loads what a party sends into a graph."""

    def land(store: Store, party: str) -> LoadReport:
        mappings = read_files([FOLDER / MAPPINGS[party]]) if party in MAPPINGS else Options().mappings
        options = Options(steward=party, forced=party not in MAPPINGS, author="tester", quarantine=tmp_path, mappings=mappings)
        return load(store, [FOLDER / FILES[party]], options)

    return land


Sent = Callable[[Store, str], LoadReport]


@pytest.fixture
def store(tmp_path: Path, sent: Sent) -> Iterator[SqliteStore]:
    """A graph of what all four sent."""
    opened = SqliteStore(tmp_path / "graph.db", create=True)
    for party in FILES:
        report = sent(opened, party)
        assert (report.refused, report.totals.conflicts) == ([], 0)
    yield opened
    opened.close()


def whole(seen: View) -> Lineage:
    """The lineage of the dose, both ways."""
    found = lineage(seen, [seen.resolve(DOSE)], "both")
    assert found.completeness.whole
    return found


def told(records: dict[str, Record]) -> dict[str, list[str]]:
    """What each kind of record is: an event's type, any other's name or first identifier."""
    found: dict[str, list[str]] = {}
    for record in records.values():
        text = record.value("type") if record.kind in ("Step", "Handoff") else record.value("name")
        found.setdefault(str(record.kind), []).append(str(text or record.identifiers[0]).removeprefix(story_epcis.WORDS))
    return {kind: sorted(texts) for kind, texts in found.items()}


def test_the_files_are_what_the_journey_of_the_network_renders(tmp_path: Path) -> None:
    for name, content in rendered(journey(tmp_path / "network")).items():
        assert same(name, content, (FOLDER / name).read_bytes()), f"{name}: write it anew with python -m tests.story_files"


def test_no_file_needs_an_identifier_of_ours() -> None:
    for name in FILES.values():
        assert b"urn:veintrace" not in (FOLDER / name).read_bytes()


def test_the_manufacturers_document_is_one_of_the_standard() -> None:
    assert faults(json.loads((FOLDER / FILES[CDMO]).read_bytes())) == []


def test_four_formats_are_one_lineage_from_donor_to_patient(store: SqliteStore) -> None:
    seen = view(store)
    found = whole(seen)
    assert told(found.records) == {
        "Person": ["local:Patient/p-9@magnolia"],
        "Material": [
            "activated T cells", "activation beads", "apheresis, cryopreserved", "apheresis, mononuclear cells",
            "drug substance", "expanded T cells", "expansion medium", "lentiviral vector", "lisocabtagene maraleucel",
            "thawed apheresis", "transduced T cells",
        ],
        "Container": ["Cassette 3", "Dewar", "Dry shipper", "Vapour-phase freezer 1"],
        "Step": [
            "activation", "cryopreservation", "cryopreservation", "expansion", "harvest", "infusion", "inspecting",
            "leukapheresis", "packing", "packing", "packing", "release", "thaw", "thaw", "transduction",
            "unpacking", "unpacking",
        ],
        "Handoff": ["receiving", "shipping"],
    }  # fmt: skip
    [person] = [record for record in found.records.values() if record.kind == "Person"]
    assert person.id == seen.resolve(PERSON) == seen.resolve(f"Patient/p-9@{HOSPITAL}")
    assert {steward for record in found.records.values() for steward in record.words} == {*FILES}


def test_each_shipment_is_one_that_three_parties_tell_of(store: SqliteStore) -> None:
    handoffs = [record for record in whole(view(store)).records.values() if record.kind == "Handoff"]
    assert [{*record.words} for record in handoffs] == [{HOSPITAL, CDMO, CARRIER}] * 2
    times = ("released_at", "picked_up_at", "delivered_at", "accepted_at")
    [out, back] = sorted(handoffs, key=lambda record: str(record.value("released_at")))
    assert [out.value(name) is not None for name in times] == [True, True, True, True]
    assert [back.value(name) is not None for name in times] == [True, True, True, False]


def test_outcomes_are_of_the_donor_and_attributed_to_the_dose(store: SqliteStore) -> None:
    seen = view(store)
    found = [*outcomes(seen, whole(seen)).records.values()]
    assert [(each.value("type"), each.value("term"), each.value("grade")) for each in found] == [
        ("toxicity", "cytokine release syndrome", 2),
        ("response", "complete response", None),
        ("relapse", "relapse", None),
    ]
    for outcome in found:
        about = {edge.target for edge in seen.neighbours([outcome.id], "down", ("ABOUT",))}
        assert {seen.resolve(end) for end in about} == {seen.resolve(DOSE), seen.resolve(PERSON)}
        assert {*about} & whole(seen).records.keys()


def test_the_parties_disagree_on_one_time_alone(store: SqliteStore) -> None:
    said = {
        (record.value("released_at"), each["field"], *((told["steward"], told["value"]) for told in each["values"]))
        for record in whole(view(store)).records.values()
        for each in record.disagreements
    }
    back = "2023-04-13T18:49:51-04:00"
    assert said == {
        (back, "delivered_at", (CARRIER, "2023-04-14T17:20:31-04:00"), (HOSPITAL, "2023-04-14T16:35:46-05:00")),
    }


def test_in_whatever_order_they_come_it_is_one_graph(sent: Sent) -> None:
    digests = set()
    for order in permutations(FILES):
        graph = SqliteStore(":memory:")
        digests.add([sent(graph, party).digest for party in order][-1])
        graph.close()
    assert len(digests) == 1


def test_everything_twice_changes_nothing(store: SqliteStore, sent: Sent) -> None:
    commits = len(view(store).commits())
    for party in FILES:
        totals = sent(store, party).totals
        assert totals.unchanged == totals.read > 0
    assert len(view(store).commits()) == commits


@pytest.mark.parametrize("party", FILES)
def test_each_party_sees_its_own_and_nothing_that_others_know(store: SqliteStore, party: str) -> None:
    named: dict[str, set[str]] = {steward: set() for steward in FILES}
    for entry in store.claims():
        named[entry.claim.steward] |= {entry.claim.record, *entry.claim.names}
    seen, own = view(store, party), named[party]
    foreign = set.union(*named.values()) - own
    assert foreign
    for record in sorted(own):
        found = lineage(seen, [seen.resolve(record)], "both")
        assert {id_ for each in found.records.values() for id_ in each.ids} <= own
        assert all({*each.words} <= {party} for each in found.records.values())
    for record in sorted(foreign):
        with pytest.raises(UnknownIdentifier):
            seen.resolve(record)


def test_nothing_that_names_the_patient_is_in_the_graph(store: SqliteStore, tmp_path: Path) -> None:
    export = (FOLDER / FILES[HOSPITAL]).read_text(encoding="utf-8")
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"S-0009" in kept
    born = f"1959{story_fhir.BORN}"
    for private in (story_fhir.NAME, story_fhir.STREET, story_fhir.PHONE, story_fhir.RECORD_NUMBER, born):
        assert private in export
        assert private.encode() not in kept, private


# -- the page


def test_what_the_page_shows_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pages.enter(tmp_path, monkeypatch)
    ran, asked, answered = 0, dict[str, str](), 0
    for language, name, text in pages.blocks(PAGE):
        if language == "console":
            ran += pages.run(text, capsys)
        elif language == "graphql":
            asked[name] = text
        elif name in asked:
            assert sorted(_about(tmp_path / "veintrace.db", asked[name]), key=json.dumps) == sorted(
                json.loads(text), key=json.dumps
            )
            answered += 1
        else:
            assert _is_in(name, language, text), text
    assert (ran > 20, answered) == (True, 2)
    verified = (pages.said(f"veintrace verify --json --graph sqlite:///{name}.db", capsys) for name in ("veintrace", "other"))
    assert len({json.loads(told)["digest"] for told in verified}) == 1


def _about(path: Path, query: str) -> list[dict[str, Any]]:
    """What a query says is about a person, without what it does not ask for, and without nulls."""
    opened = SqliteStore(path)
    with TestClient(make_app(opened, None), base_url="http://localhost") as client:
        answer = client.post("/graphql", json={"query": query}).json()
    opened.close()
    found = [{name: value for name, value in each.items() if value is not None} for each in answer["data"]["record"]["about"]]
    return [each for each in found if each]


def _is_in(name: str, language: str, text: str) -> bool:
    """Whether a file holds what the page shows of it: members of a resource or event, or lines."""
    if language != "json":
        return {*text.splitlines()} <= {*_text(name).splitlines()}
    lines = name.endswith(".ndjson")
    documents = (
        [json.loads(line) for line in _text(name).splitlines()] if lines else json.loads(_text(name))["epcisBody"]["eventList"]
    )
    return any(pages.holds(document, json.loads(text)) for document in documents)


def _text(name: str) -> str:
    """A file as text; a workbook as lines of cells with commas."""
    if not name.endswith(".xlsx"):
        return (FOLDER / name).read_text(encoding="utf-8")
    sheets = story_tables.sheets_of((FOLDER / name).read_bytes())
    return "\n".join(",".join(_cell(cell) for cell in row) for rows in sheets.values() for row in rows)


def _cell(cell: Any) -> str:
    return "" if cell is None else str(cell).removesuffix(" 00:00:00")


def test_each_party_writes_the_identifiers_that_the_page_says() -> None:
    table = PAGE[PAGE.index("| | hospital |") :].partition("\n\n")[0]
    found = 0
    for row in table.splitlines()[2:]:
        for name, cell in zip(FILES.values(), row.split("|")[2:-1], strict=True):
            for text in cell.split("`")[1::2]:
                assert text in _text(name), (name, text)
                found += 1
    assert found > 15
