"""The command line: what scripts may rely on (`--json`, exit statuses), and what people read."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import pytest

from api import cli, settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "first-journey"
COMMANDS = [command.name for command in (*cli.cli_graph.COMMANDS, *cli.cli_query.COMMANDS)]


class Said(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder without settings of this machine."""
    monkeypatch.chdir(tmp_path)
    for setting in settings.SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture
def loaded(run: Run) -> Run:
    """As `run`, with the example in the default graph."""
    assert run("load", EXAMPLE).status == 0
    return run


# -- load


def test_load_reports_every_item_under_one_verdict(run: Run) -> None:
    told = run("load", EXAMPLE, "--json").json
    assert set(told) >= {"load_id", "commits", "digest", "totals", "files", "refused", "refused_total", "quarantine"}
    totals = told["totals"]
    assert set(totals) == {"read", "added", "changed", "unchanged", "refused", "conflicts", "stubs"}
    verdicts = ("added", "changed", "unchanged", "refused", "conflicts")
    assert totals["read"] == sum(totals[verdict] for verdict in verdicts)
    assert {key for file in told["files"] for key in file} == {"path", "format", *totals}


def test_loading_again_is_unchanged_with_an_equal_digest(loaded: Run) -> None:
    before = loaded("verify", "--json").json["digest"]
    again = loaded("load", EXAMPLE, "--json")
    assert again.status == 0
    assert again.json["totals"]["unchanged"] == again.json["totals"]["read"]
    assert again.json["commits"] is None
    assert again.json["digest"] == before


def test_refused_items_are_named_with_a_repair_and_the_exit_status_is_3(run: Run) -> None:
    said = run("load", ROOT / "examples" / "with-faults", "--json")
    assert said.status == 3
    assert said.json["refused_total"] == len(said.json["refused"]) == 3
    for refused in said.json["refused"]:
        assert set(refused) >= {"file", "at", "field", "value", "code", "reason", "repair"}
    assert Path(said.json["quarantine"]).exists()


def test_people_read_what_was_refused_why_and_how_to_mend_it(run: Run) -> None:
    said = run("load", ROOT / "examples" / "with-faults")
    assert "line 5, status 'done'" in said.out
    assert "write one of planned, in_progress, completed, failed, aborted" in said.out
    assert "refused items are in veintrace-quarantine" in said.out


def test_a_dry_run_needs_no_graph_and_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    said = run("load", "--dry-run", ROOT / "examples" / "with-faults", "--json")
    assert said.status == 3
    assert said.json["dry_run"] is True
    assert list(tmp_path.iterdir()) == []


def test_the_steward_of_the_command_speaks_even_where_the_data_names_another(run: Run, tmp_path: Path) -> None:
    (tmp_path / "material.csv").write_text("id,type,steward\nM-1@lab,sample,lab\n")
    run("load", "material.csv", "--steward", "clinic")
    [record] = run("find", "M-1@lab", "--json").json["matches"]
    assert record["steward"] == "clinic"


def test_a_load_that_is_not_open_cannot_be_closed(loaded: Run) -> None:
    said = loaded("load", "--close", "abc", "--json")
    assert said.status == 4
    assert said.json["error"]["code"] == "UNKNOWN_LOAD"


# -- lineage, recall, history, find


def test_lineage_gives_the_promised_object(loaded: Run) -> None:
    said = loaded("lineage", "DOSE-101-A", "--json")
    told = said.json
    assert said.status == 0
    assert set(told) >= {"root", "direction", "as_of", "completeness", "events", "records", "relations"}
    assert set(told["as_of"]) == {"commit", "hash", "time"}
    assert told["completeness"] == {"total": len(told["records"]), "depth_reached": 5, "truncated": False, "reasons": []}
    promised = {"id", "kind", "label", "identifiers", "steward", "stub", "evidence", "disagreements"}
    assert all(set(record) >= promised for record in told["records"])
    assert all(set(relation) >= {"source", "type", "target", "stewards"} for relation in told["relations"])
    assert told["events"] == 0, "nothing came as events"


