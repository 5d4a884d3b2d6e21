"""The demonstration answers its questions, each on one screen: of the first journey, and of a whole generated network."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from api import cli, page, settings
from api.demo_network import Case
from api.demo_questions import QUESTIONS, Question
from loaders.generator import PLANTED
from loaders.pipeline import Options, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "first-journey"
JOURNEYS = "30"


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """The first journey, loaded in its two parts."""
    folder = tmp_path_factory.mktemp("journey")
    store = settings.open_store(f"sqlite:///{folder}/veintrace.db", create=True)
    load(store, [EXAMPLE / "1-until-release"], Options(quarantine=folder / "quarantine"))
    head = store.head()
    load(store, [EXAMPLE / "2-since-release"], Options(quarantine=folder / "quarantine"))
    assert head is not None
    yield Case(store, "DOSE-101-A@cellforge", "lot:VEC-7@vectorworks", "st-vera", head.number)
    store.close()


def _answer(case: Case, number: int) -> str:
    return "\n".join(QUESTIONS[number - 1].answer(case, case.view()))


# -- of the first journey


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.words)
def test_each_answer_takes_less_than_twenty_lines(journey: Case, question: Question) -> None:
    assert 0 < len(question.answer(journey, journey.view())) < 20


def test_the_dose_is_traced_to_its_patient_and_its_vector_lot(journey: Case) -> None:
    answer = _answer(journey, 1)
    assert "PAT-101 (person)" in answer
    assert "CD19 lentiviral vector (vector lot)" in answer
    assert "CAR-101-X" not in answer, "the failed attempt is no part of the dose"


def test_a_recall_tells_who_holds_each_dose_and_whom_to_call(journey: Case) -> None:
    rows = {line.split()[0]: line for line in _answer(journey, 2).splitlines()}
    assert "PAT-101" in rows["DOSE-101-A"]
    assert "infused" in rows["DOSE-101-A"]
    assert "cell therapy coordinator" in rows["DOSE-101-A"]
    assert "Coldline Courier" in rows["DOSE-78-3"]
    assert "in_transit" in rows["DOSE-78-3"]
    assert "5 doses" in rows["complete:"]


def test_the_parties_contradict_each_other_once(journey: Case) -> None:
    lines = _answer(journey, 3).splitlines()
    assert sum(line.startswith("disagreement") for line in lines) == 1
    assert "coldline says 2024-04-29T10:10+02:00, cellforge says 2024-04-29T08:40+02:00" in lines[0]


def test_the_expiry_known_at_release_was_corrected_later(journey: Case) -> None:
    answer = _answer(journey, 4)
    assert "expires_at was 2024-09-30, is 2024-03-31" in answer
    assert "had expired when it went into the transduction of 2024-04-08" in answer
    assert "new: thaw" in answer


def test_the_hospital_sees_nothing_of_the_manufacturing(journey: Case) -> None:
    answer = _answer(journey, 5)
    assert "transduction" not in answer
    assert "Cellforge" not in answer
    assert "vector lot is hidden" in answer


class _Page(HTMLParser):
    """Notes what a page would fetch, and how often each element occurs."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.elements: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]


