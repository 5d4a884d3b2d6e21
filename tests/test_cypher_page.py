"""The page of Cypher questions is true: on Neo4j each answers as the product does, wholly, on two graphs."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from neo4j import GraphDatabase, NotificationMinimumSeverity

from api import cli
from graph import times
from graph.copying import copy
from graph.neo4j_store import Neo4jStore
from graph.sqlite_store import SqliteStore
from loaders.generator import generate
from loaders.pipeline import Options, load
from queries.stays import all_held
from tests.cypher_page import ANSWERS, PAGE, QUESTIONS, ROOT, Asked, Graph
from tests.networks import land

SEED, JOURNEYS = 17, 60
CORRECTIONS = {
    "handoff.csv": "id,carried_by,delivered_at,agreed_delivery_at,steward,recorded_at\n"
    "waybill:CL-5521@coldline,nordklinik,2024-04-29T16:50+02:00,2024-04-29T17:00+02:00,cellforge,2024-06-03\n",
    "step.csv": "id,type,started_at,steward,recorded_at\nINF-1,infusion,2024-03-01T10:00+01:00,st-vera,2024-06-03\n",
    "input_to.csv": "source,target,steward,recorded_at\n"
    "lot:BUF-3@mediara,SEL-101,cellforge,2024-06-03\nDOSE-78-2@cellforge,INF-1,st-vera,2024-06-03\n",
    "output.csv": "source,target,steward,recorded_at\nINF-1,person/PAT-101,st-vera,2024-06-03\n",
}
"""What the first journey lacks: a carrier that was replaced, a delivery that is late in the carrier's word alone, a lot that nobody
describes, and a donor's cells in a patient who then gives cells."""


def _first_journey(store: SqliteStore, folder: Path) -> None:
    """The example, and after it the corrections."""
    for name, text in CORRECTIONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for source in (ROOT / "examples" / "first-journey", folder):
        assert load(store, [source], Options(quarantine=folder / "quarantine")).refused_total == 0


def _network(store: SqliteStore, folder: Path) -> None:
    """A generated network, all in one commit: Neo4j takes its time for each."""
    generate(folder, JOURNEYS, SEED)
    with closing(SqliteStore(":memory:")) as first:
        assert load(first, [folder], Options(quarantine=folder / "quarantine")).refused_total == 0
        land(store, [entry.claim for entry in first.claims()])


@pytest.fixture(scope="module", params=[_first_journey, _network], ids=["first journey", "network"])
def graph(
    request: pytest.FixtureRequest, emptied_neo4j: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Graph]:
    """A graph in SQLite, and a copy of it on Neo4j."""
    uri = emptied_neo4j()
    with closing(SqliteStore(":memory:")) as store:
        request.param(store, tmp_path_factory.mktemp("cypher"))
        with closing(Neo4jStore(uri, create=True)) as other:
            copy(store, other)
        with GraphDatabase.driver(uri, notifications_min_severity=NotificationMinimumSeverity.OFF) as driver:
            yield Graph(request.param is _first_journey, store, driver)


NOT_IN_EXAMPLE = {"Which handoffs failed?"}
NOT_IN_NETWORK = {
    "What was past its expiry when it was used?",
    "Which records are known by reference only?",
    "Which relations were taken back or replaced?",
}
"""Questions to which the answer of one graph is: nothing."""


def _asked(graph: Graph, title: str) -> list[Asked]:
    """What to put in the place of a question's parameters: what the page shows, or many of a graph's own."""
    shown, _ = QUESTIONS[title]
    names = set(shown)
    doses, lots = graph.keys("dose"), graph.keys("vector_lot")
    tried = [shown] if graph.is_example else []
    if names == {"dose"}:
        tried += [{"dose": dose} for dose in doses]
    elif names == {"lot"}:
        tried += [{"lot": lot} for lot in lots]
    elif names == {"record"}:
        tried += [{"record": key} for key in doses + lots + graph.keys("starting_material")]
    elif names == {"person", "dose"}:
        for dose in doses:
            people = [record for record in graph.lineage(dose).records.values() if record.kind == "Person"]
            tried += [{"person": person.keys[0], "dose": dose} for person in people]
        tried.append({"person": tried[-1]["person"], "dose": doses[0]})
    elif names == {"container", "moment"}:
        tried += [{"container": container, "moment": moment} for container, moment in _moments(graph)]
    return tried or [{}]


def _moments(graph: Graph) -> list[tuple[str, str]]:
    """Some containers at moments amid what was packed in them."""
    held = all_held(graph.view.frames).filter((pl.col("start") > 0) & (pl.col("end") < times.span("2100")[0]))
    moments = held.select("container", moment=(pl.col("start") + pl.col("end")) // 2).unique().sort("container", "moment")
    found = [(graph.view.frames.keys([box])[0], times.iso(moment)) for box, moment in moments.iter_rows()]
    return found[:: max(1, len(found) // 12)]


def test_every_question_of_the_page_is_tried() -> None:
    assert list(QUESTIONS) == list(ANSWERS)
    assert len(QUESTIONS) == PAGE.count("```cypher")


def test_every_command_of_the_page_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEINTRACE_GRAPH", f"sqlite:///{tmp_path / 'graph.db'}")
    monkeypatch.chdir(ROOT)
    commands = [command.split() for command in dict.fromkeys(re.findall(r"`veintrace ([^`]+)`", PAGE))]
    for arguments in [["load", "examples/first-journey"], *commands]:
        if arguments != ["find"]:
            assert cli.run(arguments) == 0, arguments


@pytest.mark.neo4j
@pytest.mark.parametrize("title", QUESTIONS)
def test_the_page_answers_as_the_product_does(graph: Graph, title: str) -> None:
    has_answer = title not in (NOT_IN_EXAMPLE if graph.is_example else NOT_IN_NETWORK)
    answered = []
    for asked in _asked(graph, title):
        rows = graph.ask(title, asked)
        answered.append(bool(rows))
        found, right = ANSWERS[title](graph, rows, asked)
        assert found == right, asked
    assert any(answered) == has_answer
    if graph.is_example:
        assert answered[0] == has_answer, "what the page shows"
