"""The README is true: its commands give the output it shows, and each error it should explain is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from neo4j import GraphDatabase

from api import cli, settings
from graph import errors
from loaders import pipeline
from queries.recall import recall
from tests import pages
from tests.pages import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _all_errors(root: type[errors.TraceError] = errors.TraceError) -> Iterator[type[errors.TraceError]]:
    yield root
    for below in root.__subclasses__():
        yield from _all_errors(below)


def test_every_command_of_the_tour_gives_the_output_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.enter(tmp_path, monkeypatch)
    assert sum(pages.run(text, capsys) for language, _, text in pages.blocks(README) if language == "console") > 10


def test_the_demonstration_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.enter(tmp_path, monkeypatch)
    [shown] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert cli.run(["demo"]) == 0
    said = capsys.readouterr().out
    for line, wanted in zip(said.splitlines(), shown.splitlines(), strict=True):
        assert pages.fits(wanted, line)


def test_every_error_has_a_section() -> None:
    for error in _all_errors():
        assert f"\n### `{error.code}`\n" in README, error.code


def test_every_reason_for_refusal_is_in_the_table() -> None:
    for code in _refusal_codes():
        assert f"\n| `{code}` |" in README, code


def _refusal_codes() -> set[str]:
    """The codes that loaders give problems: the argument `code` of what makes one."""
    position = {"Unfit": 0, "Problem": 2, "_problem": 2}
    found = set()
    for module in (ROOT / "loaders").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in position:
                at = position[node.func.id]
                if len(node.args) > at and isinstance(code := node.args[at], ast.Constant):
                    found.add(str(code.value))
    assert found
    return found


def test_every_setting_is_in_the_table_with_its_default() -> None:
    for setting in settings.SETTINGS:
        default = f"`{setting.default}`" if setting.default else ""
        assert f"| `{setting.variable}` | {default} |" in README


def test_the_graphql_examples_fit_the_schema() -> None:
    schema = build_schema((ROOT / "api" / "schema.graphql").read_text(encoding="utf-8"))
    for example in re.findall(r"```graphql\n(.*?)```", README, re.DOTALL):
        assert validate(schema, parse(example)) == []


def test_every_command_is_named() -> None:
    for command in (*cli.cli_graph.COMMANDS, *cli.cli_mapping.COMMANDS, *cli.cli_query.COMMANDS, *cli.cli_network.COMMANDS):
        assert f"veintrace {command.name}" in README, command.name


@pytest.mark.neo4j
def test_the_cypher_example_finds_the_doses_that_a_recall_finds(clean_neo4j: str) -> None:
    store = settings.open_store(clean_neo4j, create=True)
    try:
        pipeline.load(store, [ROOT / "examples" / "first-journey"], pipeline.Options())
        view = settings.make_view(store, None)
        reached = recall(view, [view.resolve("lot:VEC-7@vectorworks")]).lineage.records.values()
        doses = {key for record in reached if record.value("type") == "dose" for key in record.keys}
    finally:
        store.close()
    [example] = re.findall(r"```cypher\n(.*?)```", README, re.DOTALL)
    with GraphDatabase.driver(clean_neo4j) as driver:
        found = {row["dose.key"] for row in driver.execute_query(example).records}
    assert found == doses
    assert len(doses) == 5