def test_equal_questions_give_equal_bytes(loaded: Run) -> None:
    assert loaded("lineage", "DOSE-101-A", "--json").out == loaded("lineage", "DOSE-101-A", "--json").out


def test_a_lineage_that_hits_its_depth_says_so_and_exits_6(loaded: Run) -> None:
    said = loaded("lineage", "DOSE-101-A", "--depth", 1, "--json")
    assert said.status == 6
    assert said.json["completeness"]["truncated"] is True
    assert said.json["completeness"]["reasons"] == ["DEPTH"]
    assert "NOT COMPLETE: DEPTH" in loaded("lineage", "DOSE-101-A", "--depth", 1).out


def test_down_of_the_patient_is_drawn_from_the_collection_to_the_infusion(loaded: Run) -> None:
    said = loaded("lineage", "PAT-101", "--direction", "down")
    lines = said.out.splitlines()
    assert lines[0] == "PAT-101 (person)"
    assert next(line for line in lines if "collection" in line).startswith("└─ ")
    assert any("infusion" in line for line in lines)


def test_a_recall_counts_what_it_reached_and_names_custodian_and_status(loaded: Run) -> None:
    told = loaded("recall", "lot:VEC-7@vectorworks", "--json").json
    assert told["reached"] == {"materials": 12, "doses": 5, "persons": 2}
    assert all({"custodian", "status"} <= set(record) for record in told["records"])


def test_a_recall_of_nothing_known_is_not_an_empty_recall(loaded: Run) -> None:
    said = loaded("recall", "lot:VEC-8@vectorworks", "--json")
    assert said.status == 4
    assert said.json["error"]["code"] == "UNKNOWN_IDENTIFIER"


