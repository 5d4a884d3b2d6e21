"""The page on PROV is true: its command and its program say what it shows, and what it shows of a document is in it."""

import contextlib
import io
import json
from pathlib import Path

import pytest

from api import cli, prov
from tests import pages

PAGE = (pages.ROOT / "docs" / "prov.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one block of a language."""
    [text] = [text for told, _, text in pages.blocks(PAGE) if told == language]
    return text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with the graph of the tour and the document of the page."""
    pages.enter(tmp_path, monkeypatch)
    assert cli.run(["load", "examples/first-journey"]) == 0
    capsys.readouterr()
    assert pages.run(block("console"), capsys) == 1
    return tmp_path


def test_the_program_says_what_the_page_shows(folder: Path) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(block("python"), {})
    assert said.getvalue() == block("text")


def test_what_is_shown_of_the_document_is_in_it(folder: Path) -> None:
    document = json.loads((folder / "dose.json").read_bytes())
    assert pages.holds(document, json.loads(block("json")))
    for prefix, namespace in prov.NAMESPACES.items():
        assert f"`{prefix}`" in PAGE
        assert namespace in PAGE or namespace == f"urn:veintrace:prov:1:{prefix}#"
    names = {name for kind in ("entity", "activity", "agent") for each in document[kind].values() for name in each}
    for name in names:
        assert name.startswith(("value:", "identifier:", "shown:")) or f"`{name}`" in PAGE, name
