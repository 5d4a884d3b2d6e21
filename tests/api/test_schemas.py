"""Each JSON answer of the command line is what its checked-in schema says, and says nothing that the schema leaves out."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from starlette.testclient import TestClient

from api import cli, settings
from api.app import make_app
from graph.sqlite_store import SqliteStore

ROOT = Path(__file__).parents[2]
SCHEMAS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "api" / "schemas").glob("*.json")}
EXAMPLE = str(ROOT / "examples" / "first-journey")
ANSWERS = {
    "template": ["template", "bundle"],
    "load": ["load", str(ROOT / "examples" / "with-faults")],
    "map": ["map", str(ROOT / "examples" / "with-faults" / "2024-05.step.csv")],
    "lineage": ["lineage", "DOSE-101-A", "--direction", "both"],
    "export": ["export", "DOSE-101-A", "--out", "dose.jsonld"],
    "recall": ["recall", "lot:VEC-7@vectorworks"],
    "history": ["history", "lot:VEC-7@vectorworks"],
    "find": ["find", "APH-101"],
    "generate": ["generate", "--journeys", "2", "--out", "network"],
    "handoffs": ["handoffs", "--by", "carrier"],
    "handoffs-between": ["handoffs", "--between", "cellforge", "st-vera"],
    "handoffs-worst": ["handoffs", "--worst", "3"],
    "demo": ["demo", "--journeys", "8", "--out", "demo"],
    "pair": ["pair", "--dry-run"],
    "coverage": ["coverage"],
    "activities": ["activities"],
    "cohort": ["cohort", str(ROOT / "examples" / "cohorts" / "responders.yaml"), "--out", "cohort"],
    "recall-all": ["recall", "lot:VEC-7@vectorworks", "--all", "--out", "reached.csv"],
    "verify": ["verify"],
    "copy": ["copy", "sqlite:///veintrace.db", "sqlite:///copy.db"],
    "rebuild": ["rebuild"],
    "config": ["config"],
    "error": ["find", "(01)12"],
}
RULES = ("generate", ["generate", "--rules"])
SCOPE = ["--scope-site", "st-vera", "--scope-product", "CAR-T", "--scope-since", "2020-01-01", "--scope-until", "2030-01-01"]
OF_A_PART = [(name, [*ANSWERS[name], *SCOPE]) for name in ("handoffs", "handoffs-between", "handoffs-worst")]
UPLOADED = ROOT / "examples" / "with-faults" / "2024-05.step.csv"
SEEN_BY_HOSPITAL = {name: [name, "PAT-101", "--viewer", "st-vera"] for name in ("lineage", "recall", "history", "find")} | {
    "coverage": ["coverage", "--org", "st-vera", "--viewer", "st-vera"]
}
MAPPED = ("load", [*ANSWERS["load"], "--mapping", str(ROOT / "examples" / "mappings" / "cdmo.yaml")])
PROV = ("export", [*ANSWERS["export"], "--format", "prov"])
OCEL = ("export", ["export", "--all", "--format", "ocel", "--out", "log.json"])
CASES = [*ANSWERS.items(), MAPPED, RULES, PROV, OCEL, *OF_A_PART, *SEEN_BY_HOSPITAL.items()]


def _closed(schema: Any) -> Any:
    """The same schema, but for objects that may hold nothing it does not name. Readers must expect additions; we not."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def _check(answer: Any, name: str, schemas: dict[str, Any]) -> None:
    registry = Registry().with_resources((f"{other}.json", Resource.from_contents(schema)) for other, schema in schemas.items())
    Draft202012Validator(schemas[name], registry=registry).validate(answer)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in its default graph."""
    made = tmp_path_factory.mktemp("answers")
    assert cli.run(["load", EXAMPLE, "--graph", f"sqlite:///{made}/veintrace.db"]) == 0
    return made


@pytest.mark.parametrize(("name", "command"), CASES, ids=lambda case: case if isinstance(case, str) else " ".join(case[2:]))
def test_an_answer_is_what_its_schema_says(
    folder: Path, name: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    capsys.readouterr()
    cli.run([*command, "--json"])
    answer = json.loads(capsys.readouterr().out)
    _check(answer, name, SCHEMAS)
    if name != "error":
        _check(answer, name, _closed(SCHEMAS))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_command_has_a_schema() -> None:
    for command in (*cli.cli_graph.COMMANDS, *cli.cli_mapping.COMMANDS, *cli.cli_query.COMMANDS, *cli.cli_network.COMMANDS):
        assert command.name in SCHEMAS


def test_the_answer_to_an_upload_is_what_its_schema_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEINTRACE_LOAD_TOKENS", "st-vera=0123456789abcdef")
    monkeypatch.setenv("VEINTRACE_QUARANTINE", str(folder / "sent"))
    with closing(SqliteStore(folder / "sent.db", create=True)) as store, TestClient(make_app(store, "st-vera")) as client:
        headers = {"authorization": "Bearer 0123456789abcdef"}
        answer = client.post(f"/load?name={UPLOADED.name}", content=UPLOADED.read_bytes(), headers=headers).json()
    assert answer["totals"]["refused"] > 0
    _check(answer, "upload", SCHEMAS)
    _check(answer, "upload", _closed(SCHEMAS))
