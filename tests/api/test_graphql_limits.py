"""What a GraphQL query may cost is known before it runs, and is never less than what it returns."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_introspection_query, get_named_type, parse, validate
from graphql.type import (
    GraphQLField,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api import limits
from api.app import make_app
from api.graphql_records import TYPES
from api.schema import schema
from graph.errors import QueryTooCostly
from graph.sqlite_store import SqliteStore
from loaders.pipeline import Options, load

SCHEMA = schema._schema
EXAMPLE = Path(__file__).parents[2] / "examples" / "first-journey"
ROOTS = ["DOSE-101-A", "lot:VEC-7@vectorworks", "PAT-101", "APH-101"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over the example journeys."""
    folder = tmp_path_factory.mktemp("journey")
    with closing(SqliteStore(folder / "graph.db", create=True)) as store:
        load(store, [EXAMPLE], Options(author="tester", quarantine=folder / "quarantine"))
        with TestClient(make_app(store, None), base_url="http://localhost") as made:
            yield made


def leaves(answer: Any) -> int:
    """How many leaves an answer has; a `values` is one, whatever JSON it holds."""
    if isinstance(answer, dict):
        return sum(1 if name.endswith("values") and isinstance(each, dict) else leaves(each) for name, each in answer.items())
    if isinstance(answer, list):
        return sum(map(leaves, answer))
    return 1


def cost(query: str, **variables: Any) -> int:
    """The estimate for a query, which must be valid."""
    document = parse(query)
    assert validate(SCHEMA, document) == []
    return limits.check(SCHEMA, document, variables)


GIVEN = {
    "id": st.sampled_from(ROOTS).map(lambda text: f'"{text}"'),
    "text": st.sampled_from(ROOTS).map(lambda text: f'"{text}"'),
    "ids": st.lists(st.sampled_from(ROOTS), min_size=1, max_size=2).map(lambda texts: str(texts).replace("'", '"')),
    "first": st.integers(0, 12).map(str),
    "direction": st.sampled_from(["up", "down", "both"]),
    "definition": st.sampled_from(["person", "episode", "material"]).map(
        lambda unit: json.dumps(
            json.dumps({"name": "c", "unit": unit, "index": {"step": ["infusion", "thaw", "release"]}, "columns": COLUMNS})
        )
    ),
}
COLUMNS = {"age": {"person": "age"}, "therapy": {"episode": "therapy"}, "vector": {"path": {"lot": "lot:VEC-7@vectorworks"}}}


INTROSPECTIONS = [
    "__typename",
    "__schema { types { name kind fields { name args { name type { name ofType { name } } } } } directives { locations } }",
    '__type(name: "Direction") { enumValues { name description } possibleTypes { name } }',
]


@st.composite
def fields(draw: st.DrawFn, field: GraphQLField, name: str, depth: int) -> str:
    """One field with its arguments, and what is chosen of what it leads to."""
    named = get_named_type(field.type)
    chosen = {each: GIVEN[each] for each, argument in field.args.items() if is_required_argument(argument)}
    chosen |= {each: GIVEN[each] for each in ("first", "direction") if each in field.args and draw(st.booleans())}
    told = ", ".join(f"{each}: {draw(values)}" for each, values in chosen.items())
    return f"{name}({told}) ".replace("() ", " ") + ("" if is_leaf_type(named) else draw(selections(named, depth - 1)))


