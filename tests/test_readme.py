"""The README is true: its commands give the output it shows, and each error it should explain is there."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate
from neo4j import GraphDatabase

from api import cli, settings
from graph import errors
from loaders import pipeline
from queries.recall import recall

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _consoles() -> Iterator[tuple[str, str]]:
    """`(command, output)` of each command in a console block, in order."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def _all_errors(root: type[errors.TraceError] = errors.TraceError) -> Iterator[type[errors.TraceError]]:
    yield root
    for below in root.__subclasses__():
        yield from _all_errors(below)


def _fits(shown: str, said: str) -> bool:
    """Whether an output is what the README shows; `...` stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, said) is not None


def test_every_command_of_the_tour_gives_the_output_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    tour = list(_consoles())
    assert len(tour) > 10
    for command, shown in tour:
        words, _, comment = command.partition("#")
        exit_status = int(comment.split()[-1]) if "exit" in comment else 0
        program, *arguments = shlex.split(words)
        assert program == "veintrace"
        assert cli.run(arguments) == exit_status, command
        streams = capsys.readouterr()
        said = streams.out + streams.err
        assert _fits(shown, said), f"$ {command}\n{said}"


def test_the_demonstration_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    [shown] = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert cli.run(["demo"]) == 0
    said = capsys.readouterr().out
    for line, wanted in zip(said.splitlines(), shown.splitlines(), strict=True):
        assert _fits(wanted, line)


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
