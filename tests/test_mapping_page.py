"""The pages on mappings and event logs are true: their files are written, their commands run in order, their output compared."""

from pathlib import Path

import pytest

from tests import pages


@pytest.mark.parametrize("page", ["mapping.md", "ocel.md"])
def test_every_command_of_the_page_gives_the_output_shown(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.enter(tmp_path, monkeypatch)
    ran = 0
    for language, name, text in pages.blocks((pages.ROOT / "docs" / page).read_text(encoding="utf-8")):
        if language == "console":
            ran += pages.run(text, capsys)
        else:
            assert name, text
            (tmp_path / name).write_text(text, encoding="utf-8")
    assert ran >= 4
