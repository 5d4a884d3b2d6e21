"""GraphQL: answers, limits, errors, loaders, and a schema that only grows."""

import inspect
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLNonNull, GraphQLObjectType, build_schema, find_breaking_changes
from starlette.testclient import TestClient

from api import render
from api.activities import activities_json
from api.app import make_app
from api.graphql_records import TYPES
from api.schema import schema
from graph.errors import DeadlineExceeded
from graph.model import MODELS, RELATIONS, refs
from graph.sqlite_store import SqliteStore
from graph.store import Deadline
from graph.view import View, view
from loaders.pipeline import Options, load
from queries.lineage import lineage

SDL = Path(__file__).parents[2] / "api" / "schema.graphql"
CHAIN = 40


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """A chain of steps, told by one organisation, and one record of another."""
    folder = tmp_path_factory.mktemp("chain")
    made = [f"M-{at}" for at in range(CHAIN + 1)]
    (folder / "material.csv").write_text("id,steward\n" + "".join(f"{m},H\n" for m in made) + "OTHER,B\n")
    steps = "".join(f"S-{at},processing,2024-01-01T10:00:{at:02d}Z,LAB,H\n" for at in range(CHAIN))
    (folder / "step.csv").write_text("id,type,started_at,performed_by,steward\n" + steps)
    (folder / "input_to.csv").write_text("source,target,steward\n" + "".join(f"M-{at},S-{at},H\n" for at in range(CHAIN)))
    (folder / "output.csv").write_text("source,target,steward\n" + "".join(f"S-{at},M-{at + 1},H\n" for at in range(CHAIN)))
    opened = SqliteStore(tmp_path_factory.mktemp("graph") / "graph.db", create=True)
    load(opened, [folder], Options(author="tester", quarantine=folder / "quarantine"))
    yield opened
    opened.close()


@pytest.fixture
def ask(store: SqliteStore) -> Iterator[Callable[..., dict[str, Any]]]:
    """Sends a query as an all-seeing viewer and returns the answer's JSON."""
    with TestClient(make_app(store, None), base_url="http://localhost") as client:

        def send(query: str, **variables: Any) -> dict[str, Any]:
            answer: dict[str, Any] = client.post("/graphql", json={"query": query, "variables": variables}).json()
            return answer

        yield send


def code(answer: dict[str, Any]) -> str:
    """The code of an answer's first error."""
    return str(answer["errors"][0]["extensions"]["code"])


def test_the_checked_in_schema_is_that_of_the_code() -> None:
    assert SDL.read_text(encoding="utf-8") == schema.as_str() + "\n"


def test_the_code_breaks_nothing_of_the_checked_in_schema() -> None:
    assert find_breaking_changes(build_schema(SDL.read_text(encoding="utf-8")), schema._schema) == []


@pytest.mark.parametrize("kind", MODELS)
def test_a_graphql_type_has_the_fields_nullability_and_descriptions_of_the_model(kind: str) -> None:
    made = schema._schema.get_type(kind)
    assert isinstance(made, GraphQLObjectType)
    named = refs(kind)
    for name, info in MODELS[kind].model_fields.items():
        column = info.alias or name
        first, *rest = column.split("_")
        field = made.fields[first + "".join(word.title() for word in rest)] if column != "attributed_to" else made.fields["about"]
        several = column in named and not RELATIONS[named[column].relation].single
        assert isinstance(field.type, GraphQLNonNull) == several, column
        if column != "attributed_to":
            assert field.description == info.description, column


def test_every_record_type_is_a_record() -> None:
    record = schema._schema.get_type("Record")
    assert isinstance(record, GraphQLInterfaceType)
    assert {t.name for t in schema._schema.get_possible_types(record)} == {*TYPES, "Stub"}


