"""Through every door a viewer is answered as if nobody else had ever loaded: bytes, exit statuses, errors."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import cli, settings
from api.app import make_app
from graph.sqlite_store import SqliteStore
from graph.store import Store
from tests.networks import Network, at, land

HIDDEN = (
    "commit",
    "time",
    "hash",
    "token",
    "number",
    "digest",
    "previous",
    "asOf",
    "as_of",
    "loadId",
    "sourceHash",
    "author",
    "claims",
)
"""What a restricted viewer is shown as null, or as a token, where an all-seeing one is shown a commit."""
NAMES = (
    "BAG",
    "LOT",
    "BOX",
    "DOSE",
    "PAT",
    "make",
    "secret",
    "ship",
    "pack",
    "never-loaded",
    "not an identifier\n",
    "event-" + "0" * 32,
)
RECORD = """id ids kind label identifiers { scheme value assigner } steward stewards stub retracted start end
  disagreements { field values { steward value } } evidence { source at eventId eventHash steward }"""
ANSWER = f"""root direction events completeness {{ total depthReached truncated reasons }}
  records {{ totalCount pageInfo {{ hasNextPage endCursor }} edges {{ cursor depth afterUse node {{ {RECORD} }} }} }}
  relations {{ totalCount edges {{ node {{ source type target role quantity unit from to stewards }} }} }} parties {{ id }}"""
ENDS = f"from {{ {RECORD} }} to {{ {RECORD} }} hours"
WAITS = f"""legs(first: 5) {{ {ENDS} count open waitP50S waitMeanS late failed failedCi journeys period carrier {{ label }}
  handoffs(first: 3) {{ waitS open releasedAt acceptedAt event {{ label }} next {{ label }} journey {{ label }} }} }}
  cut {{ hours }} betweenness {{ {ENDS} betweenness }}"""
QUERIES = (
    f"query($id: ID!) {{ record(id: $id) {{ {RECORD} }} }}",
    f"query($id: ID!) {{ node(id: $id) {{ {RECORD} }} }}",
    f"query($id: ID!) {{ lineage(id: $id, direction: both) {{ {ANSWER} }} }}",
    f"query($id: ID!) {{ recall(ids: [$id]) {{ {ANSWER} reached {{ materials doses persons }} }} }}",
    "query($id: ID!) { history(id: $id) { totalCount edges { node { steward source at eventId record reason values } } } }",
    f"query($id: String!) {{ find(text: $id) {{ matches {{ {RECORD} }} }} }}",
    "query { commits { edges { node { source } } } }",
    f"query {{ handoffs(by: [period, carrier]) {{ {WAITS} }} legs: handoffs(legs: true) {{ {WAITS} }} }}",
    f"query($id: ID!) {{ handoffs(carrier: $id) {{ {WAITS} }} }}",
)


COHORTS = f"""query($id: String!) {{ cohort(definition: $id) {{ definitionHash unit count reasons attrition {{ rule kept lost }}
  rows {{ indexDate unit {{ {RECORD} }} person {{ label }} episode {{ label }} values {{ column value }} }} }} }}"""
PATHS = ("lot", "container", "department", "step", "from")
"""Where a definition of a cohort names a record."""


def definition(path: str, name: str) -> str:
    """A cohort of materials after a step, by a path that names a record."""
    told = {"step": {"step": {"performed_by": [name]}}, "from": {"handoff": {"from": [name]}}}.get(path, {path: name})
    index = {"step": ["making", "secret", "unpacking", "packing"]}
    return json.dumps({"name": "c", "unit": "material", "known": "now", "index": index, "rules": [{"include": "it", "path": told}]})


def story() -> Network:
    """B and H tell of the same bag, box and step, agree on little, and each knows what the other does not."""
    net = Network()
    for steward, hour in (("H", 1), ("B", 2)):
        net.material("BAG", steward=steward, name=f"bag of {steward}", recorded=5)
        net.step("make", hour, ["object/BAG"], ["object/DOSE"], steward=steward, recorded=5)
        net.relate("PERFORMED_BY", "event/make", f"organization/{steward}", steward=steward)
    net.pack("pack", 0, "BOX", ["BAG"], steward="H")
    net.act("ship", 1, "BOX", steward="B")
    net.step("secret", 0, ["object/LOT", "person/PAT"], ["object/BAG"], steward="H")
    net.relate("SAME_AS", "object/BAG", "object/LOT", steward="H")
    net.relate("PART_OF", "organization/B", "organization/H", steward="H")
    net.material("DOSE", steward="B", type="dose", expires_at=at(90))
    for steward, hour in (("H", 3), ("B", 4)):
        net.say("event", "sent", "Handoff", steward=steward, released_at=at(hour), accepted_at=at(hour * 2), recorded=5)
        net.relate("SUBJECT_OF", "object/BAG", "event/sent", steward=steward)
        net.relate("FROM", "event/sent", f"organization/{steward}", steward=steward)
    net.relate("TO", "event/sent", "organization/H", steward="H")
    net.relate("CARRIED_BY", "event/sent", "organization/B", steward="B")
    net.retract("event", "ship", steward="H", recorded=9)
    return net


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The mixed graph, and one of what B alone says, each loaded in two commits."""
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    mixed, alone = tmp_path / "mixed.db", tmp_path / "alone.db"
    claims = story().claims
    for path, stewards in ((mixed, "HB"), (alone, "B")):
        store = SqliteStore(path, create=True)
        for number, part in enumerate((claims[:7], claims[7:])):
            land(store, [claim for claim in part if claim.steward in stewards], load=str(number), moment=1_000_000 + number)
        store.close()
    return mixed, alone


