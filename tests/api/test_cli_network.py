"""Commands about a network, asked wrongly, or amid a load: typed errors that say what to do, honest statuses."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from api import cli, settings
from graph.view import View

ROOT = Path(__file__).parents[2]
COHORT = str(ROOT / "examples" / "cohorts" / "responders.yaml")
LOT = "lot:VEC-7@vectorworks"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example, loaded."""
    url = f"sqlite:///{tmp_path_factory.mktemp('graph')}/veintrace.db"
    assert cli.run(["load", str(ROOT / "examples" / "first-journey"), "--graph", url]) == 0
    return url


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    return cli.run([*arguments, "--json"]), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "--journeys", "-1", "--out", "x"],
        ["generate", "--journeys", "99999999999", "--out", "x"],
        ["generate", "--journeys", "1", "--seed", "9" * 30, "--out", "x"],
        ["demo", "--seed", "9" * 30, "--out", "x"],
        ["generate", "--journeys", "1", "--out", "file/below"],
    ],
    ids=lambda arguments: " ".join(arguments[1:])[:40],
)
def test_a_network_that_cannot_be_written_is_a_wrong_call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    status, told = asked(capsys, *arguments)
    assert (status, told["error"]["code"]) == (2, "USAGE")


@pytest.mark.parametrize(
    "arguments",
    [
        ["handoffs", "--since", "2025-01-01", "--until", "2024-01-01"],
        ["recall", LOT, "--all", "--since", "2025-01-01", "--until", "2024-01-01"],
        ["recall", LOT, "--since", "2025-01-01", "--until", "2024-01-01"],
        ["handoffs", "--plot", "file/plot.svg"],
        ["cohort", COHORT, "--out", "file"],
        ["recall", LOT, "--all", "--out", "file/reached.csv"],
        ["handoffs", "--until", "someday"],
    ],
    ids=lambda arguments: " ".join(each for each in arguments if each not in (COHORT, LOT)),
)
def test_what_cannot_be_meant_or_written_is_told_in_a_sentence(
    graph: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    status, told = asked(capsys, *arguments, "--graph", graph)
    assert (status, told["error"]["code"] in ("USAGE", "INVALID_INSTANT")) == (2, True)
    assert "unexpected" not in told["error"]["message"]


def test_a_folder_where_no_snapshot_can_be_kept_is_named(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    status, told = asked(capsys, "handoffs", "--cache", "file/cache", "--graph", graph)
    assert (status, told["error"]["code"]) == (1, "STORE_UNAVAILABLE")
    assert "no snapshot can be kept in file/cache" in told["error"]["message"]


@pytest.mark.parametrize(
    "command",
    [["handoffs"], ["handoffs", "--between", "cellforge", "st-vera"], ["handoffs", "--worst", "3"], ["cohort", COHORT]],
    ids=" ".join,
)
def test_an_answer_amid_a_load_says_so_and_exits_6(
    graph: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = asked(capsys, *command, "--graph", graph)
    assert (status, told["completeness"]) == (0, {"reasons": []})
    monkeypatch.setattr(View, "load_in_progress", True)
    status, told = asked(capsys, *command, "--graph", graph)
    assert (status, told["completeness"]) == (6, {"reasons": ["LOAD_IN_PROGRESS"]})
    assert cli.run([*command, "--graph", graph]) == 6
    assert "NOT COMPLETE (LOAD_IN_PROGRESS)" in capsys.readouterr().out


def test_an_empty_graph_has_no_handoffs_and_no_cohort_and_says_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    url = "sqlite:///empty.db"
    settings.open_store(url, create=True).close()
    assert asked(capsys, "handoffs", "--graph", url)[1]["legs"] == []
    status, told = asked(capsys, "cohort", COHORT, "--graph", url)
    assert (status, told["count"]) == (0, 0)
    status, told = asked(capsys, "recall", LOT, "--all", "--graph", url)
    assert (status, told["error"]["code"]) == (4, "UNKNOWN_IDENTIFIER")


def test_a_cohort_whose_writing_was_stopped_has_no_manifest(
    graph: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, "cohort", COHORT, "--out", "out", "--graph", graph)[0] == 0
    whole = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    with monkeypatch.context() as broken:
        broken.setattr("api.cohorts._manifest", lambda *_: 1 / 0)
        assert asked(capsys, "cohort", COHORT, "--out", "out", "--graph", graph)[0] == 1
    assert not Path("out", "manifest.json").exists()
    assert asked(capsys, "cohort", COHORT, "--out", "out", "--graph", graph)[0] == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == whole


# -- a part of the graph

MARCH = ["--scope-site", "st-vera", "--scope-since", "2024-03-01", "--scope-until", "2024-03-31"]


def test_an_answer_about_a_part_says_so_to_machines_and_people(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = asked(capsys, "handoffs", *MARCH, "--scope-product", "CAR-T", "--graph", graph)
    assert status == 0
    assert told["scope"] == {
        "sites": [asked(capsys, "find", "st-vera", "--graph", graph)[1]["matches"][0]["id"]],
        "products": ["CAR-T"],
        "since": "2024-03-01T00:00:00.000000Z",
        "until": "2024-04-01T00:00:00.000000Z",
    }
    assert asked(capsys, "handoffs", "--graph", graph)[1]["scope"] is None
    assert cli.run(["handoffs", *MARCH, "--graph", graph]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PART OF THE GRAPH (only what ")


def test_a_part_tells_of_its_handoffs_what_the_whole_tells(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    def pairs(*scope: str) -> dict[tuple[str, str], Any]:
        told = asked(capsys, "handoffs", *scope, "--graph", graph)[1]
        return {(row["from_label"], row["to_label"]): row for row in told["legs"]}

    whole, part = pairs(), pairs("--scope-site", "st-vera")
    assert {} != part == {ends: whole[ends] for ends in part}
    assert len(part) < len(whole)


def test_the_command_for_all_of_a_pair_asks_about_the_same_part(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, "handoffs", "--worst", "1", "--scope-site", "st-vera", "--scope-until", "2030-12-31", "--graph", graph)[1]
    [row] = told["worst"]
    again = asked(capsys, *shlex.split(row["command"])[1:], "--graph", graph)[1]
    assert again["scope"] == told["scope"]
    assert len(again["handoffs"]) == row["count"]


@pytest.mark.parametrize(
    ("scope", "status", "code"),
    [
        (["--scope-site", "NO-SUCH-SITE"], 4, "UNKNOWN_IDENTIFIER"),
        (["--scope-since", "yesterday"], 2, "INVALID_INSTANT"),
        (["--scope-since", "2025-01-01", "--scope-until", "2024-01-01"], 2, "USAGE"),
    ],
)
def test_a_part_that_cannot_be_meant_is_a_wrong_call(
    graph: str, scope: list[str], status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, told = asked(capsys, "handoffs", *scope, "--graph", graph)
    assert (found, told["error"]["code"]) == (status, code)


def test_a_part_can_be_asked_about_as_of_an_earlier_commit_and_by_one_organisation(
    graph: str, capsys: pytest.CaptureFixture[str]
) -> None:
    part = ["handoffs", "--scope-until", "2030-12-31", "--graph", graph]
    assert asked(capsys, *part, "--as-of", "1")[1]["as_of"]["commit"] == 1
    for viewer in ("st-vera", "cellforge"):
        whole = asked(capsys, "handoffs", "--graph", graph, "--viewer", viewer)[1]
        told = asked(capsys, *part, "--viewer", viewer)[1]
        assert {**told, "scope": None} == whole