def test_pages_of_an_answer_follow_each_other_without_gap_or_repeat(ask: Callable[..., dict[str, Any]]) -> None:
    query = """query($after: String) { lineage(id: "M-40@H") { completeness { total }
      records(first: 7, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = ask(query, after=after)["data"]["lineage"]["records"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == page["totalCount"] == 2 * CHAIN + 1
    assert seen == sorted(seen)


def test_a_page_with_nested_records_costs_a_constant_number_of_store_calls(
    ask: Callable[..., dict[str, Any]], store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("get", "known", "neighbours", "reach", "history", "find"):
        original = getattr(SqliteStore, name)

        def counted(self: SqliteStore, *args: Any, _name: str = name, _original: Any = original) -> Any:
            calls.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(SqliteStore, name, counted)
    query = """query($first: Int!) { lineage(id: "M-40@H") { records(first: $first) { edges { node {
      label evidence(first: 2) { at }
      ... on Step { performedBy { label } inputs(first: 2) { label } outputs(first: 2) { label } } } } } } }"""
    counts = []
    for first in (5, 80):
        calls.clear()
        assert "errors" not in ask(query, first=first)
        counts.append(len(calls))
    assert counts[1] <= counts[0] + 2


def test_a_short_nested_query_of_64000_leaves_is_refused_before_it_runs(
    ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def touched(*_: Any) -> None:
        raise AssertionError("the store was read")

    monkeypatch.setattr(SqliteStore, "head", touched)
    inner = "... on Step { inputs(first: 40) { evidence(first: 40) { at } } }"
    query = f'{{ lineage(id: "x") {{ records(first: 40) {{ edges {{ node {{ {inner} }} }} }} }} }}'
    answer = ask(query)
    assert code(answer) == "QUERY_TOO_COSTLY"
    assert answer["errors"][0]["extensions"]["found"] == 64_000


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("{ " + " ".join(f'a{at}: node(id: "x") {{ id }}' for at in range(31)) + " }", "aliases"),
        (
            '{ record(id: "x") { ... on Step { '
            + "inputs(first: 1) { ... on Material { outputOf(first: 1) { ... on Step { " * 7
            + "id"
            + " } } } }" * 7
            + " } } }",
            "depth",
        ),
        ('query($n: Int = 60000) { history(id: "x", first: $n) { edges { cursor } } }', "cost"),
    ],
)
def test_each_limit_is_named(ask: Callable[..., dict[str, Any]], query: str, limit: str) -> None:
    answer = ask(query)
    assert answer["errors"][0]["extensions"]["limit"] == limit


def test_too_many_tokens_are_refused_while_reading(ask: Callable[..., dict[str, Any]]) -> None:
    assert code(ask("{ " + "__typename " * 2_100 + "}")) == "INVALID_QUERY"


def test_an_unknown_identifier_is_an_error_with_code_and_field(ask: Callable[..., dict[str, Any]]) -> None:
    answer = ask('{ record(id: "NOTHING") { id } }')
    assert code(answer) == "UNKNOWN_IDENTIFIER"
    assert answer["errors"][0]["extensions"]["identifier"] == "NOTHING"


def test_an_unforeseen_failure_is_masked(ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("patient Smith")

    monkeypatch.setattr(SqliteStore, "head", broken)
    answer = ask('{ record(id: "M-1@H") { id } }')
    assert "Smith" not in str(answer)
    assert code(answer) == "TRACE_ERROR"


def test_a_viewer_is_answered_from_its_own_claims_alone(store: SqliteStore) -> None:
    with TestClient(make_app(store, "B"), base_url="http://localhost") as client:

        def send(query: str) -> dict[str, Any]:
            answer: dict[str, Any] = client.post("/graphql", json={"query": query}).json()
            return answer

        hidden, never = (send(f'{{ record(id: "{text}") {{ id }} }}') for text in ("M-1@H", "M-999@H"))
        assert str(hidden).replace("M-1@H", "") == str(never).replace("M-999@H", "")
        history = send('{ history(id: "OTHER") { edges { node { commit time steward } } } }')
        assert history["data"]["history"]["edges"] == [{"node": {"commit": None, "time": None, "steward": "B"}}]
        as_of = send('{ lineage(id: "OTHER") { asOf { commit hash time token } completeness { total } } }')["data"]["lineage"]
        assert as_of["completeness"]["total"] == 1
        assert as_of["asOf"]["commit"] is None
        assert len(as_of["asOf"]["token"]) == 32


def test_a_query_over_its_deadline_is_stopped(
    ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, store: SqliteStore
) -> None:
    monkeypatch.setattr(Deadline, "over", lambda self: True)
    assert code(ask('{ record(id: "M-1@H") { id } }')) == DeadlineExceeded.code


def test_the_store_is_read_by_a_worker_not_by_the_loop_that_serves(
    ask: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: set[str] = set()
    for name in ("head", "reach", "get", "history", "neighbours"):
        original = getattr(SqliteStore, name)

        def watched(self: SqliteStore, *args: Any, _original: Any = original) -> Any:
            readers.add(threading.current_thread().name.partition("_")[0])
            return _original(self, *args)

        monkeypatch.setattr(SqliteStore, name, watched)
    answer = ask('{ lineage(id: "M-3@H") { events records { edges { node { ... on Step { inputs { label } } } } } } }')
    assert answer["data"]["lineage"]["events"] == 0
    assert readers == {"query"}


def test_two_fields_of_one_request_are_answered_as_of_one_commit(
    ask: Callable[..., dict[str, Any]], store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[int] = []
    original = SqliteStore.head

    def watched(self: SqliteStore) -> Any:
        heads.append(1)
        return original(self)

    monkeypatch.setattr(SqliteStore, "head", watched)
    answer = ask('{ a: lineage(id: "M-3@H") { asOf { commit } } b: find(text: "M-4@H") { asOf { commit } } }')["data"]
    assert answer["a"]["asOf"] == answer["b"]["asOf"]
    assert len(heads) == 1


def test_a_lineage_over_graphql_says_what_the_command_line_says(ask: Callable[..., dict[str, Any]], store: SqliteStore) -> None:
    seen = view(store)
    told = render.lineage_json(seen, lineage(seen, [seen.resolve("M-40@H")]))
    answer = ask(
        """{ lineage(id: "M-40@H") { root roots direction events completeness { total depthReached truncated reasons }
        asOf { commit hash time } parties { id label } relations(first: 100) { edges { node { source type target stewards } } }
        records(first: 100) { edges { depth afterUse node { id ids kind label steward stewards stub retracted start end
          identifiers { scheme value assigner } disagreements { field values { steward value } }
          evidence { source at event_id: eventId event_hash: eventHash steward } } } } } }"""
    )["data"]["lineage"]
    same = {"roots", "root", "direction", "events"}
    assert {name: answer[name] for name in same} == {name: told[name] for name in same}
    assert answer["asOf"] == told["as_of"]
    assert answer["completeness"] == {
        "total": 2 * CHAIN + 1,
        "depthReached": told["completeness"]["depth_reached"],
        "truncated": False,
        "reasons": [],
    }
    assert answer["parties"] == [{"id": party["id"], "label": party["label"]} for party in told["parties"]]
    assert [edge["node"] for edge in answer["relations"]["edges"]] == told["relations"]
    for edge, record in zip(answer["records"]["edges"], told["records"], strict=True):
        assert (edge["depth"], edge["afterUse"]) == (record["depth"], record["after_use"])
        named = [{"assigner": None} | each for each in record["identifiers"]]
        assert edge["node"] == {name: record[name] for name in edge["node"]} | {"identifiers": named}


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"{", "application/json", "not JSON"),
        (b"[]", "application/json", "query"),
        (b'{"query": 5}', "application/json", "query"),
        (b"query", "text/plain", "application/json"),
        (b'{"query": "' + b"x" * 300_000 + b'"}', "application/json", "bytes"),
    ],
)
def test_a_bad_request_says_what_is_wrong_with_it(store: SqliteStore, content: bytes, kind: str, said: str) -> None:
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        answer = client.post("/graphql", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert said in answer.json()["errors"][0]["message"]


def test_an_answer_about_the_whole_graph_tells_its_commit_and_of_a_load_under_way(
    ask: Callable[..., dict[str, Any]], store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "{ asOf { commit } reasons }"
    definition = '{"name": "c", "unit": "material", "known": "now", "index": {"step": ["processing"]}}'
    asked = f"query($of: String!) {{ handoffs {told} activities {told} cohort(definition: $of) {told} }}"
    for under_way, reasons in ((False, []), (True, ["LOAD_IN_PROGRESS"])):
        monkeypatch.setattr(View, "load_in_progress", under_way)
        expected = {"asOf": {"commit": view(store).as_of["commit"]}, "reasons": reasons}
        assert ask(asked, of=definition)["data"] == {"handoffs": expected, "activities": expected, "cohort": expected}


def test_activities_are_those_of_the_command_line_most_seconds_first(
    ask: Callable[..., dict[str, Any]], store: SqliteStore
) -> None:
    wait = "objectType source target count couples objects sumS medianS minS maxS"
    gathering = "activity measure objectType count sumS medianS minS maxS"
    told = ask(f"{{ activities {{ untold totalWaits totalGatherings waits {{ {wait} }} gatherings {{ {gathering} }} }} }}")
    found = told["data"]["activities"]
    expected = activities_json(view(store))
    for name, rows in (("waits", expected["waits"]), ("gatherings", expected["gatherings"])):
        assert rows
        named = [{re.sub("_(.)", lambda letter: letter[1].upper(), key): value for key, value in row.items()} for row in rows]
        assert sorted(found[name], key=str) == sorted(named, key=str)
        assert found[f"total{name.title()}"] == len(rows)
    assert [row["sumS"] for row in found["waits"]] == sorted((row["sum_s"] for row in expected["waits"]), reverse=True)
    assert found["untold"] == expected["untold"] == 0
    [first] = ask("{ activities { gatherings(first: 1) { activity measure } } }")["data"]["activities"]["gatherings"]
    assert first == {name: expected["gatherings"][0][name] for name in ("activity", "measure")}


def test_the_service_tells_that_it_is_up_and_ready(store: SqliteStore) -> None:
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        assert client.get("/health").json() == {"status": "up"}
        assert client.get("/ready").json() == {"status": "ready"}


def test_the_query_page_needs_no_network(store: SqliteStore) -> None:
    with TestClient(make_app(store, None), base_url="http://localhost") as client:
        page = client.get("/graphql", headers={"accept": "text/html"})
        script = client.get("/query.js")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text + script.text
    assert "https://" not in page.text + script.text
    assert inspect.cleandoc(page.text).startswith("<!doctype html>")


def test_the_query_page_tells_whose_sight_it_has(store: SqliteStore) -> None:
    for viewer, told in ((None, "You see everything"), ("B&C", "what B&amp;C may see")):
        with TestClient(make_app(store, viewer), base_url="http://localhost") as client:
            assert told in client.get("/").text


def test_commits_are_told_in_order_and_to_a_restricted_viewer_as_tokens_without_numbers(store: SqliteStore) -> None:
    asked = {"query": "{ commits { totalCount edges { node { number time author source hash previous token } } } }"}
    told = {}
    for viewer in (None, "B"):
        with TestClient(make_app(store, viewer), base_url="http://localhost") as client:
            told[viewer] = [edge["node"] for edge in client.post("/graphql", json=asked).json()["data"]["commits"]["edges"]]
    assert [each["number"] for each in told[None]] == list(range(1, len(told[None]) + 1))
    assert [each["previous"] for each in told[None]][1:] == [each["hash"] for each in told[None]][:-1]
    assert len(told["B"]) == 1
    shown = {name for each in told["B"] for name, value in each.items() if value is not None}
    assert shown == {"source", "token"}


def test_a_query_as_of_a_commit_is_answered_as_it_was_then(tmp_path: Path) -> None:
    opened = SqliteStore(tmp_path / "graph.db", create=True)
    for number, kind in enumerate(("sample", "dose"), 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "material.csv").write_text(f"id,type,steward,recorded_at\nM-1,{kind},H,2024-01-0{number}T00:00Z\n")
        load(opened, [folder], Options(author="tester", quarantine=tmp_path / "quarantine"))
    asked = 'query($at: String) { record(id: "M-1@H", asOf: $at) { ... on Material { type } } }'
    with TestClient(make_app(opened, None), base_url="http://localhost") as client:

        def kind_at(commit: str | None) -> Any:
            answer = client.post("/graphql", json={"query": asked, "variables": {"at": commit}}).json()
            return answer["data"]["record"]["type"] if answer.get("data") else code(answer)

        assert [kind_at(commit) for commit in ("1", "2", None, "3")] == ["sample", "dose", "dose", "UNKNOWN_COMMIT"]
    opened.close()


@pytest.mark.parametrize("page", ['after: "nonsense"', 'after: "YXQ6LTU="', "first: -1", "first: 1001"])
def test_a_bad_page_is_refused(ask: Callable[..., dict[str, Any]], page: str) -> None:
    assert code(ask(f"{{ commits({page}) {{ totalCount }} }}")) == "USAGE"
