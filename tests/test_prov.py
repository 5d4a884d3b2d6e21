"""A lineage written as PROV-JSON is read by the `prov` package, and what was told can be told again from what that makes of it."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prov.model import ProvAgent, ProvDerivation, ProvDocument, ProvEntity

from api import prov, render
from api.cli import run
from graph.claims import Claim
from graph.errors import IncompleteAnswer
from graph.naming import steward_id
from graph.sqlite_store import SqliteStore
from graph.view import View, view
from loaders.generator import generate
from queries.lineage import Way, lineage
from tests.networks import FEW, Network, land, networks, rid
from tests.prov_reader import answer_of, normal, read
from tests.round_trips import EXAMPLE, landed, loaded, published, roots_of
from tests.test_view_doors import story as two_sides

WAYS: tuple[Way, ...] = ("up", "down", "both")
ID = re.compile(r"\b(?:object|event|person|organization|episode|observation|outcome|consent)-[0-9a-f]{32}\b")


def exported(seen: View, roots: list[str], way: Way, out: Path) -> tuple[dict[str, Any], ProvDocument]:
    """The answer of a lineage, and its document as it was read. All that the answer tells can be told from the document."""
    found = lineage(seen, sorted({seen.resolve(root) for root in roots}), way)
    told = render.lineage_json(seen, found)
    said = prov.written(seen, found, out)
    document = read(out)
    again, wanted = answer_of(document), normal(told)
    assert again == wanted
    assert json.dumps(again, sort_keys=True) == json.dumps(wanted, sort_keys=True)
    assert said["statements"] == sum(len(part.get_records()) for part in (document, *document.bundles))
    check(told, document, out.read_text(encoding="utf-8"))
    return told, document


def check(told: dict[str, Any], document: ProvDocument, text: str) -> None:
    """What holds of every document: its ids are those of the answer and of who disagrees, and PROV-DM allows what it says."""
    disagree = {word["steward"] for record in (*told["records"], *told["parties"]) for each in record["disagreements"]
                for word in each["values"]}  # fmt: skip
    assert set(ID.findall(text)) == set(ID.findall(json.dumps(told))) | set(map(steward_id, disagree))
    kinds = {kind: {str(each.identifier) for each in document.get_records(kind)} for kind in (ProvEntity, ProvAgent)}
    activities = {f"vt:{record['id']}" for record in told["records"] if record["id"].startswith("event-")}
    assert not activities & (kinds[ProvEntity] | kinds[ProvAgent])
    made_of = {(r["target"], r["source"]) for r in told["relations"] if r["type"] == "INPUT_TO"}
    made_by = {(r["target"], r["source"]) for r in told["relations"] if r["type"] == "OUTPUT"}
    for each in document.get_records(ProvDerivation):
        output, source, step = (name.localpart for name in each.args[:3])
        assert (step, source) in made_of
        assert (output, step) in made_by
        assert output != source
        assert not output.startswith("person-")


# -- lineages of all kinds of graphs


def test_every_lineage_of_the_example_can_be_told_from_its_document(tmp_path: Path) -> None:
    store = loaded([EXAMPLE], tmp_path)
    disagreements = derivations = 0
    for root in sorted({entry.claim.record for entry in store.claims()}):
        for way in WAYS:
            told, document = exported(view(store), [root], way, tmp_path / "out.json")
            disagreements += sum(len(record["disagreements"]) for record in told["records"])
            derivations += len(list(document.get_records(ProvDerivation)))
    assert disagreements > 20
    assert derivations > 100


@pytest.mark.parametrize(("seed", "viewer"), [(1, None), (2, None), (3, "cellforge"), (4, "st-vera"), (5, "skylane")])
def test_lineages_of_a_generated_network_can_be_told_from_their_documents(seed: int, viewer: str | None, tmp_path: Path) -> None:
    generate(tmp_path / "csv", 4, seed)
    store = loaded([tmp_path / "csv"], tmp_path)
    seen = view(store, viewer)
    known = [record for record in roots_of(store) if seen.find(record)]
    for number, root in enumerate(known[:: max(1, len(known) // 40)]):
        exported(seen, [root], WAYS[number % 3], tmp_path / "out.json")
    exported(seen, known, "both", tmp_path / "out.json")


@pytest.mark.reference
def test_lineages_of_published_documents_can_be_told_from_theirs(reference: Path, tmp_path: Path) -> None:
    compared = 0
    for path in published(reference):
        store = SqliteStore(":memory:")
        landed(store, [path], tmp_path)
        if roots := roots_of(store):
            exported(view(store), roots, "both", tmp_path / "out.json")
            exported(view(store), roots[:1], WAYS[compared % 2], tmp_path / "out.json")
            compared += 1
    assert compared > 100


@FEW
@given(networks(), st.sampled_from([None, "H", "B"]), st.sampled_from(WAYS))
def test_lineages_of_random_networks_can_be_told_from_their_documents(
    tmp_path_factory: pytest.TempPathFactory, claims: list[Claim], viewer: str | None, way: Way
) -> None:
    store = SqliteStore(":memory:")
    land(store, claims)
    seen = view(store, viewer)
    for root in roots_of(store)[::3]:
        if seen.find(root):
            exported(seen, [root], way, tmp_path_factory.getbasetemp() / "prov.json")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), TEXTS, st.lists(VALUES, min_size=2, max_size=2))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_values_of_any_form_under_any_name_keep_what_they_are(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], unit: str, words: list[Any]
) -> None:
    net = Network()
    for steward, word in zip("HB", words, strict=True):
        net.material("M", steward=steward, **{f"x:{name}": value for name, value in values.items()}, **{"x:disputed": word})
    net.step("S", 1, ["object/M"])
    net.relate("INPUT_TO", "object/M", "event/S", quantity=0.1, unit=unit)
    store = SqliteStore(":memory:")
    land(store, net.claims)
    exported(view(store), [rid("object", "M")], "down", tmp_path_factory.getbasetemp() / "prov.json")


# -- what becomes what


def story() -> Network:
    """Cells of a patient are collected, made into a dose and given back; two parties tell of the making, and not alike."""
    net = Network()
    net.step("collect", 0, ["person/P"], ["object/CELLS"], type="collection")
    net.step("make", 5, ["object/CELLS", "object/BOX"], ["object/DOSE"], type="manufacturing")
    net.step("infuse", 9, ["object/DOSE"], ["person/P"], type="infusion")
    net.pack("pack", 4, "BOX", ["VIAL"])
    net.say("event", "make", "Step", steward="B", started_at="2024-01", type="manufacturing")
    for steward, place in (("H", "L1"), ("B", "L2")):
        net.relate("PERFORMED_BY", "event/make", f"organization/{place}", steward=steward)
        net.relate("AT", "event/make", f"organization/{place}", steward=steward)
    return net


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """The document of all of the story."""
    return document_of(story(), tmp_path)


def document_of(net: Network, folder: Path) -> dict[str, Any]:
    """The document of all that happened to anything in a network, as it is written."""
    store = SqliteStore(":memory:")
    land(store, net.claims)
    exported(view(store), roots_of(store), "both", folder / "out.json")
    document: dict[str, Any] = json.loads((folder / "out.json").read_bytes())
    return document


def ends(told: dict[str, Any], name: str) -> set[tuple[str, ...]]:
    """The ends of all relations of a name, in order."""
    return {tuple(v for v in each.values() if isinstance(v, str) and v.startswith("vt:")) for each in told.get(name, {}).values()}


def vt(cls: str, name: str) -> str:
    """What a document calls the record of a local number."""
    return f"vt:{rid(cls, name)}"


def test_a_person_is_entity_and_agent_and_is_treated_not_made(told: dict[str, Any]) -> None:
    person = vt("person", "P")
    assert person in told["entity"]
    assert told["agent"][person] == {"prov:type": {"$": "prov:Person", "type": "xsd:QName"}, "prov:label": "P"}
    assert (vt("event", "infuse"), person) in ends(told, "wasInfluencedBy")
    assert not any(person in pair for pair in ends(told, "wasGeneratedBy"))
    assert (person, vt("event", "collect")) in ends(told, "used")


def test_what_is_made_derives_from_what_went_in_but_not_from_a_container(told: dict[str, Any]) -> None:
    assert ends(told, "wasDerivedFrom") == {
        (vt("object", "CELLS"), vt("person", "P"), vt("event", "collect")),
        (vt("object", "DOSE"), vt("object", "CELLS"), vt("event", "make")),
    }


def test_derivations_do_not_grow_with_the_square_of_a_step(tmp_path: Path) -> None:
    net = Network()
    net.step("pool", 1, [f"object/IN-{n}" for n in range(50)], [f"object/OUT-{n}" for n in range(50)])
    net.step("split", 2, ["object/OUT-0"], [f"object/PART-{n}" for n in range(50)])
    told = document_of(net, tmp_path)
    assert {step for *_, step in ends(told, "wasDerivedFrom")} == {vt("event", "split")}
    assert len(told["wasDerivedFrom"]) == 50
    assert len(told["used"]) == 51
    assert len(told["wasGeneratedBy"]) == 100


def test_what_stewards_disagree_on_is_in_a_bundle_of_each(told: dict[str, Any]) -> None:
    step = vt("event", "make")
    for steward, place in (("H", "L1"), ("B", "L2")):
        bundle = told["bundle"][f"says:{steward}"]
        assert bundle["activity"][step]["prov:location"]["$"] == vt("organization", place)
        assert ends(bundle, "wasAssociatedWith") == {(step, vt("organization", place))}
        assert told["entity"][f"says:{steward}"]["prov:type"]["$"] == "prov:Bundle"
        assert (f"vt:{steward_id(steward)}",) in ends(told, "wasAttributedTo")
    assert told["activity"][step]["shown:performed_by"] == "B"
    assert told["activity"][step]["prov:location"]["$"] == vt("organization", "L2")


def test_an_end_is_the_record_and_keeps_the_id_that_it_was_named_by(tmp_path: Path) -> None:
    net = story()
    net.relate("SAME_AS", "organization/L1", "organization/LAB-1")
    for name in ("L1", "LAB-1"):
        net.step(name, 12, type="test")
        net.relate("SUBJECT_OF", "object/DOSE", f"event/{name}")
        net.relate("PERFORMED_BY", f"event/{name}", f"organization/{name}")
        net.relate("AT", f"event/{name}", f"organization/{name}")
    told = document_of(net, tmp_path)
    first, other = sorted(("L1", "LAB-1"), key=lambda name: rid("organization", name))
    for name in (first, other):
        assert (vt("event", name), vt("organization", first)) in ends(told, "wasAssociatedWith")
        assert told["activity"][vt("event", name)]["prov:location"]["$"] == vt("organization", first)
    for end in ("vp:performed_by", "vp:at"):
        assert told["activity"][vt("event", other)][end]["$"] == vt("organization", other)
        assert end not in told["activity"][vt("event", first)]


def test_what_came_after_the_use_of_an_ancestor_is_marked(tmp_path: Path) -> None:
    net = Network()
    net.step("make", 5, ["object/CELLS"], ["object/DOSE"])
    net.act("retain", 20, "CELLS", type="test")
    store = SqliteStore(":memory:")
    land(store, net.claims)
    exported(view(store), [rid("object", "DOSE")], "up", tmp_path / "out.json")
    told = json.loads((tmp_path / "out.json").read_bytes())
    late = {name for name, each in told["activity"].items() if each["vp:after_use"]}
    assert late == {vt("event", "retain")}


def test_only_instants_are_times_of_prov(told: dict[str, Any], tmp_path: Path) -> None:
    make = told["activity"][vt("event", "make")]
    assert make["vp:start"]["$"] == "2024-01-01T00:00:00.000000Z"
    assert "prov:startTime" not in make
    assert "prov:endTime" not in make
    assert told["activity"][vt("event", "infuse")]["prov:startTime"] == "2024-01-01T09:00:00.000000Z"
    early = document_of(Network([*story().claims, *_undated().claims]), tmp_path)
    assert early["activity"][vt("event", "old")]["vp:end"]["$"] == "0001-01-01T23:59:59.999999Z"


def _undated() -> Network:
    """What a system writes that knows no time."""
    net = Network()
    net.say("event", "old", "Step", started_at="0001-01-01")
    net.relate("SUBJECT_OF", "object/CELLS", "event/old")
    return net


# -- who sees what, and when nothing is written


def test_a_restricted_viewer_writes_nothing_of_anybody_else(tmp_path: Path) -> None:
    generate(tmp_path / "csv", 4, 1)
    store = loaded([tmp_path / "csv"], tmp_path)
    seen = view(store, "cellforge")
    own = [root for root in roots_of(store) if seen.find(root)]
    told, document = exported(seen, own, "both", tmp_path / "out.json")
    known = set(ID.findall(json.dumps(told)))
    assert set(ID.findall((tmp_path / "out.json").read_text(encoding="utf-8"))) == known
    assert len(known) < len({entry.claim.record for entry in store.claims()})
    assert list(document.bundles) == []
    assert {value for each in document.get_records() for name, value in each.attributes if name.localpart == "stewards"} == {
        "cellforge"
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_viewer_writes_what_it_would_if_nobody_else_had_ever_loaded(way: Way, tmp_path: Path) -> None:
    claims = two_sides().claims
    documents = []
    for stewards in ("HB", "B"):
        store = SqliteStore(":memory:")
        land(store, [claim for claim in claims if claim.steward in stewards])
        for root in ("BAG@NET", "DOSE@NET", "BOX@NET", "make@NET", "sent@NET"):
            exported(view(store, "B"), [root], way, tmp_path / "out.json")
            document = json.loads((tmp_path / "out.json").read_bytes())
            document["entity"] = {name: each for name, each in document["entity"].items() if "vp:as_of_token" not in each}
            documents.append(document)
    assert documents[:5] == documents[5:]


def test_reading_and_writing_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    store = loaded([EXAMPLE], tmp_path)
    monkeypatch.setattr(socket, "socket", refused)
    exported(view(store), ["DOSE-101-A"], "both", tmp_path / "out.json")


def test_the_same_answer_is_the_same_bytes(tmp_path: Path) -> None:
    store = loaded([EXAMPLE], tmp_path)
    for name in ("one", "other"):
        exported(view(store), ["DOSE-101-A"], "both", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_lineage_that_is_not_whole_is_not_written(tmp_path: Path) -> None:
    seen = view(loaded([EXAMPLE], tmp_path))
    found = lineage(seen, [seen.resolve("DOSE-101-A")], "up", limit=3)
    with pytest.raises(IncompleteAnswer) as refused:
        prov.written(seen, found, tmp_path / "out.json")
    assert refused.value.fields["reasons"] == ["RECORDS"]
    assert not (tmp_path / "out.json").exists()


def test_the_command_writes_a_file_and_says_what_is_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["load", str(EXAMPLE)]) == 0
    capsys.readouterr()
    command = ["export", "DOSE-101-A", "--direction", "both", "--format", "prov"]
    assert run([*command, "--out", "dose.json", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert run(["lineage", "DOSE-101-A", "--direction", "both", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert answer_of(read(tmp_path / "dose.json")) == normal(told)
    assert (said["format"], said["records"]) == ("prov", len(told["records"]))
    assert run([*command, "--out", "missing/dose.json"]) == 2
    assert run(["export", "DOSE-101-A", "--format", "provn", "--out", "dose.provn"]) == 2


def test_other_notations_of_prov_can_be_made_of_a_document(tmp_path: Path) -> None:
    """PROV-N is what a document is to people, and has rules of its own for names and texts."""
    _, document = exported(view(loaded([EXAMPLE], tmp_path)), ["DOSE-101-A"], "both", tmp_path / "out.json")
    text = document.serialize(format="provn")
    assert ProvDocument.deserialize(content=text, format="provn") == document
    assert document.unified() == document