def _read(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    return page


def test_the_page_needs_no_network_and_names_every_event(journey: Case) -> None:
    view = journey.view()
    text = page.lineage_page(view, journey.lineage(view))
    read = _read(text)
    assert read.fetched == []
    assert read.elements.get("script", 0) == 0
    assert read.elements["table"] >= 2
    for word in ("collection", "transduction", "release", "thaw", "DOSE-101-A", "picked_up_at", "step.csv"):
        assert word in text, word


# -- of a whole network


def _run(out: Path, *more: str, journeys: str = JOURNEYS) -> int:
    return cli.run(["demo", "--journeys", journeys, "--seed", "1", "--out", str(out), *more])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `veintrace demo --json` says of a small network."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        said: list[Any] = []
        patch.setattr("api.cli_network.print_json", said.append)
        assert _run(out, "--json") == 0
    [answer] = said
    found: dict[str, Any] = json.loads(json.dumps(answer))
    return found


def test_each_of_the_five_answers_about_a_network_fits_a_screen(told: dict[str, Any]) -> None:
    for part in told["parts"][:5]:
        assert 0 < len(part["lines"]) < 20, part["title"]
        assert not any("NOT COMPLETE" in line for line in part["lines"])


def test_every_command_it_tells_gives_an_answer(told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("VEINTRACE_GRAPH", told["graph"])
    for part in told["parts"]:
        words = part["command"].rpartition("veintrace ")[2].split()
        assert cli.run(words) == 0, part["command"]


def test_it_leaves_the_files_it_names(told: dict[str, Any]) -> None:
    files = {Path(file).name: Path(file) for part in told["parts"] for file in part["files"]}
    assert {"dose.html", "handoffs.svg", "cohort.csv", "cohort.parquet", "manifest.json"} <= files.keys()
    picture = ElementTree.parse(files["handoffs.svg"]).getroot()
    assert picture.tag.endswith("svg")
    read = _read(files["dose.html"].read_text(encoding="utf-8"))
    assert (read.fetched, read.elements.get("script", 0)) == ([], 0)


def _lines_in(folder: Path) -> list[int]:
    """How many rows each file of a bundle has."""
    return [len(file.read_text(encoding="utf-8").splitlines()) - 1 for file in folder.rglob("*.csv")]


def test_what_was_recorded_until_the_release_was_loaded_first(told: dict[str, Any]) -> None:
    before, since = (_lines_in(Path(told["out"]) / part) for part in ("1-until-release", "2-since-release"))
    assert sum(before) + sum(since) == told["rows"]
    first = re.search(r"as of commit (\d+), the day of release: (\d+) records; today (\d+)", told["parts"][3]["lines"][0])
    assert first is not None
    assert int(first[1]) >= len(before)
    assert int(first[2]) < int(first[3])


def test_at_last_it_tells_whom_to_call_about_the_planted_delay(told: dict[str, Any]) -> None:
    lines = told["parts"][-1]["lines"]
    assert len(lines) == 9
    assert " ".join(PLANTED["handoff.batch-review.delay"]) in lines[2]
    assert "desk@helixworks.example" in lines[1]
    assert "until you accept it (median), elsewhere" in lines[1]


def test_it_runs_to_the_end_and_again_over_its_own_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path) == 0
    first = capsys.readouterr().out
    assert _run(tmp_path) == 0
    again = capsys.readouterr().out
    assert _same(first) == _same(again)
    assert "veintrace load --dry-run" in first.splitlines()[-3]
    assert all(line.startswith("  veintrace ") for line in first.splitlines()[-3:])


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "veintrace.db").write_text("mine", encoding="utf-8")
    assert _run(tmp_path) == 2
    assert "something else than a demonstration" in capsys.readouterr().err
    assert (tmp_path / "veintrace.db").read_text(encoding="utf-8") == "mine"


def test_a_graph_that_holds_something_is_left_alone(journey: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/mine.db"
    store = settings.open_store(url, create=True)
    load(store, [EXAMPLE / "1-until-release"], Options(quarantine=tmp_path / "quarantine"))
    store.close()
    assert _run(tmp_path / "demo", "--graph", url) == 2
    assert "holds a graph already" in capsys.readouterr().err


def test_a_local_neo4j_without_its_tools_is_refused_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _run(tmp_path / "demo", "--graph", "neo4j") == 1
    assert "a local Neo4j needs java, javac, mvn; install a JDK 17 or later and Maven" in capsys.readouterr().err


def test_a_network_without_a_dose_to_ask_about_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--journeys", "1", "--seed", "3", "--out", str(tmp_path / "demo")]) == 2
    assert "no dose of this network" in capsys.readouterr().err


def _same(said: str) -> str:
    """What is printed, but for timings, addresses and hashes."""
    for varies in (r"\d+\.\d s\b", r"(sqlite|neo4j)://\S+", r"sha256 [0-9a-f]+"):
        said = re.sub(varies, "...", said)
    return said


@pytest.mark.neo4j
def test_neo4j_prints_the_same_answers(clean_neo4j: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path / "demo", journeys="12") == 0
    on_sqlite = capsys.readouterr().out
    assert _run(tmp_path / "demo", "--graph", clean_neo4j, journeys="12") == 0
    on_neo4j = capsys.readouterr().out
    assert _same(on_sqlite) == _same(on_neo4j)
    assert "neo4j://" in on_neo4j