def without_commits(answer: Any) -> Any:
    """An answer without what tells of commits."""
    if isinstance(answer, dict):
        return {key: without_commits(value) for key, value in answer.items() if key not in HIDDEN or isinstance(value, list)}
    return [without_commits(value) for value in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("name", NAMES)
def test_by_command_line(graphs: tuple[Path, Path], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{name}@NET" if name.isalpha() else name
    commands = [("lineage", text), ("lineage", text, "--direction", "down"), ("recall", text), ("history", text), ("find", text)]
    commands += [("recall", "--all", text), ("handoffs", "--worst", "3")]
    commands += [("handoffs", "--carrier", text), ("handoffs", "--legs", "--by", "period"), ("handoffs", "--between", text, text)]
    commands += [("handoffs", "--worst", "3")]
    for command in commands:
        told = []
        for path, viewer in zip(graphs, (["--viewer", "B"], []), strict=True):
            status = cli.run([*command, "--graph", f"sqlite:///{path}", *viewer, "--json"])
            told.append((status, without_commits(json.loads(capsys.readouterr().out))))
        assert told[0] == told[1], command


def test_people_are_shown_the_same_page_of_text(graphs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("lineage", "DOSE@NET"), ("lineage", "LOT@NET"), ("recall", "BAG@NET"), ("find", "secret@NET")):
        told = []
        for path in graphs:
            status = cli.run([*command, "--graph", f"sqlite:///{path}", "--viewer", "B"])
            said = capsys.readouterr()
            told.append((status, said.err, [line for line in said.out.splitlines() if "as of" not in line.lower()]))
        assert told[0] == told[1], command


def test_by_graphql(graphs: tuple[Path, Path]) -> None:
    stores: list[Store] = [SqliteStore(path) for path in graphs]
    doors = [make_app(store, viewer) for store, viewer in zip(stores, ("B", None), strict=True)]
    with TestClient(doors[0], base_url="http://localhost") as one, TestClient(doors[1], base_url="http://localhost") as other:
        for query in QUERIES:
            for name in NAMES:
                variables = {"id": f"{name}@NET" if name.isalpha() else name}
                told = [door.post("/graphql", json={"query": query, "variables": variables}) for door in (one, other)]
                assert told[0].status_code == told[1].status_code
                assert without_commits(told[0].json()) == without_commits(told[1].json()), (query, name)
                assert name != "DOSE" or "node(id" in query or "errors" not in told[0].json()
    for store in stores:
        store.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_cohort_that_names_what_a_viewer_may_not_see_answers_as_if_it_were_never_loaded(
    graphs: tuple[Path, Path], path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [SqliteStore(path) for path in graphs]
    doors = [make_app(store, viewer) for store, viewer in zip(stores, ("B", None), strict=True)]
    with TestClient(doors[0], base_url="http://localhost") as one, TestClient(doors[1], base_url="http://localhost") as other:
        for name in (*NAMES, "H", "B"):
            file, text = tmp_path / "cohort.yaml", definition(path, f"{name}@NET" if name.isalpha() and len(name) > 1 else name)
            file.write_text(text, encoding="utf-8")
            asked = {"query": COHORTS, "variables": {"id": text}}
            told = [without_commits(door.post("/graphql", json=asked).json()) for door in (one, other)]
            assert told[0] == told[1], name
            said = []
            for graph, viewer in zip(graphs, (["--viewer", "B"], []), strict=True):
                status = cli.run(["cohort", str(file), "--graph", f"sqlite:///{graph}", *viewer, "--json"])
                said.append((status, without_commits(json.loads(capsys.readouterr().out))))
            assert said[0] == said[1], name
    for store in stores:
        store.close()
