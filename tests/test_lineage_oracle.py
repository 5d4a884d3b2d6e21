"""The published lineage of `traceback_tests.jsonld` comes out, on both stores, by command line and by GraphQL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import make_app
from api.cli import run
from api.settings import open_store

LOT = "urn:gdst:example.org:product:lot:class:"
ORACLE = {
    f"{LOT}processor.2u.v1-0122-2022": (21, 16),
    f"{LOT}processor.10u.commingle-01232022": (14, 12),
    f"{LOT}fishfarm.1u.farmed-tuna-01192022": (9, 7),
    f"{LOT}hatchery.1u.tf12012021": (3, 3),
    f"{LOT}fisherman01.tunau.v1-0122-2022": (4, 4),
    "urn:epc:id:sscc:08600031303.0005": (21, 16),
}
"""Events and distinct eventIDs up of an object (reference README; two independent walks)."""
OBJECTS = [*ORACLE, f"{LOT}feedmill.1u.ff11252021", "urn:epc:id:sscc:08600031303.0004"]
QUERY = """query($id: ID!, $direction: Direction!) { lineage(id: $id, direction: $direction) {
  events completeness { total depthReached truncated reasons }
  records(first: 200) { edges { node { id evidence(first: 20) { eventId eventHash } } } } } }"""


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command."""
    status = run([*arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def decoys(reference: Path) -> list[Path]:
    """Valid EPCIS 2.0 JSON-LD that is loaded into the same graph."""
    epcis = reference / "epcis"
    found = [*epcis.glob("openepcis/2.0/**/*.json"), *epcis.glob("event-hash/*.jsonld"), *epcis.glob("fastnt/*.json")]
    return sorted(path for path in found if "Invalid" not in str(path))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def graph(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty graph on each store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('oracle')}/graph.db"
        return
    uri = request.getfixturevalue("neo4j_uri")
    from graph.neo4j_store import Neo4jStore

    store = Neo4jStore(uri, create=True)
    with store._driver.session() as session:
        session.run("MATCH (n) DETACH DELETE n").consume()
    store.close()
    yield uri


@pytest.fixture(scope="module")
def loaded(graph: str, reference: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The graph with the oracle's file and its decoys, its load's verdicts seen to be as published."""
    capture: list[dict[str, Any]] = []
    folder = tmp_path_factory.mktemp("quarantine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEINTRACE_QUARANTINE", str(folder))
        patch.setattr("api.cli_graph.print_json", capture.append)
        run(["load", *map(str, decoys(reference)), "--graph", graph, "--json"])
        status = run(["load", str(reference / "epcis/opentraceability/traceback_tests.jsonld"), "--graph", graph, "--json"])
    assert status == 3
    assert capture[0]["refused"] == []
    totals = capture[1]["totals"]
    assert {name: totals[name] for name in ("read", "added", "changed", "unchanged", "refused", "conflicts")} == {
        "read": 21 + 20,  # events and elements of master data
        "added": 16 + 20,
        "changed": 0,
        "unchanged": 0,
        "refused": 0,
        "conflicts": 5,
    }
    return graph


@pytest.mark.reference
@pytest.mark.parametrize("root", ORACLE)
def test_up_reaches_the_published_events_by_command_line_and_by_graphql(
    loaded: str, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = asked(capsys, "lineage", root, "--graph", loaded)
    places = [place for record in told["records"] for place in record["evidence"]]
    assert status == 0
    assert (told["events"], len({place["event_id"] for place in places if place["event_id"]})) == ORACLE[root]

    store = open_store(loaded)
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        answer = client.post("/graphql", json={"query": QUERY, "variables": {"id": root, "direction": "up"}}).json()
    store.close()
    lineage = answer["data"]["lineage"]
    ids = {place["eventId"] for edge in lineage["records"]["edges"] for place in edge["node"]["evidence"] if place["eventId"]}
    assert (lineage["events"], len(ids)) == ORACLE[root]
    assert [edge["node"]["id"] for edge in lineage["records"]["edges"]] == [record["id"] for record in told["records"]]


@pytest.mark.reference
def test_down_of_each_object_reaches_exactly_the_roots_whose_up_holds_it(loaded: str, capsys: pytest.CaptureFixture[str]) -> None:
    ids = {text: asked(capsys, "find", text, "--graph", loaded)[1]["matches"][0]["id"] for text in OBJECTS}
    up, down = (
        {
            text: {record["id"] for record in asked(capsys, "lineage", text, "--direction", way, "--graph", loaded)[1]["records"]}
            for text in OBJECTS
        }
        for way in ("up", "down")
    )
    for one in OBJECTS:
        assert {other for other in OBJECTS if ids[other] in down[one]} == {other for other in OBJECTS if ids[one] in up[other]}


@pytest.mark.reference
@pytest.mark.neo4j
def test_a_copy_in_neo4j_and_back_has_the_same_digest_rows_and_answers(
    clean_neo4j: str, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEINTRACE_QUARANTINE", str(tmp_path / "quarantine"))
    first, last = (f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "last"))
    asked(
        capsys,
        "load",
        *map(str, decoys(reference)),
        str(reference / "epcis/opentraceability/traceback_tests.jsonld"),
        "--graph",
        first,
    )
    digests = {asked(capsys, "copy", first, clean_neo4j)[1]["digest"], asked(capsys, "copy", clean_neo4j, last)[1]["digest"]}
    assert len(digests) == 1
    stores = [open_store(url) for url in (first, clean_neo4j, last)]
    rows = [list(store.projection()) for store in stores]
    assert rows[0] == rows[1] == rows[2]
    for root in ORACLE:
        for way in ("up", "down", "both"):
            told = [asked(capsys, "lineage", root, "--direction", way, "--graph", url)[1] for url in (first, clean_neo4j, last)]
            assert told[0] == told[1] == told[2]
    assert asked(capsys, "verify", "--graph", clean_neo4j)[1]["ok"]
    for store in stores:
        store.close()