def test_a_recall_while_a_load_is_open_is_no_recall(loaded: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from graph.view import View

    monkeypatch.setattr(View, "load_in_progress", True)
    said = loaded("recall", "lot:VEC-7@vectorworks", "--json")
    assert said.status == 6
    assert "reached" not in said.json
    assert said.json["completeness"]["reasons"] == ["LOAD_IN_PROGRESS"]
    assert "this is a part, more may be reached" in loaded("recall", "lot:VEC-7@vectorworks").out


def test_history_shows_both_words_on_a_corrected_field(loaded: Run) -> None:
    claims = loaded("history", "lot:VEC-7@vectorworks", "--json").json["claims"]
    assert [claim["values"].get(".expires_at") for claim in claims] == ["2024-09-30", "2024-03-31"]
    assert all(set(claim) >= {"commit", "time", "author", "steward", "source", "at", "reason", "values"} for claim in claims)


def test_history_names_the_other_end_of_a_relation_as_a_person_knows_it(loaded: Run) -> None:
    said = loaded("history", "APH-101").out
    assert re.search(r"^    FOR_EPISODE = episode-[0-9a-f]{32} \(COI-24-0101\)$", said, re.MULTILINE)
    assert re.search(r"^    SAME_AS object-[0-9a-f]{32} \(APH-101\) = True$", said, re.MULTILINE)


def test_a_recall_tells_machines_whom_to_call_as_it_tells_people(loaded: Run) -> None:
    told = {each["label"]: each for each in loaded("recall", "lot:VEC-7@vectorworks", "--json").json["records"]}
    assert told["DOSE-78-3"]["contact"] == "control tower +31 20 555 0177"
    assert told["PAT-101"]["contact"] == "cell therapy coordinator +49 228 555 0140"
    people = loaded("recall", "lot:VEC-7@vectorworks").out
    for each in told.values():
        if each["kind"] in ("Material", "Person"):
            assert each["contact"] in people


def test_as_of_shows_what_was_known_then(loaded: Run) -> None:
    [first] = loaded("history", "lot:VEC-7@vectorworks", "--as-of", 15, "--json").json["claims"]
    assert first["values"][".expires_at"] == "2024-09-30"


def test_find_gives_a_list_and_status_4_for_none(loaded: Run) -> None:
    assert len(loaded("find", "APH-101", "--json").json["matches"]) == 1
    none = loaded("find", "APH-999", "--json")
    assert (none.status, none.json["matches"]) == (4, [])


# -- rights


def test_what_a_viewer_may_not_see_answers_like_what_was_never_loaded(loaded: Run) -> None:
    hidden = loaded("lineage", "DS-101@cellforge", "--viewer", "st-vera", "--json")
    absent = loaded("lineage", "DS-999@cellforge", "--viewer", "st-vera", "--json")
    assert hidden.status == absent.status == 4
    assert hidden.out == absent.out.replace("DS-999", "DS-101")


def test_a_viewer_is_shown_a_token_and_no_commit(loaded: Run) -> None:
    told = loaded("history", "PAT-101", "--viewer", "st-vera", "--json").json
    assert set(told["as_of"]) == {"token"}
    assert all("commit" not in claim and "time" not in claim for claim in told["claims"])


def test_an_all_seeing_service_listens_on_loopback_only(loaded: Run) -> None:
    said = loaded("serve", "--host", "0.0.0.0", "--json")
    assert said.status == 7
    assert said.json["error"]["code"] == "NOT_PERMITTED"


# -- keeping a graph


def test_a_copy_has_the_digest_of_its_source_and_is_continued(loaded: Run) -> None:
    digest = loaded("verify", "--json").json["digest"]
    for _ in range(2):
        assert loaded("copy", "sqlite:///veintrace.db", "sqlite:///copy/graph.db", "--json").json["digest"] == digest
    assert loaded("verify", "--graph", "sqlite:///copy/graph.db").status == 0


def test_a_rebuilt_graph_answers_the_same(loaded: Run) -> None:
    before = loaded("lineage", "DOSE-101-A", "--json").out
    assert loaded("rebuild", "--json").status == 0
    assert loaded("lineage", "DOSE-101-A", "--json").out == before


def test_a_graph_that_does_not_fit_its_log_fails_verification_with_status_5(loaded: Run, tmp_path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(tmp_path / "veintrace.db")
    with connection:
        connection.execute("UPDATE claim SET body = replace(body, '2024-09-30', '2025-09-30')")
    connection.close()
    said = loaded("verify", "--json")
    assert said.status == 5
    assert said.json["ok"] is False
    assert said.json["faults"]


def test_the_template_is_accepted_as_empty(run: Run) -> None:
    assert "data-dictionary.txt" in run("template", "bundle").out
    said = run("load", "--dry-run", "bundle", "--json")
    assert (said.status, said.json["totals"]["read"]) == (0, 0)


def test_config_masks_secrets_and_says_where_a_value_comes_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", "hunter2")
    for said in (run("config"), run("config", "--json")):
        assert "hunter2" not in said.out
    rows = {row["name"]: row for row in run("config", "--json").json["settings"]}
    assert rows["NEO4J_PASSWORD"] == {**rows["NEO4J_PASSWORD"], "value": "********", "from": "environment"}
    assert rows["VEINTRACE_GRAPH"]["from"] == "default"


# -- errors


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["lineage"], 2, "USAGE"),
        (["lineage", "X", "--bogus"], 2, "USAGE"),
        (["lineage", "X", "--direction", "sideways"], 2, "USAGE"),
        (["lineage", "X", "--kind", "Spaceship"], 2, "USAGE"),
        (["frobnicate"], 2, "USAGE"),
        (["load"], 2, "USAGE"),
        (["load", "no-such-folder"], 2, "USAGE"),
        (["find", "X", "--graph", "mysql://host"], 2, "USAGE"),
        (["find", "X", "--graph", "neo4j://user:secret@host:7687"], 2, "USAGE"),
        (["find", "X", "--graph", "sqlite:///absent.db"], 1, "STORE_UNAVAILABLE"),
        (["verify", "--viewer", "st-vera"], 2, "USAGE"),
    ],
)
def test_a_wrong_call_is_one_json_error_with_its_status(run: Run, arguments: list[str], status: int, code: str) -> None:
    said = run(*arguments, "--json")
    assert (said.status, said.json["error"]["code"]) == (status, code)
    assert said.err == ""


