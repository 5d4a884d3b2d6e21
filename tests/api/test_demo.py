"""The demonstration answers its five questions, each on one screen, from the example alone."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api import demo


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[demo.Network]:
    built = demo.build(tmp_path_factory.mktemp("demo") / "veintrace.db")
    yield built
    built.store.close()


def _answer(network: demo.Network, number: int) -> str:
    return "\n".join(demo.QUESTIONS[number - 1].answer(network))


@pytest.mark.parametrize("question", demo.QUESTIONS, ids=lambda question: question.words)
def test_each_answer_takes_less_than_twenty_lines(network: demo.Network, question: demo.Question) -> None:
    assert 0 < len(question.answer(network)) < 20


def test_the_dose_is_traced_to_its_patient_and_its_vector_lot(network: demo.Network) -> None:
    answer = _answer(network, 1)
    assert "PAT-101 (person)" in answer
    assert "CD19 lentiviral vector (vector lot)" in answer
    assert "CAR-101-X" not in answer, "the failed attempt is no part of the dose"


def test_a_recall_tells_who_holds_each_dose_and_whom_to_call(network: demo.Network) -> None:
    rows = {line.split()[0]: line for line in _answer(network, 2).splitlines()}
    assert "PAT-101" in rows["DOSE-101-A"]
    assert "infused" in rows["DOSE-101-A"]
    assert "cell therapy coordinator" in rows["DOSE-101-A"]
    assert "Coldline Courier" in rows["DOSE-78-3"]
    assert "in_transit" in rows["DOSE-78-3"]
    assert "5 doses" in rows["complete:"]


def test_the_parties_contradict_each_other_once(network: demo.Network) -> None:
    lines = _answer(network, 3).splitlines()
    assert sum(line.startswith("disagreement") for line in lines) == 1
    assert "coldline says 2024-04-29T10:10+02:00, cellforge says 2024-04-29T08:40+02:00" in lines[0]


def test_the_expiry_known_at_release_was_corrected_later(network: demo.Network) -> None:
    answer = _answer(network, 4)
    assert "expires_at was 2024-09-30, is 2024-03-31" in answer
    assert "had expired when it went into the transduction of 2024-04-08" in answer
    assert "new: thaw" in answer


def test_the_hospital_sees_nothing_of_the_manufacturing(network: demo.Network) -> None:
    answer = _answer(network, 5)
    assert "transduction" not in answer
    assert "Cellforge" not in answer
    assert "vector lot is hidden" in answer


def test_it_runs_to_the_end_and_again_over_its_own_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.main(tmp_path)
    first = capsys.readouterr().out
    demo.main(tmp_path)
    again = capsys.readouterr().out
    assert first.splitlines()[:-6] == again.splitlines()[:-6]
    assert "veintrace load --dry-run" in first.splitlines()[-3]
    assert all(line.startswith("  veintrace ") for line in first.splitlines()[-3:])


class _Page(HTMLParser):
    """Notes what a page would fetch, and how often each element occurs."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.elements: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]


def test_the_page_needs_no_network_and_names_every_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.main(tmp_path)
    capsys.readouterr()
    text = (tmp_path / "dose.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.fetched == []
    assert page.elements.get("script", 0) == 0
    assert page.elements["table"] >= 2
    for word in ("collection", "transduction", "release", "thaw", "DOSE-101-A", "picked_up_at", "step.csv"):
        assert word in text, word
