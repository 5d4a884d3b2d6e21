"""A lineage exported as EPCIS loads back to the same lineage, whoever made the records and in whatever format they came."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import exports, render
from api.cli import run
from graph.errors import IncompleteAnswer
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.epcis_own import taken_from
from loaders.event_hash import event_hash
from loaders.generator import generate
from loaders.items import Context, Item, Refused
from loaders.reading import read_one
from loaders.sources import Source, files_of, format_of
from queries.lineage import Way, lineage
from tests.epcis_schema import faults
from tests.round_trips import EXAMPLE, landed, loaded, published, roots_of

JOURNEYS = 4


def told(seen: View, roots: list[str], way: Way) -> dict[str, Any]:
    """What is told of a lineage, but for where and when it was loaded."""
    answer = render.lineage_json(seen, lineage(seen, sorted({seen.resolve(root) for root in roots}), way))
    del answer["as_of"], answer["events"]
    for record in (*answer["records"], *answer["outcomes"]):
        del record["evidence"]
    return answer


def exported(seen: View, roots: list[str], way: Way, out: Path) -> dict[str, Any]:
    """The document of a lineage, which is valid."""
    exports.written(seen, lineage(seen, sorted({seen.resolve(root) for root in roots}), way), out)
    document: dict[str, Any] = json.loads(out.read_bytes())
    return document


def hashes(document: dict[str, Any]) -> list[str]:
    """The event hashes of a document, computed as anybody would who leaves our extension out."""
    prefixes = document["@context"][1]
    return sorted(event_hash(taken_from(event, prefixes)[1], prefixes)[0] for event in document["epcisBody"]["eventList"])


# -- what came as EPCIS


@pytest.mark.reference
def test_published_documents_come_out_with_their_hashes_and_load_back(reference: Path, tmp_path: Path) -> None:
    """One lists an object twice, which a list in JSON may not: it keeps its hash as its key."""
    events = 0
    for path in published(reference):
        store = SqliteStore(":memory:")
        landed(store, [path], tmp_path)
        if not (roots := roots_of(store)):
            continue
        out = tmp_path / "out.jsonld"
        document = exported(view(store), roots, "both", out)
        again = loaded([out], tmp_path)
        assert told(view(again), roots, "both") == told(view(store), roots, "both"), path
        if path.stem == "epcisDocWithAllGS1Keys":
            assert [event["veintrace:key"][:9] for event in document["epcisBody"]["eventList"]] == ["event/ni:"]
            continue
        assert all("veintrace:key" not in event for event in document["epcisBody"]["eventList"]), path
        logged = {entry.claim.evidence.event_hash for entry in store.claims()} - {None}
        assert set(hashes(document)) == logged, path
        events += len(logged)
        assert landed(again, [out], tmp_path).totals.unchanged > 0
    assert events == 420


@pytest.mark.reference
def test_published_hashes_come_out_of_exported_documents(reference: Path, tmp_path: Path) -> None:
    compared = 0
    for path in sorted((reference / "epcis/event-hash").glob("*.hashes")):
        source = next(file for file in (path.with_suffix(".jsonld"), path.with_suffix(".xml")) if file.exists())
        if "IgnoreFields" in path.name or path.stem == "epcisDocWithAllGS1Keys":
            continue
        store = loaded([source], tmp_path)
        document = exported(view(store), roots_of(store), "both", tmp_path / "out.jsonld")
        assert set(hashes(document)) == set(path.read_text(encoding="utf-8").split()), path.name
        compared += len(hashes(document))
    assert compared == 43


def test_keys_with_a_wrong_check_digit_are_told_and_exported(tmp_path: Path) -> None:
    asset, place = "https://id.example.com/8003/030013450007718765", "https://id.example.com/414/4012345000117"
    event = {"type": "ObjectEvent", "eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
             "epcList": [asset], "readPoint": {"id": place}}  # fmt: skip
    (tmp_path / "event.json").write_text(json.dumps([event]), encoding="utf-8")
    store = loaded([tmp_path / "event.json"], tmp_path)
    assert asset in json.dumps(told(view(store), [asset], "both"))
    document = exported(view(store), [asset], "both", tmp_path / "out.jsonld")
    assert document["epcisBody"]["eventList"] == [event]


@pytest.mark.parametrize(
    "told_so",
    [
        {"quantityList": [{"epcClass": "https://id.gs1.org/01/04012345222227/10/L", "quantity": 10, "uom": "EACH"}]},
        {"quantityList": [{"epcClass": "https://id.gs1.org/01/04012345222227", "quantity": 10, "uom": "EACH"}]},
        {"ilmd": {"cbvmda:lotNumber": "L"}},
    ],
)
def test_what_the_schema_does_not_know_is_exported_in_our_extension(tmp_path: Path, told_so: dict[str, Any]) -> None:
    """A unit that is none of UN/ECE Recommendation 20, and master data of what is only observed, come from real systems."""
    event = {"type": "ObjectEvent", "eventTime": "2024-05-01T10:00:00Z", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE",
             "epcList": ["https://id.gs1.org/01/04012345222227/21/1"], **told_so}  # fmt: skip
    (tmp_path / "event.json").write_text(json.dumps([event]), encoding="utf-8")
    store = loaded([tmp_path / "event.json"], tmp_path)
    roots = roots_of(store)
    out = tmp_path / "out.jsonld"
    [written] = exported(view(store), roots, "both", out)["epcisBody"]["eventList"]
    assert faults(json.loads(out.read_bytes())) == []
    assert "ilmd" not in written
    assert "EACH" not in json.dumps(written.get("quantityList"))
    assert told(view(loaded([out], tmp_path)), roots, "both") == told(view(store), roots, "both")


# -- what came as CSV, told by many


def test_an_example_of_many_stewards_is_valid_and_loads_back(tmp_path: Path) -> None:
    store = loaded([EXAMPLE], tmp_path)
    for way in ("up", "down", "both"):
        for root in ("DOSE-101-A", "lot:VEC-7@vectorworks", "FRZ-2", "PAT-101", "waybill:CL-5488@coldline"):
            out = tmp_path / "out.jsonld"
            document = exported(view(store), [root], way, out)  # type: ignore[arg-type]
            assert faults(document) == []
            again = loaded([out], tmp_path)
            assert told(view(again), [root], way) == told(view(store), [root], way), (root, way)  # type: ignore[arg-type]


def test_all_of_a_network_exported_is_the_same_graph(tmp_path: Path) -> None:
    store = loaded([EXAMPLE], tmp_path)
    roots = sorted({entry.claim.record for entry in store.claims()})
    out = tmp_path / "out.jsonld"
    exported(view(store), roots, "both", out)
    again = loaded([out], tmp_path)
    one, other = store.head(), again.head()
    assert one is not None
    assert other is not None
    assert other.digest == one.digest


@pytest.mark.parametrize(("seed", "viewer"), [(1, None), (2, None), (3, "cellforge"), (4, "st-vera"), (5, "skylane")])
def test_lineages_of_a_generated_network_load_back(seed: int, viewer: str | None, tmp_path: Path) -> None:
    generate(tmp_path / "csv", JOURNEYS, seed)
    store = loaded([tmp_path / "csv"], tmp_path)
    seen = view(store, viewer)
    known = [record for record in roots_of(store) if seen.find(record)]
    for root in random.Random(seed).sample(known, 12):
        for way in ("up", "down"):
            out = tmp_path / "out.jsonld"
            document = exported(seen, [root], way, out)  # type: ignore[arg-type]
            assert faults(document) == [], root
            again = view(loaded([out], tmp_path), viewer)
            assert told(again, [root], way) == told(seen, [root], way), (root, way)  # type: ignore[arg-type]


def test_an_export_says_what_its_viewer_sees_and_nothing_else(tmp_path: Path) -> None:
    generate(tmp_path / "csv", JOURNEYS, 1)
    store = loaded([tmp_path / "csv"], tmp_path)
    seen = view(store, "cellforge")
    root = next(record for record in roots_of(store) if seen.find(record) and len(lineage(seen, [record]).records) > 5)
    document = exported(seen, [root], "both", tmp_path / "out.jsonld")
    assert document["sender"] == "cellforge"
    assert "steward" not in (tmp_path / "out.jsonld").read_text(encoding="utf-8")
    again = loaded([tmp_path / "out.jsonld"], tmp_path)
    assert {entry.claim.steward for entry in again.claims()} == {"cellforge"}
    assert told(view(again, "cellforge"), [root], "both") == told(seen, [root], "both")


def test_the_same_lineage_is_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "other"):
        exported(view(loaded([EXAMPLE], tmp_path)), ["DOSE-101-A"], "both", tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


# -- corrections, retractions and who speaks


BAG = {
    "material": "id,quantity,steward,recorded_at\nM-1,2,LAB,2024-05-01\nM-1,3,LAB,2024-05-02\n",
    "step": "id,type,started_at,status,steward,recorded_at,retract\nS-1,thaw,2024-05-01T10:00:00Z,,LAB,2024-05-03,\n"
    "S-1,,,failed,LAB,2024-05-04,\nS-2,test,2024-05-01T12:00:00Z,,LAB,2024-05-05,\nS-2,,,,LAB,2024-05-09,true\n"
    "S-2,test,2024-05-01T12:00:00Z,,OTHER,2024-05-05,\n",
    "output": "source,target,quantity,unit,steward,recorded_at,retract\nS-1,M-1,2,mL,LAB,2024-05-03,\nS-1,M-2,,,LAB,2024-05-03,\n"
    "S-1,M-2,,,LAB,2024-05-06,true\n",
    "subject_of": "source,target,steward,recorded_at\nM-1,S-2,LAB,2024-05-05\nM-1@LAB,S-2@LAB,OTHER,2024-05-05\n",
}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A bundle with corrections and retractions."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name, text in BAG.items():
        (folder / f"{name}.csv").write_text(
            text.replace("S-2,test,2024-05-01T12:00:00Z,,OTHER", "S-2@LAB,test,2024-05-01T12:00:00Z,,OTHER")
        )
    return folder


def test_corrections_and_retractions_keep_their_dates(bag: Path, tmp_path: Path) -> None:
    """Whatever is loaded after, the later word stands as it would have."""
    store = loaded([bag], tmp_path)
    document = exported(view(store), roots_of(store), "both", tmp_path / "out.jsonld")
    assert faults(document) == []
    again = loaded([tmp_path / "out.jsonld"], tmp_path)
    declared = [event for event in document["epcisBody"]["eventList"] if "errorDeclaration" in event]
    assert [event["errorDeclaration"]["declarationTime"][:10] for event in declared] == ["2024-05-09"]
    late = tmp_path / "late" / "step.csv"
    late.parent.mkdir()
    late.write_text("id,status,type,steward,recorded_at\nS-1,completed,wash,LAB,2024-05-03T12:00Z\n")
    for each in (store, again):
        landed(each, [late], tmp_path)
    assert told(view(again), roots_of(store), "both") == told(view(store), roots_of(store), "both")
    one, other = store.head(), again.head()
    assert one is not None
    assert other is not None
    assert one.digest == other.digest


def test_a_steward_who_is_forced_speaks_whatever_the_document_says(tmp_path: Path) -> None:
    exported(view(loaded([EXAMPLE], tmp_path)), ["DOSE-101-A"], "both", tmp_path / "out.jsonld")
    for options, stewards in (({}, {"cellforge", "st-vera"}), ({"steward": "HOSPITAL", "forced": True}, {"HOSPITAL"})):
        store = loaded([tmp_path / "out.jsonld"], tmp_path, **options)
        assert {entry.claim.steward for entry in store.claims()} >= stewards
        assert not options or {entry.claim.steward for entry in store.claims()} == stewards


# -- what is not whole


def test_a_lineage_that_is_not_whole_is_not_written(tmp_path: Path) -> None:
    seen = view(loaded([EXAMPLE], tmp_path))
    found = lineage(seen, [seen.resolve("DOSE-101-A")], "up", limit=3)
    with pytest.raises(IncompleteAnswer) as refused:
        exports.written(seen, found, tmp_path / "out.jsonld")
    assert refused.value.exit_status == 6
    assert refused.value.fields["reasons"] == ["RECORDS"]
    assert not (tmp_path / "out.jsonld").exists()


def test_the_command_writes_a_file_and_says_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["load", str(EXAMPLE)]) == 0
    capsys.readouterr()
    assert run(["export", "DOSE-101-A", "--direction", "both", "--out", "dose.jsonld", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    document = json.loads((tmp_path / "dose.jsonld").read_bytes())
    assert told["events"] == len(document["epcisBody"]["eventList"]) > 10
    assert run(["export", "DOSE-101-A", "--as-of", "1", "--out", "dose.jsonld"]) == 4
    assert run(["export", "NOWHERE", "--out", "none.jsonld"]) == 4
    assert run(["export", "DOSE-101-A", "--out", "missing/dose.jsonld"]) == 2
    assert run(["export", "DOSE-101-A"]) == 2
    assert not (tmp_path / "none.jsonld").exists()


# -- damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A file that is written again and again, and the document it begins with."""
    folder = tmp_path_factory.mktemp("damaged")
    exported(view(loaded([EXAMPLE], folder)), ["DOSE-101-A"], "up", folder / "out.jsonld")
    return folder / "out.jsonld", (folder / "out.jsonld").read_bytes()