def test_without_json_an_error_is_one_sentence_on_stderr(run: Run) -> None:
    said = run("lineage", "X", "--graph", "sqlite:///absent.db")
    assert said.out == ""
    assert said.err.startswith("veintrace: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("as_of", ["99", "yesterday", "0" * 32])
def test_an_as_of_that_names_no_commit_is_unknown(loaded: Run, as_of: str) -> None:
    said = loaded("find", "APH-101", "--as-of", as_of, "--json")
    assert (said.status, said.json["error"]["code"]) == (4, "UNKNOWN_COMMIT")


def test_a_file_that_is_no_graph_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "veintrace.db").write_text("this is no database, and long enough to be looked at " * 20)
    for command in (["find", "X"], ["verify"], ["rebuild"], ["load", str(EXAMPLE)]):
        said = run(*command, "--json")
        assert said.status == 1, command
        assert said.json["error"]["code"] == "STORE_UNAVAILABLE", command


def test_an_unexpected_failure_has_no_traceback_but_when_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(settings, "open_store", broken)
    said = run("find", "X")
    assert said.status == 1
    assert "Traceback" not in said.err
    assert "boom" in said.err
    monkeypatch.setenv("VEINTRACE_DEBUG", "1")
    assert "Traceback" in run("find", "X").err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example(run: Run, command: str) -> None:
    said = run(command, "--help")
    assert said.status == 0
    assert f"veintrace {command}" in said.out.split("Examples:")[1]


def test_every_example_in_the_help_is_a_call_the_parser_accepts() -> None:
    import shlex

    import typer.main

    root = typer.main.get_command(cli.app)
    for command in (*cli.cli_graph.COMMANDS, *cli.cli_query.COMMANDS):
        for example in command.examples:
            program, name, *arguments = shlex.split(example)
            assert (program, name) == ("veintrace", command.name)
            root.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def test_a_reader_that_stops_early_is_no_failure(loaded: Run, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "api.cli", "lineage", "DOSE-101-A", "--json"]
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, check=False, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


def test_after_a_rebuild_nothing_is_answered_from_a_snapshot_of_what_was_damaged(loaded: Run) -> None:
    right = loaded("handoffs", "--json").out
    with closing(sqlite3.connect("veintrace.db", isolation_level=None)) as graph:
        graph.execute("UPDATE word SET doc = replace(doc, 'accepted_at', 'accepted_xx')")
    for path in Path("veintrace.db.snapshots").iterdir():
        rmtree(path)
    wrong = loaded("handoffs", "--json").out
    assert wrong != right
    assert loaded("rebuild").status == 0
    assert loaded("handoffs", "--json").out == right


def test_the_costliest_handoffs_tell_whom_to_call_and_stand_alone(loaded: Run) -> None:
    [worst] = loaded("handoffs", "--worst", 1, "--json").json["worst"]
    assert worst["tell"]["call"] == "control tower +31 20 555 0177"
    single = loaded(*worst["command"].split()[1:], "--json").json["handoffs"]
    assert [each["wait_s"] for each in single] == [pytest.approx(worst["hours"] * 3600)]
    for beside in (("--legs",), ("--by", "carrier"), ("--between", "cellforge", "st-vera")):
        told = loaded("handoffs", "--worst", 1, *beside)
        assert told.status == 2
        assert "leave out --legs, --by and --between" in told.err


def test_a_command_that_needs_no_tables_starts_without_what_takes_long_to_import() -> None:
    """polars, and the models of FHIR, take longer to import than a question about one product to answer."""
    told = "import sys, api.cli; print(*{'polars', 'networkx', 'loaders.fhir_resources'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""
