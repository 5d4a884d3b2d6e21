"""The page on mappings is true: its files are written, its commands run in order, and their output compared."""

from pathlib import Path

import pytest

from tests import pages

PAGE = (pages.ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_every_command_of_the_page_gives_the_output_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.enter(tmp_path, monkeypatch)
    ran = 0
    for language, name, text in pages.blocks(PAGE):
        if language == "console":
            ran += pages.run(text, capsys)
        else:
            assert name, text
            (tmp_path / name).write_text(text, encoding="utf-8")
    assert ran >= 4