def verdicts(path: Path, data: bytes) -> None:
    """Each item of a file is understood or refused with code, reason and repair."""
    path.write_bytes(data)
    for item in read_one(Source(path, format_of(path) or ""), Context("LAB")):
        assert isinstance(item, Item | Refused)
        if isinstance(item, Refused):
            assert item.problems
            assert all(problem.code and problem.reason and problem.repair for problem in item.problems)


def test_a_document_cut_off_is_refused_as_a_whole(whole: tuple[Path, bytes]) -> None:
    path, data = whole
    for length in range(0, len(data.rstrip()), 997):
        path.write_bytes(data[:length])
        [refused] = read_one(Source(path, "epcis"), Context("LAB"))
        assert isinstance(refused, Refused)
        assert refused.problems[0].code == "UNREADABLE_SOURCE"


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_get_typed_verdicts(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    path, told = whole
    changed = bytearray(told)
    for at in data.draw(st.lists(st.integers(0, len(told) - 1), min_size=1, max_size=5)):
        changed[at] = data.draw(st.integers(32, 126))
    verdicts(path, bytes(changed))


WILD = st.sampled_from(
    [None, True, -1, 1e300, "", "x", "urn:x:1", "object/lot:1", [], [7], {}, {"id": 7}, {"value": 1}, [{"id": "x"}]]
)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_whatever_our_extension_holds_there_is_a_typed_verdict(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    path, told = whole
    document = json.loads(told)
    event = data.draw(st.sampled_from(document["epcisBody"]["eventList"]))
    names = sorted(
        {name for each in document["epcisBody"]["eventList"] for name in each} | {"veintrace:recorded", "veintrace:later"}
    )
    event[data.draw(st.sampled_from(names))] = data.draw(WILD)
    vocabulary = data.draw(st.sampled_from(document["epcisHeader"]["epcisMasterData"]["vocabularyList"]))
    element = data.draw(st.sampled_from(vocabulary["vocabularyElementList"]))
    data.draw(st.sampled_from(element["attributes"]))["attribute"] = data.draw(WILD)
    verdicts(path, json.dumps(document).encode())


# -- the generator


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A network as EPCIS, and the digest of the same network as CSV."""
    folder = tmp_path_factory.mktemp("network")
    for form in ("csv", "epcis"):
        generate(folder / form, JOURNEYS, 7, form=form)  # type: ignore[arg-type]
    return folder / "epcis", landed(SqliteStore(":memory:"), [folder / "csv"], folder).digest


def test_a_network_as_epcis_is_valid_and_the_same_graph_as_csv(network: tuple[Path, str], tmp_path: Path) -> None:
    folder, digest = network
    documents = sorted(folder.rglob("*.jsonld"))
    assert documents == files_of([folder])
    for path in documents:
        document = json.loads(path.read_bytes())
        assert document["sender"] == path.parent.name
        assert faults(document) == []
    store = SqliteStore(":memory:")
    assert landed(store, [folder], tmp_path).digest == digest
    again = landed(store, [folder], tmp_path)
    assert (again.totals.unchanged, again.digest) == (again.totals.read, digest)


def test_documents_of_a_network_in_any_order_are_one_graph(network: tuple[Path, str], tmp_path: Path) -> None:
    """Each in a load of its own, with the last event first: what was corrected comes before what it corrects."""
    folder, digest = network
    store = SqliteStore(":memory:")
    paths = files_of([folder])
    random.Random(5).shuffle(paths)
    corrected = 0
    for number, path in enumerate(paths):
        document = json.loads(path.read_bytes())
        corrected += len(document["epcisBody"]["eventList"]) - len({e["veintrace:key"] for e in document["epcisBody"]["eventList"]})
        document["epcisBody"]["eventList"].reverse()
        turned = tmp_path / f"{number}.jsonld"
        turned.write_text(json.dumps(document), encoding="utf-8")
        report = landed(store, [turned], tmp_path)
        assert (report.refused_total, report.totals.conflicts) == (0, 0)
    assert corrected > 5
    head = store.head()
    assert head is not None
    assert head.digest == digest