@st.composite
def selections(draw: st.DrawFn, parent: Any, depth: int) -> str:
    """`{ ... }` with some fields of a type; of a `Record` also some that only one kind of record has."""
    chosen = ["__typename"] if draw(st.booleans()) else []
    able = {name: field for name, field in parent.fields.items() if depth > 0 or is_leaf_type(get_named_type(field.type))}
    for name in draw(st.lists(st.sampled_from(sorted(able)), max_size=4, unique=True)) if able else []:
        chosen.append(draw(fields(able[name], name, depth)))
    if is_abstract_type(parent) and depth > 0 and draw(st.booleans()):
        kind = SCHEMA.get_type(draw(st.sampled_from(sorted(TYPES))))
        assert isinstance(kind, GraphQLObjectType)
        name = draw(st.sampled_from(sorted(kind.fields.keys() - parent.fields.keys())))
        chosen.append(f"... on {kind.name} {{ {draw(fields(kind.fields[name], name, depth))} }}")
    return "{ " + " ".join(chosen or ["__typename"]) + " }"


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query of some fields of the root and at times of the schema itself."""
    root = SCHEMA.query_type
    assert root is not None
    names = draw(st.lists(st.sampled_from(sorted(root.fields)), min_size=1, max_size=2, unique=True))
    parts = [draw(fields(root.fields[name], name, 5)) for name in names]
    parts += draw(st.lists(st.sampled_from(INTROSPECTIONS), max_size=1))
    return "{ " + " ".join(parts) + " }"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(query=queries())
def test_no_answer_has_more_leaves_than_were_estimated(client: TestClient, query: str) -> None:
    try:
        estimated = cost(query)
    except QueryTooCostly:
        return
    answer = client.post("/graphql", json={"query": query}).json()
    assert {error["extensions"]["code"] for error in answer.get("errors", ())} <= {"AMBIGUOUS_IDENTIFIER", "UNKNOWN_IDENTIFIER"}
    assert leaves(answer["data"]) <= estimated


def test_every_list_of_the_schema_is_bounded() -> None:
    for name, made in SCHEMA.type_map.items():
        if not is_composite_type(made) or name.startswith("__"):
            continue
        assert isinstance(getattr(made, "fields", None), dict), name
        for at, field in made.fields.items():  # type: ignore[union-attr]
            kind = field.type.of_type if is_non_null_type(field.type) else field.type
            bounded = "first" in field.args or at in limits.FIXED or (at == "edges" and name.endswith("Connection"))
            assert bounded or not is_list_type(kind), f"{name}.{at}"


def test_a_page_size_in_a_variable_is_the_number_that_the_resolver_will_get() -> None:
    query = """query($n: Int = 500) { history(id: "x", first: $n) { edges { cursor } } }"""
    assert cost(query) == 500
    assert cost(query, n=1000) == 1000
    assert cost(query, n=1000.0) == 1000


def test_what_a_page_has_once_is_counted_once_however_many_entries_it_has() -> None:
    assert cost("{ commits(first: 0) { totalCount pageInfo { endCursor hasNextPage } edges { cursor } } }") == 3
    assert cost("{ commits(first: 9) { totalCount ...page } } fragment page on CommitConnection { edges { cursor } }") == 10


def test_variables_that_do_not_fit_are_refused_before_anything_runs(client: TestClient) -> None:
    query = """query($n: Int!) { history(id: "x", first: $n) { totalCount } }"""
    for variables in ({"n": "many"}, {"n": None}, {}):
        answer = client.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_QUERY"


def test_fragments_spread_in_fragments_are_measured_without_spreading_them() -> None:
    levels = 150
    doubling = " ".join(f"fragment f{at} on Record {{ ...f{at + 1} ...f{at + 1} }}" for at in range(levels))
    with pytest.raises(QueryTooCostly, match="million million"):
        cost(f'{{ node(id: "x") {{ ...f0 }} }} {doubling} fragment f{levels} on Record {{ id }}')


@pytest.mark.parametrize(("length", "expected"), [(60, {"data": {"node": {"kind": "Person"}}}), (240, "INVALID_QUERY")])
def test_a_chain_of_fragments_is_answered_or_refused_and_breaks_nothing(
    client: TestClient, length: int, expected: dict[str, Any] | str
) -> None:
    chain = " ".join(f"fragment f{at} on Record {{ ...f{at + 1} }}" for at in range(length))
    query = f'{{ node(id: "PAT-101") {{ ...f0 }} }} {chain} fragment f{length} on Record {{ kind }}'
    answer = client.post("/graphql", json={"query": query}).json()
    assert expected in (answer, answer.get("errors", [{}])[0].get("extensions", {}).get("code"))


def test_the_introspection_of_the_usual_tools_is_answered(client: TestClient) -> None:
    query = get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True)
    answer = client.post("/graphql", json={"query": query}).json()
    assert "errors" not in answer
    assert leaves(answer["data"]) <= cost(query)


def test_introspection_has_a_limit_of_its_own(client: TestClient) -> None:
    one = "__schema { types { fields { args { name description defaultValue type { name kind description } } } } }"
    answer = client.post("/graphql", json={"query": "{ " + " ".join(f"a{at}: {one}" for at in range(30)) + " }"}).json()
    assert answer["errors"][0]["extensions"]["limit"] == "introspection"
